"""What headers say of a limit on requests."""

from __future__ import annotations

import asyncio

import pytest
from yarl import URL

from stac_manager.events import Event
from stac_manager.limiter import FixedLimiter
from stac_manager.network import carrier, quotas
from stac_manager.network.connection import Connection
from stac_manager.network.exchange import Reply
from stac_manager.stats import ApiStats

DATE = "Mon, 30 Nov 2026 06:00:00 GMT"
THEN = 1_796_018_400


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        ({}, None),
        ({"RateLimit": '"default";r=50;t=30', "RateLimit-Policy": '"default";q=100;w=60'}, (50, 30)),
        ({"RateLimit": '"day";r=900;t=60, "burst";r=4;t=1'}, (4, 1)),
        ({"RateLimit": '"burst";r=0;t=1, "minute";r=0;t=40'}, (0, 40)),
        ({"RateLimit": "limit=100, remaining=7, reset=5"}, (7, 5)),
        ({"RateLimit-Limit": "10", "RateLimit-Remaining": "3", "RateLimit-Reset": "1"}, (3, 1)),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(THEN + 40), "Date": DATE}, (0, 39.5)),
        ({"X-RateLimit-Remaining": "9", "X-RateLimit-Reset": f"{THEN + 40}500", "Date": DATE}, (9, 40)),
        ({"X-Rate-Limit-Remaining": "9", "X-Rate-Limit-Reset": "2.5"}, (9, 2)),
        ({"X-RateLimit-Remaining": "9", "X-RateLimit-Reset": str(THEN - 40), "Date": DATE}, None),
        ({"X-RateLimit-Remaining": "9", "X-RateLimit-Reset": "3600"}, None),  # nobody waits so long
        ({"X-RateLimit-Remaining": "9"}, None),
        ({"RateLimit-Remaining": "7", "RateLimit-Reset": "0"}, None),  # that is over, or never begins
        ({"RateLimit-Remaining": "-1", "RateLimit-Reset": "1"}, None),
        ({"RateLimit-Remaining": "nan", "RateLimit-Reset": "inf"}, None),
        ({"RateLimit-Remaining": "9" * 5_000, "RateLimit-Reset": "1"}, None),
        ({"RateLimit": ",".join(['"a";r=1'] * 100_000)}, None),
        ({"RateLimit": "remaining=" + "9" * 5_000 + ", reset=1"}, None),
        ({"RateLimit-Remaining": "٣", "RateLimit-Reset": "1", "Date": "yesterday"}, None),
    ],
)
def test_what_is_left(headers: dict[str, str], left: tuple[int, float] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "time", lambda: THEN + 0.5)
    assert quotas.quota(headers) == left


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "40"}, 40),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "40", "Retry-After": "2"}, 2),
        ({"RateLimit-Remaining": "5", "RateLimit-Reset": "40"}, None),  # it was refused for something else
    ],
)
def test_how_long_a_refusal_says_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert Reply(URL(), 429, headers, b"", 0.0, 0.0, 1, 1.0, own=True, issue=0).retry_after == seconds


async def test_a_long_wait_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    really_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        await really_sleep(0)

    monkeypatch.setattr(carrier, "perf_counter", lambda: now)
    monkeypatch.setattr(carrier.asyncio, "sleep", sleep)
    told: list[Event] = []
    limiter, stats = FixedLimiter(2), ApiStats(tell=told.append)
    sender = carrier.Carrier(Connection(), limiter, stats)
    for second in (4.0, 9.0):
        limiter.quota.told(1, second, now, now)
        limiter.sent(now)
        await asyncio.gather(sender.turn(), sender.turn())
    assert list(map(str, told)) == ["the limit of the server is reached: all pause for 9.0 s"]
