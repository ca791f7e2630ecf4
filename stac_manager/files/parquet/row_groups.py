"""The row groups of a Parquet file: their rows and places, and how many rows are decoded at once, around damage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from stac_manager.files.parquet.arrow import NotParquetError, naming_damage

ROWS_PER_BATCH = 250
ROWS_PER_RUN = 1_000
BYTES_PER_RUN = 33_554_432
"""Row groups of no more, unpacked, are decoded together. Then Arrow begins anew, and what it kept is free."""
MOST_ROWS_PER_BYTE = 100
MOST_ROWS_OF_SMALL_FILES = 1_000_000
MOST_RATIO = 1_000
MOST_BYTES_OF_SMALL_FILES = 268_435_456
"""A row group that unpacks to more than this, and to more than `MOST_RATIO` times the file, is refused."""
REPEATING_RATIO = 100
REPEATING_BYTES_PER_BATCH = 33_554_432
"""A file that is packed tighter than that ratio may repeat one long value: its batches hold fewer rows."""


@dataclass(frozen=True)
class BadRow:
    """A row with a value that cannot be decoded, or several that follow each other."""

    reason: str
    count: int = 1


def rows_of_groups(file: Any) -> tuple[int, ...]:
    return tuple(file.metadata.row_group(index).num_rows for index in range(file.metadata.num_row_groups))


def runs(file: Any, chosen: Iterable[int], file_bytes: int) -> Iterator[tuple[list[int], int]]:
    """Yield row groups that follow each other, and how many rows of them a batch may hold.

    Raises:
        ValueError: If the file unpacks to more than anybody means to write.
    """
    rows = file.metadata.num_rows
    if rows > MOST_ROWS_OF_SMALL_FILES and rows > MOST_ROWS_PER_BYTE * file_bytes:
        raise ValueError(f"it claims {rows:,} rows in {file_bytes:,} bytes")
    run: list[int] = []
    size = rows_so_far = bytes_so_far = 0
    for index in chosen:
        group = file.metadata.row_group(index)
        found = _batch_rows(group.total_byte_size, file_bytes)
        rows_so_far += group.num_rows
        bytes_so_far += group.total_byte_size
        is_more = rows_so_far > ROWS_PER_RUN or bytes_so_far > BYTES_PER_RUN
        if run and (is_more or found != size or index != run[-1] + 1):
            yield run, size
            run, rows_so_far, bytes_so_far = [], group.num_rows, group.total_byte_size
        size = found
        run.append(index)
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


def decoded(
    source: str | BinaryIO,
    file: Any,
    indexes: list[int],
    size: int,
    columns: list[str] | None,
    starts: Sequence[int],
    done: int = 0,
) -> Iterator[Any]:
    """Yield what row groups hold but for the first `done` rows. Where damage is met, they are decoded one by one.

    Of several, all are decoded first: where one of them lacks values of a column, those of the next stand there.
    """
    begin, stop = starts[indexes[0]], starts[indexes[-1] + 1]
    behind = begin
    try:
        with naming_damage():
            batches = _batches(source, file, indexes, size, columns)
            if len(indexes) > 1:
                together = list(batches)
                check_rows(begin + sum(batch.num_rows for batch in together), stop)
                batches = iter(together)
                del together
            for batch in batches:
                behind += batch.num_rows
                if behind > begin + done:
                    yield batch.slice(max(begin + done - behind + batch.num_rows, 0))
                del batch
            check_rows(behind, stop)
    except NotParquetError as error:
        behind = max(behind, begin + done)
        if behind >= stop or not error.may_be_partial:
            raise
        if len(indexes) == 1:
            yield BadRow(f"damaged: {error.said}", stop - behind)
            return
        for index in indexes:
            if starts[index + 1] > behind:
                yield from decoded(source, file, [index], size, columns, starts, max(behind - starts[index], 0))


def check_rows(number: int, expected: int) -> None:
    """Check that the rows so far end where they should.

    Raises:
        ValueError: If they do not.
    """
    if number != expected:
        raise ValueError(f"its rows end with {number - 1:,}, its footer says with {expected - 1:,}")


def _batches(
    source: str | BinaryIO, file: Any, indexes: list[int], size: int, columns: list[str] | None
) -> Iterator[Any]:
    """Read row groups. Of a file far away, the columns of one are fetched at once before they are read by pieces.

    Dictionaries within objects differ from row group to row group, and Arrow puts no two of them together.
    """
    fetch = getattr(source, "fetch", None)
    apart = fetch is not None or (len(indexes) > 1 and _has_dictionaries_within(file.schema_arrow))
    for run in [[index] for index in indexes] if apart else [indexes]:
        if fetch is not None:
            fetch(_spans(file.metadata.row_group(run[0]), columns))
        yield from file.iter_batches(size, row_groups=run, columns=columns, use_threads=False)


def _has_dictionaries_within(schema: Any) -> bool:
    """Tell whether objects or lists hold values as dictionaries (Categorical, Enum)."""
    from pyarrow import types

    return any(types.is_nested(field.type) and "dictionary<" in str(field.type) for field in schema)


def _spans(group: Any, columns: list[str] | None) -> Iterator[tuple[int, int]]:
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
