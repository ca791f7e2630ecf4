"""The endpoints that describe: landing page, conformance, OpenAPI, Collections."""

from aiohttp import web

from .answers import json_answer
from .catalog import Catalog
from .conformance import conformance_classes
from .formats import GEOJSON, JSON, OPENAPI, Json
from .links import collection_url, link, other_links
from .openapi import openapi_description
from .options import Options
from .request_parts import base_url, known_collection


class Documents:
    def __init__(self, catalog: Catalog, options: Options) -> None:
        self.catalog = catalog
        self.options = options
        self.conforms_to = conformance_classes(aggregations=options.aggregations)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.landing_page),
            web.get("/conformance", self.conformance),
            web.get("/api", self.openapi),
            web.get("/api.html", self.openapi_page),
            web.get("/collections", self.collections),
            web.get("/collections/{collection}", self.collection),
        ]

    async def landing_page(self, request: web.Request) -> web.Response:
        base = base_url(request)
        searches = [link("search", f"{base}/search", GEOJSON, "Search", method="GET")]
        if not self.options.no_post:
            searches.append(link("search", f"{base}/search", GEOJSON, "Search", method="POST"))
        if self.options.aggregations:
            searches.append(link("aggregate", f"{base}/aggregate", JSON, "Counts of what a search finds"))
            searches.append(link("aggregations", f"{base}/aggregations", JSON, "What can be counted"))
        return json_answer(
            {
                "type": "Catalog",
                "stac_version": "1.1.0",
                "id": "local-stac-api",
                "title": "Local STAC API",
                "description": "A local STAC API with latency, for benchmarks.",
                "conformsTo": self.conforms_to,
                "links": [
                    link("self", f"{base}/", JSON, "This catalog"),
                    link("root", f"{base}/", JSON, "This catalog"),
                    link("conformance", f"{base}/conformance", JSON, "Conformance classes"),
                    link("data", f"{base}/collections", JSON, "Collections"),
                    *searches,
                    link("service-desc", f"{base}/api", OPENAPI, "OpenAPI description"),
                    link("service-doc", f"{base}/api.html", "text/html", "Documentation"),
                    *(link("child", collection_url(base, id_), JSON, id_) for id_ in self.catalog.collections),
                ],
            }
        )

    async def conformance(self, request: web.Request) -> web.Response:
        return json_answer({"conformsTo": self.conforms_to})

    async def openapi(self, request: web.Request) -> web.Response:
        document = self._openapi(base_url(request))
        return json_answer(document, OPENAPI)

    async def openapi_page(self, request: web.Request) -> web.Response:
        document = self._openapi(base_url(request))
        rows = (
            f"<li><code>{method.upper()} {path}</code>: {operation['summary']}</li>"
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
        )
        page = f"<!doctype html><title>Local STAC API</title><h1>Local STAC API</h1><ul>{''.join(rows)}</ul>"
        return web.Response(text=page, content_type="text/html")

    async def collections(self, request: web.Request) -> web.Response:
        base = base_url(request)
        return json_answer(
            {
                "collections": [self._collection(base, id_) for id_ in self.catalog.collections],
                "links": [link("self", f"{base}/collections", JSON), link("root", f"{base}/", JSON)],
            }
        )

    async def collection(self, request: web.Request) -> web.Response:
        return json_answer(self._collection(base_url(request), known_collection(request, self.catalog.collections)))

    def _openapi(self, base: str) -> Json:
        options = self.options
        return openapi_description(
            base, options.greatest_page, post=not options.no_post, aggregations=options.aggregations
        )

    def _collection(self, base: str, id_: str) -> Json:
        document = self.catalog.collections[id_]
        url = collection_url(base, id_)
        links = [
            link("self", url, JSON, id_),
            link("root", f"{base}/", JSON, "Local STAC API"),
            link("parent", f"{base}/", JSON, "Local STAC API"),
            link("items", f"{url}/items", GEOJSON, "Items"),
        ]
        return {**document, "links": links + other_links(document, links)}
