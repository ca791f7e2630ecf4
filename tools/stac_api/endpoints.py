"""The endpoints: those that describe, those that serve items, those that count (STAC API - Aggregation)."""

from aiohttp import web

from .answers import (
    GEOJSON,
    JSON,
    OPENAPI,
    collection_url,
    feature_collection,
    item_with_links,
    json_answer,
    link,
    next_by_get,
    next_by_post,
    with_links,
)
from .catalog import Catalog, Page
from .items import Bytes, Json
from .openapi import AGGREGATIONS, conformance_classes, openapi_description
from .options import Options
from .search import PAGING_PARAMETERS, SEARCH_PARAMETERS, Filters, Search, SearchError, parse_json, typed_parameters


class Endpoints:
    def __init__(self, catalog: Catalog, options: Options) -> None:
        self.catalog = catalog
        self.options = options
        self.conforms_to = conformance_classes(aggregations=options.aggregations, null_filter=options.null_filter)

    def routes(self) -> list[web.RouteDef]:
        served = {
            "/": self.landing_page,
            "/conformance": self.conformance,
            "/api": self.openapi,
            "/api.html": self.documentation,
            "/collections": self.collections,
            "/collections/{collection}": self.collection,
            "/search": self.search_by_get,
            "/collections/{collection}/items": self.items,
            "/collections/{collection}/items/{item}": self.item,
        }
        if self.options.aggregations:
            served |= {"/aggregate": self.aggregate, "/aggregations": self.aggregations}
        routes = [web.get(path, handler) for path, handler in served.items()]
        return routes if self.options.no_post else [*routes, web.post("/search", self.search_by_post)]

    async def landing_page(self, request: web.Request) -> web.Response:
        base = _base(request)
        searches = [link("search", f"{base}/search", GEOJSON, "Search", method="GET")]
        if not self.options.no_post:
            searches.append(link("search", f"{base}/search", GEOJSON, "Search", method="POST"))
        if self.options.aggregations:
            searches.append(link("aggregate", f"{base}/aggregate", JSON, "Counts of what a search finds"))
            searches.append(link("aggregations", f"{base}/aggregations", JSON, "What can be counted"))
        links = [
            link("self", f"{base}/", JSON, "This catalog"),
            link("root", f"{base}/", JSON, "This catalog"),
            link("conformance", f"{base}/conformance", JSON, "Conformance classes"),
            link("data", f"{base}/collections", JSON, "Collections"),
            *searches,
            link("service-desc", f"{base}/api", OPENAPI, "OpenAPI description"),
            link("service-doc", f"{base}/api.html", "text/html", "Documentation"),
            *(link("child", collection_url(base, id_), JSON, id_) for id_ in self.catalog.collections),
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
        operations = ((route.method, route.path) for route in self.routes())
        return json_answer(openapi_description(_base(request), operations), OPENAPI)

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
        parameters = _query(request, SEARCH_PARAMETERS)
        page = self._page(self._search(typed_parameters(parameters)))
        base = _base(request)
        links = [link("root", f"{base}/", JSON), *next_by_get(f"{base}/search", parameters, self._next(page))]
        return self._answer(self.catalog.store.features(page.positions), page, links)

    async def search_by_post(self, request: web.Request) -> web.Response:
        body = parse_json(await request.read() or b"{}", "the body")
        if not isinstance(body, dict):
            raise SearchError("the body must be a JSON object")
        page = self._page(self._search(body))
        base = _base(request)
        following = next_by_post(f"{base}/search", body, self._next(page), merge=self.options.merge)
        return self._answer(
            self.catalog.store.features(page.positions), page, [link("root", f"{base}/", JSON), *following]
        )

    async def items(self, request: web.Request) -> web.Response:
        collection = self._collection(request)
        parameters = _query(request, PAGING_PARAMETERS | {"collections", "bbox", "datetime"})
        if parameters.get("collections", collection) != collection:  # pystac-client repeats it here
            raise SearchError("collections must be that of the path")
        page = self._page(self._search({**typed_parameters(parameters), "collections": [collection]}))
        base = _base(request)
        url = f"{collection_url(base, collection)}/items"
        links = [
            link("self", f"{url}?{request.query_string}" if request.query_string else url, GEOJSON),
            link("root", f"{base}/", JSON),
            link("collection", collection_url(base, collection), JSON),
            *next_by_get(url, parameters, self._next(page)),
        ]
        items = [item_with_links(self.catalog.items[position], base) for position in page.positions]
        return self._answer(b",".join(items), page, links)

    async def item(self, request: web.Request) -> web.Response:
        item = self.catalog.get(self._collection(request), request.match_info["item"])
        if item is None:
            raise web.HTTPNotFound(reason="no such item")
        return web.Response(body=item_with_links(item, _base(request)), content_type=GEOJSON)

    async def aggregations(self, request: web.Request) -> web.Response:
        offered = [{"name": name, "data_type": data_type} for name, data_type in AGGREGATIONS.items()]
        return json_answer({"aggregations": offered, "links": [link("root", f"{_base(request)}/", JSON)]})

    async def aggregate(self, request: web.Request) -> web.Response:
        parameters = _query(request, SEARCH_PARAMETERS - PAGING_PARAMETERS | {"aggregations"})
        names = [name for name in parameters.pop("aggregations", "").split(",") if name]
        if unknown := sorted(set(names) - AGGREGATIONS.keys()):
            raise SearchError(f"no such aggregation: {', '.join(unknown)}; there are {', '.join(AGGREGATIONS)}")
        filters = self._search(typed_parameters(parameters)).filters
        results = [{"name": name, "data_type": AGGREGATIONS[name], **self._count(name, filters)} for name in names]
        links = [link("root", f"{_base(request)}/", JSON)]
        return json_answer({"type": "AggregationCollection", "aggregations": results, "links": links})

    def _collection(self, request: web.Request) -> str:
        """The Collection in the path."""
        collection = request.match_info["collection"]
        if collection not in self.catalog.collections:
            raise web.HTTPNotFound(reason="no such collection")
        return collection

    def _described(self, base: str, id_: str) -> Json:
        url = collection_url(base, id_)
        links = [
            link("self", url, JSON, id_),
            link("root", f"{base}/", JSON, "Local STAC API"),
            link("parent", f"{base}/", JSON, "Local STAC API"),
            link("items", f"{url}/items", GEOJSON, "Items"),
        ]
        return with_links(self.catalog.collections[id_], links)

    def _search(self, body: Json) -> Search:
        ignored = {"bbox"} if self.options.no_bbox else set()
        return Search.parse({name: value for name, value in body.items() if name not in ignored})

    def _next(self, page: Page) -> Json:
        """Where the next page begins; empty after the last."""
        if page.token is None:
            return {}
        return {"offset": int(page.token.partition("-")[0])} if self.options.offsets else {"token": page.token}

    def _page(self, search: Search) -> Page:
        return self.catalog.page(search, min(search.limit, self.options.greatest_page))

    def _answer(self, features: Bytes, page: Page, links: list[Json]) -> web.Response:
        rest: Json = {"links": links}
        if not self.options.no_counts:
            rest |= {"numberMatched": page.matched, "numberReturned": len(page.positions)}
        return feature_collection(features, rest)

    def _count(self, name: str, filters: Filters) -> Json:
        if name == "total_count":
            return {"value": len(self.catalog.find(filters))}
        return {
            "buckets": [
                {"key": f"{month:%Y-%m-%d}T00:00:00.000Z", "data_type": "datetime", "frequency": count}
                for month, count in self.catalog.count_by_month(filters)
            ]
        }


def _base(request: web.Request) -> str:
    """The server as the client addressed it."""
    return f"http://{request.host}"


def _query(request: web.Request, known: set[str]) -> dict[str, str]:
    """The query of a URL. Raises SearchError for a parameter that is unknown or comes twice."""
    if unknown := sorted(request.query.keys() - known):
        raise SearchError(f"not supported: {', '.join(unknown)}")
    parameters = dict(request.query)
    if len(parameters) != len(request.query):
        raise SearchError("a parameter is given twice; lists are separated by commas")
    return parameters
