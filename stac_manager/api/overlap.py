"""Whether the partitions of a search hold the same items again, so that cutting only multiplies the work."""

from __future__ import annotations

from stac_manager.api.ownership import OWN, owner
from stac_manager.api.paging import Page
from stac_manager.api.space import UNDIMINISHED
from stac_manager.plan import Partition

OVERLAP = 2
"""Partitions that have so many times the items of the whole are not parts of it: long ranges are in all of them."""
OVERLAPPING = (
    "Fewer requests at once: the time slices hold the same items again (items that span long ranges, or wrong counts)."
)
MOST_TWINS, TWINS_A_CUT = 10, 0.75
"""So many more than one such part, and so many a cut, are more than items at the edges explain."""


class Overlap:
    """What the counts of partitions tell of it; `whole` is the count of the search, None where there is none."""

    def __init__(self, whole: int | None) -> None:
        self._whole = whole
        self._counted = 0
        self._undiminished: dict[str, int] = {}  # parts that hold all of the partition that was cut, by its key
        self._twins = 0  # such parts beside the first of each

    def add(self, counted: int, parent: Partition | None) -> None:
        """Take note of the count of a partition, and of what it was cut out of."""
        self._counted += counted
        if parent is None or parent.estimate is None:
            return
        parts = self._undiminished.setdefault(parent.key, 0)
        if 0 < UNDIMINISHED * parent.estimate <= counted:
            self._undiminished[parent.key] = parts + 1
            self._twins += parts > 0

    def forget(self, counted: int) -> None:
        """Take note that others are read in place of one that holds so many."""
        self._counted -= counted

    def is_likely(self, page_size: int) -> bool:
        """Whether there are more items in the partitions than in the whole, or parts hold all that the partition held,
        each of them. So it is where a server rounds times, or where items last long."""
        if self._twins > max(MOST_TWINS, TWINS_A_CUT * len(self._undiminished)):
            return True
        return self._whole is not None and self._counted > OVERLAP * self._whole + 4 * page_size


def holds_others(page: Page, partition: Partition) -> bool:
    """Whether most items of a page belong to other partitions."""
    members = page.objects()
    return 2 * sum(owner(member, partition) is OWN for member in members) < len(members)
