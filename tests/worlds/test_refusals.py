"""A server that takes so many requests, at once or a second: a search keeps to that, and no request starves."""

from __future__ import annotations

from itertools import product

import pytest
from support import THOROUGH

from stac_manager.network.retrying import REFUSALS_ALONGSIDE

from .habits import AtOnce, CountsDown
from .server import World, running
from .test_worlds import spread, visit

COUNT = 200


@pytest.mark.parametrize(
    ("most", "level"), [*product([1, 2, 5], [8, 50, "auto"])] if THOROUGH else [(1, 50), (1, "auto"), (2, 8), (5, 50)]
)
async def test_a_search_comes_down_to_what_is_served(most: int, level: int | str) -> None:
    server = AtOnce(most)
    world = World(spread(COUNT), [server], counts=True)
    async with running(world):
        came = await visit(world, level, limit=2)
    assert came.error is None
    assert len(set(came.keys)) == len(came.keys) == COUNT
    assert came.stats.completeness.status == "complete"
    # How few refusals it takes hangs on the load of the machine, and is shown in the tests of the limiter.
    assert server.refused <= REFUSALS_ALONGSIDE * world.answered


async def test_what_the_server_says_is_left_is_kept_to() -> None:
    server = CountsDown(30)
    async with running(World(spread(60), [server], counts=True)) as world:
        came = await visit(world, "auto", limit=2)
    assert (len(set(came.keys)), came.stats.completeness.status) == (60, "complete")
    # On a busy machine answers of one window come in the next. Where nothing is read of them, 22 or more are refused.
    assert server.refused <= 5
