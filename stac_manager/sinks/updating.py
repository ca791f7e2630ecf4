"""`--update`: what is newer than the last run, merged by collection and id.

The newer items are collected by a run of their own in a folder of their own. Then they take the place of the older
ones: each step can be done again, so that an interrupted update goes on where it was. While DEST is in between, it has
no manifest.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, compress
from pathlib import Path

from stac_manager.config import IngestConfig
from stac_manager.exceptions import ConfigurationError, DataProcessingError, printable
from stac_manager.files.changes import path_of
from stac_manager.plan import Document, Documents, Lines, Partition, Plan, RowGroups
from stac_manager.sinks.disk import Disk
from stac_manager.sinks.folder import Folder
from stac_manager.sinks.layout import MANIFEST, STATE, Layout
from stac_manager.sinks.model import Manifest, Mark, PartEntry
from stac_manager.sinks.ndjson import NdjsonPart, ZstdNdjsonPart
from stac_manager.sinks.newer import changed_partitions, conditions
from stac_manager.sinks.request import options_of, plan_of_source
from stac_manager.sinks.running import Run
from stac_manager.sinks.sources import check_apart, files_of, stamp_of
from stac_manager.sinks.summing import check_same, now, unfound
from stac_manager.sinks.verifying import identities, lines
from stac_manager.words import many

BY_DATETIME = "taking items with a later `datetime`, as `updated` cannot be used: items edited in place are missed"
_NUMBERED = re.compile(r"-(\d+)\.")


def update(run: Run) -> Manifest:
    """Bring a finished run up to date, or finish one that has not ended.

    Raises:
        ConfigurationError: If DEST is a file, another run has written it, or items are left out on purpose.
        DataProcessingError: As any run.
    """
    folder = run.folder
    if folder.layout.file:
        raise ConfigurationError("--update needs a folder as DEST: one file would be written anew as a whole")
    if run.request.config.max_items is not None:
        raise ConfigurationError("max_items: not with --update, which would take what was left out for old")
    base = folder.read_manifest(folder.layout.previous) or folder.read_manifest()
    if base is None:
        plan = run.planned()
        return run.finish(plan, run.run(plan))
    _check_there(folder, base)
    check_same(base, run.request.header, folder.layout.dest)
    newer, latest = _newer(run, base)
    with newer.folder.owned():
        found = newer.folder.read_manifest()
        if found is None:
            plan = newer.planned()
            found = newer.finish(plan, newer.run(plan))
    if latest is not None:
        base = replace(base, status=found.status, problems=())  # what had failed was read again
    _check_there(folder, base)  # still
    merged = _merge(folder, newer.folder, base, found)
    if latest is not None:
        run.write_plan(_without_times(latest, _failed(newer.folder)))
        folder.disk.remove(folder.layout.journal)  # of another plan
    folder.disk.remove(folder.layout.previous)
    shutil.rmtree(folder.layout.update, ignore_errors=True)
    return merged


def _check_there(folder: Folder, base: Manifest) -> None:
    """Refuse to go on without a part, unless an update that was interrupted has begun to replace them."""
    if not folder.layout.previous.exists() and (changed := folder.changed_part(base)) is not None:
        raise DataProcessingError(
            f"{changed}: is not there as the manifest says; run ingest without --update to have it again, or start "
            "over with --restart"
        )


def _newer(run: Run, base: Manifest) -> tuple[Run, Plan | None]:
    """Return the run of what is newer, and of files the plan of all that there is now."""
    inner = _layout(run.layout)
    Disk().make_folder(inner.state)
    Disk().make_folder(inner.temporary)
    request = replace(run.request, layout=inner)
    whole = inner.state / "whole.jsonl"
    if request.config.mode == "file":
        newer = replace(run, request=request)
        saved = newer.folder.read_plan(whole)
        if saved is not None:
            return newer, saved[1]
        latest = plan_of_source(request)
        check_apart(latest, request.config.source, run.layout)
        before = run.folder.read_plan()
        known = files_of(before[1]) if before else set()
        failed = _failed(run.folder)
        gone = {document.path for document in known} - {document.path for document in files_of(latest)}
        notes = (f"{many(len(gone), 'file')} gone from the source; the items stay",) if gone else ()
        known = {each for each in known if printable(each.path) not in failed}
        read = {stamp for stamp in map(stamp_of, known) if stamp[2] is not None}
        changed = tuple(changed_partitions(latest, read))
        newer.write_plan(replace(latest, partitions=changed, counted=None, notes=notes))
        newer.folder.write_plan(request.header, latest, whole)
        return newer, latest
    first, second = conditions(base, options_of(request.config))
    for condition in filter(None, (first, second)):
        options = {**options_of(request.config), **condition, **request.secrets}
        newer = replace(run, request=replace(request, config=IngestConfig.parse(options)))
        try:
            newer.planned()
        except (DataProcessingError, ConfigurationError):
            if condition is second or second is None:
                raise
            continue
        if "datetime" in condition:
            run.say(f"{run.layout.dest}: {BY_DATETIME}")
        return newer, None
    raise DataProcessingError(
        f"{run.layout.dest}: --update needs `updated` or `datetime` of all items, in UTC and none in the future, to "
        "tell which are newer"
    )


def _failed(folder: Folder) -> set[str]:
    """Return the names of files of which something could not be read."""
    return {path_of(failure.source) for record in folder.records().values() for failure in record.failures}


def _without_times(plan: Plan, failed: set[str]) -> Plan:
    """Forget of files that could not be read when they were written, so that the next update reads them again."""

    def forgotten(document: Document) -> Document:
        return (
            document._replace(size=None, modified_ns=None, etag=None)
            if printable(document.path) in failed
            else document
        )

    def of(partition: Partition) -> Partition:
        if isinstance(partition, Documents):
            return replace(partition, documents=tuple(map(forgotten, partition.documents)))
        if isinstance(partition, Lines | RowGroups):
            return replace(partition, document=forgotten(partition.document))
        return partition

    return replace(plan, partitions=tuple(map(of, plan))) if failed else plan


def _layout(outer: Layout) -> Layout:
    folder = outer.update
    return Layout(folder, outer.format, False, folder, folder / STATE, folder / MANIFEST)


def _merge(folder: Folder, newer: Folder, base: Manifest, found: Manifest) -> Manifest:
    """Let the newer items take the place of the older ones with their identity."""
    layout, disk = folder.layout, folder.disk
    if not found.parts:
        return _summed(folder, base, found, base.parts)
    sources = {part["file"]: newer.layout.parts / part["file"] for part in found.parts}
    if layout.format == "geoparquet" and not layout.previous.exists():
        _check_columns(folder, [*(layout.parts / part["file"] for part in base.parts), *sources.values()])
    number = 1 + max((int(hit[1]) for part in base.parts if (hit := _NUMBERED.search(part["file"]))), default=0)
    targets = {name: layout.parts / name.replace(".", f"-{number}.", 1) for name in sources}
    there = {name: source if source.exists() else targets[name] for name, source in sources.items()}
    new = {name: _identities(path, layout) for name, path in there.items()}
    replaced = set(chain.from_iterable(new.values()))
    if layout.manifest.exists():
        disk.rename(layout.manifest, layout.previous)
    parts = [_without(folder, part, replaced) for part in base.parts]
    for name, source in sources.items():
        if source.exists():
            disk.rename(source, targets[name])
    added: list[tuple[PartEntry, list[bytes]]] = [
        ({**part, "file": targets[part["file"]].name}, new[part["file"]]) for part in found.parts
    ]
    kept = [part for part in (*parts, *_latest(folder, added)) if part["items"]]
    if layout.format == "geoparquet":
        from stac_manager.sinks.geoparquet import unify

        sizes = dict(unify(folder, [part["file"] for part in kept]))
        kept = [{**part, "bytes": sizes[part["file"]]} for part in kept]
    return _summed(folder, base, found, kept)


def _check_columns(folder: Folder, paths: Sequence[Path]) -> None:
    """Refuse newer items that no column can hold beside the older ones, as long as these are there as they were."""
    from stac_manager.sinks.geoparquet import check_fits, common_columns

    try:
        common = common_columns(paths)
        for path in paths:
            check_fits(path, common)
    except DataProcessingError:
        shutil.rmtree(folder.layout.update)  # the next update looks anew
        raise


def _summed(folder: Folder, base: Manifest, found: Manifest, parts: Sequence[PartEntry]) -> Manifest:
    items = sum(part["items"] for part in parts)
    old = {note for each in (base, found) for note in unfound(base.options, each.items)}
    notes = (note for note in (*base.notes, *found.notes) if note not in old)
    merged = replace(
        base,
        items=items,
        bytes=sum(part["bytes"] for part in parts),
        counted=None,
        status=found.status if base.status == "complete" else base.status,
        problems=tuple(dict.fromkeys((*base.problems, *found.problems))),
        notes=tuple(dict.fromkeys((*notes, *unfound(base.options, items)))),
        failed=found.failed,
        failures=found.failures,
        parts=tuple(parts),
        updated=_both(base.updated, base.items, found.updated, found.items, items),
        datetime=_both(base.datetime, base.items, found.datetime, found.items, items),
        finished=now(),
    )
    folder.write_manifest(merged)
    return merged


def _both(first: Mark, first_items: int, second: Mark, second_items: int, items: int) -> Mark:
    """All of the merged items have a time if all of either had it."""
    of_all = first.items == first_items and second.items == second_items
    return Mark(items if of_all else 0, (first + second).latest)


def _without(folder: Folder, part: PartEntry, replaced: set[bytes]) -> PartEntry:
    """Take the items with these identities out of a part."""
    there = _identities(folder.layout.parts / part["file"], folder.layout)
    return _kept(folder, part, [each not in replaced for each in there])


def _latest(folder: Folder, parts: Sequence[tuple[PartEntry, list[bytes]]]) -> list[PartEntry]:
    """Keep the last of the items with one identity, of parts with those of their items: what came in several files is
    there once, as after two updates."""
    found: list[PartEntry] = []
    seen: set[bytes] = set()
    for part, there in reversed(parts):
        keep: list[bool] = []
        for each in reversed(there):
            keep.append(each not in seen)
            seen.add(each)
        found.append(_kept(folder, part, keep[::-1]))
    return found[::-1]


def _identities(path: Path, layout: Layout) -> list[bytes]:
    """Of a part that an update which was interrupted has removed, none are left.

    Raises:
        DataProcessingError: If it is damaged.
    """
    try:
        return list(identities(path, layout.format)) if path.exists() else []
    except ValueError as error:
        raise DataProcessingError(f"{path}: is damaged ({error}); start over with --restart") from None


def _kept(folder: Folder, part: PartEntry, keep: Sequence[bool]) -> PartEntry:
    """Keep the items of a part for which `keep` is true."""
    layout, disk = folder.layout, folder.disk
    path = layout.parts / part["file"]
    if not any(keep):
        disk.remove(path)
        return {**part, "items": 0, "bytes": 0}
    if not all(keep):
        temporary = layout.temporary / part["file"]
        if layout.format == "geoparquet":
            from stac_manager.sinks.geoparquet import filtered

            filtered(disk, path, temporary, keep)
        else:
            _filter_lines(disk, path, temporary, keep, layout)
        folder.publish(temporary, part["file"])
    return {**part, "items": sum(keep), "bytes": os.path.getsize(path)}


def _filter_lines(disk: Disk, path: Path, temporary: Path, keep: Sequence[bool], layout: Layout) -> None:
    part = (NdjsonPart if layout.format == "ndjson" else ZstdNdjsonPart)(disk, temporary)
    try:
        part.write_texts(line.rstrip(b"\n") for line in compress(lines(path, layout.format), keep))
        part.finish()
    finally:
        part.abort()
