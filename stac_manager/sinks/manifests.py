"""What a run comes to: its manifest, and in what it differs from another run."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stac_manager.completeness import merge
from stac_manager.exceptions import ConfigurationError, printable
from stac_manager.next_pages import Named, pages_left
from stac_manager.plan import Plan
from stac_manager.sinks.folder import Header
from stac_manager.sinks.model import Manifest, PartEntry, PartRecord, Watermark, now
from stac_manager.sinks.request import Request
from stac_manager.sinks.sources import digest_of_files, documents_of
from stac_manager.words import many, passed_over, without_a_time


def manifest_for(request: Request, plan: Plan, records: Sequence[PartRecord], started: str | None) -> Manifest:
    """Sum up a run: what came, what did not, and what that proves."""
    proof = merge(plan, [record.report for record in records])
    status, problems, most = str(proof.status), tuple(proof.problems), request.config.max_items
    items = sum(record.items for record in records)
    notes = plan.notes
    if catalogs := sum(record.report.catalogs for record in records):
        notes = (*notes, passed_over(catalogs))
    if timeless := sum(record.report.timeless for record in records):
        notes = (*notes, without_a_time(timeless))
    if left := [Named(*each) for record in records for each in record.report.next_pages]:
        read = {posixpath.normpath(document.path) for partition in plan for document in documents_of(partition)}
        left = [each for each in left if each.place not in read]
        unread = pages_left(left, sum(record.report.last_pages for record in records))
        notes = (*notes, *(unread if most is None or items < most else ()))
    if most is not None and items >= most:
        status, problems = "unverified", ()
        notes = (*notes, f"stopped after {many(most, 'item')}, as asked")
    else:
        notes = (*notes, *unfound(request.header.options, items))
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
        updated=sum((record.updated for record in records), Watermark()),
        datetime=sum((record.datetime for record in records), Watermark()),
        files=digest_of_files(plan) if request.layout.file else None,
        finished=now(),
        started=started,
    )


def unfound(options: Mapping[str, Any], items: int) -> tuple[str, ...]:
    """Say that there are fewer items than ids were asked for."""
    ids = len(set(options.get("ids") or ()))
    return (f"{many(items, 'item')} came for {many(ids, 'id')}",) if items < ids else ()


def difference(theirs: Header | Manifest, ours: Header) -> str:
    """Say in what another run differs from this one."""
    if theirs.format != ours.format:
        return f"format {theirs.format}, now {ours.format}"
    names = [name for name in {**theirs.options, **ours.options} if theirs.options.get(name) != ours.options.get(name)]
    if not names:  # of a source, the folder that a path is in and the query of a URL are not shown
        return f"source {ours.source!r} {'with another query' if '://' in ours.source else 'in another folder'}"
    name = "source" if "source" in names else names[0]
    before, after = theirs.options.get(name), ours.options.get(name)
    was = f"without {name}" if before is None else f"{name} {before!r}"
    return f"{was}, now {'without' if after is None else repr(after)}"


def check_same(theirs: Manifest, ours: Header, dest: Path) -> None:
    """Refuse to go on with what another run has written.

    Raises:
        ConfigurationError: If it is of another source, or has other items or another format.
    """
    if theirs.identity != ours.identity or theirs.format != ours.format:
        raise ConfigurationError(
            f"{dest}: was written by another run ({difference(theirs, ours)}); choose another DEST, or start over "
            "with --restart"
        )
