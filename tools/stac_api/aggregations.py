"""The endpoints that count: STAC API - Aggregation."""

from aiohttp import web

from .answers import json_answer
from .catalog import Catalog
from .conformance import AGGREGATIONS
from .errors import SearchError
from .formats import JSON, Json
from .links import link
from .request_parts import base_url, query_parameters
from .search import SEARCH_PARAMETERS, Filters, Search, typed_parameters


class Aggregations:
    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/aggregate", self.aggregate), web.get("/aggregations", self.offered)]

    async def offered(self, request: web.Request) -> web.Response:
        offered = [{"name": name, "data_type": data_type} for name, data_type in AGGREGATIONS.items()]
        return json_answer({"aggregations": offered, "links": [link("root", f"{base_url(request)}/", JSON)]})

    async def aggregate(self, request: web.Request) -> web.Response:
        parameters = query_parameters(request, SEARCH_PARAMETERS - {"limit", "token"} | {"aggregations"})
        names = [name for name in parameters.pop("aggregations", "").split(",") if name]
        if unknown := sorted(set(names) - AGGREGATIONS.keys()):
            raise SearchError(f"no such aggregation: {', '.join(unknown)}; there are {', '.join(AGGREGATIONS)}")
        filters = Search.parse(typed_parameters(parameters)).filters
        results = [{"name": name, "data_type": AGGREGATIONS[name], **self._result(name, filters)} for name in names]
        links = [link("root", f"{base_url(request)}/", JSON)]
        return json_answer({"type": "AggregationCollection", "aggregations": results, "links": links})

    def _result(self, name: str, filters: Filters) -> Json:
        if name == "total_count":
            return {"value": len(self.catalog.find(filters))}
        return {
            "buckets": [
                {"key": f"{month:%Y-%m-%d}T00:00:00.000Z", "data_type": "datetime", "frequency": count}
                for month, count in self.catalog.count_by_month(filters)
            ]
        }
