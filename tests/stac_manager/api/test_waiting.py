"""How long a refused search waits, and that all of it waits. Over real sockets."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from unittest import mock

import pytest
from aiohttp import web

from stac_manager import ApiStats, DataProcessingError, IngestModule, WorkflowContext
from stac_manager.network import backoff, connection

from .adversary import Adversary
from .test_faults import ITEMS, serving

Answer = Callable[[web.Request, int, web.Response], Awaitable[web.StreamResponse]]


async def fetched(answer: Answer, **options: object) -> ApiStats:
    """Fetch every item from a server whose searches pass through `answer`, which gets the number of each."""
    searches = 0
    adversary = Adversary(ITEMS)

    async def handle(request: web.Request) -> web.StreamResponse:
        nonlocal searches
        reply = await adversary.reply_to(request)
        whole = web.Response(body=reply.body, status=reply.status, content_type="application/geo+json")
        if request.path != "/search":
            return whole
        searches += 1
        return await answer(request, searches, whole)

    async with serving(handle) as url:
        module = IngestModule({"source": url, "limit": 10, **options})
        ids = [item["id"] async for item in module.fetch(WorkflowContext.create())]
    assert sorted(ids) == [item["id"] for item in ITEMS]
    assert isinstance(module.stats, ApiStats)
    assert module.stats.completeness.status == "complete"
    return module.stats


@pytest.mark.parametrize("status", [429, 503, 500])
@pytest.mark.parametrize(
    ("says", "waits"),
    [
        ("0.15", 0.15),
        ("3600", 0.2),
        ("86400000", 0.2),  # milliseconds
        ("in 2 hours", 0.2),
        ("in -2 hours", 0.0),
        ("0", 0.0),
        ("soon", 0.0),
        ("nan", 0.0),
        ("99999999999999999999 Jan 2020 00:00:00 GMT", 0.0),
    ],
)
async def test_retry_after_is_waited_for_up_to_the_cap(status: int, says: str, waits: float) -> None:
    if found := re.fullmatch("in (.*) hours", says):
        says = format_datetime(datetime.now(UTC) + timedelta(hours=int(found[1])), usegmt=True)

    async def refuse_once(request: web.Request, number: int, whole: web.Response) -> web.StreamResponse:
        times.append(time.perf_counter())
        return web.Response(status=status, headers={"Retry-After": says}) if number == 2 else whole

    times: list[float] = []
    with mock.patch.object(backoff, "RETRY_AFTER_CAP_SECONDS", 0.2):
        stats = await fetched(refuse_once)
    assert times[2] - times[1] >= waits - 0.001
    if status == 500:
        assert stats.pauses == 0
    else:
        assert stats.seconds_paused == pytest.approx(waits, abs=0.01)  # what was decided, not how long it took


@pytest.mark.parametrize("status", [429, 503])
async def test_one_refusal_holds_all_requests_back(status: int) -> None:
    pause = 0.5
    refused_at = 0.0
    during_the_pause = 0

    async def refuse_once(request: web.Request, number: int, whole: web.Response) -> web.StreamResponse:
        nonlocal refused_at, during_the_pause
        if refused_at and time.perf_counter() < refused_at + pause:
            during_the_pause += 1
        await asyncio.sleep(0.01)
        if number == 15:
            refused_at = time.perf_counter()
            return web.Response(status=status, headers={"Retry-After": str(pause)})
        return whole

    stats = await fetched(refuse_once, limit=1, concurrency=5)
    assert stats.refusals == stats.pauses == 1
    assert during_the_pause <= 4, "others than those that were on their way already"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue refuses")
async def test_a_connection_that_takes_too_long_is_not_for_the_size_of_the_page() -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for taker in (first, second):  # the queue is then full
            taker.setblocking(False)
            taker.connect_ex(full.getsockname())
        elsewhere = f"http://127.0.0.1:{full.getsockname()[1]}/search"

        async def handle(request: web.Request) -> web.StreamResponse:
            return web.json_response({"links": [{"rel": "search", "href": elsewhere, "method": "POST"}]})

        async with serving(handle) as url:
            module = IngestModule({"source": url, "limit": 1000})
            with (
                mock.patch.object(connection, "CONNECT_SECONDS", 0.1),
                pytest.raises(DataProcessingError, match="no answer in time"),
            ):
                await anext(module.fetch(WorkflowContext.create()))
    assert isinstance(module.stats, ApiStats)
    assert module.stats.requests == 3 + connection.RETRIES  # and where the specification puts the search


@pytest.mark.parametrize(
    ("says", "seconds"),
    [("1_0", None), ("1e1", None), ("nan", None), ("inf", None), ("-1", None), ("\u0661", None), ("soon", None),
     ("", None), ("10", 10.0), (" 0.5 ", 0.5), ("9" * 400, backoff.RETRY_AFTER_CAP_SECONDS)],
)  # fmt: skip
def test_what_python_takes_for_a_number_is_no_retry_after(says: str, seconds: float | None) -> None:
    assert backoff.retry_after_seconds(says) == seconds


@pytest.mark.parametrize(
    ("status", "passes"),
    [(304, True), (400, False), (404, False), (408, True), (420, True), (425, True), (429, True), (499, False),
     (500, True), (501, False), (502, True), (505, False), (507, True), (508, True), (509, True), (511, False),
     (520, True), (529, True), (561, True), (598, True), (600, False)],
)  # fmt: skip
def test_a_number_that_nobody_knows_is_one_of_its_hundred(status: int, passes: bool) -> None:
    assert backoff.may_pass(status) == passes
