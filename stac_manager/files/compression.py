"""gzip and zstd, unpacked as far as it is asked for, within a budget."""

from __future__ import annotations

import sys
import threading
import zlib
from contextlib import suppress
from functools import cache
from typing import Any, Literal

from stac_manager.files.formats import GZIP, ZSTD, magic
from stac_manager.parsing.window import DamagedError, Source

PACKED_BYTES = 65_536
UNPACKED_BYTES = 65_536
"""Larger pieces cost fresh memory each."""
MOST_EMPTY = 10_000
"""No writer ends a file with more: BGZF, which makes a member of 64 KB of text, ends with one."""
MOST_RATIO = 1_000
"""Nothing that people write unpacks to more than so many times its size..."""
RATIO_FROM_BYTES = 67_108_864
"""...which is looked at from so many bytes on."""
_MAGIC = {"gzip": GZIP, "zstd": ZSTD}

_NEEDS = {
    "dictionary mismatch": "the dictionary that they were written with",
    "too much memory": "more memory than a stream may take (they were written with --long)",
}
"""What is behind an error of zstd."""


class _Gzip:
    """`zlib` with the interface that `bz2`, `lzma` and `zstd` share."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=31)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length)

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def needs_input(self) -> bool:
        return not self._inflate.eof and not self._inflate.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data


class Unpacked:
    """The content of a compressed source: members or frames one after another.

    Args:
        packed: What is compressed. Closed with this.
        kind: How.
    """

    def __init__(self, packed: Source, kind: Literal["gzip", "zstd"]) -> None:
        self._packed = packed
        self._kind = kind
        self._part = memoryview(bytearray(PACKED_BYTES))
        self._decoder: Any = None
        self._waiting = b""
        self._members = 0
        self._bytes_in = 0
        self._bytes_out = 0
        self._damage: DamagedError | None = None

    def readinto(self, target: memoryview) -> int:
        """Unpack into `target`, as much as fits: what precedes damage comes before the error.

        Raises:
            DamagedError: If it is cut off, damaged, or unpacks to more than it may.
            OSError: If the source cannot be read.
        """
        filled = 0
        while filled < len(target) and self._damage is None:
            try:
                data = self._unpacked(min(len(target) - filled, UNPACKED_BYTES))
            except DamagedError as error:
                self._damage = error
                break
            if not data:
                break
            target[filled : filled + len(data)] = data
            filled += len(data)
        if self._damage is not None and not filled:
            raise self._damage
        return filled

    def _unpacked(self, most: int) -> bytes:
        """Return the next bytes, nothing at the end."""
        data, empty = b"", 0
        while not data:
            if empty > MOST_EMPTY:
                raise DamagedError(f"more than {MOST_EMPTY:,} {self._kind} members in a row hold nothing")
            if self._decoder is None and not self._next_member():
                return b""
            try:
                if self._decoder.needs_input and not self._waiting and not self._read():
                    raise DamagedError(f"the {self._kind} data are cut off after {self._bytes_out:,} bytes of content")
                given, self._waiting = self._waiting, b""
                data = self._decoder.decompress(given, most)
            except (zlib.error, zstd().ZstdError) as error:
                raise DamagedError(_why_not_unpacked(self._kind, str(error))) from None
            if self._decoder.eof:
                self._waiting = self._decoder.unused_data
                self._decoder = None
                empty += 1
        self._bytes_out += len(data)
        if self._bytes_out > RATIO_FROM_BYTES and self._bytes_out > MOST_RATIO * self._bytes_in:
            raise DamagedError(f"the {self._kind} data unpack to more than {MOST_RATIO:,} times their size; refused")
        return data

    def close(self) -> None:
        self._packed.close()

    def _next_member(self) -> bool:
        """Begin the next member; False where there is none. Zeros may follow a gzip file."""
        padded = self._kind == "gzip" and self._members > 0
        while not (self._waiting.lstrip(b"\0") if padded else self._waiting):
            if not self._read():
                return False
        if padded:
            self._waiting = self._waiting.lstrip(b"\0")
        head = self._waiting[:4]
        if self._members and magic(head.ljust(4)) != self._kind and not _MAGIC[self._kind].startswith(head):
            raise DamagedError(f"after the {self._kind} data are bytes that are not {self._kind}")
        self._members += 1
        self._decoder = _Gzip() if self._kind == "gzip" else zstd().ZstdDecompressor()
        return True

    def _read(self) -> bool:
        count = self._packed.readinto(self._part)
        self._bytes_in += count
        self._waiting = bytes(self._part[:count])
        return count > 0


def unpacks_to(packed: str, plain: str, stopped: threading.Event) -> bool:
    """Tell whether one file is another one compressed: to the last byte, as far as nobody stops it before."""
    part = memoryview(bytearray(UNPACKED_BYTES))
    with suppress(OSError, DamagedError), open(packed, "rb", buffering=0) as source, open(plain, "rb") as expected:
        kind = magic(source.read(len(ZSTD)))
        source.seek(0)
        unpacked = Unpacked(source, kind) if kind in ("gzip", "zstd") else None
        while unpacked is not None and not stopped.is_set():
            count = unpacked.readinto(part)
            if expected.read(count or 1) != bytes(part[:count]):
                return False
            if not count:
                return True
    return False


def _why_not_unpacked(kind: str, reason: str) -> str:
    needed = next((need for sign, need in _NEEDS.items() if sign in reason.lower()), None)
    return f"the {kind} data need {needed}; unpack them first" if needed else f"the {kind} data are damaged: {reason}"


@cache
def zstd() -> Any:
    """Return the standard library's module, which Python has from 3.14 on, or its backport."""
    if sys.version_info >= (3, 14):
        from compression import zstd as module
    else:
        from backports import zstd as module
    return module
