"""The API described as OpenAPI."""

from collections.abc import Sequence

from .conformance import AGGREGATIONS
from .formats import GEOJSON, JSON, Json
from .search import DEFAULT_LIMIT


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
