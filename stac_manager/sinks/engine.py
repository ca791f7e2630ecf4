"""What does partitions: this process, or others (`stac_manager.sinks.processes`, `stac_manager.dask`)."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from stac_manager.exceptions import StacManagerError
from stac_manager.plan import Partition
from stac_manager.sinks.disk import Disk, DiskError
from stac_manager.sinks.job import Done, Job, Worker


@dataclass
class Shared:
    """What the owner of a run knows and its workers should."""

    columns: bytes | None = None  # all those of the GeoParquet parts so far
    items_left: int | None = None  # how many are still wanted; None for all. Only one process can heed it
    disk: Disk | None = None  # where this process writes


@dataclass(frozen=True)
class Outcome:
    """What came of one partition: `done`, or `error` says why it could not be."""

    partition: Partition
    done: Done | None = None
    error: str | None = None


class Engine(Protocol):
    """Does partitions. Closing the iterator ends the work that is under way.

    Raises, when iterated:
        DiskError: If DEST cannot be written.
    """

    def __call__(self, job: Job, partitions: Iterable[Partition], shared: Shared) -> Generator[Outcome, None, None]:
        """Yield what came of each partition, as they end."""


@runtime_checkable
class StartedAhead(Protocol):
    """An engine that can make itself ready before there are partitions."""

    def started(self, job: Job) -> AbstractContextManager[None]:
        """Be ready for the partitions of a job within the block."""


class Local:
    """A worker in a thread of this process: whoever hands out partitions meanwhile heeds signals and other workers.

    It works within a running event loop as well (a notebook).
    """

    def __init__(self, job: Job, disk: Disk | None) -> None:
        self._worker = Worker(job, disk, notes=True)
        self._thread = ThreadPoolExecutor(1, "stac-manager-partitions")

    def submit(self, partition: Partition, columns: bytes | None, most_items: int | None = None) -> Future[Done]:
        """Do a partition after those before."""
        return self._thread.submit(self._worker.do, partition, columns, most_items)

    def close(self) -> None:
        """End the work, also in the middle of a partition, of which nothing is left then."""
        self._worker.stop()
        self._thread.submit(self._worker.close)
        self._thread.shutdown()


def in_process(job: Job, partitions: Iterable[Partition], shared: Shared) -> Generator[Outcome, None, None]:
    """The engine that does the partitions here, one after another."""
    with closing(Local(job, shared.disk)) as local:
        for partition in partitions:
            if shared.items_left == 0:
                return
            try:
                yield Outcome(partition, local.submit(partition, shared.columns, shared.items_left).result())
            except DiskError:
                raise
            except StacManagerError as error:
                yield Outcome(partition, error=str(error))
