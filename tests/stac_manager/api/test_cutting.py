"""Where a search is cut, and into how many parts: pure rules, as tables."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from math import inf
from operator import neg
from typing import Any

import pytest

from stac_manager.api.cutting import Cutter, Density
from stac_manager.api.endpoint import Endpoint
from stac_manager.api.first_page import PARTS_WITHOUT_COUNTS, Sizes, expected, parts_for, tiles_for
from stac_manager.api.ownership import Owner, owner
from stac_manager.api.paging import Page
from stac_manager.api.query import MARGIN_SECONDS, Bounds, Query
from stac_manager.api.reading import Reading
from stac_manager.api.requests import Request
from stac_manager.api.shares import Descent, Share, weight_of
from stac_manager.api.space import SpaceCuts, space_cuts
from stac_manager.api.splitting import (
    FAILURES_IN_VAIN,
    Splitter,
    parts_at_start,
    parts_of_oversized,
    parts_to_share,
    spreads_work,
)
from stac_manager.api.survey import Survey
from stac_manager.plan import Interval
from stac_manager.timestamps import SECOND

NEXT = Request("GET", "http://a.example/search?token=a")


@pytest.mark.parametrize(
    ("interval", "extent", "ends"),
    [
        ("1960-01-01T00:00:00Z/1970-01-01T00:00:00Z", (-315_619_200.0, None), (-315_619_200, 0)),
        ("1970-01-01T00:00:00Z/1980-01-01T00:00:00Z", (-1.0, None), (0, 315_532_800)),
        ("../1970-01-01T00:00:00Z", (-1_000.0, None), (-1_000, 0)),
        (None, (-1_000.0, 0.0), (-1_000, 0)),
    ],
)
def test_a_search_may_end_at_the_beginning_of_1970(interval: str | None, extent: Any, ends: tuple[int, int]) -> None:
    query = Query(Endpoint.guess("http://a.example/"), {}, Bounds.parse(interval))
    page = Page("", 1, None, NEXT, NEXT, [None] * 100)
    known = Survey(query, page, True, None, extent, None)
    found = expected(known, known.page.objects())
    assert (found.low, found.high) == ends


@pytest.mark.parametrize(
    ("size", "matched", "following", "parts"),
    [
        (100, 10_000, True, 10),
        (100, 1_000, True, 10),
        (100, 500, True, 6),  # of less than a page, so that none of them takes two
        (100, 300, True, 1),  # three pages are there as soon in sequence
        (100, 10**10, True, 10),
        (100, None, True, PARTS_WITHOUT_COUNTS),
        (100, None, False, 4),
        (0, 0, False, 1),
    ],
)
def test_into_how_many_parts_ten_workers_cut(size: int, matched: int | None, following: bool, parts: int) -> None:
    assert parts_for(Page("", 1, matched, NEXT if following else None, NEXT, [None] * size), 10) == parts


@pytest.mark.parametrize(
    ("pages", "workers", "most", "parts"),
    [(100, 20, 64, 20), (200, 20, 64, 40), (10**8, 20, 64, 64), (500, 20, 20, 20)],
)
def test_a_large_search_is_cut_for_workers_who_may_join(pages: int, workers: int, most: int, parts: int) -> None:
    assert parts_for(Page("", 1, 100 * pages, NEXT, NEXT, [None] * 100), workers, most) == parts


@pytest.mark.parametrize(("pages", "workers", "tiles"), [(20, 20, 8), (60, 20, 20), (60, 10, 10), (4, 20, 2)])
def test_tiles_are_fewer_where_pages_are_few(pages: int, workers: int, tiles: int) -> None:
    assert tiles_for(Page("", 1, 100 * pages, NEXT, NEXT, [None] * 100), workers) == tiles


@pytest.mark.parametrize(
    ("counted", "nowhere", "nulls", "cuts"),
    [
        (1_000, 0, None, True),
        (1_000, 0, 5, True),
        (1_000, None, 5, False),  # it refuses a bbox
        (1_000, 1_000, None, False),  # or ignores it
        (None, 0, 0, True),
        (None, 0, None, False),  # those without a geometry would be missed, and nobody would know
        (None, 1, 0, False),
    ],
)
def test_whether_space_cuts(counted: int | None, nowhere: int | None, nulls: int | None, cuts: bool) -> None:
    assert space_cuts(counted, nowhere, nulls) is cuts


@pytest.mark.parametrize(
    ("counted", "whole", "parts"),
    [
        (1_000, 10_000, 0),
        (1_400, 10_000, 0),
        (1_500, 10_000, 2),
        (5_000, 10_000, 5),
        (10**9, 10_000, 20),
        (50_000, 60_000, 50),  # a search that was cut for more hands than there are yet
        (10**9, 60_000, 60),
    ],
)
def test_a_partition_of_a_thousand_is_cut_where_it_holds_far_more(counted: int, whole: int, parts: int) -> None:
    assert parts_of_oversized(counted, 100, Sizes(1_000, 10, whole)) == parts
    assert parts_of_oversized(counted, 100, Sizes(inf, 10)) == 0


@pytest.mark.parametrize(
    ("fetched", "left", "idle", "parts"),
    [(1, 3, 9, 0), (1, 4, 9, 4), (1, 10, 9, 10), (1, 10, 1, 2), (5, 5, 9, 5), (4, 4, 9, 0), (50, 5, 9, 0)],
)
def test_work_is_shared_where_that_ends_it_sooner(fetched: int, left: float, idle: int, parts: int) -> None:
    assert parts_to_share(fetched, left, idle) == parts


@pytest.mark.parametrize(
    ("left", "others", "parts"), [(4, 4, 0), (4, 2, 4), (6, 6, 0), (6, 4, 6), (24, 24, 8), (24, 6, 8), (24, 0, 8)]
)
def test_work_is_not_shared_where_others_have_as_much_and_no_help(left: float, others: float, parts: int) -> None:
    assert parts_to_share(1, left, 7, others) == parts


EVEN = Density([0, 100], [100])
SKEWED = Density([0, 90, 100], [10, 90])


@pytest.mark.parametrize(
    ("estimate", "left", "parts"),
    [(500, 10_000, 0), (2_000, 10_000, 2), (1_300, 2_600, 4), (700, 700, 2), (500, 500, 0), (10_000, 10_000, 10)],
)
def test_what_would_keep_one_of_ten_workers_busy_at_the_end_is_cut_before(estimate: int, left: int, parts: int) -> None:
    assert parts_at_start(estimate, left, 10, 100) == parts


@pytest.mark.parametrize(
    ("density", "parts", "reached", "edges"),
    [
        (EVEN, 1, None, []),
        (EVEN, 4, None, [25, 50, 75]),
        (EVEN, 4, 60.5, [19, 39, 58]),  # from second 60 on it was read, at which there may be more than a page
        (EVEN, 4, 200.0, [25, 50, 75]),
        (EVEN, 4, inf, [25, 50, 75]),  # all Items of its pages were left out
        (SKEWED, 2, None, [94]),
        (SKEWED, 4, None, [92, 94, 97]),  # an empty stretch is believed a little
        (Density([0, 2], [100]), 10, None, [1]),  # whole seconds
    ],
)
def test_edges_have_as_many_items_between_them(
    density: Density, parts: int, reached: float | None, edges: list[int]
) -> None:
    cutter = Cutter(Bounds.parse(None), Density(list(density.times), list(density.weights)))
    intervals = cutter.plan(Interval(None, None, by_start=True), parts, reached)
    assert [part.start // SECOND for part in intervals[1:] if part.start is not None] == edges
    assert all(before.end == after.start for before, after in pairwise(intervals))
    if intervals:
        assert intervals[0].start is None
        assert intervals[-1].end is None


def test_what_is_learned_moves_the_edges() -> None:
    density = Density([0, 100], [100])
    density.set_weight(0, 50, 900)
    assert density.weight(0, 100) == pytest.approx(950)
    assert density.edges(0, 100, 2) == [27]


@pytest.mark.parametrize(("workers", "last"), [(2, 0.58), (6, 0.82), (9, 1.0), (10, 1.0)])
def test_parts_for_those_who_begin_later_are_smaller(workers: int, last: float) -> None:
    sizes = [
        after - before
        for before, after in pairwise([0, *Density.even(0, 10_000, 1).edges(0, 10_000, 10, workers), 10_000])
    ]
    assert sizes[-1] / sizes[0] == pytest.approx(last, abs=0.01)
    assert sizes[0] == pytest.approx(sizes[min(workers, 9)], abs=1)
    assert all(before >= after - 1 for before, after in pairwise(sizes))


def test_what_fails_is_cut_in_the_middle_if_all_is_believed_to_lie_in_its_last_second() -> None:
    cutter = Cutter(Bounds.parse(None), Density([0, 999.7, 1_000], [0, 600]))
    piece = Interval(0, 1_000 * SECOND)
    assert not cutter.cut(piece, 2)
    reading = Reading(Share(piece), NEXT, None)
    reading.fail("500")
    parts = [share.partition for share in Splitter(cutter, Sizes()).repaired(reading, 10)]
    assert parts == [replace(piece, end=500 * SECOND, estimate=None), replace(piece, start=500 * SECOND, estimate=None)]


YEARS = 4 * 365 * 86_400


def evenly_in_time(draw: random.Random) -> float:
    return draw.uniform(0, YEARS)


def ever_more(draw: random.Random) -> float:
    return YEARS * draw.random() ** 0.33


def in_a_late_burst(draw: random.Random) -> float:
    return draw.uniform(YEARS - 30 * 86_400, YEARS) if draw.random() < 0.9 else draw.uniform(0, YEARS)


def in_five_bursts(draw: random.Random) -> float:
    return min(max(draw.gauss(YEARS * (draw.randrange(5) + 0.5) / 5, 20 * 86_400), 0), YEARS)


@pytest.mark.parametrize(
    ("when", "workers", "most_requests", "most_rounds"),
    [
        (evenly_in_time, 5, 103, 21),
        (evenly_in_time, 20, 111, 6),
        (ever_more, 5, 112, 25),
        (ever_more, 20, 127, 8),
        (in_a_late_burst, 5, 106, 23),
        (in_a_late_burst, 20, 123, 7),
        (in_five_bursts, 5, 106, 23),
        (in_five_bursts, 20, 132, 9),
    ],
)
def test_intervals_of_100_pages_take_few_requests_and_rounds(
    when: Callable[[random.Random], float], workers: int, most_requests: int, most_rounds: int
) -> None:
    """Pages come newest first, and all that are asked for at once come at once."""
    draw = random.Random(1)
    times = sorted((int(when(draw)) for _ in range(10_000)), reverse=True)
    dates = [datetime.fromtimestamp(time, UTC).isoformat() for time in times]
    cutter = Cutter(Bounds.parse(None), Density.even(times[-1], times[0] + 1, len(times)))
    splitter = Splitter(cutter, Sizes.of(len(times), workers, workers))
    queue = list(map(Share, cutter.plan(Interval(None, None), workers)))
    active: dict[Reading, list[str]] = {}
    requests = rounds = came = 0
    while queue or active:
        idle = workers - len(active) - len(queue)
        if idle > 0 and (found := splitter.shared(active, idle, 100, requests)):
            active.pop(found[0])
            queue += found[1]
        while queue and len(active) < workers:
            share = max(queue, key=weight_of)
            queue.remove(share)
            part = share.partition
            assert isinstance(part, Interval)
            low, high = (bisect_left(times, -(edge or 0) // SECOND, key=neg) for edge in (part.end, part.start))
            if parts := splitter.at_start(share, came, 100):
                queue += parts
                continue
            active[Reading(share, NEXT, NEXT)] = dates[low if part.end else 0 : high if part.start else None]
        rounds, requests = rounds + 1, requests + len(active)
        for reading, rest in list(active.items()):
            following = NEXT if len(rest) > 100 else None
            members = [{"properties": {"datetime": date}} for date in rest[:100]]
            page = Page("", 0, len(rest) + reading.tally.members, following, NEXT, list(members))
            reading.accept(page)
            del rest[:100]
            shares = []
            if reading.tally.fetched == 1:
                shares = splitter.oversized(reading, page, 100)
            queue += shares
            came += 0 if shares else page.size
            if shares or following is None:
                active.pop(reading)
    assert (requests <= most_requests, rounds <= most_rounds) == (True, True), (requests, rounds)


def evenly(draw: random.Random) -> tuple[float, float]:
    return draw.uniform(-180, 180), draw.uniform(-90, 90)


def on_a_grid(draw: random.Random) -> tuple[float, float]:
    return draw.randrange(480) * 0.75 - 180, draw.uniform(-80, 80)


def in_one_country(draw: random.Random) -> tuple[float, float]:
    return draw.uniform(5, 15), draw.uniform(46, 55)


def in_towns(draw: random.Random) -> tuple[float, float]:
    town = draw.randrange(12)
    return town * 37 % 300 - 150 + draw.gauss(0, 4), town * 53 % 120 - 60 + draw.gauss(0, 4)


def in_heaps(draw: random.Random) -> tuple[float, float]:
    heap = draw.randrange(20)
    return heap * 37 % 300 - 150, heap * 53 % 120 - 60


def in_one_heap(draw: random.Random) -> tuple[float, float]:
    return (10.0, 50.0) if draw.random() < 0.97 else evenly(draw)


@pytest.mark.parametrize(
    ("where", "most"),
    [(evenly, 80), (on_a_grid, 76), (in_one_country, 80), (in_towns, 100), (in_heaps, 100), (in_one_heap, 85)],
)
@pytest.mark.parametrize("ordered", [False, True])
def test_tiles_of_60_pages_take_few_requests(
    where: Callable[[random.Random], tuple[float, float]], most: int, ordered: bool
) -> None:
    """Servers order by ids that often are a grid: the first page shows neighbours, and nothing of the others."""
    draw = random.Random(1)
    places = [where(draw) for _ in range(6_000)]
    items = [{"geometry": {"type": "Point", "coordinates": list(place)}} for place in places]
    if ordered:
        items.sort(key=lambda item: item["geometry"]["coordinates"])
    cuts, sizes = SpaceCuts(items[:100]), Sizes(600, 10, 6_000)
    tiles, requests = cuts.plan(None, 10), 1
    while tiles:
        tile = tiles.pop()
        inside = [item for item in items if owner(item, tile) is Owner.OWN]
        cuts.learn(tile, len(inside))
        parts = parts_of_oversized(len(inside), 100, sizes)
        if parts:
            cuts.extrapolate(tile, inside[:100], len(inside) - 100)
        smaller = cuts.cut(tile, parts) if parts else []
        tiles += smaller
        requests += 1 if smaller else max(-(-len(inside) // 100), 1)
    assert requests <= most


@pytest.mark.parametrize(("size", "heap"), [(10, 3), (10, 9), (25, 3), (25, 6), (100, 9), (100, 60)])
@pytest.mark.parametrize("parts", [2, 7, 40])
def test_no_edge_lies_beside_what_may_be_more_than_a_page_at_one_second(size: int, heap: int, parts: int) -> None:
    """All of it would come to both sides, as a second more is asked for."""
    cutter, whole = Cutter(Bounds.parse(None), Density.even(0, 1_000, 600)), Interval(0, 1_000 * SECOND)
    seconds = [*range(900, 900 - size + heap, -1), *[500] * heap]
    times = [datetime.fromtimestamp(second, UTC).isoformat() for second in seconds]
    cutter.extrapolate(whole, [{"properties": {"datetime": time}} for time in times], 600 - size)
    starts = [part.start // SECOND for part in cutter.cut(whole, parts) if part.start is not None]
    assert len(starts) > 1
    assert [start for start in starts if 498 < start < 503] == []


@pytest.mark.parametrize("left", [10, 20, 30])
def test_a_heap_is_cut_off_beside_it_and_not_halfway_to_what_is_newer(left: int) -> None:
    cutter, piece = Cutter(Bounds.parse(None), Density.even(0, 2_000_000, 600)), Interval(997 * SECOND, 10**6 * SECOND)
    seconds = [*range(900_000, 0, -150_000), *[1_000] * 44]
    times = [datetime.fromtimestamp(second, UTC).isoformat() for second in seconds]
    cutter.learn(piece, 50 + left)
    cutter.extrapolate(piece, [{"properties": {"datetime": time}} for time in times], left)
    assert max(part.start // SECOND for part in cutter.cut(piece, 2) if part.start is not None) <= 1_003


@pytest.mark.parametrize("bound", ["1970-01-01T00:16:40Z/1970-01-31T00:00:00Z", "../1970-01-31T00:00:00Z"])
@pytest.mark.parametrize("second", [1_000, 500_000, 30 * 86_400])
def test_a_heap_that_fills_a_page_is_found_at_either_end_as_in_the_middle(bound: str, second: int) -> None:
    cutter = Cutter(Bounds.parse(bound), Density.even(1_000, 30 * 86_400, 600))
    piece: Interval | None = Interval(1_000 * SECOND, None)
    cuts = 0
    page = [{"properties": {"datetime": datetime.fromtimestamp(second, UTC).isoformat()}}] * 10
    while piece and cutter.can_cut(piece):
        cutter.learn(piece, 300)
        cutter.extrapolate(piece, page, 290)
        parts, cuts = cutter.cut(piece, 2), cuts + 1
        piece = next((part for part in parts if owner(page[0], part) is Owner.OWN), None)  # none: it is read on
    assert cuts <= 2


@pytest.mark.parametrize(
    ("estimates", "spreads"),
    [
        ([30, 30, 30], True),
        ([900, 5], False),
        ([60, 40], True),
        ([None, None], True),
        ([0, 0], True),
        ([71, 29], False),
    ],
)
def test_nobody_helps_where_one_part_holds_nearly_all(estimates: list[int | None], spreads: bool) -> None:
    assert spreads_work([Interval(0, 1, estimate=each) for each in estimates]) is spreads


@pytest.mark.parametrize(
    ("poison", "most"),
    [(0, 60), (1, 60), (15_768_000, 100), (20_000_000, 60), (31_535_999, 60), (None, 3 * FAILURES_IN_VAIN + 10)],
)
def test_what_cutting_does_not_isolate_is_given_up(poison: int | None, most: int) -> None:
    """A page fails: both halves are read, and at last some seconds are left; or all fail."""
    cutter = Cutter(Bounds.parse("1970-01-01T00:00:00Z/1971-01-01T00:00:00Z"), Density.even(0, 31_536_000, 1_000))
    splitter = Splitter(cutter, Sizes())
    queue, read, lost = [Share(Interval(None, None))], 0, 0
    while queue:
        share = queue.pop(0)
        read += 1
        reading = Reading(share, NEXT, None)
        part = share.partition
        assert isinstance(part, Interval)
        low, high = (part.start or 0) // SECOND, 31_536_000 if part.end is None else part.end // SECOND
        if poison is None or low - MARGIN_SECONDS <= poison <= high + MARGIN_SECONDS:
            reading.fail("500")
        splitter.repairs.ended(reading)
        shares = splitter.repaired(reading, 10) if reading.missing() else []
        reading.stopped = len(shares) > 0
        queue += shares
        lost += high - low if reading.ending.error and not reading.stopped else 0
    assert 2 < read <= most
    assert poison is None or 0 < lost <= 4


@pytest.mark.parametrize(
    ("begins", "in_order", "pace"),
    [
        ((), False, inf),
        ((100, 90, 80), True, 10),
        ((100, 100), True, 0),  # several pages at one second
        ((100, 90, 95, 80), False, inf),  # not newest first: never again
        ((100, None, 90), False, inf),
    ],
)
def test_how_far_down_in_time_pages_are(begins: tuple[int | None, ...], in_order: bool, pace: float) -> None:
    descent = Descent()
    for second in begins:
        descent.go_on(None if second is None else second * SECOND)
    assert (descent.is_in_order, descent.pace) == (in_order, pace)


@pytest.mark.parametrize(
    ("sizes", "alone"),
    [((3, 3, 1), True), ((1,), True), ((3, 3), False), ((3, 1, 3, 1), False), ((1, 3), False)],
)
def test_a_count_speaks_alone_where_only_the_last_page_is_short(sizes: tuple[int, ...], alone: bool) -> None:
    reading = Reading(Share(Interval(None, None)), NEXT, NEXT)
    for number, size in enumerate(sizes, 1):
        following = Request("GET", f"{NEXT.url}{number}") if number < len(sizes) else None
        reading.accept(Page("", 1, 100, following, NEXT, [None] * size, full=size == 3))
        for mark in range(size):
            reading.memory.is_new(10 * number + mark, own=True)
    assert reading.contradicts == alone
