"""A server that takes so many requests at once: a search comes down to that, and none of its requests starves."""

from __future__ import annotations

import pytest

from stac_manager.api.retrying import REFUSALS_ALONGSIDE

from .habits import AtOnce
from .server import World, running
from .test_worlds import spread, visit


@pytest.mark.parametrize("level", [8, 50, "auto"])
@pytest.mark.parametrize("most", [1, 2, 5])
async def test_a_search_comes_down_to_what_is_served(most: int, level: int | str) -> None:
    server = AtOnce(most)
    world = World(spread(400), [server], counts=True)
    async with running(world):
        came = await visit(world, level, limit=2)
    assert came.error is None
    assert len(set(came.keys)) == len(came.keys) == 400
    assert came.stats.completeness.status == "complete"
    # How few refusals it takes hangs on the load of the machine, and is shown in the tests of the limiter.
    assert server.refused <= REFUSALS_ALONGSIDE * world.answered
