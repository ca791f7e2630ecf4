"""Where a file of lines or a Parquet file is cut into partitions, on disk or far away."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from io import RawIOBase
from itertools import chain, pairwise
from typing import Any, BinaryIO, TypeAlias

from stac_manager.files import formats
from stac_manager.files.compression import Unpacked
from stac_manager.files.file_source import ReadAt, bytes_between, line_from
from stac_manager.files.formats import HEAD_BYTES, magic, why_not_text
from stac_manager.files.lines import FIRST_VALUE_BYTES, has_lines, last_beginning_over_lines
from stac_manager.parsing.window import Window
from stac_manager.plan import Document, Documents, Lines, Partition, RowGroups

LINES_LOOKED_AT = 20
PIECE_BYTES = 1_024
"""A compressed file is unpacked in pieces as small as this to tell what its first bytes hold."""
MEMBER_BYTES = 20_000
"""How large an item is taken to be in a document that holds several."""

Share: TypeAlias = tuple[Document, int]
"""A file that is read as a whole, and how many items it is taken to hold."""


def items_in(size: int) -> int:
    """Return how many items a document of this size is taken to hold."""
    return max(size // MEMBER_BYTES, 1)


def together(
    found: Iterable[list[Partition] | Share], partition_items: int, most: int = sys.maxsize, *, estimated: bool = True
) -> Iterator[Partition]:
    """Put files that are read as a whole together to partitions of about so many items, `most` files at the most,
    between the partitions of those that are cut."""
    waiting: list[Document] = []
    weight = 0
    for each in chain(found, ([],)):
        document, items = (None, 0) if isinstance(each, list) else each
        if waiting and (document is None or weight + items > partition_items or len(waiting) == most):
            yield Documents(tuple(waiting), estimate=weight if estimated else None)
            waiting, weight = [], 0
        if document is not None:
            waiting.append(document)
            weight += items
        elif isinstance(each, list):
            yield from each


def bytes_a_line(window: Window) -> int:
    """Return how long the first lines of a file are, on average."""
    data = bytes(window.view[window.start : window.end])
    lines = data.split(b"\n", LINES_LOOKED_AT)[:LINES_LOOKED_AT]
    return sum(map(len, lines)) // len(lines) + 1


def cut(
    window: Window,
    document: formats.Document,
    planned: Document,
    size: int,
    partition_items: int,
    read: ReadAt,
    source: str | BinaryIO | RawIOBase,
) -> list[Partition] | Share:
    """Cut a document into partitions of about so many items, if it is a file of lines, which `read` reads, or Parquet;
    else tell how many items it is taken to hold. `source` is where it is, or the file that is open, and a window is at
    its beginning."""
    window.more()
    head = bytes(window.view[: window.end][:HEAD_BYTES])
    kind = magic(head)
    if kind == "parquet":
        from stac_manager.files.parquet.reading import row_groups

        return cut_at_row_groups(planned, row_groups(source), partition_items)
    if kind is None and why_not_text(head) is None and has_lines(window, document):
        return cut_at_lines(planned, size, bytes_a_line(window), partition_items, read)
    if kind is not None:
        packed = _InPieces(window.view[: window.end])
        with closing(Window(Unpacked(packed, kind))) as inner:
            if inner.more():  # else it is damaged, or empty
                size = max(size * inner.end // packed.tell(), size)
                return planned, size // bytes_a_line(inner) or 1 if document.format == "ndjson" else items_in(size)
    return planned, items_in(size)


class _InPieces(io.BytesIO):
    """The beginning of a compressed file, of which little is taken at once: `tell` says how much gave what came."""

    def readinto(self, target: Any) -> int:
        return super().readinto(memoryview(target)[:PIECE_BYTES])


def cut_at_lines(
    document: Document, size: int, bytes_a_line: int, partition_items: int, read: ReadAt
) -> list[Partition] | Share:
    """Cut a file of lines, which `read` reads, into partitions of about so many items."""
    items = max(size // bytes_a_line, 1)
    count = -(-items // partition_items)
    if count == 1:
        return document, items
    edges = [0, *between_values(read, [size * index // count for index in range(1, count)]), size]
    if len(edges) == 2:
        return document, items
    lines = document._replace(format="ndjson")
    return [
        Lines(lines, start, stop, estimate=items * (stop - start) // size)
        for start, stop in pairwise(edges)
    ]  # fmt: skip


def between_values(read: ReadAt, edges: list[int]) -> Iterator[int]:
    """Yield those of some places in a file of lines which are in no value that several lines hold."""
    looked_at, within = 0, -FIRST_VALUE_BYTES
    for edge in edges:
        begin = line_from(read, edge)
        first = max(begin - FIRST_VALUE_BYTES, looked_at)
        found = last_beginning_over_lines(bytes_between(read, first, begin))
        looked_at, within = begin, within if found is None else first + found
        if within + FIRST_VALUE_BYTES <= begin:
            yield edge


def cut_at_row_groups(document: Document, rows: Sequence[int], partition_items: int) -> list[Partition]:
    """Put row groups, of which the numbers of rows are known, together to partitions of about so many items."""
    document = document._replace(format="parquet")
    partitions: list[Partition] = []
    first = rows_so_far = 0
    for index, count in enumerate(rows):
        if rows_so_far and rows_so_far + count > partition_items:
            partitions.append(RowGroups(document, first, index, estimate=rows_so_far))
            first, rows_so_far = index, 0
        rows_so_far += count
    partitions.append(RowGroups(document, first, len(rows), estimate=rows_so_far))
    return partitions
