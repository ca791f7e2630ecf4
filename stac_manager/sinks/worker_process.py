"""A worker process and the pipe to it.

Nothing else is shared with it: no semaphore, which a killed parent would leave behind. It is a Python of its own, but
where this process is ours alone and has no threads yet: then it is forked from this one, with what that has imported.
"""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import Pipe, get_context, resource_tracker
from queue import SimpleQueue
from typing import Any

from stac_manager.exceptions import DataProcessingError, StacManagerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from stac_manager.sinks.job import Job, Worker

PR_SET_PDEATHSIG = 1


class WorkerProcess:
    """A process that does the partitions that are sent to it, after the job that they belong to.

    Args:
        forked: None for a Python of its own; for a fork of this process, the pipes of those before it.

    Attributes:
        pipe: Takes a job and partitions, and gives what came of each, or the error; ends when the process does.

    Raises:
        DataProcessingError: If none can be started.
    """

    def __init__(self, forked: Sequence[Connection] | None = None) -> None:
        self.pipe, theirs = Pipe()
        inherited = () if forked is None else (*forked, self.pipe)
        arguments = (theirs, os.getpid(), inherited)
        context: Any = get_context("spawn" if forked is None else "fork")
        self._process = context.Process(target=_work, args=arguments, daemon=True)
        try:
            with theirs, _interrupts_blocked(tracked=forked is None):
                self._process.start()
        except BaseException as error:
            self.pipe.close()
            if isinstance(error, OSError | AssertionError):  # which a worker of multiprocessing.Pool gets
                reason = getattr(error, "strerror", None) or error
                raise DataProcessingError(f"no process can be started: {reason}") from error
            raise

    def close(self) -> None:
        """End the process, whatever it does, also where one that was forked meanwhile keeps the pipe open."""
        self.pipe.close()
        self._process.kill()
        self._process.join()
        with suppress(ValueError):  # its end is unknown if whoever started us has left SIGCHLD ignored
            self._process.close()


@contextmanager
def started(count: int) -> Iterator[list[WorkerProcess]]:
    """Start processes ahead of their work, and end those that nobody has taken.

    For a process that is ours alone: those of Linux are forked from it, as long as it has no other threads.
    """
    processes: list[WorkerProcess] = []
    forked = _has_one_thread()
    try:
        for _ in range(count):
            processes.append(WorkerProcess([each.pipe for each in processes] if forked else None))
        yield processes
    finally:
        for process in processes:
            process.close()


def _has_one_thread() -> bool:
    """Tell whether nothing is lost in a fork, by the system: Python does not know the threads of libraries in C."""
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:  # not on Linux
        return False


@contextmanager
def _interrupts_blocked(*, tracked: bool) -> Iterator[None]:
    """Keep Ctrl-C from a process that is started within: it goes to the whole group, and would interrupt its imports.

    A new process has the signal mask of the thread that starts it.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    if tracked:
        resource_tracker.ensure_running()  # which unblocks them when it has started
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# In the process


def _work(pipe: Connection, parent: int, inherited: Sequence[Connection]) -> None:
    """Die with the parent, leave Ctrl-C to it, and do what comes through the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if callable(signal.getsignal(number)):  # which the parent heeds: a fork is not to do the same
            signal.signal(number, signal.SIG_DFL)
    for each in inherited:  # which would hide that the parent is gone
        each.close()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    received: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_receive, args=(pipe, received), daemon=True).start()
    gc.disable()
    import stac_manager.sinks.job  # noqa: F401  # while the parent finds out what there is to do

    worker = _begun(received.get())
    gc.freeze()  # what was imported stays: no collection is to look at it
    gc.enable()
    while True:
        pipe.send(_done(worker, received.get()))


def _receive(pipe: Connection, received: SimpleQueue[bytes]) -> None:
    """End this process, whatever it does, when the parent closes its end of the pipe or is gone."""
    with suppress(EOFError, OSError):
        while True:
            received.put(pipe.recv_bytes())
    os._exit(1)


def _begun(job: bytes) -> Worker | StacManagerError:
    from stac_manager.network.authorities import import_aiohttp_for
    from stac_manager.sinks.job import Worker, import_for

    try:
        what: Job = pickle.loads(job)
        if not any(map(callable, what.secrets.values())):  # a function that gives headers may use aiohttp as well
            import_aiohttp_for(what.options["source"])
        worker = Worker(what, notes=True)
        import_for(what.options["mode"], what.layout.format)
    except StacManagerError as error:
        return error
    return worker


def _done(worker: Worker | StacManagerError, task: bytes) -> object:
    """Return what came of a partition, or the error."""
    if isinstance(worker, Exception):
        return worker
    try:
        return worker.do(*pickle.loads(task))
    except Exception as error:  # noqa: BLE001  # raised in the parent
        error.add_note(traceback.format_exc())  # which does not travel otherwise
        return error
