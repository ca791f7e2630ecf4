"""Whether a file is what it was when the plan was made, by its size, time and tag; what its shares are called."""

from __future__ import annotations

import os
import re

from stac_manager.exceptions import printable
from stac_manager.plan import Document, Documents, Lines, Partition, RowGroups

_FROM_BYTE = re.compile(r" from byte \d+$", re.ASCII)


def name_from(path: str, begin: int) -> str:
    """Name a share in failures: to count the lines before it would take all that is before."""
    return f"{path} from byte {begin}" if begin else path


def path_of(name: str) -> str:
    """Return the path of the document that is named in a failure, or of which a share is."""
    return _FROM_BYTE.sub("", name)


def place_of(partition: Partition) -> str:
    """Name a partition of files in messages; of any other, its kind."""
    match partition:
        case Documents(documents=(first, *others)):
            return printable(first.path) + (f" and {len(others):,} more" if others else "")
        case Lines():
            return f"{printable(partition.document.path)}, bytes {partition.start:,} to {partition.stop:,}"
        case RowGroups():
            return f"{printable(partition.document.path)}, row groups {partition.first:,} to {partition.stop:,}"
        case _:
            return partition.kind


def why_changed(document: Document) -> str | None:
    """Say in what a file is not what it was when the plan was made; None if it is, or if nobody can tell."""
    if document.size is None or "://" in document.path:
        return None
    try:
        now = os.stat(document.path)
    except FileNotFoundError:
        return f"{printable(document.path)}: is gone since the plan was made"
    except OSError:
        return None  # reading says why
    return difference(document, now.st_size, now.st_mtime_ns, None)


def difference(document: Document, size: int | None, modified_ns: int | None, etag: str | None) -> str | None:
    """Say in what a file that has this size, time and tag now differs from what it was when the plan was made.

    Of the mirrors behind a web server's name one of the two may differ.
    """
    before, path = document.size, printable(document.path)
    if before is not None and size is not None and size != before:
        return f"{path}: had {before:,} bytes when the plan was made, and has {size:,} now"
    known = [pair for pair in ((document.modified_ns, modified_ns), (document.etag, etag)) if None not in pair]
    same = [then == now for then, now in known]
    if known and not (any(same) if path.startswith("http") else all(same)):
        return f"{path}: was written again since the plan was made"
    return None
