"""A stretch of a source in one buffer that is used again: how large documents are read without holding them."""

from __future__ import annotations

import errno
import io
import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import perf_counter
from typing import Protocol, TypeAlias

from stac_manager.broken import TooLargeError
from stac_manager.stats import FileStats

WINDOW_BYTES = 262_144
MOST_VALUE_BYTES = 268_435_456
"""What has to be in memory as a whole (an item, a line, a page in an array) may be as large as this."""
READ_BYTES = 4_194_304
"""No more is read or unpacked at once: others have their turn in between."""
HINT_BYTES = 4_194_304
"""How far the system is asked to read ahead of the window."""
ALIGN_BYTES = 65_536

NOWAIT: int = getattr(os, "RWF_NOWAIT", 0)
"""A read with it fails where it would have to wait for the disk (Linux, preadv2(2))."""

ReadAt: TypeAlias = Callable[[memoryview, int], int]
"""Reads bytes of a file from an offset on, and returns how many; 0 at its end."""

WHITE = re.compile(rb"[ \t\r\n]*")
"""White space of JSON."""


class DamagedError(ValueError):
    """A compressed file is cut off, is no such file behind its first bytes, or unpacks to more than it may."""


class Source(Protocol):
    """Where a window gets its bytes."""

    def readinto(self, target: memoryview) -> int:
        """Fill some of `target` and return how much; 0 at the end."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...


class Window:
    """The bytes `buffer[start:end]` of a source, moved on and grown as its user asks.

    The user raises `start` past what it has used up. `view` is a memoryview of `buffer`; neither outlives `more()`.

    Args:
        source: Where further bytes come from.
        data: Bytes that are there already.
        lines_before: Counts the lines before the first byte, where the window begins within a file.

    Attributes:
        damage: Of the source, behind what came of it: the window ends before.
    """

    def __init__(
        self, source: Source | None = None, data: bytes = b"", lines_before: Callable[[], int] | None = None
    ) -> None:
        self._source = source
        self._lines_before = lines_before
        self.buffer = bytearray(data) if source is None else bytearray(data) + bytearray(WINDOW_BYTES - len(data))
        self.view = memoryview(self.buffer)
        self.start = 0
        self.end = len(data)
        self.damage: DamagedError | None = None
        self.passed = 0
        """So many bytes of the source were before the first one of the buffer."""
        self._newlines = 0
        self._counted = 0
        """So many newlines are before the byte `_counted` of the buffer. Kept, so that each is counted once."""

    def more(self) -> bool:
        """Read further bytes behind `end`, making room first; False at the end of the source.

        What was before `start` is gone afterwards and `start` is 0. A window that is nearly full of what is still in
        use doubles.

        Raises:
            OSError: If the source cannot be read.
            TooLargeError: If what is in use is larger than memory should hold.
        """
        if self._source is None:
            return False
        left = self.end - self.start
        if left > len(self.buffer) - len(self.buffer) // 4:
            if left >= MOST_VALUE_BYTES:
                raise TooLargeError(f"a value is larger than {MOST_VALUE_BYTES >> 20} MB")
            grown = bytearray(2 * len(self.buffer))
            grown[:left] = self.view[self.start : self.end]
            self._forget()
            self.buffer, self.view = grown, memoryview(grown)
        elif self.start:
            self._forget()
            self.view[:left] = self.view[self.start : self.end]
        self.start, self.end = 0, left
        count = 0
        try:
            count = self._source.readinto(self.view[left : left + READ_BYTES])
        except DamagedError as error:
            self.damage = error
        self.end = left + count
        return count > 0

    def behind(self, run: re.Pattern[bytes], at: int) -> int:
        """Return where a run of bytes that begins at `at` ends: at `end`, if nothing else was read yet."""
        found = run.match(self.buffer, at, self.end)
        return found.end() if found else at

    def _forget(self) -> None:
        """Count the lines and bytes before `start`, which is about to become 0."""
        self.passed += self.start
        self.line_at(self.start)
        if self._counted > self.start:
            self._newlines -= self.buffer.count(b"\n", self.start, self._counted)
        self._counted = 0

    def line_at(self, position: int) -> int:
        """Return the number, from 1, of the line that holds the byte at `position` of the buffer."""
        if position < self._counted:
            newlines = self._newlines - self.buffer.count(b"\n", position, self._counted)
        else:
            if self.buffer.find(b"\n", self._counted, position) >= 0:  # ten times as fast as to count none
                self._newlines += self.buffer.count(b"\n", self._counted, position)
            newlines = self._newlines
            self._counted = position
        return newlines + 1

    def pass_line(self, newline: int) -> None:
        """Go behind the next newline, which is at this byte. It need not be counted then, which costs a fifth."""
        if self._counted < self.start:
            self.line_at(self.start)
        elif self._counted > self.start:
            self._newlines -= self.buffer.count(b"\n", self.start, self._counted)
        self._newlines += 1
        self.start = self._counted = newline + 1

    def lines_before(self) -> int:
        """Return how many lines of the file are before the window's first byte. They are counted once."""
        if self._lines_before is None:
            return 0
        before = self._lines_before()
        self._lines_before = lambda: before
        return before

    def close(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None


class FileSource:
    """An open file, or a share of it. Closes it.

    Args:
        descriptor: Of the file.
        stats: Count the bytes, and the seconds of reading and waiting.
        hint: Whether to tell the system to fetch what comes next.
        first: The byte where it begins.
        stop: The byte where it ends; None for the end of the file.
    """

    def __init__(
        self, descriptor: int, stats: FileStats, *, hint: bool = False, first: int = 0, stop: int | None = None
    ) -> None:
        self._descriptor: int | None = descriptor
        self._stats = stats
        self._first = self._offset = first
        self._stop = stop
        self._hinted = first if hint and hasattr(os, "posix_fadvise") else -1

    def readinto(self, target: memoryview) -> int:
        if self._descriptor is None:
            return 0
        if self._stop is not None:
            target = target[: max(self._stop - self._offset, 0)]
        if 0 <= self._hinted <= self._offset + HINT_BYTES // 2:
            with suppress(OSError):
                os.posix_fadvise(self._descriptor, self._offset, HINT_BYTES, os.POSIX_FADV_WILLNEED)
            self._hinted = self._offset + HINT_BYTES
        started = perf_counter()
        count, waited = read_into(self._descriptor, target, self._offset)
        self._stats.seconds_waiting += waited
        self._stats.seconds_reading += perf_counter() - started
        self._stats.bytes += count
        self._offset += count
        return count

    def lines_before(self) -> int:
        """Return how many lines of the file are before this share."""
        lines, offset, part = 0, 0, memoryview(bytearray(HINT_BYTES))
        while self._descriptor is not None and offset < self._first:
            count, _ = read_into(self._descriptor, part[: self._first - offset], offset)
            if not count:
                break
            lines += bytes(part[:count]).count(b"\n")
            offset += count
        return lines

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def lines_of_file(descriptor: int, stats: FileStats, first: int, stop: int, *, hint: bool) -> Window:
    """Make a window on the lines of which the first byte lies in [first, stop)."""
    read = reader_of(descriptor)
    begin, end = line_from(read, first), line_from(read, stop)
    source = FileSource(descriptor, stats, hint=hint, first=begin, stop=end)
    return Window(source, lines_before=source.lines_before)


def reader_of(descriptor: int) -> ReadAt:
    """Return what reads an open file anywhere."""
    return lambda target, offset: read_into(descriptor, target, offset)[0]


def line_from(read: ReadAt, at: int) -> int:
    """Return where the first line begins that does so at byte `at` or behind it."""
    if not at:
        return 0
    offset, part = at - 1, memoryview(bytearray(ALIGN_BYTES))
    while True:
        count = read(part, offset)
        found = bytes(part[:count]).find(b"\n")
        if found >= 0 or not count:
            return offset + found + 1
        offset += count


def bytes_between(read: ReadAt, first: int, stop: int) -> bytearray:
    """Return the bytes [first, stop) of a file, as far as it has them."""
    data, filled = bytearray(stop - first), 0
    with memoryview(data) as target:
        while filled < len(data) and (count := read(target[filled:], first + filled)):
            filled += count
    del data[filled:]
    return data


def read_into(descriptor: int, target: memoryview, offset: int) -> tuple[int, float]:
    """Read from `offset` on, and return the number of bytes and the seconds of waiting for the disk.

    How long it waited is known where the system can read without waiting (`RWF_NOWAIT`), else 0.
    """
    read = preadv()
    if NOWAIT:
        try:
            return read(descriptor, [target], offset, NOWAIT), 0.0
        except BlockingIOError:
            started = perf_counter()
            return read(descriptor, [target], offset), perf_counter() - started
        except OSError as error:
            if not cannot_nowait(error):
                raise
    return read(descriptor, [target], offset), 0.0


def preadv() -> Callable[..., int]:
    """Return `os.preadv`, or what does the same where the system lacks it."""
    return getattr(os, "preadv", _preadv)


def _preadv(descriptor: int, buffers: Sequence[memoryview], offset: int, _flags: int = 0) -> int:
    with io.FileIO(descriptor, closefd=False) as file:
        file.seek(offset)
        return file.readinto(buffers[0]) or 0


def cannot_nowait(error: OSError) -> bool:
    """Tell whether the file system knows no reading without waiting: some network and union file systems."""
    return error.errno == errno.EOPNOTSUPP
