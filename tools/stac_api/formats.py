"""JSON objects, as values and as bytes, and the media types that they travel as."""

from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
Bytes: TypeAlias = bytes | memoryview

JSON = "application/json"
GEOJSON = "application/geo+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
