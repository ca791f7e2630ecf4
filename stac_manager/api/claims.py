"""Who delivers an item of which nobody can tell the owner: the first that sees it, or whom its time points to."""

from __future__ import annotations

from typing import Any

from stac_manager.api.ownership import time_of
from stac_manager.api.seen import digest_of
from stac_manager.plan import Interval, Partition


class Claims:
    """Items with an unclear owner.

    Args:
        alone: The one partition that is read here, while others are read elsewhere; None in one run over all.

    Attributes:
        doubtful: Digests of those that were left to others.
        settled: Digests of those that were delivered, where others may have seen them.
        claimed: Marks of those that were delivered.
    """

    def __init__(self, alone: Partition | None) -> None:
        self._alone = alone
        self.claimed: set[int] = set()
        self.doubtful: dict[str, None] = {}
        self.settled: dict[str, None] = {}

    def belongs_here(self, member: Any, mark: int, *, item: bool) -> bool:
        """Whether no partition that is read elsewhere delivers a member."""
        if self._alone is None:
            return True
        here = _points_to(member, self._alone)
        (self.settled if here else self.doubtful)[digest_of(member) if item else f"{mark:032x}"] = None
        return here

    def claim(self, mark: int) -> bool:
        """Take a member, if nobody has yet."""
        if mark in self.claimed:
            return False
        self.claimed.add(mark)
        return True


def _points_to(member: Any, partition: Partition) -> bool:
    """Whether a partition is the one that delivers an item with an unclear owner, of all those of a plan."""
    time = time_of(member)[0] if isinstance(member, dict) else None
    if not isinstance(partition, Interval):
        return True
    if time is None:
        return partition.start is None
    return (partition.start is None or time >= partition.start) and (partition.end is None or time < partition.end)
