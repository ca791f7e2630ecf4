"""A fetch that is left, cancelled or interrupted ends at once and leaves nothing; a slow consumer stops it."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import product

import pytest
from aiohttp import web
from support import THOROUGH

from stac_manager import IngestModule, WorkflowContext

from .adversary import Adversary
from .test_faults import ITEMS, serving

# Far below what the waits of these servers are, far above what an interpreter needs to end.
PROMPTLY_SECONDS = 10


@dataclass
class Counting:
    """An API that counts its requests and the connections that are open."""

    adversary: Adversary
    hang: bool = False
    url: str = ""
    searches: int = 0
    open: int = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        if request.path == "/search":
            self.searches += 1
            self.open += 1
            try:
                await asyncio.sleep(3600 if self.hang else 0.01)
            finally:
                self.open -= 1
        reply = await self.adversary.reply_to(request)
        return web.Response(body=reply.body, status=reply.status, content_type="application/geo+json")


@asynccontextmanager
async def counting() -> AsyncIterator[Counting]:
    server = Counting(Adversary(ITEMS))
    async with serving(server.handle) as server.url:
        yield server


async def nothing_is_left(server: Counting) -> None:
    ours = [task for task in asyncio.all_tasks() if "stac_manager" in repr(task.get_coro())]
    assert not ours
    deadline = time.monotonic() + PROMPTLY_SECONDS
    while server.open:  # the server learns from the closed connection
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("concurrency", [1, 5, "auto"])
@pytest.mark.parametrize("ordered", [False, True])
async def test_leaving_early_ends_every_request(concurrency: object, ordered: bool) -> None:
    async with counting() as server:
        options = {"source": server.url, "limit": 1, "concurrency": concurrency, "ordered": ordered}
        stream = IngestModule(options).fetch(WorkflowContext.create())
        await anext(stream)
        server.hang = True
        await stream.aclose()
        await nothing_is_left(server)


async def test_cancelling_ends_every_request() -> None:
    async with counting() as server:

        async def consume() -> None:
            async for _ in IngestModule({"source": server.url, "limit": 1, "concurrency": 5}).fetch(
                WorkflowContext.create()
            ):
                server.hang = True

        task = asyncio.create_task(consume())
        while not server.hang or server.open < 5:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await nothing_is_left(server)


async def test_a_slow_consumer_stops_the_requests() -> None:
    async with counting() as server:
        module = IngestModule({"source": server.url, "limit": 1, "concurrency": 3})
        stream = module.fetch(WorkflowContext.create())
        await anext(stream)
        at_first = server.searches
        await asyncio.sleep(0.3)  # enough for a hundred
        assert server.searches <= at_first + 3 + 4
        assert module.stats.peak_buffer <= 3 + 4  # type: ignore[union-attr]
        assert 1 + len([item async for item in stream]) == len(ITEMS)


PROGRAMS = {
    "fetch": "async def main():\n    async for _ in module.fetch(context): pass\nasyncio.run(main())",
    "iter_items": "for _ in module.iter_items(context): pass",
}


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process")
@pytest.mark.parametrize("fault", ["refused with 503 for a minute", "back-off of a minute", "hanging"])
@pytest.mark.parametrize(("way", "concurrency"), list(product(PROGRAMS, [1, 5])) if THOROUGH else [("fetch", 5)])
async def test_ctrl_c_ends_a_program_at_once(way: str, fault: str, concurrency: int) -> None:
    asked = asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        if request.path == "/search":
            asked.set()
            if fault == "hanging":
                await asyncio.sleep(3600)
            status = 503 if fault.startswith("refused") else 500
            return web.Response(status=status, headers={"Retry-After": "60"})
        reply = await Adversary([]).reply_to(request)
        return web.Response(body=reply.body, status=reply.status)

    async with serving(handle) as url:
        program = (
            "import asyncio, signal, sys\n"
            "from stac_manager import IngestModule, WorkflowContext\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            f"module = IngestModule({{'source': '{url}', 'concurrency': {concurrency}, 'limit': 1}})\n"
            f"context = WorkflowContext.create()\n{PROGRAMS[way]}\n"
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", "-c", program, stderr=subprocess.PIPE
        )
        try:
            await asyncio.wait_for(asked.wait(), 60)
            await asyncio.sleep(0.3)  # into the wait that follows the answer
            process.send_signal(signal.SIGINT)
            _, said = await asyncio.wait_for(process.communicate(), PROMPTLY_SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert said.rstrip().endswith(b"KeyboardInterrupt"), said.decode()
    assert b"never retrieved" not in said
    assert b"Unclosed" not in said


async def test_older_generations_of_the_collector_wait_until_the_end() -> None:
    thresholds = gc.get_threshold()
    async with counting() as server:
        options = {"source": server.url, "concurrency": 3, "limit": 5}
        seen = [gc.get_threshold() async for _ in IngestModule(options).fetch(WorkflowContext.create())]
        assert seen[0] != thresholds
        assert gc.get_threshold() == thresholds
        options["defer_gc"] = False
        seen = [gc.get_threshold() async for _ in IngestModule(options).fetch(WorkflowContext.create())]
        assert set(seen) == {thresholds}
