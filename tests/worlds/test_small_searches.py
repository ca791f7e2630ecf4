"""What a search of a few pages costs, whatever the concurrency."""

from __future__ import annotations

from typing import Any

import pytest

from .server import World, running
from .test_worlds import at_one_instant, spread, visit

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
