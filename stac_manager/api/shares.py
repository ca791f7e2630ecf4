"""Partitions that wait to be read, with what has been delivered of them already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf

from stac_manager.api.seen import Seen
from stac_manager.plan import Interval, Partition


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """A partition to read, or what is left of one.

    Attributes:
        partition: What to read.
        before: Items of it that were delivered already, as far as they can come again.
        depth: How often it was cut out of a larger one because something was wrong with that.
        failing: Whether that was a page which cannot be had: it may be in here.
        parent: What it was cut out of, with the server's count as its estimate, where that was counted.
        doubted: Whether it is read once more for the sake of a count that contradicts its pages.
    """

    partition: Partition
    before: tuple[Seen, ...] = ()
    depth: int = 0
    failing: bool = False
    parent: Partition | None = None
    doubted: bool = False


def weight_of(share: Share) -> float:
    """How many items a share is believed to hold. What nobody knows anything of is read first: it may hold many."""
    return share.partition.estimate or inf


def put_together(shares: Iterable[Share]) -> list[tuple[list[Share], Share]]:
    """Intervals of which each begins where the one before it ends, and the one in place of them; those that stand
    alone are left out."""
    groups: list[list[tuple[Interval, Share]]] = []
    intervals = [(share.partition, share) for share in shares if isinstance(share.partition, Interval)]
    for partition, share in sorted(intervals, key=lambda each: -inf if each[0].start is None else each[0].start):
        if groups and groups[-1][-1][0].end is not None and groups[-1][-1][0].end == partition.start:
            groups[-1].append((partition, share))
        else:
            groups.append([(partition, share)])
    together = []
    for group in groups:
        if len(group) > 1:
            members = [share for _, share in group]
            before = tuple({id(seen): seen for share in members for seen in share.before}.values())
            whole = replace(group[0][0], end=group[-1][0].end, estimate=None)
            together.append((members, Share(whole, before, max(share.depth for share in members))))
    return together
