"""The files that a plan was made of, and whether they are still what they were."""

from __future__ import annotations

import os
from hashlib import blake2b

from stac_manager.plan import DIGEST_BYTES, Document, Documents, Lines, Partition, Plan, RowGroups


def documents_of(partition: Partition) -> tuple[Document, ...]:
    """Return the files that a partition is made of; none of a search."""
    if isinstance(partition, Documents):
        return partition.documents
    return (partition.document,) if isinstance(partition, Lines | RowGroups) else ()


def files_of(plan: Plan) -> set[Document]:
    """Return all files of a plan, as they were when it was made."""
    return {document for partition in plan for document in documents_of(partition)}


def digest_of_files(plan: Plan) -> str | None:
    """Return a digest of the names, sizes and times of all files of a plan; None where it has none."""
    files = {each.path: each for partition in plan for each in documents_of(partition)}
    content = (
        b"%s\0%d\0%d\n" % (os.fsencode(path), files[path].size or 0, files[path].modified_ns or 0)
        for path in sorted(files)
    )
    return blake2b(b"".join(content), digest_size=DIGEST_BYTES).hexdigest() if files else None


def why_changed(partition: Partition) -> str | None:
    """Say which file of a partition is not what it was when the plan was made; None if all are."""
    return next((reason for reason in map(_why_changed, documents_of(partition)) if reason), None)


def _why_changed(document: Document) -> str | None:
    if document.size is None or "://" in document.path:
        return None
    try:
        now = os.stat(document.path)
    except FileNotFoundError:
        return f"{document.path}: is gone since the plan was made"
    except OSError:
        return None  # reading says why
    if now.st_size != document.size:
        return f"{document.path}: had {document.size:,} bytes when the plan was made, and has {now.st_size:,} now"
    if document.modified_ns is not None and now.st_mtime_ns != document.modified_ns:
        return f"{document.path}: was written again since the plan was made"
    return None
