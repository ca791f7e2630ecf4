"""Partitions done by a Dask cluster (extra `dask`).

>>> from dask.distributed import Client, LocalCluster
>>> with LocalCluster(2, threads_per_worker=1) as cluster, Client(cluster) as client:
...     ingest({"source": "https://example.com/stac"}, "/shared/items", client)

Each worker reads and writes by itself, so all of them must reach the DEST folder and, of a file source, the files.
Tokens come from the environment of the workers (`header_variables` and `storage_variables` name them) and are never in
a graph.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from socket import gethostname
from typing import Any
from uuid import uuid4

from stac_manager import __version__
from stac_manager.context import WorkflowContext
from stac_manager.exceptions import ConfigurationError, DataProcessingError, StacManagerError
from stac_manager.options import IngestOptions
from stac_manager.plan import Partition
from stac_manager.protocols import Item
from stac_manager.sinks import Manifest, Sink, write
from stac_manager.sinks.disk import DiskError
from stac_manager.sinks.engine import Outcome, Shared
from stac_manager.sinks.job import Done, Job, Worker, run_coroutine
from stac_manager.sinks.layout import layout_of
from stac_manager.sinks.request import plan_of_source, request_for

CONNECT_SECONDS = 10
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 4_194_304
"""So much of what was freed a process keeps for what comes next (mallopt(3))."""
ALONE_SECONDS, LOOKS = 300, 10
"""So long a run waits for new workers in the place of all that are gone, and so often it looks for them."""
TASKS_A_THREAD = 2
"""So many partitions are handed to the cluster for each of its threads, one that runs and one that waits; where a rate
or a level is divided, only as many as have a share of it."""


def ingest(config: IngestOptions, dest: str | Path, client: Any, **options: Any) -> Manifest:
    """Write a source to DEST with a Dask cluster; `options` are those of `stac_manager.sinks.Sink`.

    Raises:
        ConfigurationError: As `write`; also if `config` has headers by value, which would be in the graph.
        DataProcessingError: As `write`.
    """
    return write_with(client, Sink(config, dest, **options))


def write_with(client: Any, sink: Sink) -> Manifest:
    """Do what `stac_manager.sinks.write` does with a cluster."""
    return write(sink, engine=Cluster(client))


def to_bag(
    config: IngestOptions,
    *,
    header_variables: Mapping[str, str] | None = None,
    storage_variables: Mapping[str, str] | None = None,
    partition_items: int = 5_000,
) -> Any:
    """Return a Dask bag of the items of a source, a partition of the bag for each of the plan.

    The worker logs what cannot be delivered; a partition that is not read to its end is an error.
    """
    import dask.bag
    from dask.delayed import delayed

    variables = {"headers": header_variables or {}, "storage_options": storage_variables or {}}
    request = request_for(config, layout_of("-"), variables, partition_items)
    _refuse_values(request.job)
    plan = plan_of_source(request)
    read = delayed(_items, pure=True)
    return dask.bag.from_delayed([read(request.job, partition) for partition in plan])


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Connect to the scheduler of a cluster.

    Raises:
        ConfigurationError: If Dask is not installed.
        DataProcessingError: If there is no scheduler, or it has no workers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ConfigurationError("--dask needs the package distributed: pip install distributed") from None
    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise DataProcessingError(f"{address}: no Dask scheduler answers: {error}") from None
    with client:
        yield client


class Cluster:
    """The engine that is a Dask cluster."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @property
    def workers(self) -> int:
        """The threads that do partitions.

        Raises:
            DataProcessingError: If there are none, or the client is closed.
        """
        if self._client.status in ("closed", "closing"):
            raise DataProcessingError("the Dask client is closed")
        threads = self._threads()
        if not threads:
            raise DataProcessingError(
                "the Dask cluster has no workers: wait for the first, as client.wait_for_workers(1) does; adapt() "
                "needs minimum=1 for one to come"
            )
        return threads

    def _threads(self) -> int:
        return sum(self._client.nthreads().values())

    def __call__(self, job: Job, partitions: Iterable[Partition], shared: Shared) -> Generator[Outcome, None, None]:
        """Hand out the partitions, a few at a time for each of the workers that there are then, and yield what came of
        each."""
        _refuse_values(job)
        _check_versions(self._client)
        job = replace(job, layout=job.layout.absolute)
        waiting = iter(partitions)
        divided = job.shared_by(2) != job
        running: dict[Any, tuple[Partition, int]] = {}  # and among how many threads a limit was divided then

        def hand_out() -> None:
            threads = max(self._threads(), 1)  # jobs of a batch system begin one after another; a nanny starts one anew
            share, room = job.shared_by(threads), TASKS_A_THREAD * threads - len(running)
            if divided:  # all that is handed out may run at once, on threads that come later
                room = int((1 - sum(1 / among for _, among in running.values())) * threads + 1e-6)
            for partition in islice(waiting, max(room, 0)):
                future = self._client.submit(
                    _do, share, partition, shared.columns, __version__, pure=False, key=_name(partition)
                )
                running[future] = partition, threads

        try:
            hand_out()
            while running:
                for future in self._done(running):
                    if (outcome := _outcome(future, running[future][0])) is None:
                        continue
                    del running[future]
                    hand_out()
                    yield outcome
        except StacManagerError:
            raise
        except Exception as error:
            if self._client.status == "running" and not isinstance(error, CancelledError | OSError):
                raise
            raise _lost(error) from error
        finally:
            if self._client.status == "running":
                self._client.cancel(list(running))

    def _done(self, running: Iterable[Any]) -> list[Any]:
        """Wait until one of the futures is done, and return all that are.

        Raises:
            DataProcessingError: If all workers are gone, and nobody starts another.
        """
        from distributed import wait

        looks = 0  # in a row at which there was no worker
        while True:
            try:
                with self._client.as_current():  # there may be others
                    return list(wait(list(running), ALONE_SECONDS / LOOKS, "FIRST_COMPLETED").done)
            except TimeoutError:
                looks = 0 if self._threads() else looks + 1
            if looks > LOOKS:
                raise DataProcessingError(
                    "all workers of the Dask cluster are gone; completed parts are kept: run it again"
                )


def _outcome(future: Any, partition: Partition) -> Outcome | None:
    """What came of a task that was done; None if that was lost with its worker since then, and is done again."""
    from distributed.scheduler import KilledWorker

    try:
        return Outcome(partition, future.result(ALONE_SECONDS / LOOKS))
    except DiskError:
        raise
    except (StacManagerError, KilledWorker) as error:
        return Outcome(partition, error=str(error))
    except TimeoutError:
        if future.status == "error":  # it is the task's own
            raise
        return None


def _check_versions(client: Any) -> None:
    """Refuse workers without this package, which would end at their first task and leave the run to wait for ever."""
    try:
        versions = set(client.run(_version).values())
    except Exception as error:  # a bare one, with the worker's in its text
        if isinstance(error, OSError):  # of the scheduler
            raise _lost(error) from error
        raise DataProcessingError(f"the Dask workers cannot run stac_manager: {error}; install it there") from error
    if not versions <= {__version__}:
        raise _differ(", ".join(sorted(versions)), __version__)


def _lost(error: Exception) -> DataProcessingError:
    reason = str(error).partition("\n")[0].rstrip(":")  # the others are the tasks
    return DataProcessingError(
        f"the connection to the Dask cluster is lost ({reason}); completed parts are kept: run it again"
    )


def _differ(theirs: str, ours: str) -> DataProcessingError:
    return DataProcessingError(f"the Dask workers have stac-manager {theirs}, and this is {ours}: use one version")


def _name(partition: Partition) -> str:
    """What the dashboard shows. A partition that failed is asked again by a later run under another name."""
    return f"ingest-{partition.key[:8]}-{uuid4().hex[:8]}"


def _refuse_values(job: Job) -> None:
    if job.secrets:
        raise ConfigurationError(
            f"{', '.join(job.secrets)}: credentials would be in the graph of the cluster; put them into the "
            "environment of the workers and name the variables, as header_variables={'Authorization': 'MY_VARIABLE'} "
            "or storage_variables={'aws_access_key_id': 'MY_VARIABLE'}"
        )


# In the worker


def _version() -> str:
    return __version__


def _do(job: Job, partition: Partition, columns: bytes | None, version: str) -> Done:
    if version != __version__:  # a worker that has joined since the run began
        raise _differ(__version__, version)
    if not job.layout.temporary.is_dir():
        raise DiskError(
            f"{job.layout.dest}: the worker on {gethostname()} does not reach it; name a folder they all share"
        )
    _keep_freed_memory()
    worker = Worker(job)
    try:
        return worker.do(partition, columns)
    finally:
        worker.close()


def _keep_freed_memory() -> None:
    """Let this process keep as much freed memory as some items take.

    Dask starts its workers with MALLOC_TRIM_THRESHOLD_=65536: glibc gives memory back to the system every few items and
    asks for it again, which takes half as much CPU as all the rest.
    """
    if sys.platform == "linux" and os.environ.get("MALLOC_TRIM_THRESHOLD_"):
        with suppress(AttributeError):  # not glibc
            for parameter in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
                ctypes.CDLL(None).mallopt(parameter, KEPT_BYTES)


def _items(job: Job, partition: Partition) -> list[Item]:
    context = WorkflowContext.create()
    reader = job.module().read(partition, context)

    async def read() -> list[Item]:
        return [item async for item in reader]

    items = run_coroutine(read())
    for failure in context.failure_collector.get_all():
        logging.getLogger("stac_manager").warning("not delivered: %s", failure)
    if reader.report.problem is not None:
        raise DataProcessingError(f"{reader.report.name}: {reader.report.problem}")
    return items
