"""Plans of files, and the reading of one partition of them.

Small files are put together, large files of lines are cut at bytes, Parquet at its row groups. What cannot be cut
(a FeatureCollection, a compressed file) is a partition of its own, however large.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from contextlib import closing
from functools import partial
from typing import cast, get_args

from stac_manager.config import IngestConfig
from stac_manager.context import FailureCollector, OwnFailures
from stac_manager.events import PartitionDone
from stac_manager.exceptions import DataProcessingError, printable
from stac_manager.files.changes import place_of, why_changed
from stac_manager.files.content import Borrowed
from stac_manager.files.cutting import Share, cut, together
from stac_manager.files.discovery import discover
from stac_manager.files.file_source import reader_of
from stac_manager.files.formats import Document, Format
from stac_manager.files.opening import TOO_MANY_OPEN, open_file
from stac_manager.files.reading import kept_by, read_documents
from stac_manager.generators import owning
from stac_manager.parsing.texts import Texts
from stac_manager.parsing.window import Window
from stac_manager.plan import Document as PlannedDocument
from stac_manager.plan import Documents, Lines, Partition, Plan, RowGroups
from stac_manager.reader import Done, Parts
from stac_manager.report import PartitionReport
from stac_manager.stats import FileStats
from stac_manager.urls import is_remote

SMALL_BYTES = 262_144
"""A JSON document of no more is taken for one item, and its first bytes are not looked at."""
MOST_NEXT_PAGES = 1_000
"""So many pages that were not read are in a report."""

_planned = partial(tuple.__new__, PlannedDocument)  # a third of the cost of PlannedDocument()


async def plan(config: IngestConfig, collection_id: str | None, partition_items: int) -> Plan:
    """Divide the source into partitions of about so many items, in its order.

    Raises:
        ConfigurationError: If the source does not exist or holds no document.
        DataProcessingError: If the system allows no more open files.
    """
    if is_remote(config.source):
        from stac_manager.files.remote import planning as remote

        return await remote.plan(config, max(partition_items, 1))
    return await asyncio.to_thread(_plan, config, max(partition_items, 1))


def _plan(config: IngestConfig, partition_items: int) -> Plan:
    notes: list[str] = []
    unread = _Unread()
    documents = discover(config, unread, notes)
    try:
        looked_at = (_looked_at(document, partition_items) for document in documents)
        partitions = tuple(together(looked_at, partition_items))
    except OSError as error:
        raise DataProcessingError(f"{config.source}: cannot be planned: {error.strerror}") from error
    rows = [partition.estimate for partition in partitions if isinstance(partition, RowGroups)]
    counted = sum(filter(None, rows)) if len(rows) == len(partitions) else None
    if unread.documents:
        partitions += (Documents(tuple(unread.documents), estimate=0),)
    return Plan(printable(config.source), "document", partitions, counted, tuple(map(printable, notes)))


class _Unread(FailureCollector):
    """Keeps what cannot be read, all of it, as documents of the plan: the partition that they are fails with them."""

    def __init__(self) -> None:
        super().__init__()
        self.documents: list[PlannedDocument] = []

    def add(self, source: str, reason: str, *, line: int | None = None) -> None:
        super().add(source, reason, line=line)
        self.documents.append(PlannedDocument(source, "json", problem=reason))


def _looked_at(document: Document, partition_items: int) -> list[Partition] | Share:
    """Cut a document, or tell how many items it is taken to hold. What cannot be read is found when it is read."""
    path, form, _, _ = document
    if path[0] != "/" or "//" in path or "/." in path:  # a shortcut: nearly all are whole already
        path = os.path.abspath(path)
    try:
        found = os.stat(path)
        size = found.st_size
        planned = _planned((path, form, size, found.st_mtime_ns, None, None))
        if form == "json" and size <= SMALL_BYTES:
            return planned, 1
        with open(open_file(path), "rb", buffering=0) as file, closing(Window(Borrowed(file))) as window:
            return cut(window, document, planned, size, partition_items, reader_of(file.fileno()), path)
    except OSError as error:
        if error.errno in TOO_MANY_OPEN:
            raise
        return PlannedDocument(path, form), 1
    except ValueError:
        return PlannedDocument(path, form), 1


async def read(
    partition: Partition,
    config: IngestConfig,
    collection_id: str | None,
    failures: FailureCollector,
    stats: FileStats,
    texts: Texts,
    done: Done,
) -> Parts:
    """Yield the items that a partition owns, in parts, and call `done` with the report after the last.

    `texts` keeps the text of the latest item, where all of it is wanted.

    Raises:
        DataProcessingError: If the system allows no more open files for a while.
        ValueError: If the partition is none of files.
    """
    own = OwnFailures(failures)
    changed: list[str] = []
    filters = kept_by(texts, config, collection_id)
    documents: list[tuple[PlannedDocument, Document]] = []
    if is_remote(config.source):
        from stac_manager.files.remote import planning, reading

        shares = _documents_of(partition)
        as_planned = reading.Planned(planned for planned, _ in shares)
        changed = as_planned.changed
        links, share = None, None
        if isinstance(partition, Documents):
            links = planning.links_of_partition(partition, config)
        else:
            planned, document = shares[0]
            share = planning.url_of(planned, config), document
        found = reading.read(config, filters, own, stats, links, as_planned, share)
    else:
        for planned, document in _documents_of(partition):
            if planned.problem is None:
                documents.append((planned, document))
            else:
                own.add(planned.path, planned.problem)
        found = read_documents([document for _, document in documents], config, filters, own, stats)
    async with owning(found) as parts:
        async for part in parts:
            yield part
            stats.failures = len(own)
    problem = None
    if documents:
        changed = await asyncio.to_thread(_changes, [planned for planned, _ in documents])
    if changed:
        problem = f"{changed[0]}{f' (and {len(changed) - 1:,} more files)' if len(changed) > 1 else ''}"
    report = PartitionReport(
        key=partition.key,
        items=stats.items,
        seen=stats.items + len(own),
        pages=stats.documents,
        failed=len(own),
        catalogs=own.catalogs,
        next_pages=tuple(map(tuple, own.pages.left[:MOST_NEXT_PAGES])),
        last_pages=own.pages.without,
        timeless=filters.timeless.count,
        problem=problem,
        place=place_of(partition),
    )
    done(report)
    stats.tell(PartitionDone(report))


def _documents_of(partition: Partition) -> list[tuple[PlannedDocument, Document]]:
    if isinstance(partition, Documents):
        return [(each, Document(each.path, _format(each))) for each in partition.documents]
    if isinstance(partition, Lines):
        document, first, stop = partition.document, partition.start, partition.stop
    elif isinstance(partition, RowGroups):
        document, first, stop = partition.document, partition.first, partition.stop
    else:
        raise ValueError(f"a partition of kind {partition.kind!r} is none of files")
    return [(document, Document(document.path, _format(document), first, stop))]


def _format(document: PlannedDocument) -> Format:
    if document.format in get_args(Format):
        return cast(Format, document.format)
    raise ValueError(f"{document.path}: unknown format {document.format!r}")


def _changes(documents: Iterable[PlannedDocument]) -> list[str]:
    return [reason for reason in map(why_changed, documents) if reason is not None]
