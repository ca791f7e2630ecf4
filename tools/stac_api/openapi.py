"""What is offered: the conformance classes, and the API described as OpenAPI."""

import re
from collections.abc import Sequence

from .answers import GEOJSON, JSON
from .items import Json
from .search import DEFAULT_LIMIT

AGGREGATIONS = {"datetime_frequency": "frequency_distribution", "total_count": "integer"}
"""Each with the type of its result."""
_STAC_API = "https://api.stacspec.org/v1.0.0"
_OGC_FEATURES = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf"


def conformance_classes(*, aggregations: bool, null_filter: bool) -> list[str]:
    classes = [f"{_STAC_API}/{name}" for name in ("core", "collections", "ogcapi-features", "item-search")]
    classes += [f"{_OGC_FEATURES}/{name}" for name in ("core", "geojson", "oas30")]
    classes += [f"{_STAC_API}/item-search#filter"] if null_filter else []
    return [*classes, "https://api.stacspec.org/v0.3.0/aggregation"] if aggregations else classes


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
    }
    operations = [
        ("/", "getLandingPage", "Landing page", JSON, ()),
        ("/conformance", "getConformance", "Conformance classes", JSON, ()),
        ("/collections", "getCollections", "All collections", JSON, ()),
        ("/collections/{collection}", "getCollection", "One collection", JSON, ()),
        ("/collections/{collection}/items", "getItems", "Items of a collection", GEOJSON, [*schemas][:4]),
        ("/collections/{collection}/items/{item}", "getItem", "One item", GEOJSON, ()),
        ("/search", "getSearch", "Search items", GEOJSON, [*schemas]),
    ]
    searched = dict(schemas)
    if aggregations:
        schemas["aggregations"] = {"type": "array", "items": {"type": "string", "enum": list(AGGREGATIONS)}}
        counted = [name for name in schemas if name not in ("limit", "token")]
        operations.append(("/aggregations", "getAggregations", "What can be counted", JSON, ()))
        operations.append(("/aggregate", "getAggregate", "Counts of what a search finds", JSON, counted))
    paths = {}
    for path, id_, summary, media_type, names in operations:
        in_path = [_parameter("path", name, {"type": "string"}) for name in re.findall(r"{(\w+)}", path)]
        in_query = [_parameter("query", name, schemas[name]) for name in names]
        paths[path] = {"get": _operation(id_, summary, media_type, [*in_path, *in_query])}
    if post:
        body = {"content": {JSON: {"schema": {"type": "object", "properties": searched}}}}
        paths["/search"]["post"] = {**_operation("postSearch", "Search items", GEOJSON, []), "requestBody": body}
    info = {"title": "Local STAC API", "version": "1.0.0"}
    return {"openapi": "3.0.3", "info": info, "servers": [{"url": base}], "paths": paths}


def _parameter(place: str, name: str, schema: Json) -> Json:
    in_query = {"style": "form", "explode": False} if place == "query" else {}
    return {"name": name, "in": place, "required": place == "path", **in_query, "schema": schema}


def _operation(id_: str, summary: str, media_type: str, parameters: Sequence[Json]) -> Json:
    answers = {
        "200": {"description": summary, "content": {media_type: {"schema": {"type": "object"}}}},
        "4XX": {"description": "What is wrong", "content": {JSON: {"schema": {"type": "object"}}}},
    }
    return {"operationId": id_, "summary": summary, "parameters": list(parameters), "responses": answers}
