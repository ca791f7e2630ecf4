"""Parts of stac-geoparquet: one schema over all of them, whatever the items hold, in bounded memory.

Columns are inferred anew for every few hundred items. Where these differ, the schema is widened: a column is added,
null becomes any type, an integer a floating-point number. What has no common type is an error that names the column.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from stac_manager.exceptions import ConfigurationError, DataProcessingError
from stac_manager.files.parquet.arrow import release_unused
from stac_manager.protocols import Item
from stac_manager.sinks.arrow import Columns, batch_of, conform, joined, metadata_of
from stac_manager.sinks.disk import Disk
from stac_manager.sinks.folder import Folder

BATCH_ITEMS = 256
"""Items that are held as Python objects."""
ROW_GROUP_BYTES = 32 << 20
"""Of a row group in memory, as Arrow has it; packed it is smaller."""
COMPRESSION = "zstd"
MOST_CHUNKS = 50_000
"""Of one file: its columns times its row groups. Each has an entry in the footer, of 150 bytes, and of 2,200 in memory
when the footer is written (pyarrow 26)."""
CHUNK_BYTES = 150


class GeoParquetPart:
    """One part. Where its columns widen after row groups were written, it goes on in a further file; `finish` joins."""

    def __init__(self, disk: Disk, path: Path, columns: bytes | None) -> None:
        self.items = 0
        self._disk = disk
        self._path = path
        self._schema: Columns = columns_of(columns)
        self._pending: list[Item] = []
        self._batches: list[Any] = []
        self._bytes = 0
        self.arrow_bytes = 0
        self._segments: list[Path] = []
        self._writer: _Writer | None = None

    @property
    def columns(self) -> bytes | None:
        """The columns so far, those of other parts included."""
        return bytes_of(self._schema) if self.items else None

    def write(self, items: Iterable[Item]) -> None:
        for item in items:
            self.items += 1
            self._pending.append(item)
            if len(self._pending) == BATCH_ITEMS:
                self._convert()

    def finish(self) -> int:
        if self._pending:
            self._convert()
        self._flush()
        self._close()
        if len(self._segments) == 1:
            self._segments.pop().replace(self._path)
        elif self._segments:
            copy(self._disk, self._segments, self._path, self._schema)
            self._remove_segments()
        return self._path.stat().st_size if self.items else 0

    def abort(self) -> None:
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None
        self._remove_segments()

    def _convert(self) -> None:
        batch = batch_of(self._pending)
        self._pending.clear()
        wider = joined(self._schema, batch.schema)
        if self._schema is None or not wider.equals(self._schema):
            if self._writer is not None:  # what was written stays as it is until `finish`
                self._flush()
                self._close()
            self._schema = wider
        self._batches.append(batch)
        self._bytes += batch.nbytes
        self.arrow_bytes += batch.nbytes
        if self._bytes >= ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if not self._batches:
            return
        if self._writer is None:
            segment = self._path.with_name(f"{self._path.name}.{len(self._segments)}")
            self._segments.append(segment)
            self._writer = _Writer(self._disk, segment, self._schema)
        self._writer.write([conform(batch, self._schema) for batch in self._batches])
        self._batches.clear()
        self._bytes = 0

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _remove_segments(self) -> None:
        for segment in self._segments:
            self._disk.remove(segment)
        self._segments.clear()


class _Writer:
    """A Parquet file that is being written, a row group a call."""

    def __init__(self, disk: Disk, path: Path, schema: Columns) -> None:
        # Buffered: what the system writes only in part is written to its end.
        self._file = io.BufferedWriter(disk.create(path), 1 << 20)
        self._schema = schema.with_metadata(metadata_of(schema))
        self._writer = pq.ParquetWriter(self._file, self._schema, compression=COMPRESSION, write_page_checksum=True)

    def write(self, batches: Sequence[Any]) -> None:
        table = pa.Table.from_batches(batches).replace_schema_metadata(self._schema.metadata)
        self._writer.write_table(table, row_group_size=max(table.num_rows, 1))
        del table
        release_unused()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def close(self) -> None:
        self._writer.close()
        self._file.close()

    def abandon(self) -> None:
        """Close what can be closed: the file is of no use."""
        for each in (self._writer, self._file):
            try:
                each.close()
            except OSError:
                continue


def copy(disk: Disk, sources: Iterable[Path], target: Path, schema: Columns) -> None:
    """Copy the rows of Parquet files into one with these columns. Small row groups are put together.

    The footer has an entry for each column of each row group, and is held in memory until the end, by readers too.
    """
    with _Writer(disk, target, schema) as writer:
        waiting: list[Any] = []
        size = 0
        for path in sources:
            for batches in _row_groups(path):
                found = [conform(batch, schema) for batch in batches]
                waiting += found
                size += sum(batch.nbytes for batch in found)
                if size >= ROW_GROUP_BYTES // 2:
                    writer.write(waiting)
                    waiting.clear()
                    size = 0
        if waiting:
            writer.write(waiting)


def check_footer(dest: Path, columns: bytes, items: int, bytes_an_item: float) -> None:
    """Refuse to write into one file what takes too much memory there.

    Args:
        dest: The file.
        columns: The columns so far.
        items: How many it should hold.
        bytes_an_item: Of an item in memory, as Arrow has it.

    Raises:
        ConfigurationError: If it would have too many column chunks.
    """
    chunks = round(items * bytes_an_item / ROW_GROUP_BYTES) * sum(_leaves(each.type) for each in columns_of(columns))
    if chunks > MOST_CHUNKS:
        raise ConfigurationError(
            f"{dest}: as one Parquet file, {items:,} such items need a footer of about "
            f"{chunks * CHUNK_BYTES / 1e6:,.0f} MB, which whoever writes or reads it holds in memory, and more than "
            "ten times that while it is written; name a folder as DEST"
        )


def _leaves(kind: Any) -> int:
    """The columns that Parquet makes of one."""
    if pa.types.is_struct(kind):
        return sum(_leaves(kind.field(index).type) for index in range(kind.num_fields))
    return _leaves(kind.value_type) if pa.types.is_list(kind) else 1


def filtered(disk: Disk, source: Path, target: Path, keep: Sequence[bool]) -> None:
    """Copy the rows for which `keep` is true."""
    first = 0
    with _Writer(disk, target, schema_of(source)) as writer:
        for batches in _row_groups(source):
            rows = sum(batch.num_rows for batch in batches)
            table = pa.Table.from_batches(batches).filter(pa.array(keep[first : first + rows], pa.bool_()))
            first += rows
            if table.num_rows:
                writer.write(table.replace_schema_metadata(None).to_batches())


def _row_groups(path: Path, columns: list[str] | None = None) -> Iterator[list[Any]]:
    """Read without threads of Arrow's: each would keep memory of its own, for the columns that it has unpacked."""
    with opened(path) as source, pq.ParquetFile(source) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=columns, use_threads=False).to_batches()


def unify(folder: Folder, names: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Give all parts the same columns: those that differ are written anew. Yield each name, and its size in bytes.

    Raises:
        DataProcessingError: If two parts have no common type for a column.
    """
    paths = [folder.layout.parts / name for name in names]
    common = common_columns(paths)
    for path in paths:
        if not schema_of(path).equals(common):
            temporary = folder.layout.temporary / path.name
            copy(folder.disk, [path], temporary, common)
            folder.publish(temporary, path.name)
        yield path.name, path.stat().st_size


def common_columns(paths: Iterable[Path]) -> Columns:
    """Return columns that can hold what all of these files hold.

    Raises:
        DataProcessingError: If there are none.
    """
    common: Columns = None
    for path in paths:
        try:
            common = joined(common, schema_of(path))
        except DataProcessingError as error:
            raise DataProcessingError(f"{path}: {error}") from None
    return common


def check_fits(path: Path, schema: Columns) -> None:
    """Refuse a file with a number that does not fit into wider columns; only columns that change are read.

    Raises:
        DataProcessingError: If there is one.
    """
    own = schema_of(path)
    wider = [each for each in schema if each.name in own.names and not own.field(each.name).type.equals(each.type)]
    names = [each.name for each in wider]
    for batch in chain.from_iterable(_row_groups(path, names)) if names else ():
        try:
            conform(batch.select(names), pa.schema(wider))
        except DataProcessingError as error:
            raise DataProcessingError(f"{path}: {error}") from None


def schema_of(path: Path) -> Columns:
    """Return the columns of a file, without the metadata of the file; fields keep theirs."""
    with opened(path) as file:
        return pq.read_schema(file).remove_metadata()


def opened(path: Path) -> Any:
    """Open a file for Arrow, which takes a path for a URL: that has to be text."""
    return pa.OSFile(os.fsencode(path))


def columns_of(content: bytes | None) -> Columns:
    """Return the schema that `bytes_of` wrote, None for None."""
    return None if content is None else pa.ipc.read_schema(pa.py_buffer(content))


def bytes_of(schema: Columns) -> bytes:
    """Return a schema as Arrow writes it."""
    return bytes(schema.serialize().to_pybytes())


def joined_columns(first: bytes | None, second: bytes) -> bytes:
    """Return the columns of both, as bytes.

    Where they have no common type, return the first: the parts will tell.
    """
    try:
        return bytes_of(joined(columns_of(first), columns_of(second)))
    except DataProcessingError:
        return first or second
