"""Older items of a partition are handed over to others while its own pages go on, which come newest first.

Nothing is asked for twice by that. Whether pages kept their order nobody knows before the end: then the server's count
of the whole tells, if that can be believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, floor, inf

from stac_manager.api.cutting import Cutter
from stac_manager.api.first_page import FULLEST_SMALL_SLICE
from stac_manager.api.reading import Reading
from stac_manager.api.shares import Share
from stac_manager.plan import Interval, Partition
from stac_manager.timestamps import SECOND

FEWEST_PAGES = 2  # fewer that are left are not handed over


def parts_to_hand_over(left: float, idle: int, others: float = 0.0) -> int:
    """Into how many parts to cut what is left of a partition, in pages, so that all are read in as few rounds as idle
    hands allow, and no fewer than the `others` need who get no help: each has a bit less than so many pages. 0 to leave
    it."""
    rounds = max(ceil(left / (idle + 1) + 1 - FULLEST_SMALL_SLICE), ceil(others))
    if left < FEWEST_PAGES or rounds >= ceil(left):
        return 0
    return max(min(ceil(left / (rounds - 1 + FULLEST_SMALL_SLICE)), idle + 1), 2)


class HandingOver:
    """Hands over parts of the `partitions` of a search of `counted` items, where what is lost is found in the end."""

    def __init__(self, cuts: Cutter, counted: int, partitions: Sequence[Partition]) -> None:
        self._cuts = cuts
        self._whole = counted
        self._uncounted = sum(isinstance(partition, Interval) for partition in partitions)
        self._sum = 0
        self._waiting: list[tuple[Reading, int, float]] = []
        self._kept: dict[Reading, None] = {}

    def learn(self, reading: Reading, counted: int) -> None:
        """Take note of how many items a partition holds."""
        if reading.share.parent is None:
            self._uncounted, self._sum = self._uncounted - 1, self._sum + counted

    def cut(self, parts: int) -> None:
        """Take note that a partition was replaced by so many before it was counted."""
        self._uncounted += parts - 1

    def is_sorted(self, reading: Reading) -> bool:
        """Tell whether the pages of a partition come newest first, as far as is known, and nothing else is odd."""
        share, known = reading.share, reading.counted is not None and reading.descent.is_in_order
        return self._cuts.newest_first is True and known and not (share.doubted or share.failing)

    @property
    def is_proved(self) -> bool:
        """Whether the count of the whole can be believed: its parts, all of which are counted, have no more. Where they
        have, it is capped or an estimate, and hides as many that are lost."""
        return self._uncounted <= 0 and self._sum <= self._whole

    @property
    def waits(self) -> bool:
        """Whether parts are still to be counted, after which something is handed over."""
        return self._uncounted > 0 and bool(self._waiting)

    def later(self, reading: Reading, parts: int, end: float) -> None:
        """Hand over so many parts once the count of the whole is proved; its first page ends at the second `end`."""
        self._waiting.append((reading, parts, end))

    def proved(self, page_size: int) -> list[tuple[Reading, list[Share]]]:
        """What is handed over by now of what was to be handed over later."""
        if not self.is_proved:
            return []
        waiting, self._waiting = self._waiting, []
        able = [each for each in waiting if each[0].following is not None and not each[0].stopped]
        return [
            (reading, self.hand_over(reading, parts - 1, page_size, end if reading.tally.fetched == 1 else None))
            for reading, parts, end in able
        ]

    def once_more(self) -> list[Share]:
        """What those read who handed over: where items do not come in order after all, it is there that some lack."""
        kept, self._kept = self._kept, {}
        return [Share(reading.share.partition, reading.before) for reading in kept if not reading.stopped]

    def hand_over(self, reading: Reading, idle: int, size: int, end: float | None, theirs: float = 0) -> list[Share]:
        """What so many idle hands read of a partition, which is read on in its newest part from now on. Its pages end
        at the second `end`; None: only where the latest one begins is known. `theirs`: pages that others have."""
        partition, left, pace = reading.share.partition, reading.pages_left(size), reading.descent.pace
        assert isinstance(partition, Interval)
        if end is None:
            assert reading.descent.reached is not None
            end = reading.descent.reached
            if 0 < pace < inf:
                end -= pace
                self._cuts.spread(partition, end, pace / size, ceil(left * size))
        parts = parts_to_hand_over(left, idle, theirs)
        left = ceil(left * size)
        edge = (floor(end) + 1) * SECOND
        rest = replace(partition, end=edge if partition.end is None else min(partition.end, edge), estimate=left)
        *others, own = (self._cuts.cut(rest, parts) if parts else []) or [rest]
        if others:
            self._kept[reading] = None
            reading.keep(replace(own, end=partition.end), sum(other.estimate or 0 for other in others))
        # The latest page may reach into them.
        return [replace(reading.share, partition=other, parent=rest, before=reading.before) for other in others]
