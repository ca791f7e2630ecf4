"""Files on disk as sources of a window: reads at any place, what they wait, and where lines begin."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import perf_counter
from typing import TypeAlias

from stac_manager.parsing.window import Window
from stac_manager.stats import FileStats

HINT_BYTES = 4_194_304
"""How far the system is asked to read ahead of the window."""
ALIGN_BYTES = 65_536

NOWAIT: int = getattr(os, "RWF_NOWAIT", 0)
"""A read with it fails where it would have to wait for the disk (Linux, preadv2(2))."""

ReadAt: TypeAlias = Callable[[memoryview, int], int]
"""Reads bytes of a file from an offset on, and returns how many; 0 at its end."""


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
