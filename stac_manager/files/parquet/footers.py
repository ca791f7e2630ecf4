"""The footer of a Parquet file, and of a large one some row groups at a time.

pyarrow takes about 1 kB for each column of each row group: 40 MB for a hundred row groups of items with 400 columns.
A footer is a struct of Thrift's compact protocol. The row groups are a list in it, each in bytes of its own, so that
one with only some of them can be cut out of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, BinaryIO

from stac_manager.files.opening import open_file
from stac_manager.files.parquet.arrow import imported, naming_damage

WHOLE_BYTES = 131_072
"""A footer of no more is read as it is."""
MOST_BYTES = 268_435_456
"""A larger one is not read, for all of it is in memory."""
SHARE_BYTES = 131_072
"""About so much of one that is larger than `WHOLE_BYTES` is read at once."""
MAGIC = b"PAR1"
_LIST, _STRUCT = 9, 12
_ROW_GROUPS = 4
"""The field of the footer (FileMetaData in parquet.thrift)."""


@dataclass(frozen=True)
class Footer:
    """Where a footer can be cut."""

    path: str
    before: bytes  # what stands before the list of row groups
    after: bytes  # and behind it
    edges: tuple[int, ...]  # where each row group begins in the file, and where the last one ends

    def shares(self) -> Iterator[Any]:
        """Yield the metadata of row groups that follow each other, as pyarrow has those of a file.

        Raises:
            ConfigurationError: If pyarrow is not installed.
            ValueError: If the footer is damaged.
        """
        pyarrow = imported()
        first, groups = 0, len(self.edges) - 1
        while first < groups:
            stop = first + 1
            while stop < groups and self.edges[stop + 1] - self.edges[first] <= SHARE_BYTES:
                stop += 1
            with open(open_file(self.path), "rb") as file:
                file.seek(self.edges[first])
                found = file.read(self.edges[stop] - self.edges[first])
            count = bytes((((stop - first) << 4) | _STRUCT,) if stop - first < 15 else (0xF0 | _STRUCT,))
            footer = self.before + count + (_varint(stop - first) if stop - first >= 15 else b"") + found + self.after
            data = MAGIC + footer + len(footer).to_bytes(4, "little") + MAGIC
            with naming_damage():
                metadata = pyarrow.parquet.read_metadata(pyarrow.BufferReader(data))
            yield metadata
            first = stop


def large_footer(source: str | BinaryIO) -> Footer | None:
    """Return where the footer of a file on disk can be cut; None for one that is small, or not as writers make it.

    Raises:
        ValueError: If it takes more memory than a file may.
    """
    with open(open_file(source), "rb") if isinstance(source, str) else nullcontext(source) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 8, 0))
        end = file.read(8)
        length = int.from_bytes(end[:4], "little")
        if end[4:] != MAGIC or not WHOLE_BYTES < length <= size - 12:
            return None
        if length > MOST_BYTES:
            raise ValueError(f"its footer is larger than {MOST_BYTES >> 20} MB")
        if not isinstance(source, str):
            return None
        begin = file.seek(size - 8 - length)
        data = file.read(length)
    try:
        return _cut(source, data, begin)
    except (IndexError, RecursionError):
        return None


def _cut(path: str, data: bytes, begin: int) -> Footer | None:
    at = field = 0
    while (field := field + (data[at] >> 4)) != _ROW_GROUPS:
        if not data[at] >> 4:  # the end, or a number that is no difference
            return None
        at = _behind(data, at + 1, data[at] & 15)
    count, _, first = _list_at(data, at + 1)
    # Each row group is an object that begins with the list of its columns, as the one before ended.
    needle = re.compile(_beginning(data, first), re.DOTALL)
    starts = [first]
    while len(starts) < count and (found := needle.search(data, starts[-1])) is not None:
        starts.append(found.start() + 1)
    end = _behind(data, starts[-1], _STRUCT)
    if len(starts) != count or _behind(data, end, _STRUCT) != len(data):
        return None
    return Footer(path, data[: at + 1], data[end:], tuple(begin + edge for edge in (*starts, end)))


def _beginning(data: bytes, at: int) -> bytes:
    """Return a pattern of the end of a row group and the beginning of the next, as the one at byte `at` begins.

    A few columns make a short list, whose header alone is found by chance in a footer of many row groups: so it goes on
    to the metadata of the first column, whatever its place in the file.
    """
    column = _list_at(data, at + 1)[2]
    pattern = re.escape(b"\0" + data[at : column + 1])
    if data[column] & 15 != 6:  # the place is a number of 64 bits
        return pattern
    behind = _number_at(data, column + 1)[1]
    return pattern + rb"[\x80-\xff]{0,9}[\x00-\x7f]" + re.escape(data[behind : behind + 3])


def _behind(data: bytes, at: int, kind: int, *, alone: bool = True) -> int:
    """Return where a value of Thrift's compact protocol ends. A truth value in an object is in its kind alone."""
    if kind in (1, 2):
        return at if alone else at + 1
    if kind == 3:
        return at + 1
    if kind in (4, 5, 6):
        return _number_at(data, at)[1]
    if kind == 7:
        return at + 8
    if kind == 8:
        length, at = _number_at(data, at)
        return at + length
    if kind == _LIST:
        count, each, at = _list_at(data, at)
        if count > len(data):
            raise IndexError
        for _ in range(count):
            at = _behind(data, at, each, alone=False)
        return at
    if kind != _STRUCT:
        raise IndexError
    while data[at]:
        if not data[at] >> 4:
            raise IndexError
        at = _behind(data, at + 1, data[at] & 15)
    return at + 1


def _list_at(data: bytes, at: int) -> tuple[int, int, int]:
    """Return how many values of which kind a list has, and where the first one begins."""
    count, kind = data[at] >> 4, data[at] & 15
    if count == 15:
        count, at = _number_at(data, at + 1)
        return count, kind, at
    return count, kind, at + 1


def _number_at(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while data[at] > 127:
        if shift > 56:
            raise IndexError
        number |= (data[at] & 127) << shift
        shift += 7
        at += 1
    return number | data[at] << shift, at + 1


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    return bytes((*written, number))
