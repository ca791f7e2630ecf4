"""A local STAC API with latency: what the API benchmarks run against.

    python tools/stac_api_server.py items.ndjson --latency 0.1 --port-file url.txt --die-with-parent

Serves the items of NDJSON files over STAC API 1.0.0 (Core, Collections, Features, Item Search). Every request takes
at least the latency; apart from it the server is as cheap as it can be, so that a benchmark measures the client: a
search answers with the items' own bytes, and what a search found is remembered while its pages are fetched.

An item comes out of a search byte for byte as its line in the file. Only `/collections/{id}/items` and the item itself
get the links that STAC API asks for there.

Items are ordered newest first: by the start of their range, then by id, both descending. An item's range is
`start_datetime` to `end_datetime` when both are set, else `datetime` twice; it matches a datetime filter when the two
overlap, ends included, at nanosecond precision (digits beyond that are ignored).

`--throttle N` refuses what comes above N requests a second with 429 and `Retry-After`, as public APIs do.
`--aggregations` adds `/aggregate` (STAC API - Aggregation) with `total_count` and `datetime_frequency`: how many items
there are in each month, by the start of their range.

`GET /_stats` counts what was served and `POST /_stats/reset` starts again, the throttle included; neither waits nor is
counted itself.

One file that needs aiohttp and orjson only, so that any interpreter which has them can run it. `intersects` also
needs shapely.
"""

import argparse
import asyncio
import contextlib
import ctypes
import gc
import importlib
import itertools
import math
import operator
import os
import random
import re
import signal
import sys
import time
import zlib
from array import array
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from urllib.parse import quote, urlencode

# Asked before the slow imports: a parent that dies during them must still be seen to be gone.
STARTED_BY = os.getppid()

import orjson  # noqa: E402
from aiohttp import web  # noqa: E402

Json = dict[str, Any]

DEFAULT_LIMIT = 10
MAX_LIMIT = 10_000  # a greater limit is served as this one, as OGC API - Features demands
CACHED_SEARCHES = 256
MAX_URL_BYTES = 2**20  # a GET search may carry thousands of ids or a detailed geometry
PARENT_POLL_SECONDS = 0.5
SHUTDOWN_SECONDS = 0.2
BACKLOG = 1024

PASSED_ON = ("Allow", "Retry-After")
"""Headers of errors that reach the client."""

JSON = "application/json"
GEOJSON = "application/geo+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"

STAC_API = "https://api.stacspec.org/v1.0.0"
OGC_FEATURES = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf"
CONFORMS_TO = [
    f"{STAC_API}/core",
    f"{STAC_API}/collections",
    f"{STAC_API}/ogcapi-features",
    f"{STAC_API}/item-search",
    f"{OGC_FEATURES}/core",
    f"{OGC_FEATURES}/geojson",
    f"{OGC_FEATURES}/oas30",
]
AGGREGATION = "https://api.stacspec.org/v0.3.0/aggregation"
AGGREGATIONS = {"datetime_frequency": "frequency_distribution", "total_count": "integer"}
THROTTLE_WINDOW_SECONDS = 1.0


class InputError(Exception):
    """The files to serve cannot be used; the message names the file, and the line where there is one."""


class SearchError(Exception):
    """A request's parameters break the specification: answered with 400 and this message."""


# --- Running -------------------------------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM, SIGINT or, with `--die-with-parent`, the end of the starting process.

    Returns the exit code: 0 after a clean end, 2 when the input or the address cannot be used.
    """
    options = parse_arguments(argv)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit_cleanly)  # until the event loop takes over
    if options.die_with_parent and sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
    try:
        # Millions of small objects that all stay: looking for garbage among them would only take time.
        gc.disable()
        catalog = Catalog(read_items(options.items), read_collections(options.collection))
        gc.freeze()
        gc.enable()
        asyncio.run(serve(catalog, options))
    except (InputError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="stac_api_server.py", description="Serve NDJSON items as a local STAC API with latency."
    )
    add = parser.add_argument
    add("items", nargs="+", type=Path, metavar="ITEMS.ndjson", help="STAC items, one JSON document a line")
    add(
        "--collection",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a Collection as JSON, may be repeated (default: derived from the items)",
    )
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=0, help="port to listen on; 0 takes a free one (default: %(default)s)")
    add(
        "--latency",
        type=seconds,
        default=0.1,
        metavar="SECONDS",
        help="the least time a request takes (default: %(default)s)",
    )
    add(
        "--jitter",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="added to the latency: uniform from 0 to this, the same sequence in every run (default: %(default)s)",
    )
    add(
        "--page-cap",
        type=positive_integer,
        default=MAX_LIMIT,
        metavar="N",
        help="a page never has more items than this, whatever the limit says (default: %(default)s)",
    )
    add("--port-file", type=Path, metavar="FILE", help="write the URL here once the server listens")
    add(
        "--die-with-parent",
        action="store_true",
        help="exit when the starting process ends (on Linux already when the thread that started this one ends)",
    )
    add("--merge", action="store_true", help='the next link of a POST search has "merge": true and the token alone')
    add("--no-post", action="store_true", help="refuse POST searches, and do not advertise them")
    add("--no-counts", action="store_true", help="leave out numberMatched and numberReturned")
    add(
        "--throttle",
        type=positive_integer,
        metavar="N",
        help="answer 429 with Retry-After to what comes above N requests in any second (default: never)",
    )
    add(
        "--aggregations",
        action="store_true",
        help=f"offer /aggregate with {' (items by month) and '.join(AGGREGATIONS)}",
    )
    return parser.parse_args(argv)


def seconds(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(text)
    return value


def positive_integer(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def _exit_cleanly(number: int, frame: object) -> NoReturn:
    raise SystemExit(0)


async def serve(catalog: "Catalog", options: argparse.Namespace) -> None:
    """Listen, tell the parent where, and wait for the signal to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(
        StacApi(catalog, options).application(),
        access_log=None,
        shutdown_timeout=SHUTDOWN_SECONDS,
        max_line_size=MAX_URL_BYTES,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, options.host, options.port, backlog=BACKLOG).start()
        announce(_url_of(options.host, runner.addresses[0][1]), options.port_file)
        async with asyncio.TaskGroup() as tasks:
            watcher = tasks.create_task(_stop_without_parent(stop)) if options.die_with_parent else None
            await stop.wait()
            if watcher:
                watcher.cancel()
    finally:
        await runner.cleanup()


def announce(url: str, port_file: Path | None) -> None:
    """Tell that the server listens: into the port file, all at once, and to stdout if anyone has it open."""
    if port_file:
        unfinished = port_file.with_name(f"{port_file.name}.{os.getpid()}")
        unfinished.write_text(f"{url}\n", encoding="utf-8")
        unfinished.replace(port_file)
    if sys.stdout is not None:
        with contextlib.suppress(OSError):  # unbuffered, so that a closed pipe is noticed here and not at exit
            os.write(sys.stdout.fileno(), f"listening on {url}\n".encode())


def _url_of(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _stop_without_parent(stop: asyncio.Event) -> None:
    while os.getppid() == STARTED_BY:  # noqa: ASYNC110 - the kernel has no event for it
        await asyncio.sleep(PARENT_POLL_SECONDS)
    stop.set()


# --- Answering -----------------------------------------------------------------------------------------------------

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Stats:
    """What was served since the start or the last reset. Bytes are those of the bodies."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.reset()

    def reset(self) -> None:
        self.requests: Counter[str] = Counter()
        self.refused = 0
        self.bytes = 0
        self.peak_in_flight = self.in_flight

    @contextlib.contextmanager
    def request(self, route: str) -> Iterator[None]:
        self.requests[route] += 1
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        try:
            yield
        finally:
            self.in_flight -= 1

    def as_json(self) -> Json:
        return {
            "requests": self.requests.total(),
            "requests_by_route": dict(self.requests),
            "refused": self.refused,
            "in_flight": self.in_flight,
            "peak_in_flight": self.peak_in_flight,
            "bytes": self.bytes,
        }


class Throttle:
    """Lets at most `rate` requests pass in any `THROTTLE_WINDOW_SECONDS`; without a rate, all of them."""

    def __init__(self, rate: int | None) -> None:
        self.rate = rate
        self.passed: deque[float] = deque(maxlen=rate)

    def refuses(self, now: float) -> web.HTTPTooManyRequests | None:
        """Count a request in, or give the answer that says when to come again."""
        if self.rate is None:
            return None
        if len(self.passed) == self.rate:
            wait = self.passed[0] + THROTTLE_WINDOW_SECONDS - now
            if wait > 0:
                reason = f"more than {self.rate} requests a second"
                return web.HTTPTooManyRequests(reason=reason, headers={"Retry-After": str(math.ceil(wait))})
        self.passed.append(now)
        return None


class StacApi:
    """The endpoints. URLs in answers begin as the client addressed the server."""

    def __init__(self, catalog: "Catalog", options: argparse.Namespace) -> None:
        self.catalog = catalog
        self.options = options
        self.stats = Stats()
        self.throttle = Throttle(options.throttle)
        self.random = random.Random(0)

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self.answer], client_max_size=0)
        app.add_routes(
            [
                web.get("/", self.landing_page),
                web.get("/conformance", self.conformance),
                web.get("/api", self.openapi),
                web.get("/api.html", self.openapi_page),
                web.get("/collections", self.collections),
                web.get("/collections/{collection}", self.collection),
                web.get("/collections/{collection}/items", self.items),
                web.get("/collections/{collection}/items/{item}", self.item),
                web.get("/search", self.search_by_get),
                web.get("/_stats", self.show_stats),
                web.post("/_stats/reset", self.reset_stats),
            ]
        )
        if not self.options.no_post:
            app.add_routes([web.post("/search", self.search_by_post)])
        if self.options.aggregations:
            app.add_routes([web.get("/aggregate", self.aggregate), web.get("/aggregations", self.aggregations)])
        return app

    @web.middleware
    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Wait for the latency, then answer; every error is a JSON document."""
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "(none)"
        if route.startswith("/_stats"):
            return await handler(request)
        with self.stats.request(f"{request.method} {route}"):
            refusal = self.throttle.refuses(time.monotonic())
            await request.read()  # now, so that a client that gives up during the wait is no error
            await asyncio.sleep(self.options.latency + self.random.uniform(0, self.options.jitter))
            try:
                if refusal:
                    raise refusal
                response = await handler(request)
            except SearchError as error:
                response = _error(HTTPStatus.BAD_REQUEST, str(error))
            except web.HTTPException as error:
                response = _error(HTTPStatus(error.status), f"{request.method} {request.path}: {error.reason}")
                self.stats.refused += error.status == HTTPStatus.TOO_MANY_REQUESTS
                response.headers.update({name: error.headers[name] for name in PASSED_ON if name in error.headers})
            self.stats.bytes += response.content_length or 0
        return response

    async def landing_page(self, request: web.Request) -> web.Response:
        base = _base_url(request)
        searches = [_link("search", f"{base}/search", GEOJSON, "Search", method="GET")]
        if not self.options.no_post:
            searches.append(_link("search", f"{base}/search", GEOJSON, "Search", method="POST"))
        if self.options.aggregations:
            searches.append(_link("aggregate", f"{base}/aggregate", JSON, "Counts of what a search finds"))
            searches.append(_link("aggregations", f"{base}/aggregations", JSON, "What can be counted"))
        return _json(
            {
                "type": "Catalog",
                "stac_version": "1.1.0",
                "id": "local-stac-api",
                "title": "Local STAC API",
                "description": "A local STAC API with latency, for benchmarks.",
                "conformsTo": self._conforms_to,
                "links": [
                    _link("self", f"{base}/", JSON, "This catalog"),
                    _link("root", f"{base}/", JSON, "This catalog"),
                    _link("conformance", f"{base}/conformance", JSON, "Conformance classes"),
                    _link("data", f"{base}/collections", JSON, "Collections"),
                    *searches,
                    _link("service-desc", f"{base}/api", OPENAPI, "OpenAPI description"),
                    _link("service-doc", f"{base}/api.html", "text/html", "Documentation"),
                    *(_link("child", _collection_url(base, id_), JSON, id_) for id_ in self.catalog.collections),
                ],
            }
        )

    async def conformance(self, request: web.Request) -> web.Response:
        return _json({"conformsTo": self._conforms_to})

    async def openapi(self, request: web.Request) -> web.Response:
        document = self._openapi(_base_url(request))
        return _json(document, OPENAPI)

    async def openapi_page(self, request: web.Request) -> web.Response:
        document = self._openapi(_base_url(request))
        rows = (
            f"<li><code>{method.upper()} {path}</code>: {operation['summary']}</li>"
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
        )
        page = f"<!doctype html><title>Local STAC API</title><h1>Local STAC API</h1><ul>{''.join(rows)}</ul>"
        return web.Response(text=page, content_type="text/html")

    async def collections(self, request: web.Request) -> web.Response:
        base = _base_url(request)
        return _json(
            {
                "collections": [self._collection(base, id_) for id_ in self.catalog.collections],
                "links": [_link("self", f"{base}/collections", JSON), _link("root", f"{base}/", JSON)],
            }
        )

    async def collection(self, request: web.Request) -> web.Response:
        return _json(self._collection(_base_url(request), self._known_collection(request)))

    async def items(self, request: web.Request) -> web.Response:
        collection = self._known_collection(request)
        parameters = _parameters(request, {"collections", "limit", "bbox", "datetime", "token"})
        if parameters.get("collections", collection) != collection:  # pystac-client repeats it here
            raise SearchError("collections must be that of the path")
        search = Search.parse({**typed_parameters(parameters), "collections": [collection]})
        page = self._page(search)
        base = _base_url(request)
        url = f"{_collection_url(base, collection)}/items"
        links = [
            _link("self", f"{url}?{request.query_string}" if request.query_string else url, GEOJSON),
            _link("root", f"{base}/", JSON),
            _link("collection", _collection_url(base, collection), JSON),
            *_next_by_get(url, parameters, page),
        ]
        return self._feature_collection([_with_api_links(item, base) for item in page.items], page, links)

    async def item(self, request: web.Request) -> web.Response:
        collection = self._known_collection(request)
        item = self.catalog.get(collection, request.match_info["item"])
        if item is None:
            raise web.HTTPNotFound(reason="no such item")
        return web.Response(body=_with_api_links(item, _base_url(request)), content_type=GEOJSON)

    async def search_by_get(self, request: web.Request) -> web.Response:
        parameters = _parameters(request, SEARCH_PARAMETERS)
        page = self._page(Search.parse(typed_parameters(parameters)))
        base = _base_url(request)
        links = [_link("root", f"{base}/", JSON), *_next_by_get(f"{base}/search", parameters, page)]
        return self._feature_collection([item.raw for item in page.items], page, links)

    async def search_by_post(self, request: web.Request) -> web.Response:
        body = _parse_json(await request.read() or b"{}", "the body")
        if not isinstance(body, dict):
            raise SearchError("the body must be a JSON object")
        page = self._page(Search.parse(body))
        base = _base_url(request)
        links = [_link("root", f"{base}/", JSON)]
        if page.token:
            following = _link("next", f"{base}/search", GEOJSON, method="POST")
            if self.options.merge:
                links.append({**following, "body": {"token": page.token}, "merge": True})
            else:
                links.append({**following, "body": {**body, "token": page.token}})
        return self._feature_collection([item.raw for item in page.items], page, links)

    async def aggregations(self, request: web.Request) -> web.Response:
        offered = [{"name": name, "data_type": data_type} for name, data_type in AGGREGATIONS.items()]
        return _json({"aggregations": offered, "links": [_link("root", f"{_base_url(request)}/", JSON)]})

    async def aggregate(self, request: web.Request) -> web.Response:
        parameters = _parameters(request, SEARCH_PARAMETERS - {"limit", "token"} | {"aggregations"})
        names = [name for name in parameters.pop("aggregations", "").split(",") if name]
        if unknown := sorted(set(names) - AGGREGATIONS.keys()):
            raise SearchError(f"no such aggregation: {', '.join(unknown)}; there are {', '.join(AGGREGATIONS)}")
        filters = Search.parse(typed_parameters(parameters)).filters
        results: list[Json] = []
        for name in names:
            result: Json = {"name": name, "data_type": AGGREGATIONS[name]}
            if name == "total_count":
                result["value"] = len(self.catalog.find(filters))
            else:
                result["buckets"] = [
                    {"key": f"{month:%Y-%m-%d}T00:00:00.000Z", "data_type": "datetime", "frequency": count}
                    for month, count in self.catalog.count_by_month(filters)
                ]
            results.append(result)
        links = [_link("root", f"{_base_url(request)}/", JSON)]
        return _json({"type": "AggregationCollection", "aggregations": results, "links": links})

    async def show_stats(self, request: web.Request) -> web.Response:
        return _json(self.stats.as_json())

    async def reset_stats(self, request: web.Request) -> web.Response:
        self.stats.reset()
        self.throttle = Throttle(self.options.throttle)
        return _json(self.stats.as_json())

    def _openapi(self, base: str) -> Json:
        options = self.options
        return openapi_description(base, self._page_cap, post=not options.no_post, aggregations=options.aggregations)

    @property
    def _conforms_to(self) -> list[str]:
        return [*CONFORMS_TO, AGGREGATION] if self.options.aggregations else CONFORMS_TO

    @property
    def _page_cap(self) -> int:
        return min(int(self.options.page_cap), MAX_LIMIT)

    def _page(self, search: "Search") -> "Page":
        return self.catalog.page(search, min(search.limit, self._page_cap))

    def _feature_collection(self, features: list[bytes], page: "Page", links: list[Json]) -> web.Response:
        rest: Json = {"links": links}
        if not self.options.no_counts:
            rest |= {"numberMatched": page.matched, "numberReturned": len(features)}
        body = b"".join(
            (
                b'{"type":"FeatureCollection","features":[',
                b",".join(features),
                b"],",
                orjson.dumps(rest)[1:],
            )
        )
        return web.Response(body=body, content_type=GEOJSON)

    def _known_collection(self, request: web.Request) -> str:
        collection = request.match_info["collection"]
        if collection not in self.catalog.collections:
            raise web.HTTPNotFound(reason="no such collection")
        return collection

    def _collection(self, base: str, id_: str) -> Json:
        document = self.catalog.collections[id_]
        url = _collection_url(base, id_)
        links = [
            _link("self", url, JSON, id_),
            _link("root", f"{base}/", JSON, "Local STAC API"),
            _link("parent", f"{base}/", JSON, "Local STAC API"),
            _link("items", f"{url}/items", GEOJSON, "Items"),
        ]
        return {**document, "links": links + _other_links(document, links)}


def _base_url(request: web.Request) -> str:
    return f"http://{request.host}"


def _collection_url(base: str, collection: str) -> str:
    return f"{base}/collections/{quote(collection, safe='')}"


def _link(rel: str, href: str, type_: str, title: str | None = None, method: str | None = None) -> Json:
    link = {"rel": rel, "href": href, "type": type_, "title": title, "method": method}
    return {key: value for key, value in link.items() if value is not None}


def _next_by_get(url: str, parameters: Mapping[str, str], page: "Page") -> list[Json]:
    if page.token is None:
        return []
    return [_link("next", f"{url}?{urlencode({**parameters, 'token': page.token})}", GEOJSON)]


def _with_api_links(item: "Item", base: str) -> bytes:
    """The item with its places in this API in its links; the links of other relations stay as they are."""
    document = orjson.loads(item.raw)
    collection = _collection_url(base, item.collection)
    links = [
        _link("self", f"{collection}/items/{quote(item.id, safe='')}", GEOJSON),
        _link("root", f"{base}/", JSON),
        _link("parent", collection, JSON),
        _link("collection", collection, JSON),
    ]
    return orjson.dumps({**document, "links": links + _other_links(document, links)})


def _other_links(document: Json, ours: list[Json]) -> list[Json]:
    relations = {link["rel"] for link in ours}
    return [link for link in document.get("links", []) if link.get("rel") not in relations]


def _json(document: Any, content_type: str = JSON) -> web.Response:
    return web.Response(body=orjson.dumps(document), headers={"Content-Type": content_type})


def _error(status: HTTPStatus, description: str) -> web.Response:
    code = status.phrase.title().replace(" ", "")
    return web.json_response({"code": code, "description": description}, status=status)


# --- What a search asks for ----------------------------------------------------------------------------------------

SEARCH_PARAMETERS = {"collections", "ids", "bbox", "intersects", "datetime", "limit", "token"}


class Box(NamedTuple):
    """A bounding box in degrees and metres. West is greater than east where it crosses the antimeridian."""

    west: float
    south: float
    bottom: float
    east: float
    north: float
    top: float


@dataclass(frozen=True)
class Filters:
    """What an item must fulfil. None: no such filter. Times are nanoseconds since 1970, both included."""

    collections: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    bbox: Box | None = None
    intersects: bytes | None = None
    start: int | None = None
    end: int | None = None

    @property
    def checksum(self) -> str:
        """Part of every token, so that a token of another search is refused instead of misunderstood."""
        return f"{zlib.crc32(repr(self).encode()):08x}"


@dataclass(frozen=True)
class Search:
    filters: Filters
    limit: int
    offset: int

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> "Search":
        """Read the body of a POST search. Raises SearchError.

        STAC API - Item Search, "Query Parameters and Fields". A null is as good as a parameter left out.
        """
        given = {name: value for name, value in body.items() if value is not None}
        if unknown := sorted(given.keys() - SEARCH_PARAMETERS):
            raise SearchError(f"not supported: {', '.join(unknown)}")
        if "bbox" in given and "intersects" in given:
            raise SearchError("bbox and intersects cannot be combined")
        start, end = parse_interval(given["datetime"]) if "datetime" in given else (None, None)
        filters = Filters(
            collections=_parse_names(given, "collections"),
            ids=_parse_names(given, "ids"),
            bbox=_parse_searched_box(given["bbox"]) if "bbox" in given else None,
            intersects=_parse_geometry(given["intersects"]) if "intersects" in given else None,
            start=start,
            end=end,
        )
        return cls(filters, _parse_limit(given.get("limit", DEFAULT_LIMIT)), _parse_token(given, filters))


def _parameters(request: web.Request, known: set[str]) -> dict[str, str]:
    """The query of a URL. Raises SearchError for a parameter that is unknown or comes twice."""
    if unknown := sorted(request.query.keys() - known):
        raise SearchError(f"not supported: {', '.join(unknown)}")
    parameters = dict(request.query)
    if len(parameters) != len(request.query):
        raise SearchError("a parameter is given twice; lists are separated by commas")
    return parameters


def typed_parameters(parameters: Mapping[str, str]) -> Json:
    """The query of a GET search as the equal body of a POST search."""
    body: Json = dict(parameters)
    for name in ("collections", "ids"):
        if name in parameters:
            body[name] = parameters[name].split(",")
    if "limit" in parameters and re.fullmatch(r"-?[0-9]{1,18}", parameters["limit"]):
        body["limit"] = int(parameters["limit"])
    if "bbox" in parameters:
        try:
            body["bbox"] = [float(number) for number in parameters["bbox"].split(",")]
        except ValueError:
            raise SearchError("bbox must be numbers separated by commas") from None
    if "intersects" in parameters:
        body["intersects"] = _parse_json(parameters["intersects"], "intersects")
    return body


def _parse_json(text: str | bytes, what: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError as error:
        raise SearchError(f"{what} is not JSON: {error}") from None


def _parse_names(given: Json, parameter: str) -> tuple[str, ...] | None:
    if parameter not in given:
        return None
    names = given[parameter]
    if not (isinstance(names, list) and names and all(isinstance(name, str) and name for name in names)):
        raise SearchError(f"{parameter} must name one or more")
    return tuple(sorted(set(names)))


def _parse_limit(limit: Any) -> int:
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise SearchError(f"limit must be an integer from 1 to {MAX_LIMIT}")
    return limit


def _parse_token(given: Json, filters: Filters) -> int:
    if "token" not in given:
        return 0
    found = re.fullmatch(r"([0-9]{1,18})-([0-9a-f]{8})", str(given["token"]))
    if not found or found[2] != filters.checksum:
        raise SearchError("token does not belong to this search")
    return int(found[1])


def _parse_searched_box(numbers: Any) -> Box:
    try:
        box = parse_box(numbers)
    except ValueError as error:
        raise SearchError(f"bbox {error}") from None
    if box.south > box.north or box.bottom > box.top:
        raise SearchError("bbox must have its lower corner first")
    return box


def _parse_geometry(geometry: Any) -> bytes:
    try:
        if _geometry_from_geojson(geometry).is_empty:
            raise SearchError("intersects must be a geometry that is not empty")
    except _shapely_failures() as error:
        raise SearchError(f"intersects must be a GeoJSON geometry: {error}") from None
    return orjson.dumps(geometry, option=orjson.OPT_SORT_KEYS)


def _geometry_from_geojson(geometry: Any) -> Any:
    """A shapely geometry. Raises SearchError where shapely is missing, and what shapely raises."""
    try:
        shapes = importlib.import_module("shapely.geometry")
    except ImportError:
        raise SearchError("intersects needs shapely") from None
    return shapes.shape(geometry)


def _shapely_failures() -> tuple[type[Exception], ...]:
    """What shapely raises for something that is no geometry, depending on where it notices."""
    basic = (ValueError, TypeError, AttributeError, KeyError, IndexError)
    try:
        return (*basic, importlib.import_module("shapely.errors").ShapelyError)
    except ImportError:
        return basic


def parse_box(numbers: Any) -> Box:
    """A Box of a GeoJSON bbox of 4 or 6 numbers; one of 4 has every height. Raises ValueError."""
    if not isinstance(numbers, list) or len(numbers) not in (4, 6):
        raise ValueError("must have 4 or 6 numbers")
    if not all(isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in numbers):
        raise ValueError("must have finite numbers only")
    if len(numbers) == 4:
        west, south, east, north = numbers
        return Box(west, south, -math.inf, east, north, math.inf)
    return Box(*numbers)


# --- Time ----------------------------------------------------------------------------------------------------------

_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_NANOSECONDS = 10**9


def parse_interval(text: Any) -> tuple[int | None, int | None]:
    """First and last nanosecond of an RFC 3339 instant or interval, None at an open end. Raises SearchError."""
    if not isinstance(text, str):
        raise SearchError("datetime must be a string")
    try:
        if "/" not in text:
            instant = parse_instant(text)
            return instant, instant
        first, last = text.split("/")
        start = None if first in ("", "..") else parse_instant(first)
        end = None if last in ("", "..") else parse_instant(last)
    except ValueError:
        raise SearchError("datetime must be an RFC 3339 date-time or an interval of two") from None
    if start is None and end is None:
        raise SearchError("datetime must not be open at both ends")
    if start is not None and end is not None and start > end:
        raise SearchError("datetime ends before it starts")
    return start, end


def parse_instant(text: str) -> int:
    """Nanoseconds from 1970 to an RFC 3339 date-time. Raises ValueError.

    A leap second is the first second of the next minute. Python's datetime stops at microseconds, hence this.
    """
    found = _INSTANT.fullmatch(text)
    if not found:
        raise ValueError(f"not an RFC 3339 date-time: {text!r}")
    year, month, day, hour, minute, second = map(int, found.group(1, 2, 3, 4, 5, 6))
    fraction, sign, offset_hours, offset_minutes = found.group(7, 8, 9, 10)
    offset = 0
    if sign:
        if int(offset_hours) > 23 or int(offset_minutes) > 59:
            raise ValueError(f"no such UTC offset: {text!r}")
        offset = (int(offset_hours) * 60 + int(offset_minutes)) * (60 if sign == "+" else -60)
    if hour > 23 or minute > 59 or second > 60:
        raise ValueError(f"no such time of day: {text!r}")
    days = date(year, month, day).toordinal() - _EPOCH_DAY
    seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset
    return seconds * _NANOSECONDS + int((fraction or "")[:9].ljust(9, "0"))


def format_instant(nanoseconds: int) -> str:
    """RFC 3339 in UTC, with as many digits of a second as it takes."""
    seconds, fraction = divmod(nanoseconds, _NANOSECONDS)
    text = (datetime(1970, 1, 1) + timedelta(seconds=seconds)).isoformat()
    return f"{text}.{fraction:09d}".rstrip("0").rstrip(".") + "Z" if fraction else f"{text}Z"


# --- The items -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Item:
    """An item's line in its file, and what searches look at. Times are nanoseconds since 1970."""

    raw: bytes
    id: str
    collection: str
    start: int
    end: int
    bbox: Box | None

    @classmethod
    def parse(cls, raw: bytes) -> "Item":
        """Raises ValueError with what is wrong."""
        document = orjson.loads(raw)
        if not isinstance(document, dict) or document.get("type") != "Feature":
            raise ValueError("not a STAC item: no GeoJSON Feature")
        for name in ("id", "collection"):
            if not (isinstance(document.get(name), str) and document[name]):
                raise ValueError(f"not a STAC item this API can serve: no {name}")
        start, end = _item_range(document.get("properties"))
        return cls(raw, document["id"], sys.intern(document["collection"]), start, end, _item_box(document))


def _item_range(properties: Any) -> tuple[int, int]:
    if not isinstance(properties, dict):
        raise ValueError("not a STAC item: no properties")
    start, end = properties.get("start_datetime"), properties.get("end_datetime")
    if start is None or end is None:
        start = end = properties.get("datetime")
    if not (isinstance(start, str) and isinstance(end, str)):
        raise ValueError("not a STAC item: neither datetime nor start_datetime and end_datetime")
    # Published items have a space for the T now and then, as RFC 3339 tolerates.
    return parse_instant(start.replace(" ", "T")), parse_instant(end.replace(" ", "T"))


def _item_box(document: Json) -> Box | None:
    if document.get("geometry") is None:
        return None
    if document.get("bbox") is not None:
        try:
            return parse_box(document["bbox"])
        except ValueError as error:
            raise ValueError(f"bbox {error}") from None
    points = list(_positions(document["geometry"]))
    if not points:
        return None
    longitudes, latitudes = [point[0] for point in points], [point[1] for point in points]
    return parse_box([min(longitudes), min(latitudes), max(longitudes), max(latitudes)])


def _positions(geometry: Any) -> Iterator[Any]:
    """Every position of a geometry or of its nested coordinates."""
    if isinstance(geometry, dict):
        for part in geometry.get("geometries", []):
            yield from _positions(part)
        yield from _positions(geometry.get("coordinates", []))
    elif isinstance(geometry, list) and len(geometry) >= 2 and all(isinstance(n, int | float) for n in geometry):
        yield geometry
    elif isinstance(geometry, list):
        for part in geometry:
            yield from _positions(part)


def read_items(paths: Sequence[Path]) -> list[Item]:
    """Every item of the NDJSON files. Raises InputError; two items of one collection must not share an id."""
    items: list[Item] = []
    places: dict[tuple[str, str], str] = {}
    for path in paths:
        before = len(items)
        try:
            with path.open("rb") as lines:
                for number, line in enumerate(lines, start=1):
                    if not (raw := line.strip()):
                        continue
                    place = f"{path}:{number}"
                    try:
                        item = Item.parse(raw)
                    except ValueError as error:
                        raise InputError(f"{place}: {error}") from None
                    if first := places.get((item.collection, item.id)):
                        raise InputError(f"{place}: item {item.id!r} is already in {first}")
                    places[item.collection, item.id] = place
                    items.append(item)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
        if len(items) == before:
            raise InputError(f"{path}: no items in this file")
    return items


def read_collections(paths: Sequence[Path]) -> dict[str, Json]:
    """Collections by id. Raises InputError."""
    collections: dict[str, Json] = {}
    for path in paths:
        try:
            document = orjson.loads(path.read_bytes())
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
        except ValueError as error:
            raise InputError(f"{path}: {error}") from None
        if not (
            isinstance(document, dict) and document.get("type") == "Collection" and isinstance(document.get("id"), str)
        ):
            raise InputError(f"{path}: not a STAC Collection")
        collections[document["id"]] = document
    return collections


def derive_collection(id_: str, items: Sequence[Item]) -> Json:
    """A STAC 1.1.0 Collection (but for its links) that says what the items do."""
    boxes = [item.bbox for item in items if item.bbox]
    bounds = [-180.0, -90.0, 180.0, 90.0]
    if boxes:
        around = any(box.west > box.east for box in boxes)  # across the antimeridian: all the way round
        bounds = [
            -180.0 if around else min(box.west for box in boxes),
            min(box.south for box in boxes),
            180.0 if around else max(box.east for box in boxes),
            max(box.north for box in boxes),
        ]
    first, last = min(item.start for item in items), max(item.end for item in items)
    return {
        "type": "Collection",
        "stac_version": "1.1.0",
        "id": id_,
        "title": id_,
        "description": f"The {len(items)} items of {id_} in this API.",
        "license": "other",
        "extent": {
            "spatial": {"bbox": [bounds]},
            "temporal": {"interval": [[format_instant(first), format_instant(last)]]},
        },
    }


# --- Finding -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page:
    """Items of one page, how many the search has in all, and the token of the next page if there is one."""

    items: list[Item]
    matched: int
    token: str | None


class Catalog:
    """Every item, newest first, and every Collection by id."""

    def __init__(self, items: list[Item], described: Mapping[str, Json]) -> None:
        by_collection: dict[str, list[Item]] = {}
        for item in items:
            by_collection.setdefault(item.collection, []).append(item)
        derived = {
            id_: derive_collection(id_, its_items) for id_, its_items in by_collection.items() if id_ not in described
        }
        self.collections: dict[str, Json] = dict(sorted({**described, **derived}.items()))
        self.items = sorted(items, key=lambda item: (item.start, item.id, item.collection), reverse=True)
        # For each position the latest end from there on. It never rises, which makes ends searchable by bisection.
        ends = itertools.accumulate((item.end for item in reversed(self.items)), max)
        self.latest_ends = list(ends)[::-1]
        self.by_id: dict[str, list[int]] = {}
        for position, item in enumerate(self.items):
            self.by_id.setdefault(item.id, []).append(position)
        self.geometries: dict[int, Any] = {}
        self.find = lru_cache(maxsize=CACHED_SEARCHES)(self._find)

    def get(self, collection: str, id_: str) -> Item | None:
        its_items = (self.items[position] for position in self.by_id.get(id_, []))
        return next((item for item in its_items if item.collection == collection), None)

    def page(self, search: Search, limit: int) -> Page:
        """The items of a search from its offset on, at most `limit` of them."""
        positions = self.find(search.filters)
        end = search.offset + limit
        token = f"{end}-{search.filters.checksum}" if end < len(positions) else None
        return Page([self.items[p] for p in positions[search.offset : end]], len(positions), token)

    def count_by_month(self, filters: Filters) -> list[tuple[date, int]]:
        """The first day of each month from the first to the last with items, and how many start in it."""
        days = Counter(self.items[p].start // (86_400 * _NANOSECONDS) for p in self.find(filters))
        months: Counter[int] = Counter()
        for day, count in days.items():
            start = date.fromordinal(_EPOCH_DAY + day)
            months[start.year * 12 + start.month - 1] += count
        if not months:
            return []
        return [(date(month // 12, month % 12 + 1, 1), months[month]) for month in range(min(months), max(months) + 1)]

    def _find(self, filters: Filters) -> Sequence[int]:
        """The positions of the items that fulfil every filter, in order."""
        first, last = 0, len(self.items)
        if filters.end is not None:
            first = bisect_left(self.items, -filters.end, key=lambda item: -item.start)
        if filters.start is not None:
            last = bisect_left(self.latest_ends, -filters.start + 1, key=operator.neg)
        positions: Sequence[int] = range(first, last)
        if filters.ids is not None:
            found = sorted(position for id_ in filters.ids for position in self.by_id.get(id_, []))
            positions = [position for position in found if first <= position < last]
        if filters.start is not None:
            positions = [p for p in positions if self.items[p].end >= filters.start]
        if filters.collections is not None and not self.collections.keys() <= set(filters.collections):
            wanted = frozenset(filters.collections)
            positions = [p for p in positions if self.items[p].collection in wanted]
        if filters.bbox is not None:
            positions = [p for p in positions if _overlap(filters.bbox, self.items[p].bbox)]
        if filters.intersects is not None:
            positions = self._intersecting(filters.intersects, positions)
        return positions if isinstance(positions, range) else array("I", positions)

    def _intersecting(self, geojson: bytes, positions: Sequence[int]) -> list[int]:
        searched = _geometry_from_geojson(orjson.loads(geojson))
        importlib.import_module("shapely").prepare(searched)
        west, south, east, north = searched.bounds
        bounds = Box(west, south, -math.inf, east, north, math.inf)
        return [p for p in positions if _overlap(bounds, self.items[p].bbox) and searched.intersects(self._geometry(p))]

    def _geometry(self, position: int) -> Any:
        if position not in self.geometries:
            document = orjson.loads(self.items[position].raw)
            self.geometries[position] = _geometry_from_geojson(document["geometry"])
        return self.geometries[position]


def _overlap(a: Box, b: Box | None) -> bool:
    """Whether two boxes share a point, edges included. A box across the antimeridian is two."""
    if b is None or a.south > b.north or a.north < b.south or a.bottom > b.top or a.top < b.bottom:
        return False
    a_crosses, b_crosses = a.west > a.east, b.west > b.east
    if a_crosses and b_crosses:
        return True
    if a_crosses or b_crosses:
        return a.west <= b.east or a.east >= b.west
    return a.west <= b.east and a.east >= b.west


# --- Describing ----------------------------------------------------------------------------------------------------


def openapi_description(base: str, max_limit: int, *, post: bool, aggregations: bool) -> Json:
    """The API as an OpenAPI 3.0 document."""
    strings = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    schemas: Json = {
        "limit": {"type": "integer", "minimum": 1, "maximum": max_limit, "default": min(DEFAULT_LIMIT, max_limit)},
        "bbox": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6},
        "datetime": {"type": "string"},
        "token": {"type": "string"},
        "ids": strings,
        "collections": strings,
        "intersects": {"type": "object"},
        "aggregations": {"type": "array", "items": {"type": "string", "enum": list(AGGREGATIONS)}},
    }
    search_parameters = [name for name in schemas if name != "aggregations"]

    def in_query(names: Sequence[str]) -> list[Json]:
        return [
            {"name": n, "in": "query", "required": False, "style": "form", "explode": False, "schema": schemas[n]}
            for n in names
        ]

    def in_path(names: Sequence[str]) -> list[Json]:
        return [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names]

    def operation(id_: str, summary: str, media_type: str, parameters: Sequence[Json] = ()) -> Json:
        error = {"description": "What is wrong", "content": {JSON: {"schema": {"type": "object"}}}}
        return {
            "operationId": id_,
            "summary": summary,
            "parameters": list(parameters),
            "responses": {
                "200": {"description": summary, "content": {media_type: {"schema": {"type": "object"}}}},
                "4XX": error,
            },
        }

    item_filters = in_query(["limit", "bbox", "datetime", "token"])
    search: Json = {"get": operation("getSearch", "Search items", GEOJSON, in_query(search_parameters))}
    if post:
        properties = {name: schemas[name] for name in search_parameters}
        body = {"content": {JSON: {"schema": {"type": "object", "properties": properties}}}}
        search["post"] = {**operation("postSearch", "Search items", GEOJSON), "requestBody": body}
    counted = [name for name in schemas if name not in ("limit", "token")]
    counting = {
        "/aggregations": {"get": operation("getAggregations", "What can be counted", JSON)},
        "/aggregate": {"get": operation("getAggregate", "Counts of what a search finds", JSON, in_query(counted))},
    }
    return {
        "openapi": "3.0.3",
        "info": {"title": "Local STAC API", "version": "1.0.0"},
        "servers": [{"url": base}],
        "paths": {
            "/": {"get": operation("getLandingPage", "Landing page", JSON)},
            "/conformance": {"get": operation("getConformance", "Conformance classes", JSON)},
            "/collections": {"get": operation("getCollections", "All collections", JSON)},
            "/collections/{collection}": {
                "get": operation("getCollection", "One collection", JSON, in_path(["collection"]))
            },
            "/collections/{collection}/items": {
                "get": operation("getItems", "Items of a collection", GEOJSON, in_path(["collection"]) + item_filters)
            },
            "/collections/{collection}/items/{item}": {
                "get": operation("getItem", "One item", GEOJSON, in_path(["collection", "item"]))
            },
            "/search": search,
            **(counting if aggregations else {}),
        },
    }


if __name__ == "__main__":
    sys.exit(main())
