"""Compressed answers from a real socket: read, read again where they are damaged, given up where they never end."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import brotli
import pytest
from aiohttp import web

from stac_manager import ApiStats, DataProcessingError, IngestModule, WorkflowContext
from stac_manager.api.features import document_of
from stac_manager.network import bodies
from stac_manager.run import HEAVY_BYTES

from .adversary import Adversary
from .test_faults import ITEMS, MEGABYTE, serving

BOMB_BYTES = 64 * MEGABYTE
MOST_IN_MEMORY_BYTES = 8 * MEGABYTE


def raw_deflate(data: bytes) -> bytes:
    """Deflate without the header of zlib: not what RFC 9110 means, and what some servers send."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def gzip_in_two_members(data: bytes) -> bytes:
    half = len(data) // 2
    return gzip.compress(data[:half]) + gzip.compress(data[half:])


def quick_brotli(data: bytes) -> bytes:
    packed: bytes = brotli.compress(data, quality=2)
    return packed


Pack = Callable[[bytes], bytes]

CODINGS: list[tuple[str, Pack]] = [
    ("gzip", gzip.compress),
    ("gzip", gzip_in_two_members),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("br", quick_brotli),
    ("BR", quick_brotli),
]
each_coding = pytest.mark.parametrize(("coding", "pack"), CODINGS, ids=[f"{c}-{p.__name__}" for c, p in CODINGS])

DAMAGES: dict[str, Pack] = {
    "half": lambda packed: packed[: len(packed) // 2],
    "all but one byte": lambda packed: packed[:-1],
    "another beginning": lambda packed: b"\xff" * 8 + packed[8:],
    "nothing": lambda packed: b"",
}


@dataclass
class Server:
    """A well-behaved API whose answers to searches are packed."""

    coding: str
    pack: Pack
    damage: Pack = bytes
    """What every third of them goes through."""
    adversary: Adversary = field(default_factory=lambda: Adversary(ITEMS))
    searches: int = 0
    accepted: set[str] = field(default_factory=set)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        reply = await self.adversary.reply_to(request)
        self.accepted.add(request.headers["Accept-Encoding"])
        if request.path != "/search":
            return web.Response(body=reply.body, status=reply.status, content_type="application/geo+json")
        self.searches += 1
        packed = self.pack(reply.body)
        if self.searches % 3 == 0:
            packed = self.damage(packed)
        return web.Response(body=packed, headers={"Content-Encoding": self.coding})


async def fetched(server: Server) -> tuple[list[str], ApiStats]:
    async with serving(server.handle) as url:
        module = IngestModule({"source": url, "limit": 10})
        ids = [item["id"] async for item in module.fetch(WorkflowContext.create())]
    assert isinstance(module.stats, ApiStats)
    return ids, module.stats


@each_coding
async def test_every_coding_that_is_asked_for_is_read(coding: str, pack: Pack) -> None:
    server = Server(coding, pack)
    ids, stats = await fetched(server)
    assert sorted(ids) == sorted(item["id"] for item in ITEMS)
    assert stats.retries == 0
    assert stats.bytes_received < stats.bytes_decoded / 2
    assert server.accepted == {"gzip, deflate, br"}


@pytest.mark.parametrize(
    ("coding", "pack"), [("", gzip.compress), ("gzip", bytes), ("UTF-8", bytes), ("identity", bytes)]
)
async def test_where_the_header_is_wrong_the_first_bytes_tell(coding: str, pack: Pack) -> None:
    ids, stats = await fetched(Server(coding, pack))
    assert (len(ids), stats.retries) == (len(ITEMS), 0)


@each_coding
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_damaged_answers_are_asked_for_again(coding: str, pack: Pack, damage: Pack) -> None:
    server = Server(coding, pack, damage)
    ids, stats = await fetched(server)
    assert sorted(ids) == sorted(item["id"] for item in ITEMS)
    assert stats.retries == server.searches // 3 > 0


@cache
def bomb(pack: Pack) -> bytes:
    return pack(b" " * BOMB_BYTES)


@each_coding
async def test_a_bomb_is_given_up_at_the_cap_and_not_unpacked(
    coding: str, pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MAX_RESPONSE_BYTES", MEGABYTE)
    assert len(bomb(pack)) < MEGABYTE / 4
    server = Server(coding, lambda _: bomb(pack))
    tracemalloc.start()
    try:
        with pytest.raises(DataProcessingError, match=f"larger than {MEGABYTE} bytes; ask with a lower limit"):
            await fetched(server)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < MOST_IN_MEMORY_BYTES
    assert server.searches == 1


async def test_answers_that_come_together_are_unpacked_and_read_in_turns() -> None:
    """Each of them takes some milliseconds: many in one turn of the event loop would hold it up together."""
    packed, answers = gzip.compress(b'{"links": "' + b" " * HEAVY_BYTES + b'"}'), 16
    turn, unpacked, read = 0, list[int](), list[int]()

    def count_turns() -> None:
        nonlocal turn
        turn += 1
        asyncio.get_running_loop().call_soon(count_turns)

    async def answer() -> None:
        body = await bodies.decompressed(packed, "gzip")
        unpacked.append(turn)
        assert await document_of(body, "", outline=False)
        read.append(turn)

    count_turns()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(answers):
            tasks.create_task(answer())
    assert len(set(unpacked)) == len(set(read)) == answers


@pytest.mark.parametrize(("members", "threads"), [(3, False), (5_000, True)])
async def test_many_members_are_unpacked_beside_the_event_loop(
    members: int, threads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may hold nothing, so that no number of bytes ends a step."""
    steps = 0
    in_thread = asyncio.to_thread

    def counted(*call: Any) -> Any:
        nonlocal steps
        steps += 1
        return in_thread(*call)

    monkeypatch.setattr(asyncio, "to_thread", counted)
    assert await bodies.decompressed(members * gzip.compress(b"") + gzip.compress(b"{}"), "gzip") == b"{}"
    assert bool(steps) is threads


async def test_what_is_unpacked_is_held_once() -> None:
    packed = gzip.compress(b" " * bodies.RATIO_FREE_BYTES)
    tracemalloc.start()
    try:
        assert len(await bodies.decompressed(packed, "gzip")) == bodies.RATIO_FREE_BYTES
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1.5 * bodies.RATIO_FREE_BYTES
