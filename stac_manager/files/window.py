"""A stretch of an open file in one buffer that is used again: how large documents are read without holding them."""

from __future__ import annotations

import errno
import io
import os
from contextlib import suppress
from time import perf_counter

from stac_manager.stats import FileStats

WINDOW_BYTES = 262_144
HINT_BYTES = 4_194_304
"""How far the system is asked to read ahead of the window."""

NOWAIT: int = getattr(os, "RWF_NOWAIT", 0)
"""A read with it fails where it would have to wait for the disk (Linux, preadv2(2))."""


class Window:
    """The bytes `buffer[start:end]` of a file, moved on and grown as its user asks.

    The user raises `start` past what it has used up. `view` is a memoryview of `buffer`; neither outlives `more()`.
    """

    def __init__(
        self, stats: FileStats, descriptor: int | None = None, *, data: bytes = b"", hint: bool = False
    ) -> None:
        self._stats = stats
        self._descriptor = descriptor
        self._offset = 0
        self._hinted = 0 if hint and hasattr(os, "posix_fadvise") else -1
        self.buffer = bytearray(WINDOW_BYTES) if descriptor is not None else bytearray(data)
        self.view = memoryview(self.buffer)
        self.start = 0
        self.end = len(data)
        self.newlines = 0
        """Newlines before the first byte of `buffer`, so that errors can name a line."""

    def more(self) -> bool:
        """Read further bytes behind `end`, making room first; False at the end of the file.

        What was before `start` is gone afterwards and `start` is 0. A window that is full of what is still in use
        doubles.

        Raises:
            OSError: If the file cannot be read.
        """
        if self._descriptor is None:
            return False
        left = self.end - self.start
        if self.start:
            self.newlines += self.buffer.count(b"\n", 0, self.start)
            self.view[:left] = self.view[self.start : self.end]
        elif left == len(self.buffer):
            grown = bytearray(2 * len(self.buffer))
            grown[:left] = self.buffer
            self.buffer, self.view = grown, memoryview(grown)
        self.start, self.end = 0, left
        count = self._read(self.view[left:])
        self._offset += count
        self._stats.bytes += count
        self.end = left + count
        return count > 0

    def line_at(self, position: int) -> int:
        """Return the number, from 1, of the line that holds the byte at `position` of the buffer."""
        return self.newlines + self.buffer.count(b"\n", 0, position) + 1

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _read(self, target: memoryview) -> int:
        assert self._descriptor is not None
        if 0 <= self._hinted <= self._offset + HINT_BYTES // 2:
            with suppress(OSError):
                os.posix_fadvise(self._descriptor, self._offset, HINT_BYTES, os.POSIX_FADV_WILLNEED)
            self._hinted = self._offset + HINT_BYTES
        started = perf_counter()
        count, waited = read_into(self._descriptor, target, self._offset)
        self._stats.seconds_waiting += waited
        self._stats.seconds_reading += perf_counter() - started
        return count


def read_into(descriptor: int, target: memoryview, offset: int) -> tuple[int, float]:
    """Read from `offset` on, and return the number of bytes and the seconds of waiting for the disk.

    How long it waited is known where the system can read without waiting (`RWF_NOWAIT`), else 0.
    """
    if not hasattr(os, "preadv"):
        with io.FileIO(descriptor, closefd=False) as file:
            file.seek(offset)
            return file.readinto(target) or 0, 0.0
    if NOWAIT:
        try:
            return os.preadv(descriptor, [target], offset, NOWAIT), 0.0
        except BlockingIOError:
            started = perf_counter()
            return os.preadv(descriptor, [target], offset), perf_counter() - started
        except OSError as error:
            if not cannot_nowait(error):
                raise
    return os.preadv(descriptor, [target], offset), 0.0


def cannot_nowait(error: OSError) -> bool:
    """Tell whether the file system knows no reading without waiting: some network and union file systems."""
    return error.errno == errno.EOPNOTSUPP
