"""Partitions to read, and what is counted and remembered while one is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from math import inf

from stac_manager.api.paging import Page
from stac_manager.api.requests import Request, mark_of_request
from stac_manager.api.seen import Sample, Seen
from stac_manager.exceptions import DataProcessingError
from stac_manager.plan import Interval, Partition, Tile
from stac_manager.timestamps import SECOND


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """A partition to read, or what is left of one."""

    partition: Partition
    before: tuple[Seen, ...] = ()  # what was delivered of it already, as far as that can come again
    depth: int = 0  # how often it was cut out of a larger one because something was wrong with that
    failing: bool = False  # whether that was a page which cannot be had: it may be in here
    alone: bool = False  # whether it is not cut, so that smaller pages of it are asked for
    jumps: int = 0  # over what cannot be had, of a search in order, since something came
    doubted: bool = False  # whether it is read once more for the sake of a count that contradicts its pages
    doubt: str | None = None  # what no count of it proves


def weight_of(share: Share) -> float:
    """How many items a share is believed to hold. What nobody knows anything of is read first: it may hold many; and
    last what cannot be had, as then a count may say how much that is."""
    return share.partition.estimate or (0 if share.failing else inf)


def begin_of(partition: Partition) -> float:
    """Where an interval begins; infinity of others, which come after all of these."""
    if not isinstance(partition, Interval):
        return inf
    return -inf if partition.start is None else partition.start


def put_together(shares: Iterable[Share]) -> list[tuple[list[Share], Share]]:
    """Several intervals of which each begins where the one before it ends, and the one in place of them."""
    groups: list[list[Share]] = []
    intervals = [share for share in shares if isinstance(share.partition, Interval)]
    for share in sorted(intervals, key=lambda each: begin_of(each.partition)):
        if groups and len(joined([groups[-1][-1].partition, share.partition])) == 1:
            groups[-1].append(share)
        else:
            groups.append([share])
    together = []
    for group in (each for each in groups if len(each) > 1):
        before = tuple({id(seen): seen for share in group for seen in share.before}.values())
        [whole] = joined(replace(share.partition, estimate=None) for share in group)
        together.append((group, Share(whole, before, max(share.depth for share in group))))
    return together


def together(one: Partition, other: Partition, margin: int = 0) -> Interval | Tile | None:
    """What two have together of which one begins where another one ends, or before, or hardly after that; else None."""
    if not (isinstance(one, Interval | Tile) and isinstance(other, Interval | Tile)) or type(one) is not type(other):
        return None
    pairs = ((one, other), (other, one))
    if not all(each.end is None or after.start is None or after.start <= each.end + margin for each, after in pairs):
        return None
    start = None if one.start is None or other.start is None else min(one.start, other.start)
    end = None if one.end is None or other.end is None else max(one.end, other.end)
    if isinstance(one, Interval) or isinstance(other, Interval):
        return replace(one, start=start, end=end)
    if any(after.west > each.east or after.south > each.north for each, after in ((one, other), (other, one))):
        return None
    lows = {name: min(getattr(one, name), getattr(other, name)) for name in ("west", "south")}
    return replace(one, start=start, end=end, east=max(one.east, other.east), north=max(one.north, other.north), **lows)


def joined(partitions: Iterable[Partition], most: float = inf) -> list[Partition]:
    """The same, with intervals that begin where the one before them ends as one, of no more items than `most`."""
    found: list[Partition] = []
    for each in partitions:
        last = found[-1] if found else None
        items = sum(inf if part is None or part.estimate is None else part.estimate for part in (last, each))
        if isinstance(last, Interval) and isinstance(each, Interval) and last.end == each.start and items <= most:
            found[-1] = replace(last, end=each.end, estimate=None if items == inf else int(items))
        else:
            found.append(each)
    return found


@dataclass(slots=True)
class Descent:
    """Where a reading stands in time, in seconds."""

    reached: float | None = inf  # the beginning of its latest page; None where pages do not come newest first
    ended: float | None = None  # the end of the latest page that was delivered
    pace: float = inf  # how much lies between the beginnings of the latest two

    @property
    def is_in_order(self) -> bool:
        """Whether pages came, and newest first."""
        return self.reached not in (None, inf)

    def go_on(self, time: int | None) -> None:
        """Take note of the time of the first item of a page, in nanoseconds."""
        if self.reached is None or time is None:
            self.reached, self.pace = None, inf
            return
        second = time / SECOND
        self.pace = self.reached - second
        self.reached = second if self.pace >= 0 else None


LOOP = "the server's next link leads back to a page already read"
REPEAT = "the server repeats a page"
CIRCLES = (LOOP, REPEAT)
STALE_PAGES = 20
EMPTY_PAGES = 5  # so many empty pages in a row are the end where there is no count
STALE = f"{STALE_PAGES} pages in a row held nothing new"


@dataclass(slots=True)
class Circles:
    """Marks of the requests for pages and of the pages themselves, and how long nothing new came."""

    asked: set[int] = field(default_factory=set)
    pages: set[int] = field(default_factory=set)
    empty: int = 0  # pages in a row without any member
    stale: int = 0  # pages in a row without a new member
    fresh: int = 0  # pages with one
    began: int | None = None  # the mark of the first member of the first page, if it has others
    again: int = 0  # so many members are still to come once more, as it was begun anew
    short: bool = False  # whether the latest page was smaller than others, and than was asked for

    def accept(self, request: Request, size: int) -> None:
        """Take note of a page that has come for a request."""
        self.asked.add(mark_of_request(request))
        self.empty = 0 if size else self.empty + 1

    def lead_back_to(self, request: Request) -> bool:
        """Whether a request is one of those whose pages came."""
        return mark_of_request(request) in self.asked

    def finish_page(self, different: frozenset[int], members: int, new: int) -> str | None:
        """Take note of so many members of a page, of which so many are new; say why none should follow."""
        self.stale = 0 if new or self.again > 0 else self.stale + 1
        self.fresh += new > 0
        self.again -= members
        mark = hash(different)
        repeats = members > 0 and mark in self.pages
        self.pages.add(mark)
        return REPEAT if repeats else STALE if self.stale >= STALE_PAGES else None

    def begin_anew(self, came: int) -> None:
        """Forget the pages, of which so many members came: they come once more."""
        self.asked.clear()
        self.pages.clear()
        self.again = came


@dataclass(slots=True)
class Tally:
    """What is counted while a partition is read."""

    fetched: int = 0  # pages that came
    read: int = 0  # pages that were delivered
    members: int = 0  # of the pages that came
    items: int = 0  # that were delivered
    duplicates: int = 0  # members that came again, here or where a share was read before
    foreign: int = 0  # members that belong to other partitions
    left_out: int = 0  # members that do not meet the conditions of the search
    failed: int = 0  # members that are no items
    skipped: int = 0  # members that cannot be had
    twice: int = 0  # members that came again on the same page: the server has them twice, and counts them so


@dataclass(slots=True)
class Memory:
    """What a reading remembers: marks of its own items and of others, and what its pages were like."""

    own: Seen = field(default_factory=Seen)
    others: Seen = field(default_factory=Seen)
    circles: Circles = field(default_factory=Circles)
    last_was_full: bool = False  # whether the latest page with members was as large as this server's pages get
    unnamed: list[str] = field(default_factory=list)  # why members behind which nothing came yet cannot be had
    repeated: list[str] = field(default_factory=list)  # ids of some items that came again
    counts: set[int] = field(default_factory=set)  # what its pages said that there is
    counting: bool = False  # whether their links count
    miscounted: bool = False  # whether a page had another number of members than it said
    anew: bool = False  # whether it was begun once more, over what came already

    def is_new(self, mark: int, *, own: bool) -> bool:
        """Tell whether a member has not come before in this reading, and remember it."""
        return (self.own if own else self.others).add(mark)

    @property
    def different(self) -> int:
        """How many members came, each counted once."""
        return len(self.own) + len(self.others)


@dataclass(slots=True)
class Ending:
    """Why the end of a partition cannot be believed."""

    problem: str | None = None
    doubtful: bool = False  # whether that, or a count, is only doubted: nothing shows that items are missing
    error: str | None = None  # what went wrong with a page, so that others may help
    refused: Request | None = None  # for that page
    lapsed: bool = False  # whether the link to it may have been good for a while only
    uneven: bool = False  # whether a page that is not as large as this server's get was not the last one
    last: Page | Sample | None = None  # the last page, once it came, or what was found beyond it
    shifted: str | None = None  # why pages may have moved while they were read
    elsewhere: DataProcessingError | None = None  # what went wrong at the address that the landing page names
    off_count: bool = False  # whether links lead on past the pages that were to be asked for by their numbers
