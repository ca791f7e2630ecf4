"""Pages that are asked for by number: the last one comes early, so that what lies beyond it is looked at meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from .habits import Counts, DatetimeOnly, ErrorsBeyondTheEnd, Ignores, IndexedTwice, NoSearchLink, PoisonedItem, Window
from .server import Ask, Habit, Json, Refusal, World, key_of, running
from .test_worlds import (
    COUNT,
    FIRST,
    LEVELS,
    LIMIT,
    equal_ids,
    make_item,
    some_without_datetime,
    spread,
    text_of,
    visit,
)

PAGES, WORKERS = 40, 6


def alike(count: int) -> list[Json]:
    return [make_item(number, datetime=text_of(FIRST)) for number in range(count)]


class Reach(Habit):
    """Pages beyond so many items are refused, whatever the count says."""

    def __init__(self, items: int) -> None:
        self.items = items

    def found(self, ask: Ask, items: list[Json]) -> list[Json]:
        if int(ask.conditions.get("offset", 0)) >= self.items:
            raise Refusal(400, {"detail": "The result window is too large."})
        return items


@pytest.mark.parametrize(("more", "looks"), [(0, 2), (1, 0)])
async def test_a_round_number_is_looked_beyond_beside_the_last_pages(more: int, looks: int) -> None:
    world = World(alike(PAGES * LIMIT + more), paging="offset", latency=0.01)
    async with running(world):
        came = await visit(world, WORKERS)
    numbers = [ask.number for ask in world.asked if "bbox" in ask.conditions]
    pages = [ask.number for ask in world.asked if "offset" in ask.conditions]
    assert len(came.keys) == len(world.items) == came.stats.completeness.counted
    assert came.stats.completeness.status == "complete"
    assert len(numbers) == looks
    assert all(number < max(pages) for number in numbers), "it was sent alone, after the last page"


class Hole(Habit):
    """Some pages are refused at once, always or the first time, and those behind them come a while later."""

    def __init__(self, *pages: int, once: bool = False) -> None:
        self.pages, self.once, self.refused = pages, once, set[int]()

    async def arrives(self, ask: Ask) -> None:
        number = ask.conditions.get("offset", 0) // LIMIT
        if number in self.pages and "offset" in ask.conditions and not (self.once and number in self.refused):
            self.refused.add(number)
            raise Refusal(404, {"detail": "Not Found"})
        await asyncio.sleep(0.01 if number > min(self.pages) else 0)


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize(("level", "hole"), [(1, (20,)), (1, (21, 22)), (2, (20,)), (2, (21, 22)), (WORKERS, (20,))])
async def test_pages_behind_one_that_is_refused_come(level: int, hole: tuple[int, ...], counts: bool) -> None:
    world = World(alike(PAGES * LIMIT - 3), [Hole(*hole), Ignores("bbox", "datetime")], paging="offset", counts=counts)
    async with running(world):
        came = await visit(world, level)
    assert len(set(came.keys)) == len(came.keys) == len(world.items) - len(hole) * LIMIT
    assert "404 Not Found" in str(came.stats.completeness)
    assert came.stats.completeness.status == "incomplete"
    assert came.failures


async def test_a_page_that_was_refused_once_comes_where_one_behind_it_does() -> None:
    habits = [Hole(20, 24, once=True), Ignores("bbox", "datetime")]
    async with running(World(alike(PAGES * LIMIT - 3), habits, paging="offset", counts=False)) as world:
        came = await visit(world, WORKERS)
    assert len(set(came.keys)) == len(came.keys) == len(world.items)
    assert came.stats.completeness.status == "unverified"
    assert not came.failures


async def test_a_search_in_order_goes_on_in_order_behind_a_page_that_is_refused() -> None:
    world = World(alike(PAGES * LIMIT - 3), [Hole(20)], paging="offset")
    async with running(world):
        came = await visit(world, 1, ordered=True)
    assert came.keys == [key_of(item) for item in world.items if not 200 <= int(item["id"][-4:]) < 210]


async def test_pages_before_a_last_one_that_is_refused_come() -> None:
    world = World(alike(PAGES * LIMIT), [Reach(35 * LIMIT), Ignores("bbox", "datetime")], paging="offset")
    async with running(world):
        came = await visit(world, WORKERS)
    assert came.error is None
    assert len(world.asked) <= PAGES + 12, "it was read once more, in another form"
    assert {key_of(item) for item in world.items[: 35 * LIMIT]} == set(came.keys)
    assert came.stats.completeness.status == "incomplete"


async def test_items_beyond_what_pages_and_count_reach_come() -> None:
    world = World(alike(600), [Window(PAGES * LIMIT)], paging="offset")
    async with running(world):
        came = await visit(world, WORKERS)
    assert sorted(map(str, came.keys)) == sorted(str(key_of(item)) for item in world.items)
    assert came.stats.completeness.status != "incomplete"


@pytest.mark.parametrize(("level", "counts"), [(1, False), (1, True), (WORKERS, False), (WORKERS, True)])
async def test_errors_behind_the_last_page_end_a_search_and_lose_nothing(level: int, counts: bool) -> None:
    habits = [ErrorsBeyondTheEnd(), Ignores("bbox", "datetime")]
    world = World(alike(12 * LIMIT), habits, paging="offset", counts=counts)
    async with running(world):
        came = await visit(world, level)
    assert came.error is None
    assert set(came.keys) == set(map(key_of, world.items))
    assert came.stats.completeness.status == ("unverified" if counts else "incomplete")
    assert len(world.asked) < (40 if counts else 100 if level == 1 else 300)
    assert "500" in str(came.stats.completeness.problems if counts else came.failures)


@pytest.mark.parametrize("level", [1, WORKERS])
async def test_an_error_behind_all_that_is_counted_is_named(level: int) -> None:
    world = World(spread(120), [PoisonedItem("item-0000"), Counts(lambda number: number - 1)])
    async with running(world):
        came = await visit(world, level)
    assert len(set(came.keys)) == len(came.keys) == 119
    assert came.stats.completeness.status == "unverified"
    assert "500" in str(came.stats.completeness.problems)


@pytest.mark.parametrize(
    ("level", "empty", "items", "said"),
    [
        (1, False, lambda: spread(115), "the server answered 500"),
        (WORKERS, False, lambda: spread(115), "the server answered 500"),
        (1, True, lambda: spread(115), "the answer is not JSON: it is empty"),
        (1, False, equal_ids, "the server answered 500"),
        (WORKERS, True, equal_ids, "the answer is not JSON: it is empty"),
    ],
)
async def test_errors_behind_every_last_page_are_named_and_lose_nothing(
    level: int, empty: bool, items: Callable[[], list[Json]], said: str
) -> None:
    world = World(items(), [ErrorsBeyondTheEnd(empty=empty)], paging="offset", counts=False)
    async with running(world):
        came = await visit(world, level)
    assert sorted(map(str, came.keys)) == sorted(str(key_of(item)) for item in world.items)
    assert came.stats.completeness.status != "complete"
    assert f"search: {said}" in str(came.failures)
    assert len(world.asked) < 300


@pytest.mark.parametrize("level", [1, WORKERS])
async def test_errors_behind_a_search_by_get_that_finds_nothing_end_it(level: int) -> None:
    world = World(spread(20), [ErrorsBeyondTheEnd(), NoSearchLink()], paging="offset", counts=False)
    async with running(world):
        came = await visit(world, level, collections=["scenes"], datetime="1990-01-01/1991-01-01")
    assert (came.keys, came.stats.completeness.status) == ([], "unverified")
    assert "what follows the last page" in str(came.failures)


async def test_an_interval_without_items_ends_where_an_error_follows_its_empty_page() -> None:
    """Nobody looks for one Item after another behind it."""
    world = World(spread(240), [ErrorsBeyondTheEnd()], counts=False)
    async with running(world):
        came = await visit(world, "auto")
    assert sorted(map(str, came.keys)) == sorted(str(key_of(item)) for item in world.items)
    assert came.stats.completeness.status == "unverified"
    assert len(world.asked) < 350


async def test_how_much_came_before_a_page_that_cannot_be_had_is_said() -> None:
    world = World(alike(120), [PoisonedItem("item-0045"), Ignores("bbox", "datetime")], paging="position", counts=False)
    async with running(world):
        came = await visit(world, 1)
    assert "what follows the 45 items that came is unknown" in str(came.stats.completeness)


@pytest.mark.parametrize("level", [1, 8])
@pytest.mark.parametrize("apart", [False, True])
async def test_items_that_the_server_has_twice_are_not_missing(level: int, apart: bool) -> None:
    world = World(alike(120), [IndexedTwice(apart=apart), Ignores("bbox", "datetime")], paging="position")
    async with running(world):
        came = await visit(world, level)
    assert len(came.keys) == len(set(came.keys)) == 120
    assert came.failures == []
    proof = came.stats.completeness
    assert (proof.status, proof.duplicates_removed) == ("complete", 6)
    assert "6 items twice" in str(came.stats.notes)
    assert len(world.asked) <= 25


async def test_a_page_that_holds_an_item_twice_hides_none_that_is_missing() -> None:
    """Though the number of members is that of the count."""
    world = World(alike(120), [IndexedTwice(apart=False), LeavesOutCounted(), Ignores("bbox", "datetime")])
    async with running(world):
        came = await visit(world, 1)
    assert came.stats.completeness.status != "complete"


class LeavesOutCounted(Habit):
    def page(self, world: World, ask: Ask, page: Json) -> None:
        page["features"] = [item for item in page["features"] if item["id"] != "item-0050"]


class NeedsAnInterval(DatetimeOnly):
    """A search of all times takes too long; one of an interval has no items without a datetime."""

    def page(self, world: World, ask: Ask, page: Json) -> None:
        if "datetime" not in ask.conditions:
            raise Refusal(500, {"description": "canceling statement due to statement timeout"})


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("filters", [True, False])
async def test_what_no_interval_finds_is_not_proved_to_be_absent(level: int | str, filters: bool) -> None:
    world = World(some_without_datetime(), [NeedsAnInterval()], filters=filters)
    async with running(world):
        came = await visit(world, level)
    assert len(set(came.keys)) == len(came.keys) == COUNT - 25
    assert came.stats.completeness.status != "complete"
    assert "items without a datetime or a geometry may be missing" in str(came.stats.completeness)
