"""Partitions done by processes of this machine: each reads and writes by itself, only records travel.

Sending items between processes would cost more than parsing them. Workers die with their parent, also when it is
killed; a worker that dies is replaced, and its partition done again.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from stac_manager.exceptions import StacManagerError
from stac_manager.plan import Partition, Plan
from stac_manager.sinks.engine import Engine, Outcome, Shared, in_process
from stac_manager.sinks.folder import DiskError
from stac_manager.sinks.job import Done, Job, Worker

if TYPE_CHECKING:
    from stac_manager.sinks import Manifest, Sink

TRIES = 3
"""So often a partition is begun whose worker dies."""
WHY_DEAD = "out of memory? In a script of your own: no `if __name__ == '__main__'`?"
PR_SET_PDEATHSIG = 1


class Processes:
    """The engine with `workers` processes."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def __call__(self, job: Job, partitions: Iterable[Partition], shared: Shared) -> Iterator[Outcome]:
        """Do the partitions and yield what came of each, as they end. Leaving early ends the processes.

        A single partition is done here: a process takes longer to start than most of them to be done.
        """
        partitions = list(partitions)
        if len(partitions) < 2:
            yield from in_process(job, partitions, shared)
            return
        with closing(_Pools(job, min(self.workers, len(partitions)))) as pools:
            yield from _outcomes(pools, iter(partitions), shared)


class _Pools:
    """One pool of one process each: where one dies, it is known which partition it had, and the others go on."""

    def __init__(self, job: Job, workers: int) -> None:
        self.workers = workers
        self._share = job.shared_by(workers)
        self._context = get_context("spawn")
        self._watched, self._alive = self._context.Pipe(duplex=False)
        self._pools = [self._started() for _ in range(workers)]

    def _started(self) -> ProcessPoolExecutor:
        arguments = (self._share, os.getpid(), self._watched)
        return ProcessPoolExecutor(1, mp_context=self._context, initializer=_begin, initargs=arguments)

    def replace(self, slot: int) -> None:
        """Put a new process in the place of a dead one."""
        self._pools[slot].shutdown(wait=False)
        self._pools[slot] = self._started()

    def submit(self, slot: int, partition: Partition, columns: bytes | None) -> Future[Done]:
        """Hand a partition to a process."""
        try:
            return self._pools[slot].submit(_do, partition, columns)
        except BrokenProcessPool:  # it died while it had nothing to do
            self.replace(slot)
            return self._pools[slot].submit(_do, partition, columns)

    def close(self) -> None:
        """End the processes, whatever they do."""
        self._alive.close()
        for pool in self._pools:
            pool.shutdown(wait=True, cancel_futures=True)
        self._watched.close()


def _outcomes(pools: _Pools, waiting: Iterator[Partition], shared: Shared) -> Iterator[Outcome]:
    again: deque[tuple[Partition, int]] = deque()
    running: dict[Future[Done], tuple[int, Partition, int]] = {}
    idle = list(range(pools.workers))
    while True:
        while idle and (task := _next(waiting, again)) is not None:
            slot = idle.pop()
            partition, tries = task
            running[pools.submit(slot, partition, shared.columns)] = (slot, partition, tries + 1)
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            slot, partition, tries = running.pop(future)
            idle.append(slot)
            try:
                yield Outcome(partition, future.result())
            except BrokenProcessPool:
                pools.replace(slot)
                if tries < TRIES:
                    again.append((partition, tries))
                else:
                    yield Outcome(partition, error=f"its worker died {tries} times ({WHY_DEAD})")
            except DiskError:
                raise
            except StacManagerError as error:
                yield Outcome(partition, error=str(error))


def _next(waiting: Iterator[Partition], again: deque[tuple[Partition, int]]) -> tuple[Partition, int] | None:
    if again:
        return again.popleft()
    partition = next(waiting, None)
    return None if partition is None else (partition, 0)


def engine_for(workers: int) -> Engine:
    """Return the engine for so many processes: with one, this process itself."""
    return in_process if workers == 1 else Processes(workers)


def run(plan: Plan, sink: Sink, workers: int = 2) -> Manifest:
    """Write a plan's partitions to a sink with `workers` processes; see `stac_manager.sinks.write`."""
    from stac_manager.sinks import write

    return write(sink, workers=workers, plan=plan)


# In the worker

_worker: Worker | StacManagerError | None = None


def _begin(job: Job, parent: int, watched: Connection) -> None:
    """Make ready in a new process: die with the parent, leave Ctrl-C to it, make the module."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    threading.Thread(target=_watch, args=(watched,), daemon=True).start()
    try:
        _worker = Worker(job)
    except StacManagerError as error:
        _worker = error


def _watch(watched: Connection) -> None:
    """End this process, whatever it does, when the parent closes its end of the pipe or is gone."""
    with suppress(EOFError, OSError):
        watched.recv_bytes()
    os._exit(1)


def _do(partition: Partition, columns: bytes | None) -> Done:
    assert _worker is not None
    if isinstance(_worker, StacManagerError):
        raise _worker
    return _worker.do(partition, columns)
