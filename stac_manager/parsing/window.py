"""A stretch of a source in one buffer that is used again: how large documents are read without holding them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from stac_manager.parsing.errors import TooLargeError

WINDOW_BYTES = 262_144
MOST_VALUE_BYTES = 268_435_456
"""What has to be in memory as a whole (an item, a line, a page in an array) may be as large as this."""
READ_BYTES = 4_194_304
"""No more is read or unpacked at once: others have their turn in between."""
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

    def pass_lines(self, newline: int, count: int = 1) -> None:
        """Go behind a newline, which is at this byte. Those up to it need not be counted then, which costs a fifth."""
        if self._counted < self.start:
            self.line_at(self.start)
        elif self._counted > self.start:
            self._newlines -= self.buffer.count(b"\n", self.start, self._counted)
        self._newlines += count
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
