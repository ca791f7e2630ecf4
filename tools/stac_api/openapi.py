"""What is offered: the conformance classes, and the paths of the API as OpenAPI."""

import re
from collections.abc import Iterable

from .items import Json

AGGREGATIONS = {"datetime_frequency": "frequency_distribution", "total_count": "integer"}
"""Each with the type of its result."""
_STAC_API = "https://api.stacspec.org/v1.0.0"
_OGC_FEATURES = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf"


def conformance_classes(*, aggregations: bool, null_filter: bool) -> list[str]:
    classes = [f"{_STAC_API}/{name}" for name in ("core", "collections", "ogcapi-features", "item-search")]
    classes += [f"{_OGC_FEATURES}/{name}" for name in ("core", "geojson", "oas30")]
    classes += [f"{_STAC_API}/item-search#filter"] if null_filter else []
    return [*classes, "https://api.stacspec.org/v0.3.0/aggregation"] if aggregations else classes


def openapi_description(base: str, operations: Iterable[tuple[str, str]]) -> Json:
    """Pairs of a method and a path as an OpenAPI 3.0 document."""
    paths: dict[str, Json] = {}
    for method, path in operations:
        names = re.findall(r"{(\w+)}", path)
        parameters = [{"name": x, "in": "path", "required": True, "schema": {"type": "string"}} for x in names]
        answers = {"200": {"description": "OK"}, "4XX": {"description": "What is wrong"}}
        paths.setdefault(path, {})[method.lower()] = {"parameters": parameters, "responses": answers}
    info = {"title": "Local STAC API", "version": "1.0.0"}
    return {"openapi": "3.0.3", "info": info, "servers": [{"url": base}], "paths": paths}
