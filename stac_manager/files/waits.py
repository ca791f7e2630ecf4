"""What the time of opening and reading documents says of the disk. Pure: times go in, a way to read comes out."""

from __future__ import annotations

from collections import deque
from typing import Literal, TypeAlias

QUICK_SECONDS = 0.00005
"""What takes longer to open and read had to wait, where the system does not tell: memory takes some microseconds, a
disk more than this."""
COLD_READS = 2
"""So many reads in a row that wait are a cold page cache; a single one can be chance."""
SLOW_READS = 8
SLOW_SECONDS = 0.001
"""Waits that are longer than this, by their median, are left to threads, and the event loop stays free."""

QUICK_READS = 64
"""After so many reads by threads in a row that take less than half of `SLOW_SECONDS`, threads bring nothing."""

Way: TypeAlias = Literal["threads", "hints"]


class Waits:
    """What documents that had to be waited for say of the disk.

    Attributes:
        latest: Seconds of the latest waits: of those in a row, or since the latest burst of hints.
        hinting: Whether the system is told what to fetch.
    """

    def __init__(self, *, can_hint: bool) -> None:
        self.latest: deque[float] = deque(maxlen=SLOW_READS)
        self.hinting = False
        self._can_hint = can_hint
        self._opened: deque[float] = deque(maxlen=SLOW_READS)
        self._burst = 0
        self._of_burst = 0
        self._quick = 0

    def add(self, seconds: float, *, waited: bool | None = None) -> Way | None:
        """Take note of a read; tell in which other way to read, if that is what the disk calls for.

        Args:
            seconds: What it took.
            waited: Whether it had to wait; None where the system does not tell.
        """
        if not (seconds > QUICK_SECONDS if waited is None else waited):
            if not self.hinting:
                self.latest.clear()
            return None
        self.latest.append(seconds)
        self._of_burst += 1
        if _are_slow(self.latest):
            self.hinting = False
            return "threads"
        if len(self.latest) >= COLD_READS and self._can_hint and not self.hinting:
            self.hinting = True
            self.latest.clear()
            return "hints"
        return None

    @property
    def bursts_are_short(self) -> bool:
        """Whether more than every fourth read of the latest burst had to wait all the same."""
        return self._of_burst * 4 > self._burst > 0

    def begin_burst(self, documents: int) -> None:
        """Take note of hints for so many documents."""
        if 2 * self._of_burst <= self._burst:  # hints help; else it is a slow disk, perhaps
            self.latest.clear()
        self._burst, self._of_burst = documents, 0

    def opened(self, seconds: float) -> Way | None:
        """Take note of what it took to open a document of a burst, which hints do not make faster."""
        self._opened.append(seconds)
        if seconds > SLOW_SECONDS and _are_slow(self._opened):
            self.hinting = False
            return "threads"
        return None

    def by_thread(self, seconds: float) -> bool:
        """Take note of what a thread took to open and read a document; tell whether to go on without threads."""
        self._quick = self._quick + 1 if seconds < SLOW_SECONDS / 2 else 0
        if self._quick < QUICK_READS:
            return False
        self._quick = 0
        self.latest.clear()
        self._opened.clear()
        return True


def _are_slow(seconds: deque[float]) -> bool:
    return len(seconds) == SLOW_READS and sorted(seconds)[SLOW_READS // 2] > SLOW_SECONDS
