"""The endpoints: those that describe, and those that serve items. `base` is the server as the client addressed it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from aiohttp import Payload, web
from aiohttp.abc import AbstractStreamWriter

from .catalog import Catalog, Page
from .items import Bytes, Item, Json
from .options import Options
from .search import Body, SearchError, body_of_get, body_of_post, search_of

JSON = "application/json"
GEOJSON = "application/geo+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
SENT_IN_ONE_BYTES = 65_536
_STAC_API = "https://api.stacspec.org/v1.0.0"
_OGC_FEATURES = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf"
CONFORMS_TO = (
    *(f"{_STAC_API}/{name}" for name in ("core", "collections", "ogcapi-features", "item-search")),
    *(f"{_OGC_FEATURES}/{name}" for name in ("core", "geojson", "oas30")),
)


class Endpoints:
    def __init__(self, catalog: Catalog, options: Options) -> None:
        self.catalog = catalog
        self.options = options
        self.conforms_to = [*CONFORMS_TO, *([f"{_STAC_API}/item-search#filter"] if options.null_filter else ())]

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.landing_page),
            web.get("/conformance", self.conformance),
            web.get("/api", self.openapi),
            web.get("/api.html", self.documentation),
            web.get("/collections", self.collections),
            web.get("/collections/{collection}", self.collection),
            web.get("/search", self.search_by_get),
            web.post("/search", self.search_by_post),
            web.get("/collections/{collection}/items", self.items),
            web.get("/collections/{collection}/items/{item}", self.item),
        ]

    async def landing_page(self, request: web.Request) -> web.Response:
        base = _base(request)
        links = [
            link("self", f"{base}/", JSON, "This catalog"),
            link("root", f"{base}/", JSON, "This catalog"),
            link("conformance", f"{base}/conformance", JSON, "Conformance classes"),
            link("data", f"{base}/collections", JSON, "Collections"),
            *(link("search", f"{base}/search", GEOJSON, "Search", method=method) for method in ("GET", "POST")),
            link("service-desc", f"{base}/api", OPENAPI, "OpenAPI description"),
            link("service-doc", f"{base}/api.html", "text/html", "Documentation"),
            *(link("child", _collection_url(base, id_), JSON, id_) for id_ in self.catalog.collections),
        ]
        catalog = {
            "type": "Catalog",
            "stac_version": "1.1.0",
            "id": "local-stac-api",
            "title": "Local STAC API",
            "description": "A local STAC API with latency, for benchmarks.",
            "conformsTo": self.conforms_to,
            "links": links,
        }
        return json_answer(catalog)

    async def conformance(self, request: web.Request) -> web.Response:
        return json_answer({"conformsTo": self.conforms_to})

    async def openapi(self, request: web.Request) -> web.Response:
        paths: dict[str, Json] = {}
        for route in self.routes():
            names = re.findall(r"{(\w+)}", route.path)
            parameters = [{"name": x, "in": "path", "required": True, "schema": {"type": "string"}} for x in names]
            answers = {"200": {"description": "OK"}, "4XX": {"description": "What is wrong"}}
            paths.setdefault(route.path, {})[route.method.lower()] = {"parameters": parameters, "responses": answers}
        info = {"title": "Local STAC API", "version": "1.0.0"}
        document = {"openapi": "3.0.3", "info": info, "servers": [{"url": _base(request)}], "paths": paths}
        return json_answer(document, OPENAPI)

    async def documentation(self, request: web.Request) -> web.Response:
        return web.Response(text='<!doctype html><a href="api">The paths, as OpenAPI</a>', content_type="text/html")

    async def collections(self, request: web.Request) -> web.Response:
        base = _base(request)
        collections = [self._described(base, id_) for id_ in self.catalog.collections]
        links = [link("self", f"{base}/collections", JSON), link("root", f"{base}/", JSON)]
        return json_answer({"collections": collections, "links": links})

    async def collection(self, request: web.Request) -> web.Response:
        return json_answer(self._described(_base(request), self._collection(request)))

    async def search_by_get(self, request: web.Request) -> web.Response:
        parameters = _query(request)
        page = self._page(body_of_get(parameters))
        base = _base(request)
        links = [link("root", f"{base}/", JSON), *self._next_by_get(f"{base}/search", parameters, page)]
        return self._answer(self.catalog.store.features(page.positions), page, links)

    async def search_by_post(self, request: web.Request) -> web.Response:
        body = await request.read()
        page = self._page(body_of_post(body))
        base = _base(request)
        links = [link("root", f"{base}/", JSON)]
        if place := self._next(page):
            following = {**orjson.loads(body or b"{}"), **place}
            links.append({**link("next", f"{base}/search", GEOJSON, method="POST"), "body": following})
        return self._answer(self.catalog.store.features(page.positions), page, links)

    async def items(self, request: web.Request) -> web.Response:
        collection = self._collection(request)
        parameters = _query(request)
        if parameters.get("collections", collection) != collection:  # pystac-client repeats it here
            raise SearchError("collections must be that of the path")
        if others := sorted(parameters.keys() - {"collections", "bbox", "datetime", "limit", "token", "offset"}):
            raise SearchError(f"not supported: {', '.join(others)}")
        page = self._page(body_of_get({**parameters, "collections": collection}))
        base = _base(request)
        url = f"{_collection_url(base, collection)}/items"
        links = [
            link("self", f"{url}?{request.query_string}" if request.query_string else url, GEOJSON),
            link("root", f"{base}/", JSON),
            link("collection", _collection_url(base, collection), JSON),
            *self._next_by_get(url, parameters, page),
        ]
        items = [_item_with_links(self.catalog.items[position], base) for position in page.positions]
        return self._answer(b",".join(items), page, links)

    async def item(self, request: web.Request) -> web.Response:
        item = self.catalog.get(self._collection(request), request.match_info["item"])
        if item is None:
            raise web.HTTPNotFound(reason="no such item")
        return web.Response(body=_item_with_links(item, _base(request)), content_type=GEOJSON)

    def _collection(self, request: web.Request) -> str:
        """The Collection in the path."""
        collection = request.match_info["collection"]
        if collection not in self.catalog.collections:
            raise web.HTTPNotFound(reason="no such collection")
        return collection

    def _described(self, base: str, id_: str) -> Json:
        url = _collection_url(base, id_)
        links = [
            link("self", url, JSON, id_),
            link("root", f"{base}/", JSON, "Local STAC API"),
            link("parent", f"{base}/", JSON, "Local STAC API"),
            link("items", f"{url}/items", GEOJSON, "Items"),
        ]
        return {**self.catalog.collections[id_], "links": links}

    def _page(self, body: Body) -> Page:
        if self.options.no_bbox:
            body.bbox = None
        return self.catalog.page(search_of(body))

    def _next(self, page: Page) -> Json:
        """Where the next page begins; empty after the last."""
        if page.token is None:
            return {}
        return {"offset": int(page.token.partition("-")[0])} if self.options.offsets else {"token": page.token}

    def _next_by_get(self, url: str, parameters: Mapping[str, str], page: Page) -> list[Json]:
        place = self._next(page)
        return [link("next", f"{url}?{urlencode({**parameters, **place})}", GEOJSON)] if place else []

    def _answer(self, features: Bytes, page: Page, links: Sequence[Json]) -> web.Response:
        """Items, as the bytes that they are, and the other members of the FeatureCollection."""
        rest: Json = {"links": links}
        if not self.options.no_counts:
            rest |= {"numberMatched": page.matched, "numberReturned": len(page.positions)}
        parts = [b'{"type":"FeatureCollection","features":[', features, b"]," + orjson.dumps(rest)[1:]]
        if len(features) < SENT_IN_ONE_BYTES:
            parts = [b"".join(parts)]
        size = sum(map(len, parts))
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


def link(rel: str, href: str, type_: str, title: str | None = None, method: str | None = None) -> Json:
    made = {"rel": rel, "href": href, "type": type_, "title": title, "method": method}
    return {key: value for key, value in made.items() if value is not None}


def _collection_url(base: str, collection: str) -> str:
    return f"{base}/collections/{quote(collection, safe='')}"


def _item_with_links(item: Item, base: str) -> bytes:
    """The item with its places in this API in its links; the links of other relations stay as they are."""
    collection = _collection_url(base, item.collection)
    ours = [
        link("self", f"{collection}/items/{quote(item.id, safe='')}", GEOJSON),
        link("root", f"{base}/", JSON),
        link("parent", collection, JSON),
        link("collection", collection, JSON),
    ]
    document = orjson.loads(item.raw)
    relations = {our["rel"] for our in ours}
    others = [other for other in document.get("links", []) if other.get("rel") not in relations]
    return orjson.dumps({**document, "links": [*ours, *others]})


def _base(request: web.Request) -> str:
    """The server as the client addressed it."""
    return f"http://{request.host}"


def _query(request: web.Request) -> dict[str, str]:
    """The query of a URL. Raises SearchError for a parameter that comes twice."""
    parameters = dict(request.query)
    if len(parameters) != len(request.query):
        raise SearchError("a parameter is given twice; lists are separated by commas")
    return parameters
