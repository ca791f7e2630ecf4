"""A small STAC API over a list of items, on a real socket, that habits of public servers are laid over.

`World` behaves well by itself: GET and POST searches, opaque tokens that name the last item of a page (so that items
which come and go shift nothing), exact counts, newest first. A `Habit` changes one thing of that at one of the places
where servers differ. Habits are laid over each other in the order in which they are given.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web
from multidict import CIMultiDict

Json = dict[str, Any]
Key = tuple[str | None, str]
EPOCH = datetime(1970, 1, 1)
FAR = timedelta(days=10_000_000)
PAGING = ("limit", "token", "offset", "page")


def key_of(item: Json) -> Key:
    return item.get("collection"), item["id"]


@cache
def moment_of(text: str) -> timedelta:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=None) - EPOCH - (moment.utcoffset() or timedelta())


def span_of(item: Json) -> tuple[timedelta, timedelta] | None:
    """The time range of an item: start to end where it has both, else its datetime."""
    properties = item["properties"]
    start, end = properties.get("start_datetime"), properties.get("end_datetime")
    if not (start and end):
        start = end = properties.get("datetime")
    return (moment_of(start), moment_of(end)) if start else None


@dataclass
class Ask:
    """One request for items: its conditions, as typed JSON, and its number (from 1)."""

    number: int
    method: str
    path: str
    conditions: Json
    headers: dict[str, str]

    @property
    def limit(self) -> int:
        return int(self.conditions.get("limit", 10))


class Refusal(Exception):
    """Raised by a habit: answer this instead."""

    def __init__(self, status: int, document: Any = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.document, self.headers = status, document, headers or {}


class Habit:
    """What a server does in its own way. Each method is one place; none of them changes anything by default."""

    lost: frozenset[str] = frozenset()
    """Ids of items that nobody can have."""
    may_miss = False
    """Whether a client may miss items, if it says so."""
    never_complete = False
    """Whether nobody can know that all has come."""
    options: Json = {}  # noqa: RUF012
    """Options without which the server cannot be read."""

    async def arrives(self, ask: Ask) -> None:
        """A request for items has come: wait, or raise a `Refusal`."""

    def document(self, path: str, document: Json) -> Json:
        """A landing page or a Collection is about to be sent."""
        return document

    def understood(self, conditions: Json) -> Json:
        """How the server reads what it is asked."""
        return conditions

    def matches_time(self, item: Json, low: timedelta, high: timedelta) -> bool | None:
        """Whether an item is in an interval; None leaves that to others."""
        return None

    def found(self, ask: Ask, items: list[Json]) -> list[Json]:
        """All that a search finds, in order."""
        return items

    def page(self, world: World, ask: Ask, page: Json) -> None:
        """One page of it, as a document."""

    def body(self, ask: Ask, body: bytes) -> bytes:
        """The same as bytes."""
        return body

    def sends(self, ask: Ask) -> list[tuple[str, str]]:
        """What is sent before it."""
        return []


@dataclass
class World:
    """A server, and what it was asked."""

    items: list[Json]
    habits: Sequence[Habit] = ()
    latency: float = 0.001
    counts: bool = True
    filters: bool = True
    paging: str = "token"  # or "position" (a token without meaning), "offset", "page"
    url: str = ""
    asked: list[Ask] = field(default_factory=list)
    answered: int = 0
    in_flight: int = 0
    peak: int = 0
    clients: set[object] = field(default_factory=set)  # a connection each
    searches: dict[tuple[str, int], list[Json]] = field(default_factory=dict)

    # --- what matches -------------------------------------------------------------------------------------------

    def matches(self, item: Json, conditions: Json) -> bool:
        collections, ids, box = conditions.get("collections"), conditions.get("ids"), conditions.get("bbox")
        if (collections and item.get("collection") not in collections) or (ids and item["id"] not in ids):
            return False
        boxes = [] if box is None else [box]
        if (area := conditions.get("intersects")) is not None:
            several = area["type"] == "MultiPolygon"
            boxes = [_around(rings[0]) for rings in (area["coordinates"] if several else [area["coordinates"]])]
        if boxes and not any(_inside(item.get("geometry"), each) for each in boxes):
            return False
        if conditions.get("filter") and item["properties"].get("datetime") is not None:
            return False  # the one filter that is understood: datetime IS NULL
        interval = conditions.get("datetime")
        return interval is None or self._in_time(item, interval)

    def _in_time(self, item: Json, interval: str) -> bool:
        low_text, slash, high_text = interval.partition("/")
        high_text = high_text if slash else low_text
        low = -FAR if low_text in ("", "..") else moment_of(low_text)
        high = FAR if high_text in ("", "..") else moment_of(high_text)
        for habit in self.habits:
            if (verdict := habit.matches_time(item, low, high)) is not None:
                return verdict
        span = span_of(item)
        return span is not None and span[0] <= high and span[1] >= low

    def found(self, ask: Ask) -> list[Json]:
        conditions = ask.conditions
        for habit in self.habits:
            conditions = habit.understood(conditions)
        items = list(self._matching({name: value for name, value in conditions.items() if name not in PAGING}))
        for habit in self.habits:
            items = habit.found(ask, items)
        return items

    def _matching(self, conditions: Json) -> list[Json]:
        """What matches, in order: found once for all pages of a search, and again when items have come or gone."""
        key = json.dumps(conditions), len(self.items)
        if key not in self.searches:
            matching = (item for item in self.items if self.matches(item, conditions))
            self.searches[key] = sorted(matching, key=newest_first)
        return self.searches[key]

    # --- answering ----------------------------------------------------------------------------------------------

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            raw = await request.read()
            parts = [part for part in request.path.split("/") if part]
            if parts == ["search"] or (len(parts) == 3 and parts[0] == "collections" and parts[2] == "items"):
                return await self._items(request, raw, parts)
            return web.json_response(self._document(request.path_qs, parts))
        except Refusal as refusal:
            if isinstance(refusal.document, str):
                return web.Response(text=refusal.document, status=refusal.status, content_type="text/html")
            return web.json_response(refusal.document or {}, status=refusal.status, headers=refusal.headers)

    def _document(self, path: str, parts: list[str]) -> Json:
        names = sorted({item["collection"] for item in self.items if item.get("collection")})
        extent = {"temporal": {"interval": [["2024-01-01T00:00:00Z", "2024-12-31T00:00:00Z"]]}}
        collections = [{"id": name, "type": "Collection", "extent": extent, "links": []} for name in names]
        if not parts:
            search = {"rel": "search", "href": f"{self.url}search"}
            links = [search, {**search, "method": "POST"}, {"rel": "data", "href": f"{self.url}collections"}]
            core = "https://api.stacspec.org/v1.0.0/item-search"
            document: Json = {"links": links, "conformsTo": [core, f"{core}#filter"] if self.filters else [core]}
        elif parts == ["conformance"]:
            document = {}
        elif parts == ["collections"]:
            document = {"collections": collections, "links": []}
        elif len(parts) == 4 and parts[2] == "items":
            found = [item for item in self.items if key_of(item) == (parts[1], parts[3])]
            if not found:
                raise Refusal(404, {"description": "no such item"})
            document = found[0]
        elif len(parts) == 2 and parts[0] == "collections" and parts[1] in names:
            document = collections[names.index(parts[1])]
        else:
            raise Refusal(404, {"description": "no such page"})
        for habit in self.habits:
            document = habit.document(path, document)
        return document

    async def _items(self, request: web.Request, raw: bytes, parts: list[str]) -> web.StreamResponse:
        conditions = json.loads(raw) if request.method == "POST" else _typed(dict(parse_qsl(request.query_string)))
        if parts != ["search"]:
            conditions = {**conditions, "collections": [parts[1]]}
        ask = Ask(len(self.asked) + 1, request.method, request.path, conditions, dict(request.headers))
        self.asked.append(ask)
        self.in_flight += 1
        self.clients.add(request.transport and request.transport.get_extra_info("peername"))
        self.peak = max(self.peak, self.in_flight)
        try:
            await asyncio.sleep(self.latency)
            for habit in self.habits:
                await habit.arrives(ask)
            self.answered += 1
            page = self._page(ask)
            for habit in self.habits:
                habit.page(self, ask, page)
            body = json.dumps(page).encode()
            for habit in self.habits:
                body = habit.body(ask, body)
            headers = CIMultiDict(each for habit in self.habits for each in habit.sends(ask))
            return web.Response(body=body, content_type="application/geo+json", headers=headers)
        finally:
            self.in_flight -= 1

    def _page(self, ask: Ask) -> Json:
        found, token = self.found(ask), ask.conditions.get("token")
        start = 0
        if self.paging == "position":
            start = int((token or "p0")[1:])
        elif self.paging != "token":
            start = int(ask.conditions.get(self.paging, 0)) * (ask.limit if self.paging == "page" else 1)
        elif token is not None:
            after = json.loads(token)
            start = sum(newest_first(item) <= tuple(after) for item in found)
        features = found[start : start + ask.limit]
        page: Json = {"type": "FeatureCollection", "features": features, "links": []}
        if self.counts:
            page |= {"numberMatched": len(found), "numberReturned": len(features)}
        if start + ask.limit < len(found):
            stop = start + ask.limit
            following = {**ask.conditions, **{
                "token": lambda: {"token": json.dumps(newest_first(features[-1]))},
                "position": lambda: {"token": f"p{stop}"},
                "offset": lambda: {"offset": stop},
                "page": lambda: {"page": stop // ask.limit},
            }[self.paging]()}  # fmt: skip
            if ask.method == "POST":
                link = {"method": "POST", "href": f"{self.url}search", "body": following}
            else:
                link = {"href": f"{self.url.rstrip('/')}{ask.path}?{urlencode(flat(following))}"}
            page["links"].append({"rel": "next", **link})
        return page


@asynccontextmanager
async def running(world: World) -> AsyncIterator[World]:
    app = web.Application(handler_args={"max_line_size": 65_536})
    app.router.add_route("*", "/{tail:.*}", world.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    world.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield world
    finally:
        await runner.cleanup()


def newest_first(item: Json) -> tuple[float, str, str]:
    moment = item["properties"].get("datetime")
    age = -moment_of(moment).total_seconds() if moment else FAR.total_seconds()
    return age, item["id"], item.get("collection") or ""


def _around(ring: list[list[float]]) -> list[float]:
    xs, ys = zip(*(position[:2] for position in ring), strict=True)
    return [min(xs), min(ys), max(xs), max(ys)]


def _inside(geometry: Json | None, box: Sequence[float]) -> bool:
    """Whether a point lies in a box, its edges included, over the antimeridian where west exceeds east."""
    if geometry is None:
        return False
    x, y = geometry["coordinates"][:2]
    west, south, east, north = box if len(box) == 4 else (box[0], box[1], box[3], box[4])
    return south <= y <= north and (west <= x <= east if west <= east else x >= west or x <= east)


def _typed(query: Json) -> Json:
    if "e" in query.get("bbox", ""):  # as in 1e-06
        raise Refusal(400, {"description": "bbox: not a number"})
    lists = {name: query[name].split(",") for name in ("collections", "ids") if name in query}
    numbers = {"bbox": [float(number) for number in query["bbox"].split(",")]} if "bbox" in query else {}
    area = {"intersects": json.loads(query["intersects"])} if "intersects" in query else {}
    return {**query, **lists, **numbers, **area}


def flat(conditions: Json) -> Json:
    return {
        name: ",".join(map(str, value)) if isinstance(value, list)
        else json.dumps(value) if isinstance(value, dict)
        else value
        for name, value in conditions.items()
    }  # fmt: skip
