"""A STAC API that is as awkward as the ones out there, in this process and without latency.

A real aiohttp server on one loopback port, which serves one `Adversary` after another.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BASE = 1_700_000_000  # seconds; tests place their items from here on
PRECISION = {"ms": 10**6, "us": 10**3, "ns": 1}  # nanoseconds
FAR_AWAY = 10**21


def text_of(nanoseconds: int) -> str:
    seconds, fraction = divmod(nanoseconds, 10**9)
    return f"{(EPOCH + timedelta(seconds=seconds)).strftime('%Y-%m-%dT%H:%M:%S')}.{fraction:09d}Z"


def nanoseconds_of(text: str) -> int:
    head, _, tail = text.rstrip("Z").partition(".")
    moment = datetime.fromisoformat(head).replace(tzinfo=UTC)
    return int((moment - EPOCH).total_seconds()) * 10**9 + int(tail[:9].ljust(9, "0") if tail else 0)


@dataclass
class Adversary:
    """What one server is like, and what it was asked."""

    items: list[dict[str, Any]]
    rule: str = "range"  # pgstac, stac-server, elastic, rustac or cmr
    precision: str = "ns"
    order: str = "datetime"  # newest first by datetime, by start_datetime, or none
    counts: str | None = "numberMatched"
    page_cap: int = 10_000
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
    histogram: bool = False
    extent: bool = True
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

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            await asyncio.sleep(0)
            return await self._handle(request)
        finally:
            self.in_flight -= 1

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/")
        base = f"http://{request.host}"
        body = await request.json() if request.can_read_body else dict(parse_qsl(request.query_string))
        number = self.asked
        self.asked += 1
        self.log.append((request.method, path, body))
        if (fault := self.faults.get(number)) is not None:
            response = self._fault(fault, request)
            if response is not None:
                return response
        if not path:
            return web.json_response(self._landing(base))
        if path == "/aggregate" and self.histogram:
            return web.json_response(self._aggregate(self._typed(body)))
        if path == "/collections":
            return web.json_response({"collections": [self._collection()], "links": []})
        if path.startswith("/collections/"):
            return web.json_response(self._collection())
        if path != "/search" or (request.method == "POST" and not self.post):
            return web.json_response({"description": "no"}, status=405)
        if request.method == "GET":
            body = self._typed(body)
        if int(body.get("limit", 10)) > self.largest:
            return web.json_response({"message": "Internal server error"}, status=500)
        page = self._page(body, base, request.method)
        compact = json.dumps(page, separators=(",", ":")).encode()
        return web.Response(body=compact, content_type="application/geo+json")

    @staticmethod
    def _typed(body: dict[str, Any]) -> dict[str, Any]:
        body = dict(body)
        if "collections" in body:
            body["collections"] = body["collections"].split(",")
        return body

    @staticmethod
    def _flat(value: Any) -> Any:
        if isinstance(value, list):
            return ",".join(value)
        return json.dumps(value) if isinstance(value, dict) else value

    def _fault(self, fault: str, request: web.Request) -> web.StreamResponse | None:
        if fault == "reset":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if fault == "truncated":
            return web.Response(body=b'{"type": "FeatureCollection", "features": [', content_type="application/json")
        if fault == "429":
            return web.Response(status=429, headers={"Retry-After": "0"})
        return web.json_response({"description": "fault"}, status=int(fault))

    def _landing(self, base: str) -> dict[str, Any]:
        links = [{"rel": "search", "href": f"{base}/search"}, {"rel": "data", "href": f"{base}/collections"}]
        if self.post:
            links.append({"rel": "search", "href": f"{base}/search", "method": "POST"})
        if self.histogram:
            links.append({"rel": "aggregate", "href": f"{base}/aggregate"})
        classes = ["https://api.stacspec.org/v1.0.0/item-search"]
        return {"links": links, "conformsTo": [*classes, classes[0] + "#filter"] if self.filters else classes}

    def _collection(self) -> dict[str, Any]:
        # The extent is a hint: this one is too narrow at its end.
        interval = [text_of(BASE * 10**9), text_of((BASE + 200) * 10**9)] if self.extent else [None, None]
        return {"id": "a", "extent": {"temporal": {"interval": [interval]}}}

    def _aggregate(self, search: dict[str, Any]) -> dict[str, Any]:
        times = (item["properties"].get("datetime") for item in self.found(search))
        counter = Counter(nanoseconds_of(text) // 10**9 // 60 * 60 for text in times if text)
        buckets = [{"key": text_of(start * 10**9), "frequency": n} for start, n in sorted(counter.items())]
        return {"aggregations": [{"name": "datetime_frequency", "buckets": buckets}]}

    def _page(self, body: dict[str, Any], base: str, method: str) -> dict[str, Any]:
        found = self.found(body)
        start = int(body.get("skip", 0))
        limit = min(int(body.get("limit", 10)), self.page_cap)
        features = found[start : start + limit]
        document: dict[str, Any] = {"type": "FeatureCollection", "features": features, "links": []}
        if self.counts == "numberMatched":
            # As several servers do: the count, and the size of the page or not.
            document = {"type": "FeatureCollection", "features": features, "links": document["links"]}
            document |= {"numberMatched": len(found), **({"numberReturned": len(features)} if self.merge else {})}
        elif self.counts == "context":
            document["context"] = {"matched": len(found)}
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
                link = {"method": "POST", "href": f"{base}/search", "merge": self.merge}
                link["body"] = token if self.merge else {**body, **token}
            else:
                flat = {name: self._flat(value) for name, value in {**body, **token}.items()}
                link = {"href": f"{base}/search?{urlencode(flat)}"}
            document["links"].append({"rel": "next", **link})
        return document


class Port:
    """One server socket for thousands of cases."""

    def __init__(self) -> None:
        self.adversary: Adversary | None = None
        self.url = ""

    async def __aenter__(self) -> Port:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            assert self.adversary is not None
            return await self.adversary.handle(request)  # type: ignore[arg-type]

        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._runner.cleanup()
