"""Ways to the items of a STAC API: aiohttp and orjson with nothing around them but retries."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import aiohttp
import orjson

from tools.architectures.outcome import Outcome, Way

AT_ONCE = 10
SLICES_A_WORKER = 4
ITEMS_A_PAGE = 100
RETRIED = (429, 500, 503)
ATTEMPTS = 50
BACK_OFF_SECONDS = 0.5


def one_cursor(url: str) -> Outcome:
    """Page after page, as the `next` links lead."""

    async def run() -> Outcome:
        outcome = Outcome()
        async with aiohttp.ClientSession() as session:
            async for items in _pages(session, url, {"limit": ITEMS_A_PAGE}, outcome):
                outcome.items += len(items)
        return outcome

    return asyncio.run(run())


def slice_a_worker(url: str) -> Outcome:
    """Time cut into as many equal slices as workers, each worker follows its own."""
    return asyncio.run(_sliced(url, AT_ONCE))


def slices_in_a_queue(url: str) -> Outcome:
    """Time cut into more equal slices than workers, who take the next one when theirs is read."""
    return asyncio.run(_sliced(url, SLICES_A_WORKER * AT_ONCE))


WAYS: dict[str, Way] = {
    "one cursor, bare": one_cursor,
    f"{AT_ONCE} equal slices": slice_a_worker,
    f"{SLICES_A_WORKER * AT_ONCE} slices, {AT_ONCE} workers": slices_in_a_queue,
}


async def _sliced(url: str, parts: int) -> Outcome:
    """`AT_ONCE` workers read slices. Items of a shared edge come twice, so the ids are remembered."""
    outcome = Outcome()
    seen: set[str] = set()
    async with aiohttp.ClientSession() as session:
        left = _slices(*await _extent(session, url, outcome), parts)

        async def worker() -> None:
            for interval in left:
                search = {"limit": ITEMS_A_PAGE, "datetime": interval}
                async for items in _pages(session, url, search, outcome):
                    for item in items:
                        seen.add(item["id"])

        async with asyncio.TaskGroup() as workers:
            for _ in range(AT_ONCE):
                workers.create_task(worker())
    outcome.items = len(seen)
    return outcome


def _slices(low: datetime, high: datetime, parts: int) -> Iterator[str]:
    width = (high - low) / parts
    edges = [low + width * part for part in range(parts)] + [high]
    for start, end in pairwise(edges):
        yield f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}"


async def _extent(session: aiohttp.ClientSession, url: str, outcome: Outcome) -> tuple[datetime, datetime]:
    document = await _answer(session, "GET", f"{url}/collections", None, outcome)
    intervals = [collection["extent"]["temporal"]["interval"][0] for collection in document["collections"]]
    low = min(datetime.fromisoformat(start) for start, _ in intervals)
    high = max(datetime.fromisoformat(end) for _, end in intervals)
    return low.astimezone(UTC), high.astimezone(UTC) + timedelta(seconds=1)


async def _pages(
    session: aiohttp.ClientSession, url: str, search: dict[str, Any], outcome: Outcome
) -> AsyncIterator[list[Any]]:
    body: dict[str, Any] | None = search
    while body is not None:
        page = await _answer(session, "POST", f"{url}/search", body, outcome)
        body = next((link["body"] for link in page["links"] if link["rel"] == "next"), None)
        yield page["features"]


async def _answer(
    session: aiohttp.ClientSession, method: str, url: str, body: dict[str, Any] | None, outcome: Outcome
) -> Any:
    """Ask, again after a refusal: every request waits for itself."""
    for _ in range(ATTEMPTS):
        async with session.request(method, url, data=orjson.dumps(body) if body else None) as response:
            if response.status not in RETRIED:
                response.raise_for_status()
                return orjson.loads(await response.read())
            outcome.refusals += response.status in (429, 503)
            wait = float(response.headers.get("Retry-After", 0)) or random.uniform(0, BACK_OFF_SECONDS)
        await asyncio.sleep(wait)
    raise RuntimeError(f"{method} {url}: refused {ATTEMPTS} times")
