"""What the first page of a search tells: whether time can cut it, into how many parts, and where its items are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil, inf
from time import time
from typing import Any

from stac_manager.api.cutting import FARTHEST_EDGE, Density, times_of
from stac_manager.api.paging import Page
from stac_manager.api.query import SHORTEST_SECONDS
from stac_manager.api.survey import Survey
from stac_manager.timestamps import YEAR_SECONDS, seconds

PAGES_A_NEWCOMER = 5  # so many are left in a slice for each worker who may join while a search is read
MOST_SLICES_A_WORKER = 8  # counts that cannot be right make no plan that is too long to make
LONG_SHARE = 0.05  # items that last a larger share of the extent are in too many slices of time
PARTS_WITHOUT_COUNTS = 8  # it is cut into so many at most, which are cut again where they prove long
SLICES_WITHOUT_LINKS = 4  # without next links: slices in all
# A search of so many pages is there as soon in sequence: a cut one takes two rounds after its first page as well.
PAGES_IN_SEQUENCE = 3
FULLEST_SMALL_SLICE = 0.85  # slices of a page or two should rather hold a bit less than a page than a bit more
# The last page of a tile is half empty in the mean, and foreign items are at its edges: fewer tiles, fewer requests.
PAGES_A_TILE = 2.5


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the parts of a search should be like."""

    items: float = inf  # how many a partition should hold
    workers: int = 1  # how many are read at once
    counted: int | None = None  # the server's number of items of the whole

    @classmethod
    def of(cls, counted: int | None, parts: int, workers: int) -> Sizes:
        """Those of so many parts of a search."""
        return cls(inf if counted is None else counted / parts, workers, counted)


def at_one_instant(members: list[Any]) -> bool:
    """Whether all items of a page have the same time."""
    times = times_of(members)
    return len(times) > 1 and len(times) == len(members) and max(times) - min(times) < SHORTEST_SECONDS


def ranges_are_long(members: list[Any], extent: tuple[float | None, float | None]) -> bool:
    """Whether most items of a page last so long that they are in many slices of time at once."""
    ranges = [pair for member in members if (pair := range_of(member)) is not None]
    if 2 * len(ranges) <= len(members):
        return False
    low = min(start for start, _ in ranges) if extent[0] is None else extent[0]
    high = max(end for _, end in ranges) if extent[1] is None else extent[1]
    lengths = sorted(end - start for start, end in ranges)
    return lengths[len(lengths) // 2] > LONG_SHARE * max(high - low, 1.0)


def range_of(member: Any) -> tuple[float, float] | None:
    properties = member.get("properties")
    if not isinstance(properties, dict):
        return None
    start, end = seconds(properties.get("start_datetime")), seconds(properties.get("end_datetime"))
    return None if start is None or end is None else (start, end)


def lasts(member: Any) -> bool:
    """Whether an item lasts a while."""
    pair = range_of(member)
    return pair is not None and pair[1] - pair[0] >= SHORTEST_SECONDS


def is_odd_in_time(member: Any) -> bool:
    """Whether a server may not find an item by its time: a range that is turned round, a time in another zone."""
    pair, properties = range_of(member), member.get("properties")
    written = properties.get("datetime") if isinstance(properties, dict) else None
    elsewhere = isinstance(written, str) and not written.endswith(("Z", "z", "+00:00"))
    return elsewhere or (pair is not None and pair[1] < pair[0] - 1)


def parts_for(page: Page, workers: int, most: int = 0) -> int:
    """How many partitions keep so many workers busy, or up to `most` where there is enough for them."""
    if not page.size:
        return 1
    if page.matched is None:
        return min(workers, PARTS_WITHOUT_COUNTS) if page.following else SLICES_WITHOUT_LINKS
    pages_in_all = page.matched / page.size
    if page.following is not None and 1 < pages_in_all <= PAGES_IN_SEQUENCE:
        return 1
    workers = max(workers, min(round(pages_in_all / PAGES_A_NEWCOMER), most))
    each = pages_in_all / workers
    each = each if each > 2 else max(each, FULLEST_SMALL_SLICE)
    return min(ceil(pages_in_all / each), MOST_SLICES_A_WORKER * workers)


def tiles_for(page: Page, workers: int) -> int:
    """The same for partitions by area."""
    parts = parts_for(page, workers)
    if page.matched is None or not page.size:
        return parts
    return max(min(parts, round(page.matched / page.size / PAGES_A_TILE)), 2)


def expected(known: Survey, members: list[Any]) -> Density:
    """What is known of the times of the items before the first slice is read, from `members` of its first page."""
    bounds = known.query.bounds
    times = times_of(members)
    low, high = known.extent
    if high is None:
        in_order = len(times) > 1 and all(earlier <= later for later, earlier in pairwise(times))
        elsewhere = max([time(), *times]) if bounds.high is None else bounds.high  # the newest items are on other pages
        high = max(times) + 1 if in_order and known.failed is None else elsewhere
    if low is None:
        low = min(times, default=high) - YEAR_SECONDS
    low = low if bounds.low is None else max(low, bounds.low)
    high = high if bounds.high is None else min(high, bounds.high)
    low, high = max(low, -FARTHEST_EDGE), min(high, FARTHEST_EDGE)  # as nothing is cut elsewhere
    if low >= high:  # the Collections say that there is nothing here, but there is
        low = bounds.low if bounds.low is not None else high - YEAR_SECONDS
        high = bounds.high if bounds.high is not None else max(low, high) + YEAR_SECONDS
    return Density.even(low, high, float(known.page.matched or 1_000))
