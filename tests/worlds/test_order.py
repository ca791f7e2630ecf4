"""Pages that come newest first: idle hands take what is older, and nothing is asked for twice by that."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

import pytest

from stac_manager import IngestModule

from .habits import (
    Counts,
    Ignores,
    IndexedTwice,
    LinksLapse,
    NextLink,
    PoisonedItem,
    RefusesBeyondTheEnd,
    Sorts,
)
from .server import Ask, Habit, Json, World, key_of, running
from .test_worlds import FIRST, LIMIT, make_item, text_of, visit

PAGES = 60
YEAR = timedelta(days=360)


def at(share_of_a_year: Callable[[random.Random], float]) -> list[Json]:
    draw = random.Random(1)
    return [
        make_item(number, datetime=text_of(FIRST + share_of_a_year(draw) * YEAR)) for number in range(PAGES * LIMIT)
    ]


def at_four_instants_and_spread(draw: random.Random) -> float:
    return draw.choice((0.13, 0.85, 0.76, 0.26)) if draw.random() < 0.5 else draw.random()


def at_one_instant_and_spread(draw: random.Random) -> float:
    return 0.13 if draw.random() < 0.5 else draw.random()


def in_a_burst(draw: random.Random) -> float:
    return 0.5 + 0.01 * draw.random() if draw.random() < 0.9 else draw.random()


@pytest.mark.parametrize(
    ("when", "level", "most"),
    [
        (at_four_instants_and_spread, 8, 100),
        (at_one_instant_and_spread, 8, 85),
        (at_one_instant_and_spread, "auto", 160),
        (in_a_burst, 8, 90),
    ],
)
async def test_what_lies_close_in_time_costs_few_requests(
    when: Callable[[random.Random], float], level: int | str, most: int
) -> None:
    world = World(at(when), latency=0.01)
    async with running(world):
        came = await visit(world, level)
    assert len(set(came.keys)) == len(came.keys) == len(world.items)
    assert came.stats.completeness.status == "complete"
    assert len(world.asked) <= most


@pytest.mark.parametrize(("width", "most"), [(0.0000019, 290), (0.0001, 220)])
async def test_a_plan_of_items_in_clusters_takes_few_searches(width: float, most: int) -> None:
    centres = [random.Random(seed).random() for seed in range(10)]
    world = World(at(lambda draw: draw.choice(centres) + width * draw.random()))
    async with running(world):
        plan = await IngestModule({"source": world.url, "limit": LIMIT, "concurrency": 8}).plan(partition_items=LIMIT)
    assert len(world.asked) <= most
    assert max(partition.estimate or 0 for partition in plan) <= 2 * LIMIT


class Order(Habit):
    """Items come in an order that looks like newest first, and is not."""

    def __init__(self, order: Callable[[list[Json]], list[Json]]) -> None:
        self.order = order

    def found(self, ask: Ask, items: list[Json]) -> list[Json]:
        return self.order(items)


def two_shards(items: list[Json]) -> list[Json]:
    return items[::2] + items[1::2]


def late_ones_last(items: list[Json]) -> list[Json]:
    return [item for n, item in enumerate(items) if n % 10] + items[::10]


def few_late_ones_last(items: list[Json]) -> list[Json]:
    return [item for n, item in enumerate(items) if n % 30] + items[::30]


def sorted_at_first(items: list[Json]) -> list[Json]:
    rest = items[2::3] + items[::3]
    random.Random(1).shuffle(rest)
    return items[1::3] + rest


@pytest.mark.parametrize(
    ("habit", "hours", "options", "most"),
    [
        (PoisonedItem("item-0053", "item-0154"), 7, {}, 115),
        (PoisonedItem("item-0053"), 1e-2, {"datetime": "2019-01-01T00:00:00Z/.."}, 65),
        (LinksLapse(7), 7, {}, 40),
        (NextLink("absent"), 7, {"sortby": "-datetime"}, 30),
    ],
)
async def test_a_search_in_order_goes_on_in_order_by_time(habit: Habit, hours: float, options: Json, most: int) -> None:
    items = [make_item(n, datetime=text_of(FIRST + n * timedelta(hours=hours))) for n in range(20 * LIMIT)]
    world = World(items, [Sorts(), habit])
    async with running(world):
        came = await visit(world, 8, ordered=True, **options)
    assert came.keys == [key_of(item) for item in reversed(items) if item["id"] not in habit.lost]
    assert bool(came.failures) == bool(habit.lost)
    assert came.stats.completeness.status == ("incomplete" if habit.lost else "complete")
    assert len(world.asked) <= most


@pytest.mark.parametrize("year", [1000, 3000])
async def test_a_search_in_order_goes_on_in_years_that_64_bits_do_not_hold(year: int) -> None:
    items = [make_item(n, datetime=f"{year + n}-01-01T00:00:00Z") for n in range(20 * LIMIT)]
    world = World(items, [Sorts(), NextLink("absent")])
    async with running(world):
        came = await visit(world, 8, ordered=True)
    assert came.keys == [key_of(item) for item in reversed(items)]


async def test_a_search_in_order_ends_where_the_server_ignores_time() -> None:
    items = at(in_a_burst)[: 12 * LIMIT]
    world = World(items, [RefusesBeyondTheEnd(), IndexedTwice(apart=False), Ignores("datetime")], paging="position")
    async with running(world):
        came = await visit(world, 1, ordered=True)
    assert came.error is None
    assert came.stats.completeness.status == "incomplete"
    assert len(world.asked) < 5 * 12


def capped(count: int) -> int:
    return min(count, 40 * LIMIT)


def estimated(count: int) -> int:
    """As many are hidden as some orders hold back."""
    return count if count < 30 * LIMIT else count - count // 60


@pytest.mark.parametrize("counts", [None, capped, estimated])
@pytest.mark.parametrize("order", [two_shards, late_ones_last, few_late_ones_last, sorted_at_first])
async def test_an_order_that_does_not_hold_loses_nothing(
    order: Callable[[list[Json]], list[Json]], counts: Callable[[int], int] | None
) -> None:
    habits = [Order(order), *([Counts(counts)] if counts else [])]
    world = World(at(in_a_burst), habits, latency=0.01, paging="position")
    async with running(world):
        came = await visit(world, 8)
    assert len(came.keys) == len(world.items)
    assert set(came.keys) == set(map(key_of, world.items))
    assert came.stats.completeness.status == ("unverified" if counts else "complete")
