"""Newer items into the place of the older ones with their identity: the second half of `--update`.

Each step can be done again, so that a merge which was interrupted goes on where it was. While DEST is in between, it
has no manifest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, compress
from pathlib import Path

from stac_manager.exceptions import DataProcessingError
from stac_manager.sinks.disk import Disk
from stac_manager.sinks.folder import Folder
from stac_manager.sinks.layout import Layout
from stac_manager.sinks.manifests import unfound
from stac_manager.sinks.model import Manifest, PartEntry, Watermark, now
from stac_manager.sinks.ndjson import part_of
from stac_manager.sinks.verifying import identities, lines

_NUMBERED = re.compile(r"-(\d+)\.")


def merge(folder: Folder, newer: Folder, base: Manifest, found: Manifest) -> Manifest:
    """Let the newer items take the place of the older ones with their identity."""
    layout, disk = folder.layout, folder.disk
    if not found.parts:
        return _summed(folder, base, found, base.parts)
    sources = {part["file"]: newer.layout.parts / part["file"] for part in found.parts}
    begun = folder.is_merging()
    if layout.format == "geoparquet" and not begun:
        _check_columns(folder, [*(layout.parts / part["file"] for part in base.parts), *sources.values()])
    number = 1 + max((int(hit[1]) for part in base.parts if (hit := _NUMBERED.search(part["file"]))), default=0)
    targets = {name: layout.parts / name.replace(".", f"-{number}.", 1) for name in sources}
    there = {name: source if source.exists() else targets[name] for name, source in sources.items()}
    new = {name: _identities(path, layout) for name, path in there.items()}
    replaced = set(chain.from_iterable(new.values()))
    if not begun:
        disk.rename(layout.manifest, layout.previous)
    elif layout.manifest.exists():  # of what was merged, or the old name of the previous one
        disk.remove(layout.manifest)
        disk.sync_folder(layout.manifest.parent)
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
        folder.retire_update()  # the next one looks anew
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
        started=found.started,
        finished=now(),
    )
    return folder.write_manifest(merged)


def _both(first: Watermark, first_items: int, second: Watermark, second_items: int, items: int) -> Watermark:
    """All of the merged items have a time if all of either had it."""
    of_all = first.items == first_items and second.items == second_items
    return Watermark(items if of_all else 0, (first + second).latest)


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
    part = part_of(layout.format, disk, temporary)
    try:
        part.write_texts(line.rstrip(b"\n") for line in compress(lines(path, layout.format), keep))
        part.finish()
    finally:
        part.abort()
