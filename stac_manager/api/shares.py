"""Partitions to read, and what is counted and remembered while one is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from math import inf

from stac_manager.api.requests import Request
from stac_manager.api.seen import Seen
from stac_manager.exceptions import DataProcessingError
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


@dataclass(slots=True)
class Tally:
    """What is counted while a partition is read.

    Attributes:
        fetched: Pages that came; `read` of them were delivered.
        members: Members of those that came.
        items: Items delivered.
        duplicates: Members that came again, here or where a share was read before.
        foreign: Members that belong to other partitions.
        left_out: Members that do not meet the conditions of the search.
        near: Those of the page at hand that hardly miss them, and came over a link.
        failed: Members that are no items.
        skipped: Members that cannot be had.
        twice: Those that came again on one and the same page: the server has them twice, and counts them so.
        short: Pages that are not as large as this server's get.
    """

    fetched: int = 0
    read: int = 0
    members: int = 0
    items: int = 0
    duplicates: int = 0
    foreign: int = 0
    left_out: int = 0
    near: int = 0
    failed: int = 0
    skipped: int = 0
    twice: int = 0
    short: int = 0


@dataclass(slots=True)
class Memory:
    """What a reading remembers: marks of its own items, of others, of its pages and of its requests.

    Attributes:
        new_on_page: New members of the page at hand.
        stale: Pages in a row without a new member, `empty` without any.
        last_was_full: Whether the latest page was as large as this server's pages get.
        unnamed: Why members cannot be had behind which nothing has come yet: they may be behind the last.
        counts: What its pages said that there is; `counting`, whether their links count.
        anew: Whether it was begun once more, over what came already: over `again` members of that, from here on.
    """

    own: Seen = field(default_factory=Seen)
    others: Seen = field(default_factory=Seen)
    pages: set[int] = field(default_factory=set)
    asked: set[int] = field(default_factory=set)
    new_on_page: int = 0
    stale: int = 0
    empty: int = 0
    last_was_full: bool = False
    unnamed: list[str] = field(default_factory=list)
    counts: set[int] = field(default_factory=set)
    counting: bool = False
    anew: bool = False
    again: int = 0

    def is_new(self, mark: int, *, own: bool) -> bool:
        """Tell whether a member has not come before in this reading, and remember it."""
        new = (self.own if own else self.others).add(mark)
        self.new_on_page += new
        return new

    @property
    def different(self) -> int:
        return len(self.own) + len(self.others)


@dataclass(slots=True)
class Ending:
    """Why the end of a partition cannot be believed.

    Attributes:
        problem: That, in words.
        doubtful: Whether it is no more than a doubt: nothing shows that items are missing; without one, of a count.
        error: What went wrong with a page, so that others may help.
        shifted: Why pages may have moved while they were read.
        elsewhere: What went wrong at the address that the landing page names, before another one was tried.
        refused: The request for the page that cannot be had.
    """

    problem: str | None = None
    doubtful: bool = False
    error: str | None = None
    shifted: str | None = None
    elsewhere: DataProcessingError | None = None
    refused: Request | None = None
