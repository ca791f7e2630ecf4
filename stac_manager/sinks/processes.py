"""Partitions done by processes of this machine: each reads and writes by itself and returns a record only.

Sending items between processes would cost more than parsing them. Workers are started while the plan is made. They die
with their parent, even if it is killed; a worker that dies is replaced, and its partition done again.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, TypeAlias

from stac_manager.exceptions import StacManagerError
from stac_manager.plan import Partition
from stac_manager.sinks.disk import Disk, DiskError
from stac_manager.sinks.engine import Local, Outcome, Shared, in_process
from stac_manager.sinks.job import Done, Job
from stac_manager.sinks.worker_process import WorkerProcess

if TYPE_CHECKING:
    from stac_manager.sinks.layout import Layout

TRIES = 3
"""So often a partition is begun whose worker dies."""
HANDED_OUT = 2
"""Partitions that a worker has at most: while this process works, too, the next one would be long in coming."""
KEPT_BACK = 2
"""So many partitions for each worker are not handed out before it has nothing to do."""
TURN_SECONDS = 0.0005
WHY_DEAD = "out of memory? In a script of your own: no `if __name__ == '__main__'`?"


class Processes:
    """The engine with `workers` processes, of which this one may be the first; some may be `started` already."""

    def __init__(self, workers: int, started: list[WorkerProcess] | None = None) -> None:
        self.workers = workers
        self._crew: _Crew | None = None
        self._spare = [] if started is None else started

    @contextmanager
    def started(self, job: Job) -> Iterator[None]:
        """Start the processes ahead of their work: they import what they need while the plan is made."""
        with closing(_Crew(job, self.workers, self._spare)) as self._crew:
            try:
                yield
            finally:
                self._crew = None

    def __call__(self, job: Job, partitions: Iterable[Partition], shared: Shared) -> Generator[Outcome, None, None]:
        """Do the partitions and yield what came of each, as they end. Leaving early ends the processes.

        A single partition is done here: a process takes longer to start than most of them to be done.
        """
        partitions = list(partitions)
        if len(partitions) < 2:
            yield from in_process(job, partitions, shared)
            return
        crew = self._crew or _Crew(job, min(self.workers, len(partitions)), self._spare)
        with closing(crew), _short_turns():
            yield from _outcomes(crew, deque(map(_Task, partitions)), shared)


@dataclass(frozen=True)
class _Task:
    """A partition and how often it was begun before."""

    partition: Partition
    tries: int = 0


class _DeadError(Exception):
    """The process of a worker has ended before it answered."""


class _There:
    """A worker in another process.

    Attributes:
        tasks: What it was handed; the first has begun.
        pipe: Can be read when that is done.
    """

    def __init__(self, job: Job, process: WorkerProcess) -> None:
        self.tasks: deque[_Task] = deque()
        self._process = process
        self.pipe = process.pipe
        self._send(job)

    def submit(self, partition: Partition, columns: bytes | None) -> None:
        self._send((partition, columns))

    def _send(self, message: object) -> None:
        with suppress(OSError):  # it has died, which is found where its answer is awaited
            self.pipe.send(message)

    def answer(self) -> Done:
        """Return what came of the first task, or raise the error.

        Raises:
            _DeadError: If the process has died.
        """
        try:
            found: Done | Exception = self.pipe.recv()
        except (OSError, EOFError):
            raise _DeadError from None
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        self._process.close()


class _Here:
    """A worker that is a thread of this process, which has what others begin with importing."""

    def __init__(self, job: Job, disk: Disk | None) -> None:
        self.tasks: deque[_Task] = deque()
        self.pipe, self._told = Pipe(duplex=False)
        self._local = Local(job, disk)
        self._futures: deque[Future[Done]] = deque()

    def submit(self, partition: Partition, columns: bytes | None) -> None:
        future = self._local.submit(partition, columns)
        self._futures.append(future)
        future.add_done_callback(lambda _: self._told.send_bytes(b"."))

    def answer(self) -> Done:
        self.pipe.recv_bytes()
        return self._futures.popleft().result()

    def close(self) -> None:
        self._local.close()
        self._told.close()
        self.pipe.close()


_Worker: TypeAlias = _There | _Here


def others(workers: int, layout: Layout) -> int:
    """Return how many of the workers are other processes. For NDJSON, this process is one of them. Not for GeoParquet:
    what brings Arrow's C++ down, or takes much memory, is to end a process that is replaced."""
    return workers - (layout.format != "geoparquet")


class _Crew:
    """The workers."""

    def __init__(self, job: Job, workers: int, spare: list[WorkerProcess]) -> None:
        self._job = job.shared_by(workers)
        self._spare = spare
        processes = others(workers, job.layout)
        self._here = processes < workers
        self.workers: list[_Worker] = []
        try:
            for _ in range(processes):
                self.workers.append(self._started())
        except BaseException:
            self.close()
            raise

    def join_in(self, disk: Disk | None) -> None:
        """Let this process work, too, where it may."""
        if self._here:
            self.workers.insert(0, _Here(self._job, disk))

    def _started(self) -> _Worker:
        return _There(self._job, self._spare.pop() if self._spare else WorkerProcess())

    def replace(self, dead: _Worker) -> None:
        """Put a new process in the place of a dead one."""
        place = self.workers.index(dead)
        self.workers.pop(place).close()
        self.workers.insert(place, self._started())

    def answered(self) -> list[_Worker]:
        """Wait until some have done a partition, or died over it."""
        busy = {worker.pipe: worker for worker in self.workers if worker.tasks}
        return [busy[pipe] for pipe in wait(list(busy)) if isinstance(pipe, Connection)]

    def close(self) -> None:
        """End the workers, whatever they do."""
        workers, self.workers = self.workers, []
        for worker in workers:
            worker.close()


@contextmanager
def _short_turns() -> Iterator[None]:
    """Let threads wait for each other less long: a process waits for its next partition while this one works, too."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _outcomes(crew: _Crew, waiting: deque[_Task], shared: Shared) -> Iterator[Outcome]:
    again: deque[_Task] = deque()
    crew.join_in(shared.disk)
    while True:
        for worker, busy in _places(crew.workers):
            if (task := _next(waiting, again, worker, busy)) is not None:
                worker.tasks.append(task)
                worker.submit(task.partition, shared.columns)
        if not any(worker.tasks for worker in crew.workers):
            return
        for worker in crew.answered():
            task = worker.tasks.popleft()
            try:
                yield Outcome(task.partition, worker.answer())
            except DiskError:
                raise
            except StacManagerError as error:
                yield Outcome(task.partition, error=str(error))
            except _DeadError:
                crew.replace(worker)
                waiting.extendleft(reversed(worker.tasks))  # not begun
                if task.tries + 1 < TRIES:
                    again.append(_Task(task.partition, task.tries + 1))
                else:
                    yield Outcome(task.partition, error=f"its worker died {TRIES} times ({WHY_DEAD})")


def _places(workers: Sequence[_Worker]) -> Iterator[tuple[_Worker, int]]:
    """Return the workers with room for one more, first those with nothing to do, and how many are busy then."""
    held = [len(worker.tasks) for worker in workers]
    for depth in range(HANDED_OUT):
        for worker, tasks in zip(workers, held, strict=True):
            if tasks <= depth:
                yield worker, depth and len(workers)


def _next(waiting: deque[_Task], again: deque[_Task], worker: _Worker, busy: int) -> _Task | None:
    """Return what a worker does next or, where so many are busy, after what it does now.

    What has ended a process does not end this one. The last ones wait here for whoever has nothing to do.
    """
    if busy:
        return waiting.popleft() if len(waiting) > busy * KEPT_BACK else None
    if again and isinstance(worker, _There):
        return again.popleft()
    return waiting.popleft() if waiting else None
