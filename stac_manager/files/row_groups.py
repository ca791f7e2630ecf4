"""The row groups of a Parquet file: their rows and places, and how many rows are decoded at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

ROWS_PER_BATCH = 250
ROWS_PER_RUN = 1_000
"""After so many rows, Arrow begins anew: what it kept for the row groups before is free for those that follow."""
MOST_ROWS_PER_BYTE = 100
MOST_ROWS_OF_SMALL_FILES = 1_000_000
MOST_RATIO = 1_000
MOST_BYTES_OF_SMALL_FILES = 268_435_456
"""A row group that unpacks to more than this, and to more than `MOST_RATIO` times the file, is refused."""
REPEATING_RATIO = 100
REPEATING_BYTES_PER_BATCH = 33_554_432
"""A file that is packed tighter than that ratio may repeat one long value: its batches hold fewer rows."""


def rows_of_groups(file: Any) -> tuple[int, ...]:
    return tuple(file.metadata.row_group(index).num_rows for index in range(file.metadata.num_row_groups))


def has_dictionaries_within(schema: Any) -> bool:
    """Tell whether objects or lists hold values as dictionaries (Categorical, Enum)."""
    from pyarrow import types

    return any(types.is_nested(field.type) and "dictionary<" in str(field.type) for field in schema)


def spans(group: Any, columns: list[str] | None) -> Iterator[tuple[int, int]]:
    """Yield where the columns of a row group that are read begin and end in the file."""
    for index in range(group.num_columns):
        column = group.column(index)
        path = column.path_in_schema
        if columns is not None and not any(path == each or path.startswith(f"{each}.") for each in columns):
            continue
        first = column.data_page_offset
        if column.dictionary_page_offset is not None:
            first = min(first, column.dictionary_page_offset)
        yield first, first + column.total_compressed_size


def runs(file: Any, chosen: Iterable[int], file_bytes: int) -> Iterator[tuple[list[int], int]]:
    """Yield row groups that follow each other, and how many rows of them a batch may hold.

    Raises:
        ValueError: If the file unpacks to more than anybody means to write.
    """
    rows = file.metadata.num_rows
    if rows > MOST_ROWS_OF_SMALL_FILES and rows > MOST_ROWS_PER_BYTE * file_bytes:
        raise ValueError(f"it claims {rows:,} rows in {file_bytes:,} bytes")
    run: list[int] = []
    size = rows_so_far = 0
    for index in chosen:
        group = file.metadata.row_group(index)
        found = _batch_rows(group.total_byte_size, file_bytes)
        if run and (found != size or index != run[-1] + 1 or rows_so_far >= ROWS_PER_RUN):
            yield run, size
            run, rows_so_far = [], 0
        size = found
        run.append(index)
        rows_so_far += group.num_rows
    if run:
        yield run, size


def _batch_rows(unpacked: int, file_bytes: int) -> int:
    """Return how many rows to decode at once of a row group that unpacks to so many bytes by its own account.

    Its columns are not asked: pyarrow ends the process where a damaged file has lost their metadata.
    """
    if unpacked > MOST_BYTES_OF_SMALL_FILES and unpacked > MOST_RATIO * file_bytes:
        raise ValueError(f"a row group of a file of {file_bytes:,} bytes unpacks to {unpacked:,}")
    if unpacked <= REPEATING_RATIO * file_bytes:
        return ROWS_PER_BATCH
    return max(1, min(ROWS_PER_BATCH, REPEATING_BYTES_PER_BATCH // unpacked))
