"""One run: a source into DEST, exactly once, however often it was interrupted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from stac_manager.exceptions import ConfigurationError, DataProcessingError
from stac_manager.files.filtering.filters import filters_of
from stac_manager.garbage import OlderCollectionsDeferred
from stac_manager.plan import Partition, Plan
from stac_manager.sinks.balance import balanced
from stac_manager.sinks.disk import Disk
from stac_manager.sinks.engine import Engine, Outcome, Shared, StartedAhead, in_process
from stac_manager.sinks.folder import Folder, Header
from stac_manager.sinks.manifests import difference, manifest_for
from stac_manager.sinks.model import Manifest, PartRecord
from stac_manager.sinks.ndjson import part_of
from stac_manager.sinks.request import Request, plan_of_source
from stac_manager.sinks.sources import check_apart, check_unchanged, place

FAILURES_IN_A_ROW = 3
"""So many partitions may fail one after another, and as many as there are workers, before a run gives up."""
FAILURES_NAMED = 5
CHUNK_BYTES = 1 << 20
FIRST_SHARE = 0.1
"""Of a run: as long as no more is done, it is refused where one file will be too large, and has to start over."""


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        items: Items written, those of an interrupted run before included.
        expected: How many there should be; None where nobody knows.
        done: Partitions done.
        partitions: All of them.
        items_before: Of `items`, those that were there when this run began.
    """

    items: int
    expected: int | None
    done: int
    partitions: int
    items_before: int = 0


@dataclass
class Run:
    """One run on a DEST of which the lock is held."""

    request: Request
    engine: Engine  # does the partitions; with `max_items` this process does: only one can count
    disk: Disk | None = None  # where this process writes; None for this machine's
    on_progress: Callable[[Progress], None] = lambda _: None  # called after each partition
    say: Callable[[str], None] = lambda _: None  # called with what the user should know, in a line
    if_changed: str = "start over with --restart"  # what to do where the source has changed

    def __post_init__(self) -> None:
        self.layout = self.request.layout
        self.folder = Folder(self.layout, self.disk)
        self._workers = getattr(self.engine, "workers", 1)
        self._warned = False
        self._engine = in_process if self.request.config.max_items is not None else self.engine

    def ready(self) -> AbstractContextManager[None]:
        """Let the workers make themselves ready while the plan is made."""
        engine = self._engine
        return engine.started(self.request.job) if isinstance(engine, StartedAhead) else nullcontext()

    def planned(self) -> Plan:
        """Return the plan of the run that was begun here, or make and write one.

        Raises:
            ConfigurationError: If another run was begun here, or its source has changed since.
            DataProcessingError: If the source cannot be planned.
        """
        with OlderCollectionsDeferred():  # a plan may be of a million files
            found = self.folder.read_plan()
            if found is None:
                plan = self.made_plan()
                self.write_plan(plan)
                return plan
        header, plan = found
        self._check_same(header)
        return plan

    def made_plan(self) -> Plan:
        """Divide the source.

        Raises:
            ConfigurationError: If DEST is part of it.
            DataProcessingError: If it cannot be planned.
        """
        plan = plan_of_source(self.request)
        check_apart(plan, self.request.config.source, self.layout)
        return balanced(plan, self._workers)

    def write_plan(self, plan: Plan) -> None:
        """Write a plan as the one of this run."""
        self.folder.write_plan(self.request.header, plan)

    def _check_same(self, header: Header) -> None:
        ours = self.request.header
        if header.format != ours.format:
            raise ConfigurationError(
                f"{self.layout.dest}: a run with format {header.format} was started here; keep that format, "
                "or start over with --restart"
            )
        if header.identity != ours.identity:
            raise ConfigurationError(
                f"{self.layout.dest}: another run was started here ({difference(header, ours)}); "
                "choose another DEST, or start over with --restart"
            )

    def run(self, plan: Plan) -> dict[str, PartRecord]:
        """Do the partitions that are missing, and return the records of all.

        Raises:
            ConfigurationError: If the source has changed since the plan was made.
            DataProcessingError: If a partition could not be done; what is done is kept.
        """
        records = {key: record for key, record in self.folder.records().items() if record.whole}
        keys = {partition.key for partition in plan}
        records = {key: record for key, record in records.items() if key in keys}
        missing = [partition for partition in plan if partition.key not in records]
        if records and missing:
            check_unchanged(missing, self.if_changed)
            self.say(f"{len(records):,} of {len(plan):,} partitions are done; resuming")
        self.folder.sweep(record.file for record in records.values() if record.file)
        failed = self._do(plan, missing, records)
        if failed:
            check_unchanged([outcome.partition for outcome in failed], self.if_changed)
            raise _failure(self.layout.dest, failed, len(plan), len(records))
        return records

    def _do(self, plan: Plan, missing: Sequence[Partition], records: dict[str, PartRecord]) -> list[Outcome]:
        """Do partitions, take note of each, and return those that failed."""
        most = self.request.config.max_items
        items = before = sum(record.items for record in records.values())
        shared = Shared(items_left=None if most is None else most - before, disk=self.folder.disk)
        failed: list[Outcome] = []
        in_a_row = arrow_bytes = 0
        counted = plan.counted or _estimate(plan)
        expected = counted if most is None else min(counted or most, most)
        known = expected if counted and not self._leaves_out() else None
        self.on_progress(Progress(before, expected, len(records), len(plan), before))
        with closing(self._engine(self.request.job, missing, shared)) as outcomes:
            for outcome in outcomes:
                if outcome.done is None:
                    failed.append(outcome)
                    in_a_row += 1
                    if in_a_row >= max(FAILURES_IN_A_ROW, self._workers):
                        break
                    continue
                in_a_row = 0
                if not outcome.done.noted:
                    self.folder.note(outcome.done.record)
                records[outcome.partition.key] = outcome.done.record
                items += outcome.done.record.items
                if shared.items_left is not None:
                    shared.items_left -= outcome.done.record.items
                if outcome.done.columns is not None:
                    from stac_manager.sinks.geoparquet import joined_columns

                    shared.columns = joined_columns(shared.columns, outcome.done.columns)
                    arrow_bytes += outcome.done.arrow_bytes
                    self._look_at_size(shared.columns, items, known, arrow_bytes / max(items - before, 1))
                self.on_progress(Progress(items, expected, len(records), len(plan), before))
        return failed

    def _leaves_out(self) -> bool:
        """Tell whether one file gets some items of files only: nobody knows how many before they are read."""
        config = self.request.config
        return self.layout.file and config.mode == "file" and bool(filters_of(config))

    def _look_at_size(self, columns: bytes, items: int, expected: int | None, bytes_an_item: float) -> None:
        """Refuse one Parquet file that will be too large; where its size is not known ahead, warn once it is.

        Raises:
            ConfigurationError: If it is refused.
        """
        if not self.layout.file or (expected and items > expected * FIRST_SHARE) or self._warned:
            return
        from stac_manager.sinks.geoparquet import check_footer

        try:
            check_footer(self.layout.dest, columns, expected or items, bytes_an_item)
        except ConfigurationError as error:
            if not expected:
                self._warned = True
                self.say(str(error))
                return
            self.folder.forget()
            raise

    def finish(self, plan: Plan, records: dict[str, PartRecord]) -> Manifest:
        """Make the parts fit each other, join them if DEST is a file, and write the manifest."""
        ordered = [records[partition.key] for partition in plan if partition.key in records]
        if self.layout.format == "geoparquet":
            ordered = self._with_one_schema(ordered)
        if self.layout.file:
            _join(self.folder, ordered)
        return self.folder.write_manifest(manifest_for(self.request, plan, ordered, self.folder.began()))

    def _with_one_schema(self, records: Sequence[PartRecord]) -> list[PartRecord]:
        from stac_manager.sinks.geoparquet import unify

        changed = {record.file: record for record in records if record.file}
        for name, size in unify(self.folder, list(changed)):
            if changed[name].bytes != size:  # noted at once: a part of another size than noted is done again
                changed[name] = replace(changed[name], bytes=size)
                self.folder.note(changed[name])
        return [changed[record.file] if record.file else record for record in records]


def _join(folder: Folder, records: Sequence[PartRecord]) -> None:
    """Write the parts one after another into DEST, which appears under its name when it is whole."""
    layout, disk = folder.layout, folder.disk
    paths = [layout.parts / record.file for record in records if record.file]
    temporary = layout.temporary / layout.dest.name
    if layout.format == "geoparquet":
        from stac_manager.sinks.arrow import NO_ITEMS
        from stac_manager.sinks.geoparquet import copy, schema_of

        copy(disk, paths, temporary, schema_of(paths[0]) if paths else NO_ITEMS)
    elif not paths:
        part_of(layout.format, disk, temporary).finish()
    else:
        with disk.create(temporary) as target:
            for path in paths:
                with open(path, "rb") as source:
                    shutil.copyfileobj(source, target, CHUNK_BYTES)
    with open(temporary, "r+b") as written:
        disk.sync(written)
    disk.rename(temporary, layout.dest)


def _failure(dest: Path, failed: Sequence[Outcome], partitions: int, done: int) -> DataProcessingError:
    named = [f"{place(outcome.partition)}: {outcome.error}" for outcome in failed[:FAILURES_NAMED]]
    more = [f"and {len(failed) - FAILURES_NAMED} more"] if len(failed) > FAILURES_NAMED else []
    lines = "\n".join(f"  {line}" for line in dict.fromkeys([*named, *more]))
    return DataProcessingError(
        f"{dest}: {done:,} of {partitions:,} partitions done, {len(failed):,} failed; run it again to resume\n{lines}"
    )


def _estimate(plan: Plan) -> int | None:
    known = [partition.estimate for partition in plan if partition.estimate is not None]
    return sum(known) if known and len(known) == len(plan) else None
