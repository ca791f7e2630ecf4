"""Plans of files, and the reading of one partition of them.

Small files are put together, large files of lines are cut at bytes, Parquet at its row groups. What cannot be cut
(a FeatureCollection, a compressed file) is a partition of its own, however large.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from itertools import pairwise
from typing import TypeAlias, cast, get_args

from stac_manager.config import IngestConfig, is_remote
from stac_manager.context import FailureCollector, OwnFailures
from stac_manager.events import PartitionDone
from stac_manager.exceptions import DataProcessingError, printable
from stac_manager.files.changes import why_changed
from stac_manager.files.discovery import discover
from stac_manager.files.filters import filters_of
from stac_manager.files.formats import HEAD_BYTES, Document, Format, magic, why_not_text
from stac_manager.files.lines import FIRST_VALUE_BYTES, has_lines, last_beginning_over_lines
from stac_manager.files.opening import TOO_MANY_OPEN, open_file
from stac_manager.files.reading import kept_by, read_documents
from stac_manager.files.window import FileSource, Window, bytes_of_file, line_from
from stac_manager.owning import owning
from stac_manager.plan import Document as PlannedDocument
from stac_manager.plan import Documents, Lines, Partition, Plan, RowGroups
from stac_manager.reader import Done, Parts
from stac_manager.report import PartitionReport
from stac_manager.stats import FileStats
from stac_manager.texts import Texts

MEMBER_BYTES = 20_000
"""How large an item is taken to be in a document that holds several."""
SMALL_BYTES = 262_144
"""A JSON document of no more is taken for one item, and its first bytes are not looked at."""
LINES_LOOKED_AT = 20

_planned = partial(tuple.__new__, PlannedDocument)  # a third of the cost of PlannedDocument()

Share: TypeAlias = tuple[PlannedDocument, int]
"""A file that is read as a whole, and how many items it is taken to hold."""


async def plan(config: IngestConfig, collection_id: str | None, partition_items: int) -> Plan:
    """Divide the source into partitions of about so many items, in its order.

    Raises:
        ConfigurationError: If the source does not exist or holds no document.
        DataProcessingError: If the system allows no more open files.
    """
    if is_remote(config.source):
        from stac_manager.files.remote import reading as remote

        return await remote.plan(config)
    return await asyncio.to_thread(_plan, config, max(partition_items, 1))


def _plan(config: IngestConfig, partition_items: int) -> Plan:
    notes: list[str] = []
    unread = _Unread()
    documents = discover(config, unread, notes)
    try:
        partitions = tuple(_divided(documents, partition_items))
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


def _divided(documents: Iterable[Document], partition_items: int) -> Iterator[Partition]:
    waiting: list[PlannedDocument] = []
    weight = 0
    for document in documents:
        found = _looked_at(document, partition_items)
        if isinstance(found, list):
            if waiting:
                yield Documents(tuple(waiting), estimate=weight)
            waiting, weight = [], 0
            yield from found
            continue
        planned, items = found
        if waiting and weight + items > partition_items:
            yield Documents(tuple(waiting), estimate=weight)
            waiting, weight = [], 0
        waiting.append(planned)
        weight += items
    if waiting:
        yield Documents(tuple(waiting), estimate=weight)


def _looked_at(document: Document, partition_items: int) -> list[Partition] | Share:
    """Cut a document, or tell how many items it is taken to hold. What cannot be read is found when it is read."""
    path, form, _, _ = document
    if path[0] != "/" or "//" in path or "/." in path:  # a shortcut: nearly all are whole already
        path = os.path.abspath(path)
    try:
        found = os.stat(path)
        size = found.st_size
        planned = _planned((path, form, size, found.st_mtime_ns, None))
        if form == "json" and size <= SMALL_BYTES:
            return planned, 1
        with closing(Window(FileSource(open_file(path), FileStats()))) as window:
            window.more()
            head = bytes(window.view[: window.end][:HEAD_BYTES])
            kind = magic(head)
            if kind == "parquet":
                return _row_groups(planned, partition_items)
            if kind is None and why_not_text(head) is None and has_lines(window, document):
                return _lines(planned, size, _bytes_a_line(window), partition_items)
    except OSError as error:
        if error.errno in TOO_MANY_OPEN:
            raise
        return PlannedDocument(path, form), 1
    except ValueError:
        return PlannedDocument(path, form), 1
    return planned, max(size // MEMBER_BYTES, 1)


def _bytes_a_line(window: Window) -> int:
    data = bytes(window.view[window.start : window.end])
    lines = data.split(b"\n", LINES_LOOKED_AT)[:LINES_LOOKED_AT]
    return sum(map(len, lines)) // len(lines) + 1


def _lines(document: PlannedDocument, size: int, bytes_a_line: int, partition_items: int) -> list[Partition] | Share:
    items = max(size // bytes_a_line, 1)
    count = -(-items // partition_items)
    if count == 1:
        return document, items
    edges = [0, *_between_values(document.path, [size * index // count for index in range(1, count)]), size]
    if len(edges) == 2:
        return document, items
    lines = PlannedDocument(document.path, "ndjson", document.size, document.modified_ns)
    return [
        Lines(lines, start, stop, estimate=items * (stop - start) // size)
        for start, stop in pairwise(edges)
    ]  # fmt: skip


def _between_values(path: str, edges: list[int]) -> Iterator[int]:
    """Yield those of some places in a file of lines which are in no value that several lines hold."""
    looked_at, within = 0, -FIRST_VALUE_BYTES
    with open(open_file(path), "rb", buffering=0) as file:
        for edge in edges:
            begin = line_from(file.fileno(), edge)
            first = max(begin - FIRST_VALUE_BYTES, looked_at)
            found = last_beginning_over_lines(bytes_of_file(file.fileno(), first, begin))
            looked_at, within = begin, within if found is None else first + found
            if within + FIRST_VALUE_BYTES <= begin:
                yield edge


def _row_groups(document: PlannedDocument, partition_items: int) -> list[Partition]:
    from stac_manager.files.parquet import row_groups

    document = PlannedDocument(document.path, "parquet", document.size, document.modified_ns)
    partitions: list[Partition] = []
    first = rows_so_far = 0
    rows = row_groups(document.path)
    for index, count in enumerate(rows):
        if rows_so_far and rows_so_far + count > partition_items:
            partitions.append(RowGroups(document, first, index, estimate=rows_so_far))
            first, rows_so_far = index, 0
        rows_so_far += count
    partitions.append(RowGroups(document, first, len(rows), estimate=rows_so_far))
    return partitions


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
    filters = kept_by(texts, filters_of(config, collection_id))
    documents: list[tuple[PlannedDocument, Document]] = []
    if is_remote(config.source):
        from stac_manager.files.remote import reading as remote

        as_planned = remote.Planned(getattr(partition, "documents", ()))
        changed = as_planned.changed
        found = remote.read(config, filters, own, stats, remote.links_of_partition(partition, config), as_planned)
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
        problem=problem,
        place=_place(partition),
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


def _place(partition: Partition) -> str:
    if isinstance(partition, Documents):
        names = [printable(document.path) for document in partition.documents[:1]]
        more = len(partition.documents) - 1
        return f"{names[0]} and {more} more" if more > 0 else "".join(names)
    if isinstance(partition, Lines):
        return f"{printable(partition.document.path)}, bytes {partition.start} to {partition.stop}"
    if isinstance(partition, RowGroups):
        return f"{printable(partition.document.path)}, row groups {partition.first} to {partition.stop}"
    return partition.kind
