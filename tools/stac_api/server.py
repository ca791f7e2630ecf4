"""The endpoints, behind one door where a request is counted, may be refused, and waits."""

import re
import time
from argparse import Namespace
from collections import Counter
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from aiohttp import Payload, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.typedefs import Handler

from .items import Json
from .manners import Manners
from .search import Catalog, body_of_get, body_of_post, search_of

JSON, GEOJSON = "application/json", "application/geo+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
CONFORMS_TO = [f"https://api.stacspec.org/v1.0.0/{name}" for name in ("core", "collections", "item-search")]
FILTER = "https://api.stacspec.org/v1.0.0/item-search#filter"
LIMIT_OF_ONE = re.compile(rb'"limit"\s*:\s*1\s*[,}]')
PASSED_ON = ("Allow", "Retry-After")  # headers of errors that reach the client
QUICKLY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.GATEWAY_TIMEOUT)  # what a gateway answers by itself
SENT_IN_ONE_BYTES = 65_536
MAX_URL_BYTES = 2**20  # a GET search may carry thousands of ids or a detailed geometry


class Server:
    def __init__(self, catalog: Catalog, options: Namespace) -> None:
        self.catalog = catalog
        self.options = options
        self.in_flight = 0
        self._reset()

    def _reset(self) -> None:
        """Count from here on, also for what is refused or fails."""
        self.manners = Manners(self.options)
        self.requests: Counter[str] = Counter()
        self.refused = 0
        self.peak_in_flight = self.in_flight

    def application(self) -> web.Application:
        app = web.Application(
            middlewares=[self.answer], client_max_size=0, handler_args={"max_line_size": MAX_URL_BYTES}
        )
        gets = {"/": self.landing_page, "/api": self.openapi, "/collections": self.collections,
                "/collections/{collection}": self.collection, "/search": self.search}  # fmt: skip
        self.paths: Json = {path: {} for path in gets}
        app.add_routes([web.get(path, handler) for path, handler in {**gets, "/_stats": self.stats}.items()])
        app.add_routes([web.post("/search", self.search), web.post("/_stats/reset", self.stats)])
        return app

    @web.middleware
    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Make the answer, and send it after the latency; every error is a JSON document."""
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "(none)"
        if route.startswith("/_stats"):
            return await handler(request)
        self.requests[f"{request.method} {route}"] += 1
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        try:
            body = await request.read()  # now, so that a client that gives up during the wait is no error
            response = await self._answer(request, handler, is_search=route == "/search")
            is_small = route != "/search" or request.query.get("limit") == "1" or bool(LIMIT_OF_ONE.search(body))
            instant = is_small or response.status in QUICKLY
            await self.manners.wait(page_bytes=response.content_length or 0, instant=instant)
        finally:
            self.in_flight -= 1
        return response

    async def _answer(self, request: web.Request, handler: Handler, *, is_search: bool) -> web.StreamResponse:
        now = time.monotonic()
        try:
            refusal = self.manners.refusal(now) or (self.manners.fault(now) if is_search else None)
            if refusal:
                raise refusal
            return await handler(request)
        except web.HTTPException as error:
            response = _error(HTTPStatus(error.status), f"{request.method} {request.path}: {error.reason}")
            self.refused += error.status == HTTPStatus.TOO_MANY_REQUESTS
            response.headers.update({name: error.headers[name] for name in PASSED_ON if name in error.headers})
            return response

    async def stats(self, request: web.Request) -> web.Response:
        """What was served since the start or the last reset."""
        if request.method == "POST":
            self._reset()
        names = ("refused", "in_flight", "peak_in_flight")
        counts = {"requests": self.requests.total(), "requests_by_route": dict(self.requests)}
        return json_answer(counts | {name: getattr(self, name) for name in names})

    async def landing_page(self, request: web.Request) -> web.Response:
        base = f"http://{request.host}"
        links = [
            link("self", f"{base}/"),
            link("root", f"{base}/"),
            link("data", f"{base}/collections"),
            *(link("search", f"{base}/search", GEOJSON, method=method) for method in ("GET", "POST")),
            link("service-desc", f"{base}/api", OPENAPI),
            *(link("child", _collection_url(base, id_), title=id_) for id_ in self.catalog.collections),
        ]
        catalog = {
            "type": "Catalog",
            "stac_version": "1.1.0",
            "id": "local-stac-api",
            "title": "Local STAC API",
            "description": "A local STAC API with latency, for benchmarks.",
            "conformsTo": [*CONFORMS_TO, *([FILTER] if self.options.null_filter else ())],
            "links": links,
        }
        return json_answer(catalog)

    async def openapi(self, request: web.Request) -> web.Response:
        """The description that each STAC API must have, with nothing but the paths."""
        info = {"title": "Local STAC API", "version": "1.0.0"}
        return json_answer({"openapi": "3.0.3", "info": info, "paths": self.paths}, OPENAPI)

    async def collections(self, request: web.Request) -> web.Response:
        base = f"http://{request.host}"
        links = [link("self", f"{base}/collections"), link("root", f"{base}/")]
        collections = [self._described(base, id_) for id_ in self.catalog.collections]
        return json_answer({"collections": collections, "links": links})

    async def collection(self, request: web.Request) -> web.Response:
        id_ = request.match_info["collection"]
        if id_ not in self.catalog.collections:
            raise web.HTTPNotFound(reason="no such collection")
        return json_answer(self._described(f"http://{request.host}", id_))

    def _described(self, base: str, id_: str) -> Json:
        links = [link("self", _collection_url(base, id_)), *(link(rel, f"{base}/") for rel in ("root", "parent"))]
        return {**self.catalog.collections[id_], "links": links}

    async def search(self, request: web.Request) -> web.Response:
        """Items, as the bytes that they are, and the other members of the FeatureCollection."""
        text = await request.read()
        try:
            body = body_of_post(text) if request.method == "POST" else body_of_get(request.query)
            if self.options.no_bbox:
                body.bbox = None
            search = search_of(body)
        except ValueError as error:
            return _error(HTTPStatus.BAD_REQUEST, str(error))
        found = self.catalog.find(search.filters)
        end = search.offset + search.limit
        positions = found[search.offset : end]
        base = f"http://{request.host}"
        links = [link("root", f"{base}/")]
        if end < len(found):
            place = {"offset": end} if self.options.offsets else {"token": f"{end}-{search.checksum}"}
            if request.method == "POST":  # the same search, from another place on
                following = orjson.loads(text or b"{}") | place
                links.append(link("next", f"{base}/search", GEOJSON, method="POST") | {"body": following})
            else:
                links.append(link("next", f"{base}/search?{urlencode({**request.query, **place})}", GEOJSON))
        counts = {} if self.options.no_counts else {"numberMatched": len(found), "numberReturned": len(positions)}
        rest = b"]," + orjson.dumps({"links": links, **counts})[1:]
        parts = [b'{"type":"FeatureCollection","features":[', self.catalog.features(positions), rest]
        size = sum(map(len, parts))
        if size < SENT_IN_ONE_BYTES:
            parts = [b"".join(parts)]
        return web.Response(body=_Parts(parts), headers={"Content-Type": GEOJSON, "Content-Length": str(size)})


class _Parts(Payload):
    """A body that is sent part by part. Joined into one, a page would be copied, by us and again by asyncio."""

    async def write(self, writer: AbstractStreamWriter) -> None:
        for part in self._value:
            # Of a view, asyncio copies once what the socket does not take at once; of bytes, twice.
            await writer.write(memoryview(part))

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join(self._value).decode(encoding, errors)


def json_answer(document: Any, content_type: str = JSON, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(document), headers={"Content-Type": content_type}, status=status)


def link(rel: str, href: str, type_: str = JSON, **more: str) -> Json:
    return {"rel": rel, "href": href, "type": type_, **more}


def _error(status: HTTPStatus, description: str) -> web.Response:
    return json_answer({"code": status.phrase.title().replace(" ", ""), "description": description}, status=status)


def _collection_url(base: str, collection: str) -> str:
    return f"{base}/collections/{quote(collection, safe='')}"
