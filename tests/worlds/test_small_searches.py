"""What a search costs in requests, whatever the concurrency: no more than its pages while it may be short."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from .habits import Ignores, OtherNames, Refuses, Sorts
from .server import Ask, Habit, Json, World, running
from .test_worlds import FIRST, LIMIT, at_one_instant, make_item, spread, text_of, visit

PAGES = 3
PROBES = 2
"""Whether datetime is heeded, and whether there are items without one; asked together with the first page."""


@pytest.mark.parametrize("level", [1, 8, 50, "auto"])
@pytest.mark.parametrize("items", [spread, at_one_instant])
@pytest.mark.parametrize("options", [{}, {"paging": "offset"}, {"filters": False}])
async def test_three_pages_take_three_requests(items: Any, options: dict[str, Any], level: int | str) -> None:
    world = World(items()[:25], **options)
    async with running(world):
        came = await visit(world, level)
    assert len(set(came.keys)) == len(came.keys) == 25
    assert came.stats.completeness.status == "complete"
    assert len(world.asked) <= PAGES + (0 if level == 1 else PROBES)


WITHOUT_COUNTS: list[dict[str, Any]] = [{}, {"paging": "offset"}, {"filters": False}]


def year(count: int) -> list[Json]:
    """Items spread over the year that the Collection says it has."""
    step = timedelta(days=360) / count
    return [make_item(n, datetime=text_of(FIRST + n * step)) for n in range(count)]


def one_instant(count: int) -> list[Json]:
    return [make_item(n, datetime=text_of(FIRST)) for n in range(count)]


@pytest.mark.parametrize("level", [8, "auto"])
@pytest.mark.parametrize(("items", "share"), [(year, 0.3), (one_instant, 0.8)])
@pytest.mark.parametrize("options", WITHOUT_COUNTS)
async def test_without_counts_a_search_is_read_in_sequence_until_it_proves_long(
    items: Any, share: float, options: dict[str, Any], level: int | str
) -> None:
    """It is cut after page 4, into 8 at most: what was read before is asked for again then."""
    for pages in (1, 4, 5, 20):
        world = World(items(LIMIT * pages - 3), counts=False, **options)
        async with running(world):
            came = await visit(world, level)
        assert len(set(came.keys)) == len(came.keys) == len(world.items)
        beyond = 2 if pages <= 4 else share * pages + 15  # the end of a short search is looked at twice
        assert len(world.asked) <= pages + PROBES + beyond, f"{pages} pages"


@pytest.mark.parametrize("level", [1, 8, "auto"])
@pytest.mark.parametrize("counts", [True, False])
async def test_a_few_items_cost_their_pages_and_nothing_else(counts: bool, level: int | str) -> None:
    for most in (1, 10, 11, 25, 30):
        world = World(spread(), counts=counts)
        async with running(world):
            came = await visit(world, level, max_items=most)
        assert len(came.keys) == most
        assert len(world.asked) == -(-most // LIMIT)


@pytest.mark.parametrize(("level", "posts"), [(1, 1), (8, 3)])
@pytest.mark.parametrize("status", [403, 405])
async def test_a_refused_post_costs_no_more_than_what_was_asked_together(level: int, posts: int, status: int) -> None:
    asked = []
    for habits in ([], [Refuses("POST", status)]):
        world = World(spread(), habits)
        async with running(world):
            came = await visit(world, level)
        assert (len(came.keys), came.stats.completeness.status) == (len(world.items), "complete")
        asked.append(len(world.asked))
    assert asked[1] == asked[0] + posts


class NewOnes(Sorts):
    """A new item of another Collection comes with the second request."""

    async def arrives(self, ask: Ask) -> None:
        if ask.number == 2:
            self.items.append(make_item(99, "older"))

    def __init__(self, items: list[Json]) -> None:
        self.items = items


@pytest.mark.parametrize(("names", "comes", "more"), [("older newer", False, 0), ("newer older", True, 2)])
@pytest.mark.parametrize("level", [1, 8])
async def test_collections_that_come_in_one_order_are_searched_together(
    names: str, comes: bool, more: int, level: int
) -> None:
    items = [make_item(n, "newer" if n > 12 else "older") for n in range(25)]
    world = World(items, [NewOnes(items) if comes else Sorts()])
    async with running(world):
        came = await visit(world, level, collections=names.split(), sortby="-datetime")
    assert (came.error, len(came.keys)) == (None, 25)
    assert len(world.asked) == PAGES + more


class LastPageFirst(Habit):
    """The pages before the last one take their time."""

    async def arrives(self, ask: Ask) -> None:
        if 1_450 <= ask.conditions.get("offset", 0) < 1_590:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("level", [8, "auto"])
async def test_pages_that_are_on_their_way_when_the_last_one_comes_are_read(level: int | str) -> None:
    world = World(year(1_597), [LastPageFirst()], counts=False, paging="offset")
    async with running(world):
        came = await visit(world, level)
    assert len(set(came.keys)) == len(came.keys) == len(world.items)


@pytest.mark.parametrize(
    ("habit", "asked", "note"),
    [
        (Ignores("collections"), "others", "The server ignores `collections`: items of 'scenes' came for 'others'."),
        (
            OtherNames(),
            "alias-of-scenes",
            "Items of the Collection 'scenes' came for 'alias-of-scenes': ",
        ),
    ],
)
async def test_collections_that_were_not_asked_for_are_named(habit: Habit, asked: str, note: str) -> None:
    world = World(spread(25), [habit])
    async with running(world):
        came = await visit(world, 1, collections=[asked])
    assert came.stats.notes[0].startswith(note)
    assert len(world.asked) == PAGES + 1


YEAR = timedelta(days=360)


@pytest.mark.parametrize("level", [8, "auto"])
@pytest.mark.parametrize(("at", "interval"), [(0, "{first}/{last}"), (1, "{first}/{last}"), (1, "../{last}")])
async def test_a_heap_at_an_end_of_the_interval_costs_few_requests(at: int, interval: str, level: int | str) -> None:
    """A third of the items are at the first or the last second that is asked for."""
    spread_out = [make_item(n, datetime=text_of(FIRST + YEAR * n / 600)) for n in range(600)]
    heap = [make_item(n, datetime=text_of(FIRST + at * YEAR)) for n in range(600, 900)]
    world = World(sorted(spread_out + heap, key=lambda item: str(item["properties"]["datetime"])))
    searched = interval.format(first=text_of(FIRST), last=text_of(FIRST + YEAR))
    async with running(world):
        came = await visit(world, level, datetime=searched)
    assert len(set(came.keys)) == len(came.keys) == 900
    assert came.stats.completeness.status == "complete"
    assert len(world.asked) <= 1.4 * 90
    bounds = [str(ask.conditions.get("datetime", "")).replace(".000", "").split("/") for ask in world.asked]
    assert [each for each in bounds if ".." not in each and each != sorted(each)] == []
