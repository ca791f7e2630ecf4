"""The work on one partition, wherever it is done: read it, write its part, make it durable, return a record."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

from stac_manager.context import WorkflowContext
from stac_manager.exceptions import ConfigurationError, DataProcessingError
from stac_manager.generators import loop_runs, owning
from stac_manager.ingest import IngestModule
from stac_manager.network.pool import Pool
from stac_manager.options import IngestOptions
from stac_manager.parsing.texts import TextBatch, Texts
from stac_manager.plan import Partition
from stac_manager.protocols import Item
from stac_manager.sinks.disk import Disk, disk_error
from stac_manager.sinks.folder import Folder
from stac_manager.sinks.layout import Layout
from stac_manager.sinks.model import FAILURES_KEPT, PartRecord, Watermark
from stac_manager.sinks.ndjson import Part, part_of
from stac_manager.sinks.sources import documents_of

T = TypeVar("T")
IN_UTC = ("Z", "z", "+00:00", "-00:00")
Variables: TypeAlias = Mapping[str, Mapping[str, str]]
"""Of options, the names in them and the environment variables with their values."""


@dataclass(frozen=True)
class Job:
    """What every worker has to know. It is pickled for other processes and machines."""

    options: Mapping[str, Any]  # of the IngestModule as JSON, without secrets
    layout: Layout  # where the parts go
    # Of `headers` and `storage_options`, the names and the environment variables with the values: the worker looks.
    variables: Variables = field(default_factory=dict)
    # Options that may hold credentials, by value: for processes of this machine, through a pipe, and written nowhere.
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def module(self) -> IngestModule:
        """Make the IngestModule, with the credentials of this process's environment.

        Raises:
            ConfigurationError: If a variable is not set here, or an option is wrong.
        """
        return module_of({**self.options, **self.secrets}, self.variables)

    def shared_by(self, workers: int) -> Job:
        """Return the job of one of several workers: together they ask the source for no more than one would."""
        options = dict(self.options)
        level, rate = options.get("concurrency", 1), options.get("rate_limit")
        if level != "auto":
            options["concurrency"] = max(level // workers, 1)
        if rate is not None:
            options["rate_limit"] = rate / workers
        return replace(self, options=options)


def module_of(options: Mapping[str, Any], variables: Variables) -> IngestModule:
    """Make an IngestModule, with what the environment holds beside its options.

    Raises:
        ConfigurationError: If a variable is not set here, or an option is wrong.
    """
    given = dict(options)
    for option, values in from_environment(variables).items():
        if callable(given.get(option)):
            raise ConfigurationError(f"{option} from a function and from the environment do not go together")
        given[option] = {**(given.get(option) or {}), **values}
    return IngestModule(cast(IngestOptions, given))


def from_environment(variables: Variables) -> dict[str, dict[str, str]]:
    """Return options with the values of environment variables.

    Raises:
        ConfigurationError: If a variable is not set.
    """
    for name, variable in (each for wanted in variables.values() for each in wanted.items()):
        if not os.environ.get(variable):  # it may be a token by mistake
            shown = variable if variable.isupper() else f"for {name}"
            raise ConfigurationError(f"the environment variable {shown} is not set; export it first")
    return {
        option: {name: os.environ[variable] for name, variable in wanted.items()}
        for option, wanted in variables.items()
        if wanted
    }


@dataclass(frozen=True)
class Done:
    """A partition that is done."""

    record: PartRecord  # for the journal
    columns: bytes | None = field(default=None, repr=False)  # of a GeoParquet part, with those known before
    arrow_bytes: int = 0  # of its items as Arrow has them in memory, of a GeoParquet sink
    noted: bool = False  # whether the record is in the journal already


class Worker:
    """Does partitions one after another, in one event loop.

    Args:
        job: What it has to know.
        disk: Where it writes; None for this machine's.
        notes: Whether it writes to the journal what it has done: a worker of the machine that reads the journal can,
            and so begins no partition before the last one is noted, and waits for nobody.
    """

    def __init__(self, job: Job, disk: Disk | None = None, *, notes: bool = False) -> None:
        self._job = job
        self._notes = notes
        self._module = job.module()
        self._folder = Folder(job.layout, disk)
        self._runner = asyncio.Runner()
        self._pool = Pool()
        self._task: asyncio.Task[Any] | None = None
        self._stopped = False

    def do(self, partition: Partition, columns: bytes | None = None, most_items: int | None = None) -> Done:
        """Read a partition, write its part and give it its name.

        Args:
            partition: What to read.
            columns: The columns that other workers have met, of a GeoParquet sink.
            most_items: Take no more items than this.

        Raises:
            DataProcessingError: If it cannot be read or written. Nothing of it is left then.
            CancelledError: After `stop`. Nothing of it is left either.
        """
        return self._runner.run(self._do(partition, columns, most_items))

    def stop(self) -> None:
        """Let `do` end early, and every later one; called by another thread."""
        self._stopped = True
        if self._task is not None:
            with suppress(RuntimeError):  # its loop was closed
                self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    def close(self) -> None:
        """End the connections and the event loop."""
        with self._runner:
            self._runner.run(self._pool.close())

    async def _do(self, partition: Partition, columns: bytes | None, most_items: int | None) -> Done:
        self._task = asyncio.current_task()
        if self._stopped:
            raise asyncio.CancelledError
        try:
            done = await self._written(partition, columns, most_items)
            if self._notes:
                self._folder.note(done.record)
            return replace(done, noted=self._notes)
        except OSError as error:
            raise disk_error(error, self._job.layout.dest) from error

    async def _written(self, partition: Partition, columns: bytes | None, most_items: int | None) -> Done:
        context = WorkflowContext.create()
        layout = self._job.layout
        alone = layout.format != "geoparquet"
        texts = Texts(alone=alone, batches=alone and most_items is None)
        reader = self._module.read(partition, context, texts=texts, pool=self._pool)
        temporary = layout.temporary / f"{partition.key}.{os.getpid()}.{os.urandom(4).hex()}"
        watermarks = Watermarks()
        part = _open_part(layout, self._folder.disk, temporary, columns, reader.text_of)
        try:
            async with owning(reader.parts()) as parts:
                async for items in parts:
                    part.write(_first(watermarks.of(items), most_items, part.items))
                    if part.items == most_items:
                        break
            size = part.finish()
            if documents_of(partition) and part.items != most_items and reader.report.problem is not None:
                raise DataProcessingError(f"{reader.report.problem}; start over with --restart")
            name = f"{partition.key}{layout.suffix}" if part.items else None
            if name is not None:
                self._folder.publish(temporary, name)
        finally:
            part.abort()
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        failures = context.failure_collector.get_all()
        report = reader.report
        if part.items == most_items:  # ended early, as asked
            report = replace(report, items=part.items, problem=None)
        record = PartRecord(
            partition.key, name, part.items, size if name else 0, report, tuple(failures[:FAILURES_KEPT]),
            Watermark(*watermarks.updated), Watermark(*watermarks.datetime),
        )  # fmt: skip
        return Done(record, part.columns, part.arrow_bytes)


def import_for(mode: str, format: str | None = None) -> None:
    """Import now what the first partition would have to wait for."""
    if mode == "file":
        import stac_manager.files.partitions
    else:
        import stac_manager.api.search
    if format == "geoparquet":
        import stac_manager.sinks.geoparquet  # noqa: F401


def _open_part(layout: Layout, disk: Disk, path: Path, columns: bytes | None, text_of: Callable[[Item], bytes]) -> Part:
    if layout.format == "geoparquet":
        from stac_manager.sinks.geoparquet import GeoParquetPart

        return GeoParquetPart(disk, path, columns)
    return part_of(layout.format, disk, path, text_of)


def _first(items: Iterable[Item], most: int | None, before: int) -> Iterable[Item]:
    return items if most is None else islice(items, most - before)


def run_coroutine(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, also where an event loop runs in this thread already (a notebook)."""
    if loop_runs():
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, coroutine).result()
    try:
        return asyncio.run(coroutine)
    finally:
        coroutine.close()  # which was not begun where Ctrl-C came before


class Watermarks:
    """How far `updated` and `datetime` of the items reach; times with another offset than none do not count."""

    def __init__(self) -> None:
        self.updated: tuple[int, str | None] = (0, None)
        self.datetime: tuple[int, str | None] = (0, None)

    def of(self, items: Iterable[Item]) -> Iterator[Item]:
        """Pass the items on and look at their times."""
        updates, update = self.updated
        times, time = self.datetime
        update, time = update or "", time or ""
        try:
            for item in items:
                properties = item.get("properties")
                if type(properties) is dict:
                    found = properties.get("updated")
                    if type(found) is str and found.endswith(IN_UTC):
                        updates += 1
                        if found > update:
                            update = found
                    found = properties.get("datetime")
                    if type(found) is str and found.endswith(IN_UTC):
                        times += 1
                        if found > time:
                            time = found
                elif type(item) is TextBatch:
                    updates, update = _reached(updates, update, item.updated)
                    times, time = _reached(times, time, item.datetime)
                yield item
        finally:
            self.updated, self.datetime = (updates, update or None), (times, time or None)


def _reached(count: int, latest: str, values: list[Any]) -> tuple[int, str]:
    found = [value for value in values if type(value) is str and value.endswith(IN_UTC)]
    return count + len(found), max(latest, *found, "")
