"""One run: a source into DEST, exactly once, however often it was interrupted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from stac_manager.completeness import merge
from stac_manager.config import is_remote
from stac_manager.exceptions import ConfigurationError, DataProcessingError, printable
from stac_manager.plan import Lines, Partition, Plan
from stac_manager.sinks.balance import balanced
from stac_manager.sinks.disk import Disk
from stac_manager.sinks.engine import Engine, Outcome, Shared, StartedAhead, in_process
from stac_manager.sinks.folder import Folder, Header
from stac_manager.sinks.layout import STATE, Layout
from stac_manager.sinks.model import Manifest, PartEntry, PartRecord, total
from stac_manager.sinks.request import Request, plan_of_source
from stac_manager.sinks.sources import digest_of_files, documents_of, why_changed
from stac_manager.words import many, passed_over

FAILURES_IN_A_ROW = 3
"""So many partitions may fail one after another, and as many as there are workers, before a run gives up."""
FAILURES_NAMED = 5


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


class Run:
    """One run on a DEST of which the lock is held."""

    def __init__(
        self,
        request: Request,
        engine: Engine,
        *,
        disk: Disk | None = None,
        on_progress: Callable[[Progress], None] = lambda _: None,
        say: Callable[[str], None] = lambda _: None,
        workers: int = 1,
    ) -> None:
        self.request = request
        self.layout = request.layout
        self.folder = Folder(request.layout, disk)
        self._given_engine, self._workers = engine, workers
        self._engine: Engine = in_process if request.config.max_items is not None else engine
        self._on_progress = on_progress
        self._say = say
        self._most_in_a_row = max(FAILURES_IN_A_ROW, workers)

    def with_request(self, request: Request) -> Run:
        """Return a run of something else, done in the same way."""
        return Run(
            request, self._given_engine, disk=self.folder.disk, on_progress=self._on_progress, say=self._say,
            workers=self._workers,
        )  # fmt: skip

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
        check_apart(plan, self.layout)
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
            _check_unchanged(missing)
            self._say(f"{len(records):,} of {len(plan):,} partitions are done; resuming")
        self.folder.sweep(record.file for record in records.values() if record.file)
        failed = self._do(plan, missing, records)
        if failed:
            _check_unchanged([outcome.partition for outcome in failed])
            raise _failure(self.layout.dest, failed, len(plan), len(records))
        return records

    def _do(self, plan: Plan, missing: Sequence[Partition], records: dict[str, PartRecord]) -> list[Outcome]:
        """Do partitions, take note of each, and return those that failed."""
        most = self.request.config.max_items
        items = before = sum(record.items for record in records.values())
        shared = Shared(items_left=None if most is None else most - before, disk=self.folder.disk)
        failed: list[Outcome] = []
        in_a_row = 0
        expected = plan.counted or _estimate(plan)
        expected = expected if most is None else min(expected or most, most)
        self._on_progress(Progress(before, expected, len(records), len(plan), before))
        with closing(_closable(self._engine(self.request.job, missing, shared))) as outcomes:
            for outcome in outcomes:
                if outcome.done is None:
                    failed.append(outcome)
                    in_a_row += 1
                    if in_a_row >= self._most_in_a_row:
                        break
                    continue
                in_a_row = 0
                self.folder.note(outcome.done.record)
                records[outcome.partition.key] = outcome.done.record
                items += outcome.done.record.items
                if shared.items_left is not None:
                    shared.items_left -= outcome.done.record.items
                if outcome.done.columns is not None:
                    from stac_manager.sinks.geoparquet import joined_columns

                    shared.columns = joined_columns(shared.columns, outcome.done.columns)
                self._on_progress(Progress(items, expected, len(records), len(plan), before))
        return failed

    def finish(self, plan: Plan, records: dict[str, PartRecord]) -> Manifest:
        """Make the parts fit each other, join them if DEST is a file, and write the manifest."""
        ordered = [records[partition.key] for partition in plan if partition.key in records]
        if self.layout.format == "geoparquet":
            ordered = self._with_one_schema(ordered)
        if self.layout.file:
            from stac_manager.sinks.joining import join

            join(self.folder, ordered)
        manifest = manifest_for(self.request, plan, ordered)
        self.folder.write_manifest(manifest)
        return manifest

    def _with_one_schema(self, records: Sequence[PartRecord]) -> list[PartRecord]:
        from stac_manager.sinks.geoparquet import unify

        changed = {record.file: record for record in records if record.file}
        for name, size in unify(self.folder, list(changed)):
            if changed[name].bytes != size:  # noted at once: a part of another size than noted is done again
                changed[name] = replace(changed[name], bytes=size)
                self.folder.note(changed[name])
        return [changed[record.file] if record.file else record for record in records]


def manifest_for(request: Request, plan: Plan, records: Sequence[PartRecord]) -> Manifest:
    """Sum up a run: what came, what did not, and what that proves."""
    proof = merge(plan, [record.report for record in records])
    status, problems, most = str(proof.status), tuple(proof.problems), request.config.max_items
    items = sum(record.items for record in records)
    notes = plan.notes
    if catalogs := sum(record.report.catalogs for record in records):
        notes = (*notes, passed_over(catalogs))
    if most is not None and items >= most:
        status, problems = "unverified", ()
        notes = (*notes, f"stopped after {many(most, 'item')}, as asked")
    header = request.header
    failures = [str(failure) for record in records for failure in record.failures]
    parts: tuple[PartEntry, ...] = tuple(
        {"file": each.file, "items": each.items, "bytes": each.bytes} for each in records if each.file
    )
    if request.layout.file:
        parts = (
            {"file": printable(request.layout.dest.name), "items": items, "bytes": request.layout.dest.stat().st_size},
        )
    return Manifest(
        source=header.source,
        options=header.options,
        identity=header.identity,
        format=header.format,
        items=items,
        bytes=sum(part["bytes"] for part in parts),
        counted=plan.counted,
        status=status,
        problems=problems,
        notes=notes,
        failed=sum(max(record.report.failed, len(record.failures)) for record in records),
        failures=tuple(failures[:1_000]),
        parts=parts,
        updated=total(record.updated for record in records),
        datetime=total(record.datetime for record in records),
        files=None if is_remote(request.config.source) else digest_of_files(plan),
        finished=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


def check_apart(plan: Plan, layout: Layout) -> None:
    """Refuse a source that holds what is written.

    Raises:
        ConfigurationError: If a file of the source is DEST, or in it.
    """
    if not _holds_what_could_be_read(layout):
        return
    dest = os.path.realpath(layout.dest)
    real = cache(os.path.realpath)  # of a folder once
    for document in chain.from_iterable(map(documents_of, plan)):
        if "://" in document.path and is_remote(document.path):
            return
        folder, name = os.path.split(document.path)
        path = os.path.join(real(folder), name)
        if os.path.islink(path):
            path = os.path.realpath(path)
        if path == dest or path.startswith(os.path.join(dest, "")):
            raise ConfigurationError(f"{layout.dest}: is part of the source ({document.path}); choose another DEST")


def _holds_what_could_be_read(layout: Layout) -> bool:
    """Tell whether there is more than what a run begins with. To look at each file of the source takes its time."""
    if layout.plan.exists() or layout.file:
        return layout.plan.exists() or layout.dest.exists()
    return any(path.name != STATE for path in layout.dest.iterdir())


def _check_unchanged(partitions: Sequence[Partition]) -> None:
    changed = [reason for reason in map(why_changed, partitions) if reason is not None]
    if changed:
        more = f" (and {len(changed) - 1:,} more partitions)" if len(changed) > 1 else ""
        raise DataProcessingError(f"the source has changed: {changed[0]}{more}; start over with --restart")


def _failure(dest: Path, failed: Sequence[Outcome], partitions: int, done: int) -> DataProcessingError:
    named = [f"{place(outcome.partition)}: {outcome.error}" for outcome in failed[:FAILURES_NAMED]]
    more = [f"and {len(failed) - FAILURES_NAMED} more"] if len(failed) > FAILURES_NAMED else []
    lines = "\n".join(f"  {line}" for line in dict.fromkeys([*named, *more]))
    return DataProcessingError(
        f"{dest}: {done:,} of {partitions:,} partitions done, {len(failed):,} failed; run it again to resume\n{lines}"
    )


def place(partition: Partition) -> str:
    """Name a partition in a message."""
    documents = documents_of(partition)
    if isinstance(partition, Lines):
        return f"{documents[0].path}, bytes {partition.start:,} to {partition.stop:,}"
    if documents:
        last = f" to {Path(documents[-1].path).name}" if len(documents) > 1 else ""
        return f"{documents[0].path}{last}"
    members = {k: v for k, v in partition.to_json().items() if k not in ("kind", "estimate")}
    described = ", ".join(f"{name} {value}" for name, value in members.items())
    return f"partition {partition.kind} ({described})" if described else f"partition {partition.kind}"


def difference(theirs: Header | Manifest, ours: Header) -> str:
    """Say in what another run differs from this one."""
    if theirs.format != ours.format:
        return f"format {theirs.format}, now {ours.format}"
    names = [name for name in {**theirs.options, **ours.options} if theirs.options.get(name) != ours.options.get(name)]
    if not names:
        return "with another source or options"
    name = "source" if "source" in names else names[0]
    return f"{name} {theirs.options.get(name)!r}, now {ours.options.get(name)!r}"


def _estimate(plan: Plan) -> int | None:
    estimates = [partition.estimate for partition in plan]
    known = [estimate for estimate in estimates if estimate is not None]
    return sum(known) if known and len(known) == len(estimates) else None


def _closable(outcomes: Iterator[Outcome]) -> Any:
    """An engine is a generator: closing it ends its workers."""
    return outcomes
