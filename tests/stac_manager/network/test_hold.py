"""A pause of all requests."""

from __future__ import annotations

import asyncio

from stac_manager.network.hold import Hold


async def test_who_waits_goes_on_as_soon_as_the_others_are_let_go() -> None:
    hold = Hold()
    assert hold.prolong(3_600.0) == 3_600.0
    waiting = [asyncio.create_task(hold.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    assert hold.lift() > 3_000
    async with asyncio.timeout(10):
        await asyncio.gather(*waiting)
    assert hold.left == hold.lift() == 0.0


async def test_the_longest_pause_counts() -> None:
    hold = Hold()
    hold.prolong(3_600.0)
    assert hold.prolong(10.0) == 0.0
    assert hold.left > 3_000
