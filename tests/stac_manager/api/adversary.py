"""A STAC API that is as awkward as the ones out there, in this process, without a socket and without latency.

`Adversary` says what a server is like. `answering` puts it in the place of aiohttp's session, so that everything above
the socket is the real thing: retries, redirects, decompression, `next` links. Sockets have tests of their own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, urlencode

import aiohttp
from aiohttp import web
from yarl import URL

URL_OF_IT = "http://adversary.test/"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BASE = 1_700_000_000  # seconds; tests place their items from here on
PRECISION = {"ms": 10**6, "us": 10**3, "ns": 1}  # nanoseconds
FAR_AWAY = 10**21


def text_of(nanoseconds: int) -> str:
    seconds, fraction = divmod(nanoseconds, 10**9)
    return f"{(EPOCH + timedelta(seconds=seconds)).strftime('%Y-%m-%dT%H:%M:%S')}.{fraction:09d}Z"


@cache
def nanoseconds_of(text: str) -> int:
    head, _, tail = text.rstrip("Z").partition(".")
    moment = datetime.fromisoformat(head).replace(tzinfo=UTC)
    return int((moment - EPOCH).total_seconds()) * 10**9 + int(tail[:9].ljust(9, "0") if tail else 0)


@dataclass
class Reply:
    """What the package looks at of an `aiohttp.ClientResponse`."""

    url: URL
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    reason: str = "reason"

    @classmethod
    def json(cls, url: URL, document: Any, status: int = 200) -> Reply:
        return cls(url, status, json.dumps(document, separators=(",", ":")).encode())

    @property
    def content(self) -> Reply:
        return self

    async def iter_any(self) -> AsyncIterator[bytes]:
        if self.body:
            yield self.body


@dataclass
class Adversary:
    """What one server is like, and what it was asked."""

    items: list[dict[str, Any]]
    rule: str = "range"  # pgstac, stac-server, elastic, rustac or cmr
    precision: str = "ns"
    order: str = "datetime"  # newest first by datetime, by start_datetime, or none
    counts: str | None = "numberMatched"
    miscounts: int = 0  # by so much each count is wrong
    uncounted: int = 0  # every so many answers have no count
    page_cap: int = 10_000
    page_floor: int = 0  # pages are never smaller, whatever the limit
    post: bool = True
    merge: bool = False
    post_links: bool = True
    filters: bool = False
    ignores_datetime: bool = False
    lies: frozenset[int] = frozenset()  # page numbers (counted over the whole search) that have no next link
    never_next: bool = False
    repeats: frozenset[int] = frozenset()  # pages whose next link leads to the same page again
    faults: dict[int, str] = field(default_factory=dict)  # request number -> fault
    largest: int = 10_000  # a larger limit is answered with 500
    extent: bool = True
    requests_a_turn: int = 0  # more than so many at once are refused
    asked: int = 0
    log: list[Any] = field(default_factory=list)
    in_flight: int = 0
    peak: int = 0
    pages: int = 0

    # --- what matches -------------------------------------------------------------------------------------------

    def _time(self, text: str) -> int:
        value, unit = nanoseconds_of(text), PRECISION[self.precision]
        return round(value / unit) * unit if self.rule == "pgstac" else value // unit * unit

    def interval(self, item: dict[str, Any]) -> tuple[int, int] | None:
        p = item["properties"]
        moment, start, end = p.get("datetime"), p.get("start_datetime"), p.get("end_datetime")
        if self.rule == "stac-server" or (self.rule == "elastic" and moment):
            start = end = moment
        elif self.rule == "pgstac":
            start, end = (start, end) if start and end else (moment, moment)
        else:
            start, end = start or moment, end or moment
        return (self._time(start), self._time(end)) if start and end else None

    def matches(self, item: dict[str, Any], search: dict[str, Any]) -> bool:
        if search.get("collections") and item["collection"] not in search["collections"]:
            return False
        if search.get("filter") and self.filters and item["properties"].get("datetime") is not None:
            return False
        interval = search.get("datetime")
        if interval is None or self.ignores_datetime:
            return True
        if (own := self.interval(item)) is None:
            return False
        low_text, _, high_text = interval.partition("/")
        high_text = high_text or low_text
        low = -FAR_AWAY if low_text == ".." else self._time(low_text)
        high = FAR_AWAY if high_text == ".." else self._time(high_text)
        if high_text != ".." and self.rule == "elastic" and "." not in high_text:
            high += 999_999_999
        return own[0] <= high and own[1] >= low

    def key(self, item: dict[str, Any]) -> Any:
        p = item["properties"]
        if self.order == "none":
            return (hash((item["id"], "x")) % 997, item["id"], item["collection"])
        by_start = self.order == "start_datetime" and p.get("start_datetime") and p.get("end_datetime")
        text = p["start_datetime"] if by_start else p.get("datetime")
        return (-self._time(text) if text else FAR_AWAY, item["id"], item["collection"])

    def found(self, search: dict[str, Any]) -> list[dict[str, Any]]:
        return sorted((item for item in self.items if self.matches(item, search)), key=self.key)

    # --- answering ----------------------------------------------------------------------------------------------

    async def answer(self, method: str, url: URL, body: Any) -> Reply:
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            # As if the answers came in another order than the questions.
            for _ in range(1 + self.asked * 7 % 5):
                await asyncio.sleep(0)
            return self._answer(method, url, body)
        finally:
            self.in_flight -= 1

    async def reply_to(self, request: web.Request) -> Reply:
        """Answer a request that came over a real socket."""
        body = await request.json() if request.body_exists else None
        return self._answer(request.method, URL(f"http://{request.host}{request.raw_path}", encoded=True), body)

    def _answer(self, method: str, url: URL, body: Any) -> Reply:
        path = url.path.rstrip("/")
        base = str(url.origin())
        if body is None:
            body = dict(parse_qsl(url.raw_query_string))
        number = self.asked
        self.asked += 1
        self.log.append((method, path, body))
        if self.requests_a_turn and self.in_flight > self.requests_a_turn:
            return Reply(url, 429, b"", {"Retry-After": "0"})
        if (fault := self.faults.get(number)) is not None:
            return self._fault(fault, url)
        if not path:
            return Reply.json(url, self._landing(base))
        if path == "/collections":
            return Reply.json(url, {"collections": [self._collection()], "links": []})
        if path.startswith("/collections/"):
            return Reply.json(url, self._collection())
        if path != "/search" or (method == "POST" and not self.post):
            return Reply.json(url, {"description": "no"}, 405)
        if method == "GET":
            body = self._typed(body)
        if int(body.get("limit", 10)) > self.largest:
            return Reply.json(url, {"message": "Internal server error"}, 500)
        return Reply.json(url, self._page(body, base, method))

    @staticmethod
    def _typed(body: dict[str, Any]) -> dict[str, Any]:
        body = dict(body)
        if "collections" in body:
            body["collections"] = body["collections"].split(",")
        return body

    @staticmethod
    def _flat(value: Any) -> Any:
        if isinstance(value, list):
            return ",".join(map(str, value))
        return json.dumps(value) if isinstance(value, dict) else value

    def _fault(self, fault: str, url: URL) -> Reply:
        if fault == "reset":
            raise aiohttp.ServerDisconnectedError
        if fault == "truncated":
            return Reply(url, 200, b'{"type": "FeatureCollection", "features": [')
        if fault == "429":
            return Reply(url, 429, b"", {"Retry-After": "0"})
        return Reply.json(url, {"description": "fault"}, int(fault))

    def _landing(self, base: str) -> dict[str, Any]:
        links = [{"rel": "search", "href": f"{base}/search"}, {"rel": "data", "href": f"{base}/collections"}]
        if self.post:
            links.append({"rel": "search", "href": f"{base}/search", "method": "POST"})
        classes = ["https://api.stacspec.org/v1.0.0/item-search"]
        return {"links": links, "conformsTo": [*classes, classes[0] + "#filter"] if self.filters else classes}

    def _collection(self) -> dict[str, Any]:
        # The extent is a hint: this one is too narrow at its end.
        interval = [text_of(BASE * 10**9), text_of((BASE + 200) * 10**9)] if self.extent else [None, None]
        return {"id": "a", "extent": {"temporal": {"interval": [interval]}}}

    def _page(self, body: dict[str, Any], base: str, method: str) -> dict[str, Any]:
        found = self.found(body)
        start = int(body.get("skip", 0))
        limit = max(min(int(body.get("limit", 10)), self.page_cap), self.page_floor)
        features = found[start : start + limit]
        document: dict[str, Any] = {"type": "FeatureCollection", "features": features, "links": []}
        counted = max(len(found) + self.miscounts, 0)
        if self.uncounted and self.asked % self.uncounted == 0:
            pass
        elif self.counts == "numberMatched":
            # As several servers do: the count, and the size of the page or not.
            document = {"type": "FeatureCollection", "features": features, "links": document["links"]}
            document |= {"numberMatched": counted, **({"numberReturned": len(features)} if self.merge else {})}
        elif self.counts == "context":
            document["context"] = {"matched": counted}
        if start + limit < len(found):
            number = self.pages
            self.pages += 1
            if self.never_next or number in self.lies:
                return document
            following = start if number in self.repeats else start + limit
            token = {"skip": following}
            if following == start:
                token["again"] = number
            if method == "POST" and self.post_links:
                link = {"method": "POST", "href": "search" if self.extent else f"{base}/search", "merge": self.merge}
                link["body"] = token if self.merge else {**body, **token}
            else:
                flat = {name: self._flat(value) for name, value in {**body, **token}.items()}
                link = {"href": f"{base}/search?{urlencode(flat)}"}
            document["links"].append({"rel": "next", **link})
        return document


@contextmanager
def answering(server: Adversary) -> Iterator[str]:
    """Let every session of aiohttp talk to this server, and give its address."""

    class Session:
        def __init__(self, **options: Any) -> None:
            pass

        @asynccontextmanager
        async def request(
            self, method: str, url: URL, *, data: bytes | None, headers: Any, **options: Any
        ) -> AsyncIterator[Reply]:
            yield await server.answer(method, url, None if data is None else json.loads(data))

        async def close(self) -> None:
            pass

    with mock.patch.object(aiohttp, "ClientSession", Session):
        yield URL_OF_IT
