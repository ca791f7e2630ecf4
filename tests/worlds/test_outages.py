"""What an outage, a refusal and a page that is too large cost."""

from __future__ import annotations

import asyncio
import re

import pytest
from support import combined

from stac_manager import ApiStats
from stac_manager.api import http
from stac_manager.api.http import Client
from stac_manager.api.requests import Request
from stac_manager.exceptions import StatusError
from stac_manager.limiter import AUTO_START, FixedLimiter
from stac_manager.network import backoff
from stac_manager.network.carrier import OUTAGE_ATTEMPTS
from stac_manager.network.connection import RETRIES, Connection
from stac_manager.network.credentials import MAX_RENEWALS

from .habits import ExpiringToken, LargestPage, Outage, PoisonedItem
from .server import Ask, Habit, Json, Refusal, World, running
from .test_worlds import LEVELS, spread, visit

COUNT = 600
LOOKS = RETRIES + 1 + OUTAGE_ATTEMPTS


OUTAGES = ((504, Outage.said), (502, Outage.said), (200, "<html><body>We will be back soon</body></html>"), (200, {}))


@pytest.mark.parametrize(("level", "seconds", "says"), combined(LEVELS, (10, 5, 3), OUTAGES))
async def test_an_outage_costs_little_and_is_noted(
    seconds: float, says: tuple[int, Json | str], level: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a time that runs twenty times as fast."""
    monkeypatch.setattr(backoff, "RETRY_BASE_SECONDS", 0.5 / 20)
    monkeypatch.setattr(backoff, "RETRY_CAP_SECONDS", 30 / 20)
    requests = []
    for habits in ([], [Outage(30, seconds / 20, *says)]):
        world = World(spread(COUNT), habits)
        async with running(world):
            came = await visit(world, level)
        assert came.error is None
        assert len(set(came.keys)) == len(came.keys) == COUNT
        requests.append(came.stats.requests)
    assert requests[1] <= 1.5 * requests[0]
    assert [note for note in came.stats.notes if note.startswith("The server was down for")]
    assert [ask.limit for ask in world.asked[-10:] if ask.limit > 1].count(10) >= 5, "pages have stayed small"


class NobodyThere(Habit):
    """From one request on nobody answers."""

    async def arrives(self, ask: Ask) -> None:
        if ask.number > 20:
            raise Refusal(504, {"message": "Endpoint request timed out"})


@pytest.mark.parametrize("level", LEVELS)
async def test_an_outage_that_does_not_end_ends_the_search(level: int | str) -> None:
    world = World(spread(COUNT), [NobodyThere()])
    async with running(world):
        came = await visit(world, level)
    assert came.error is not None
    assert "504" in came.error
    said = r"; the server has been down for \d+ s: \d+ of 600 items came, \d+ partitions? not read to the end"
    assert re.search(said, came.error)
    assert 0 < len(set(came.keys)) == len(came.keys) == came.stats.completeness.items, "what came stays"
    assert len(world.asked) <= 20 + 2 * AUTO_START + LOOKS, "each partition has waited for itself"
    assert came.stats.completeness.status == "incomplete"


@pytest.mark.parametrize("level", LEVELS)
async def test_a_search_has_no_more_requests_than_a_budget(level: int | str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "REQUESTS_A_SEARCH", 40)
    monkeypatch.setattr(http, "REQUESTS_AN_ITEM", 0)
    world = World(spread(COUNT), [PoisonedItem("item-0303")])
    async with running(world):
        came = await visit(world, level)
    assert came.error is not None
    assert re.search(r"ends after \d+ requests, .* of 600 items came, \d+ partitions? not read to the end", came.error)
    assert 0 < len(set(came.keys)) == len(came.keys) == came.stats.completeness.items, "what came stays"
    assert len(world.asked) <= 40 + AUTO_START
    assert came.stats.completeness.status == "incomplete"


class Bombs(Habit):
    """From one request on, no answer is unpacked."""

    def sends(self, ask: Ask) -> list[tuple[str, str]]:
        return [("Content-Encoding", "gzip, " * 100)] if ask.number > 20 else []


@pytest.mark.parametrize("level", [1, 8])
async def test_a_search_ends_where_one_bomb_follows_another(level: int) -> None:
    world = World(spread(COUNT), [Bombs()])
    async with running(world):
        came = await visit(world, level)
    assert came.error is not None
    assert "100 codings" in came.error
    assert 0 < len(set(came.keys)) == len(came.keys)
    assert len(world.asked) <= 60


class HeavyStretch(Habit):
    """Only pages of a few items can be made of those in the middle: they are large."""

    def page(self, world: World, ask: Ask, page: Json) -> None:
        heavy = [item for item in page["features"] if "item-0560" <= item["id"] <= "item-0579"]
        if len(heavy) > 2:
            raise Refusal(502, {"message": "too large"})


@pytest.mark.parametrize("level", LEVELS)
async def test_a_few_large_items_do_not_make_all_pages_small(level: int | str) -> None:
    """Pages that stay at two items take half as many requests as there are items with one worker, and a fifth of
    them are such pages with several. How many it takes beside that depends on what is in flight when a page fails."""
    world = World(spread(COUNT), [HeavyStretch()])
    async with running(world):
        came = await visit(world, level)
    assert came.error is None
    assert len(set(came.keys)) == len(came.keys) == COUNT
    assert came.stats.requests < COUNT / 2
    assert [ask.limit for ask in world.asked].count(2) < COUNT / 6


@pytest.mark.parametrize("silent", [False, True])
async def test_a_cap_on_pages_is_found_once(silent: bool) -> None:
    world = World(spread(COUNT), [LargestPage(6, silent=silent)])
    async with running(world):
        came = await visit(world, 1)
    assert came.error is None
    assert len(came.keys) == COUNT
    assert came.stats.requests <= 2.5 * COUNT / 6


async def test_credentials_that_are_never_accepted_are_not_asked_for_without_end() -> None:
    token = ExpiringToken(0)
    given = token.headers, ApiStats(), FixedLimiter(8), Connection()
    async with running(World([], [token])) as world, Client(world.url, *given, None) as client:
        search = Request("GET", f"{world.url}search")
        answers = await asyncio.gather(*(client.send(search) for _ in range(8)), return_exceptions=True)
    assert [answer.status for answer in answers if isinstance(answer, StatusError)] == [401] * 8
    assert len(world.asked) == 8 * (MAX_RENEWALS + 1)
    assert token.issued <= 1 + 8 * MAX_RENEWALS


class HardToGet(PoisonedItem):
    """Or comes alone, the third time it is asked for so; and one page in the beginning comes the second time."""

    asked = 0

    async def arrives(self, ask: Ask) -> None:
        if ask.number == 10:
            raise Refusal(500)

    def page(self, world: World, ask: Ask, page: Json) -> None:
        if any(item["id"] in self.lost for item in page["features"]):
            self.asked += ask.limit == 1
            if ask.limit > 1 or self.asked % 3:
                raise Refusal(500)


@pytest.mark.parametrize("level", LEVELS)
async def test_an_item_is_asked_for_more_often_where_faults_pass(
    level: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "RETRY_BASE_SECONDS", 0.01)
    world = World(spread(120), [HardToGet("item-0053")])
    async with running(world):
        came = await visit(world, level)
    assert came.error is None
    assert len(set(came.keys)) == len(came.keys) == 120
    assert came.stats.completeness.status == "complete"
