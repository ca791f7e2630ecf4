"""The files that a plan was made of, and whether they are still what they were."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from glob import escape
from hashlib import blake2b
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import TypeAlias

from stac_manager.exceptions import ConfigurationError, DataProcessingError
from stac_manager.files import changes
from stac_manager.plan import DIGEST_BYTES, Document, Documents, Lines, Partition, Plan, RowGroups
from stac_manager.sinks.layout import STATE, Layout
from stac_manager.timestamps import SECOND, text_of_second
from stac_manager.urls import is_remote

Stamp: TypeAlias = tuple[str, int | None, int | str | None]


def documents_of(partition: Partition) -> tuple[Document, ...]:
    """Return the files that a partition is made of; none of a search."""
    if isinstance(partition, Documents):
        return partition.documents
    return (partition.document,) if isinstance(partition, Lines | RowGroups) else ()


def files_of(plan: Plan) -> set[Document]:
    """Return all files of a plan, as they were when it was made."""
    return {document for partition in plan for document in documents_of(partition)}


def stamp_of(document: Document) -> Stamp:
    """Return what tells whether a file was written again: its name, its size, and its time, without one its tag."""
    time = document.modified_ns
    return document.path, document.size, document.etag if time is None else time


def digest_of_files(plan: Plan) -> str | None:
    """Return a digest of the names, sizes and times of all files of a plan; None where it has none."""
    files = sorted(set(map(stamp_of, files_of(plan))), key=itemgetter(0))
    content = (b"%s\0%d\0%s\n" % (os.fsencode(path), size or 0, str(time or 0).encode()) for path, size, time in files)
    return blake2b(b"".join(content), digest_size=DIGEST_BYTES).hexdigest() if files else None


def why_changed(partition: Partition) -> str | None:
    """Say which file of a partition is not what it was when the plan was made; None if all are."""
    return next((reason for reason in map(changes.why_changed, documents_of(partition)) if reason), None)


def check_unchanged(partitions: Iterable[Partition], what_to_do: str) -> None:
    """Refuse to go on with files that are not what they were when the plan was made, and say what to do.

    Raises:
        DataProcessingError: If one is not.
    """
    changed = [reason for reason in map(why_changed, partitions) if reason is not None]
    if changed:
        more = f" (and {len(changed) - 1:,} more partitions)" if len(changed) > 1 else ""
        raise DataProcessingError(f"the source has changed: {changed[0]}{more}; {what_to_do}")


def check_apart(plan: Plan, source: str, layout: Layout) -> None:
    """Refuse a source that holds what is written, or would hold it afterwards.

    Raises:
        ConfigurationError: If a file of the source is DEST or in it, or will be when DEST is written.
    """
    if is_remote(source):
        return
    from stac_manager.files.links import local_path

    place = local_path(source)
    if not os.path.lexists(place) and _would_be_matched(place, layout):
        raise ConfigurationError(f"{layout.dest}: would be part of the source {source}; choose another DEST")
    beside = os.path.isdir(place) and _would_be_matched(os.path.join(escape(place), "*"), layout)
    if not beside and not _holds_what_could_be_read(layout):
        return
    dest = os.path.realpath(layout.dest)
    real = cache(os.path.realpath)  # of a folder once
    for document in chain.from_iterable(map(documents_of, plan)):
        folder, name = os.path.split(document.path)
        path = os.path.join(real(folder), name)
        if beside and _is_listed(real(folder), real(place)):
            raise ConfigurationError(f"{layout.dest}: would be part of the source {source}; choose another folder")
        if os.path.islink(path):
            path = os.path.realpath(path)
        if path == dest or path.startswith(os.path.join(dest, "")):
            raise ConfigurationError(f"{layout.dest}: is part of the source ({document.path}); choose another DEST")


def _is_listed(folder: str, place: str) -> bool:
    """Tell whether a source that is a folder lists the files of this one: it is the source, or a data set in it."""
    from stac_manager.files.unread import is_data_set

    below = os.path.join(place, "")
    return folder == place or (folder.startswith(below) and is_data_set(folder[len(below) :].split(os.sep)[0]))


def _would_be_matched(pattern: str, layout: Layout) -> bool:
    """Tell whether a glob matches what will be written, or a folder above it that is read as a data set."""
    from stac_manager.files.globbing import would_match
    from stac_manager.files.unread import is_data_set

    written = Path(os.path.realpath(layout.dest if layout.file else layout.part("0" * 2 * DIGEST_BYTES)))
    data_sets = (folder for folder in written.parents if is_data_set(folder.name))
    return any(would_match(pattern, str(path)) for path in (written, *data_sets))


def _holds_what_could_be_read(layout: Layout) -> bool:
    """Tell whether there is more than what a run begins with. To look at each file of the source takes its time."""
    if layout.plan.exists() or layout.file:
        return layout.plan.exists() or layout.dest.exists()
    return any(path.name != STATE for path in layout.dest.iterdir())


def place(partition: Partition) -> str:
    """Name a partition in a message."""
    if documents_of(partition):
        return changes.place_of(partition)
    members = {k: v for k, v in partition.to_json().items() if k not in ("kind", "estimate", "by_start")}
    times = {name: text_of_second(members[name] // SECOND) for name in ("start", "end") if name in members}
    described = ", ".join(f"{name} {value}" for name, value in (members | times).items())
    return f"partition {partition.kind} ({described})" if described else f"partition {partition.kind}"
