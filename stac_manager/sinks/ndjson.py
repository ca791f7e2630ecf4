"""Parts of NDJSON, plain or compressed with zstd."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from stac_manager.files.compression import zstd
from stac_manager.parsing.texts import TextBatch, text_of
from stac_manager.protocols import Item
from stac_manager.sinks.disk import Disk
from stac_manager.sinks.model import Format

BUFFER_BYTES = 1 << 17
"""Lines are written in pieces of about this size."""
SYNC_BYTES = 4_194_304
"""The disk gets so much at a time while further lines are read."""
ZSTD_LEVEL = 3


class Part(Protocol):
    """A part that is being written under a temporary name.

    Attributes:
        items: Items in it so far.
        arrow_bytes: Bytes of them as Arrow has them in memory; 0 of what is no table.
    """

    items: int
    arrow_bytes: int

    @property
    def columns(self) -> bytes | None:
        """Its columns, where it has such, as Arrow writes a schema."""

    def write(self, items: Iterable[Item]) -> None:
        """Add items, and keep no reference to them."""

    def finish(self) -> int:
        """Write the rest, close the file and return its size in bytes. It is not synced yet."""

    def abort(self) -> None:
        """Close the file as it is."""


class NdjsonPart:
    """NDJSON, an item a line, in UTF-8.

    Args:
        disk: Writes.
        path: Where.
        text_of: Makes an item JSON on one line, before the next is taken.
    """

    columns: bytes | None = None
    arrow_bytes = 0

    def __init__(self, disk: Disk, path: Path, text_of: Callable[[Item], bytes] = text_of) -> None:
        self.items = 0
        self._text_of = text_of
        self._disk = disk
        self._file = disk.create(path)
        self._buffers: list[bytes] = []
        self._pending = self._bytes = self._syncing = 0

    def write(self, items: Iterable[Item]) -> None:
        self.write_texts(self._texts(items))

    def _texts(self, items: Iterable[Item]) -> Iterator[bytes]:
        text_of = self._text_of
        for item in items:
            if type(item) is TextBatch:
                self.items += item.count - 1
                yield item.text
            else:
                yield text_of(item)

    def write_texts(self, texts: Iterable[bytes]) -> None:
        """Add items that are JSON on one line already."""
        add, pending, items = self._buffers.append, self._pending, 0
        for text in texts:
            add(text)
            add(b"\n")
            items += 1
            pending += len(text)
            if pending >= BUFFER_BYTES:
                self._flush()
                pending = 0
        self.items += items
        self._pending = pending

    def finish(self) -> int:
        self._flush()
        self._end(self._file)
        self._file.close()
        return self._bytes

    def abort(self) -> None:
        self._file.close()

    def _flush(self) -> None:
        self._put(self._buffers)
        self._buffers.clear()

    def _put(self, buffers: list[bytes]) -> None:
        self._disk.write(self._file, buffers)
        self._bytes += sum(map(len, buffers))
        whole = self._bytes - self._bytes % SYNC_BYTES  # pages that nothing more is written to
        if whole > self._syncing:
            self._disk.begin_sync(self._file, self._syncing, whole)
            self._syncing = whole

    def _end(self, file: BinaryIO) -> None:
        """Nothing ends NDJSON."""


class ZstdNdjsonPart(NdjsonPart):
    """The same as one zstd frame; frames may follow each other in a file (RFC 8878, section 3)."""

    def __init__(self, disk: Disk, path: Path, text_of: Callable[[Item], bytes] = text_of) -> None:
        self._compressor = _compressor()
        super().__init__(disk, path, text_of)

    def _put(self, buffers: list[bytes]) -> None:
        super()._put([self._compressor.compress(b"".join(buffers))])

    def _end(self, file: BinaryIO) -> None:
        super()._put([self._compressor.flush()])


def part_of(format: Format, disk: Disk, path: Path, text_of: Callable[[Item], bytes] = text_of) -> NdjsonPart:
    """Begin a part of NDJSON in a format."""
    return (NdjsonPart if format == "ndjson" else ZstdNdjsonPart)(disk, path, text_of)


def _compressor() -> Any:
    parameter = zstd().CompressionParameter
    options = {parameter.compression_level: ZSTD_LEVEL, parameter.checksum_flag: 1}
    return zstd().ZstdCompressor(options=options)
