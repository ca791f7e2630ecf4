"""Pages that are asked for by number: the last ones may be refused, or be more than the count says."""

from __future__ import annotations

from .habits import Ignores
from .server import Ask, Habit, Json, Refusal, World, key_of, running
from .test_worlds import FIRST, LIMIT, make_item, text_of, visit

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


async def test_pages_before_a_last_one_that_is_refused_come() -> None:
    world = World(alike(PAGES * LIMIT), [Reach(35 * LIMIT), Ignores("bbox", "datetime")], paging="offset")
    async with running(world):
        came = await visit(world, WORKERS)
    assert came.error is None
    assert len(world.asked) <= PAGES + 12, "it was read once more, in another form"
    assert {key_of(item) for item in world.items[: 35 * LIMIT]} == set(came.keys)
    assert came.stats.completeness.status == "incomplete"
