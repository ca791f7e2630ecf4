"""Leaving an `async for` early, right before the end of the loop or long before: all is closed, and nothing is said."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from support import ROOT
from worlds.server import World, running
from worlds.test_worlds import spread

from stac_manager import ConfigurationError, IngestModule, WorkflowContext
from stac_manager.generators import Stream, owned_context, owning

LEAVES = """
import asyncio, sys
sys.path[:0] = [{root!r}, {root!r} + "/tests"]
from worlds.server import World, running
from worlds.test_worlds import spread
from stac_manager import IngestModule, WorkflowContext

async def main():
    async with running(World(spread())) as world:
        module = IngestModule(source=world.url, limit=5, concurrency={level!r})
        async for item in module.fetch(WorkflowContext.create()):
            break

asyncio.run(main())
"""


@pytest.mark.parametrize("level", [1, 8])
def test_a_search_that_is_left_right_before_the_end_says_nothing(level: int) -> None:
    command = [sys.executable, "-W", "error", "-c", LEAVES.format(root=str(ROOT), level=level)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


async def numbers(
    closed: list[str], name: str, source: AsyncGenerator[int, None] | None = None
) -> AsyncGenerator[int, None]:
    """Numbers, from another generator where there is one; it takes a turn of the loop to close."""
    try:
        if source is None:
            for number in range(10):
                yield number
        else:
            async with owning(source) as owned:
                async for number in owned:
                    yield number
    finally:
        await asyncio.sleep(0)
        closed.append(name)


def stream(closed: list[str]) -> Stream[int]:
    return Stream(numbers(closed, "outer", numbers(closed, "middle", numbers(closed, "inner"))))


def test_the_end_of_the_loop_closes_from_the_inside_out() -> None:
    closed: list[str] = []

    async def leave() -> None:
        async for _ in stream(closed):
            break

    asyncio.run(leave())
    assert closed == ["inner", "middle", "outer"]


@owned_context
async def context(closed: list[str]) -> AsyncGenerator[int, None]:
    """It takes a turn of the loop to close, as a connection does."""
    try:
        yield 1
    finally:
        await asyncio.sleep(0)
        closed.append("context")


async def within(closed: list[str]) -> AsyncGenerator[int, None]:
    async with context(closed) as number:
        yield number


def test_a_consumer_that_fails_leaves_contexts_to_their_owners(caplog: pytest.LogCaptureFixture) -> None:
    """The traceback keeps all generators until the loop ends, which closes those that it knows of at the same time."""
    closed: list[str] = []

    async def fail() -> None:
        async for _ in Stream(numbers(closed, "outer", within(closed))):
            raise LookupError("by the consumer")

    with pytest.raises(LookupError, match="by the consumer"):
        asyncio.run(fail())
    assert (closed, caplog.messages) == (["context", "outer"], [])


def test_a_loop_that_goes_on_closes_at_once() -> None:
    closed: list[str] = []

    async def leave() -> None:
        async for _ in stream(closed):
            break
        gc.collect()
        for _ in range(10):
            await asyncio.sleep(0)
        assert closed == ["inner", "middle", "outer"]

    asyncio.run(leave())


def test_a_stream_is_a_generator_in_all_else() -> None:
    async def use() -> None:
        closed: list[str] = []
        assert [number async for number in stream(closed)] == list(range(10))
        assert closed == ["inner", "middle", "outer"]
        thrown = stream([])
        assert await anext(thrown) == 0
        with pytest.raises(LookupError, match="thrown"):
            await thrown.athrow(LookupError("thrown"))
        closed.clear()
        left = stream(closed)
        assert await left.asend(None) == 0
        await left.aclose()
        assert closed == ["inner", "middle", "outer"]
        assert [number async for number in left] == []

    asyncio.run(use())


async def test_items_that_are_dropped_where_a_loop_runs_leave_nothing(recwarn: pytest.WarningsRecorder) -> None:
    """As a web server does, which takes them in threads, once its client has gone."""
    async with running(World(spread())) as world:
        items = IngestModule(source=world.url, limit=5, concurrency=8).iter_items(WorkflowContext.create())
        await asyncio.to_thread(next, items)
        said: list[str] = []
        sys.unraisablehook, before = lambda lost: said.append(str(lost.exc_value)), sys.unraisablehook
        try:
            del items
            gc.collect()
        finally:
            sys.unraisablehook = before
    assert (said, [str(each.message) for each in recwarn]) == ([], [])


def test_a_loop_of_another_library_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "items.ndjson").write_text("")
    module = IngestModule(source=str(tmp_path))
    for awaited in (module.fetch(WorkflowContext.create()).__anext__(), module.plan()):
        with pytest.raises(ConfigurationError, match=r"asyncio; with trio, use iter_items"):
            awaited.send(None)
