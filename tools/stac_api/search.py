"""What a search asks for: the parameters of GET and POST, checked and typed."""

import importlib
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from .items import Box, Json, parse_box, parse_instant

PAGING_PARAMETERS = {"limit", "token", "offset"}
SEARCH_PARAMETERS = {
    "collections",
    "ids",
    "bbox",
    "intersects",
    "datetime",
    "filter",
    "filter-lang",
} | PAGING_PARAMETERS
DEFAULT_LIMIT = 10
MAX_LIMIT = 10_000  # a greater limit is served as this one, as OGC API - Features demands


NO_GEOMETRY = {"op": "isNull", "args": [{"property": "geometry"}]}
"""The one filter (CQL2) that is understood."""


class SearchError(Exception):
    """A request's parameters break the specification: answered with 400 and this message."""


@dataclass(frozen=True)
class Filters:
    """What an item must fulfil. None: no such filter. Times are nanoseconds since 1970, both included."""

    collections: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    bbox: Box | None = None
    intersects: bytes | None = None
    start: int | None = None
    end: int | None = None
    no_geometry: bool = False

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
            no_geometry="filter" in given,
        )
        if given.get("filter", NO_GEOMETRY) != NO_GEOMETRY:
            raise SearchError("filter must be isNull of geometry, in cql2-json")
        return cls(filters, _parse_limit(given.get("limit", DEFAULT_LIMIT)), _parse_token(given, filters))


def typed_parameters(parameters: Mapping[str, str]) -> Json:
    """The query of a GET search as the equal body of a POST search."""
    body: Json = dict(parameters)
    for name in ("collections", "ids"):
        if name in parameters:
            body[name] = parameters[name].split(",")
    for name in ("limit", "offset"):
        if re.fullmatch(r"-?[0-9]{1,18}", parameters.get(name, "")):
            body[name] = int(parameters[name])
    if "bbox" in parameters:
        try:
            body["bbox"] = [float(number) for number in parameters["bbox"].split(",")]
        except ValueError:
            raise SearchError("bbox must be numbers separated by commas") from None
    for name in ("intersects", "filter"):
        if name in parameters:
            body[name] = parse_json(parameters[name], name)
    return body


def parse_json(text: str | bytes, what: str) -> Any:
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
        offset = given.get("offset", 0)
        if not isinstance(offset, int) or isinstance(offset, bool) or offset < 0:
            raise SearchError("offset must be an integer from 0")
        return offset
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
    if shape_of(geometry).is_empty:
        raise SearchError("intersects must be a geometry that is not empty")
    return orjson.dumps(geometry, option=orjson.OPT_SORT_KEYS)


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


def shape_of(geojson: Any) -> Any:
    """A shapely geometry. Raises SearchError for what is none, and where shapely is missing."""
    try:
        shapes, errors = (importlib.import_module(f"shapely.{name}") for name in ("geometry", "errors"))
    except ImportError:
        raise SearchError("intersects needs shapely") from None
    try:
        return shapes.shape(geojson)
    except (errors.ShapelyError, ValueError, TypeError, AttributeError, LookupError) as error:
        raise SearchError(f"intersects must be a GeoJSON geometry: {error}") from None
