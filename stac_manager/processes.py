"""Partitions done by processes of this machine: each reads and writes by itself and returns a record only.

Sending items between processes would cost more than parsing them. Workers are started while the plan is made. They die
with their parent, even if it is killed; a worker that dies is replaced, and its partition done again.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

from stac_manager import worker_process
from stac_manager.exceptions import DataProcessingError, StacManagerError
from stac_manager.plan import Partition, Plan
from stac_manager.sinks.engine import Engine, Local, Outcome, Shared, in_process
from stac_manager.sinks.folder import DiskError
from stac_manager.sinks.job import Done, Job

if TYPE_CHECKING:
    from stac_manager.sinks import Manifest, Sink

TRIES = 3
"""So often a partition is begun whose worker dies."""
HANDED_OUT = 2
"""Partitions that a worker has at most: while this process works, too, the next one would be long in coming."""
KEPT_BACK = 2
"""So many partitions for each worker are not handed out before it has nothing to do."""
HERE = -1
"""The slot of this process among the workers."""
TURN_SECONDS = 0.0005
WHY_DEAD = "out of memory? In a script of your own: no `if __name__ == '__main__'`?"


class Processes:
    """The engine with `workers` processes, of which this one may be the first."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pools: _Pools | None = None

    @contextmanager
    def started(self, job: Job) -> Iterator[None]:
        """Start the processes ahead of their work: they import what they need while the plan is made."""
        with closing(_Pools(job, self.workers)) as self._pools:
            try:
                yield
            finally:
                self._pools = None

    def __call__(self, job: Job, partitions: Iterable[Partition], shared: Shared) -> Generator[Outcome, None, None]:
        """Do the partitions and yield what came of each, as they end. Leaving early ends the processes.

        A single partition is done here: a process takes longer to start than most of them to be done.
        """
        partitions = list(partitions)
        if len(partitions) < 2:
            yield from in_process(job, partitions, shared)
            return
        with closing(self._pools or _Pools(job, min(self.workers, len(partitions)))) as pools, _short_turns():
            yield from _outcomes(pools, deque(map(_Task, partitions)), shared)


class _Pools:
    """One pool of one process each: where one dies, it is known which partition it had, and the others go on.

    The first one is a thread of this process, which has what others begin with importing. Not for GeoParquet: what
    brings Arrow's C++ down, or takes much memory, is to end a process that is replaced.
    """

    def __init__(self, job: Job, workers: int) -> None:
        self._job = job.shared_by(workers)
        self._pickled = pickle.dumps(self._job)
        self._context = get_context("spawn")
        self._watched, self._alive = self._context.Pipe(duplex=False)
        self._local: Local | None = None
        self._pools: list[ProcessPoolExecutor] = []
        self._here = job.layout.format != "geoparquet"
        try:
            for _ in range(workers - self._here):
                self._pools.append(self._started())
        except BaseException:
            self.close()
            raise

    @property
    def slots(self) -> list[int]:
        """The workers; `HERE` is this process."""
        return [*[HERE] * self._here, *range(len(self._pools))]

    def _started(self) -> ProcessPoolExecutor:
        arguments = (self._pickled, os.getpid(), self._watched)
        pool = ProcessPoolExecutor(
            1, mp_context=self._context, initializer=worker_process.begin, initargs=arguments
        )  # fmt: skip
        try:
            with _interrupts_blocked():
                pool.submit(worker_process.ready)
        except OSError as error:
            raise DataProcessingError(f"no process can be started: {error.strerror or error}") from error
        return pool

    def replace(self, slot: int) -> None:
        """Put a new process in the place of a dead one."""
        self._pools[slot].shutdown(wait=False)
        self._pools[slot] = self._started()

    def submit(self, slot: int, partition: Partition, shared: Shared) -> Future[Done]:
        """Hand a partition to a worker; one that has died gives a future that says so."""
        if slot == HERE:
            self._local = self._local or Local(self._job, shared.disk)
            return self._local.submit(partition, shared.columns)
        try:
            return self._pools[slot].submit(worker_process.do, partition, shared.columns)
        except BrokenProcessPool as error:
            broken: Future[Done] = Future()
            broken.set_exception(error)
            return broken

    def close(self) -> None:
        """End the workers, whatever they do."""
        self._alive.close()
        local, self._local = self._local, None
        if local is not None:
            local.close()
        for pool in self._pools:
            pool.shutdown(wait=True, cancel_futures=True)
        self._watched.close()


@contextmanager
def _short_turns() -> Iterator[None]:
    """Let threads wait for each other less long: a process waits for its next partition while this one works, too."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Keep Ctrl-C from a process that is started within: it goes to the whole group, and would interrupt its imports.

    A new process has the signal mask of the thread that starts it.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@dataclass(frozen=True)
class _Task:
    """A partition and how often it was begun before."""

    partition: Partition
    tries: int = 0


def _outcomes(pools: _Pools, waiting: deque[_Task], shared: Shared) -> Iterator[Outcome]:
    again: deque[_Task] = deque()
    running: dict[Future[Done], tuple[int, _Task]] = {}  # as they were handed out: of a slot, only the first has begun
    while True:
        for slot, busy in _places(pools.slots, [slot for slot, _ in running.values()]):
            task = _next(waiting, again, slot, busy)
            if task is not None:
                running[pools.submit(slot, task.partition, shared)] = (slot, task)
        if not running:
            return
        wait(running, return_when=FIRST_COMPLETED)
        for future in [each for each in running if each.done()]:
            if future not in running:  # its worker died before it was begun
                continue
            slot, task = running.pop(future)
            try:
                yield Outcome(task.partition, future.result())
            except BrokenProcessPool:
                pools.replace(slot)
                for lost in [each for each, (held, _) in running.items() if held == slot]:
                    waiting.appendleft(running.pop(lost)[1])
                if task.tries + 1 < TRIES:
                    again.append(_Task(task.partition, task.tries + 1))
                else:
                    yield Outcome(task.partition, error=f"its worker died {TRIES} times ({WHY_DEAD})")
            except DiskError:
                raise
            except StacManagerError as error:
                yield Outcome(task.partition, error=str(error))


def _places(slots: list[int], held: list[int]) -> Iterator[tuple[int, int]]:
    """Return the workers with room for one more, first those with nothing to do, and how many are busy then."""
    for depth in range(HANDED_OUT):
        for slot in slots:
            if held.count(slot) <= depth:
                yield slot, depth and len(slots)


def _next(waiting: deque[_Task], again: deque[_Task], slot: int, busy: int) -> _Task | None:
    """Return what a worker does next or, where so many are busy, after what it does now.

    What has ended a process does not end this one. The last ones wait here for whoever has nothing to do.
    """
    if busy:
        return waiting.popleft() if len(waiting) > busy * KEPT_BACK else None
    if again and slot != HERE:
        return again.popleft()
    return waiting.popleft() if waiting else None


def engine_for(workers: int) -> Engine:
    """Return the engine for so many processes: with one, this process itself."""
    return in_process if workers == 1 else Processes(workers)


def run(plan: Plan, sink: Sink, workers: int = 2) -> Manifest:
    """Write a plan's partitions to a sink with `workers` processes; see `stac_manager.sinks.write`."""
    from stac_manager.sinks import write

    return write(sink, workers=workers, plan=plan)
