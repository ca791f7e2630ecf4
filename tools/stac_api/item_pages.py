"""The endpoints that serve items: search by GET and POST, the items of a Collection, a single item."""

from aiohttp import web

from .answers import feature_collection
from .catalog import Catalog, Page
from .errors import SearchError
from .formats import GEOJSON, JSON, Bytes, Json
from .links import collection_url, link, next_by_get, next_by_post, with_api_links
from .options import Options
from .request_parts import base_url, known_collection, query_parameters
from .search import SEARCH_PARAMETERS, Search, parse_json, typed_parameters


class ItemPages:
    def __init__(self, catalog: Catalog, options: Options) -> None:
        self.catalog = catalog
        self.options = options

    def routes(self) -> list[web.RouteDef]:
        routes = [
            web.get("/search", self.search_by_get),
            web.get("/collections/{collection}/items", self.items),
            web.get("/collections/{collection}/items/{item}", self.item),
        ]
        return routes if self.options.no_post else [*routes, web.post("/search", self.search_by_post)]

    async def search_by_get(self, request: web.Request) -> web.Response:
        parameters = query_parameters(request, SEARCH_PARAMETERS)
        page = self._page(Search.parse(typed_parameters(parameters)))
        base = base_url(request)
        links = [link("root", f"{base}/", JSON), *next_by_get(f"{base}/search", parameters, page.token)]
        return self._answer(self.catalog.store.features(page.positions), page, links)

    async def search_by_post(self, request: web.Request) -> web.Response:
        body = parse_json(await request.read() or b"{}", "the body")
        if not isinstance(body, dict):
            raise SearchError("the body must be a JSON object")
        page = self._page(Search.parse(body))
        base = base_url(request)
        following = next_by_post(f"{base}/search", body, page.token, merge=self.options.merge)
        links = [link("root", f"{base}/", JSON), *following]
        return self._answer(self.catalog.store.features(page.positions), page, links)

    async def items(self, request: web.Request) -> web.Response:
        collection = known_collection(request, self.catalog.collections)
        parameters = query_parameters(request, {"collections", "limit", "bbox", "datetime", "token"})
        if parameters.get("collections", collection) != collection:  # pystac-client repeats it here
            raise SearchError("collections must be that of the path")
        search = Search.parse({**typed_parameters(parameters), "collections": [collection]})
        page = self._page(search)
        base = base_url(request)
        url = f"{collection_url(base, collection)}/items"
        links = [
            link("self", f"{url}?{request.query_string}" if request.query_string else url, GEOJSON),
            link("root", f"{base}/", JSON),
            link("collection", collection_url(base, collection), JSON),
            *next_by_get(url, parameters, page.token),
        ]
        items = [with_api_links(self.catalog.items[position], base) for position in page.positions]
        return self._answer(b",".join(items), page, links)

    async def item(self, request: web.Request) -> web.Response:
        collection = known_collection(request, self.catalog.collections)
        item = self.catalog.get(collection, request.match_info["item"])
        if item is None:
            raise web.HTTPNotFound(reason="no such item")
        return web.Response(body=with_api_links(item, base_url(request)), content_type=GEOJSON)

    def _page(self, search: Search) -> Page:
        return self.catalog.page(search, min(search.limit, self.options.greatest_page))

    def _answer(self, features: Bytes, page: Page, links: list[Json]) -> web.Response:
        rest: Json = {"links": links}
        if not self.options.no_counts:
            rest |= {"numberMatched": page.matched, "numberReturned": len(page.positions)}
        return feature_collection(features, rest)
