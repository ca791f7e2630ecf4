"""What a search asks for: the parameters of GET and POST, checked and typed."""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import msgspec

from .items import Box, Name, parse_box, parse_instant

DEFAULT_LIMIT = 10
MAX_LIMIT = 10_000  # a greater limit is served as this one, as OGC API - Features demands

NO_GEOMETRY = {"op": "isNull", "args": [{"property": "geometry"}]}
"""The one filter (CQL2) that is understood."""

_Names: TypeAlias = Annotated[list[Name], msgspec.Meta(min_length=1)]


class SearchError(Exception):
    """A request's parameters break the specification: answered with 400 and this message."""


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of a POST search: STAC API - Item Search, "Query Parameters and Fields". Null is as good as nothing."""

    collections: _Names | None = None
    ids: _Names | None = None
    bbox: list[float] | None = None
    intersects: dict[str, Any] | None = None
    datetime: str | None = None
    filter: dict[str, Any] | None = None
    filter_lang: str | None = msgspec.field(name="filter-lang", default=None)
    limit: Annotated[int, msgspec.Meta(ge=1)] | None = None
    token: str | None = None
    offset: Annotated[int, msgspec.Meta(ge=0)] | None = None


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


def body_of_post(text: bytes) -> Body:
    """The body of a POST search. Raises SearchError."""
    try:
        return msgspec.json.decode(text or b"{}", type=Body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SearchError(str(error)) from None


def body_of_get(parameters: Mapping[str, str]) -> Body:
    """The query of a GET search as the equal body of a POST search. Raises SearchError."""
    body: dict[str, Any] = dict(parameters)
    try:
        for name in body.keys() & {"collections", "ids", "bbox"}:
            body[name] = body[name].split(",")
        for name in body.keys() & {"intersects", "filter"}:
            body[name] = msgspec.json.decode(body[name])
        return msgspec.convert(body, Body, strict=False)
    except msgspec.DecodeError as error:
        raise SearchError(str(error)) from None


def search_of(body: Body) -> Search:
    """What a body asks for. Raises SearchError."""
    if body.bbox is not None and body.intersects is not None:
        raise SearchError("bbox and intersects cannot be combined")
    if body.filter not in (None, NO_GEOMETRY):
        raise SearchError("filter must be isNull of geometry, in cql2-json")
    start, end = (None, None) if body.datetime is None else _interval(body.datetime)
    filters = Filters(
        collections=_names(body.collections),
        ids=_names(body.ids),
        bbox=None if body.bbox is None else _box(body.bbox),
        intersects=None if body.intersects is None else _geometry(body.intersects),
        start=start,
        end=end,
        no_geometry=body.filter is not None,
    )
    offset = body.offset or 0
    if body.token is not None:
        found = re.fullmatch(r"([0-9]{1,18})-([0-9a-f]{8})", body.token)
        if not found or found[2] != filters.checksum:
            raise SearchError("token does not belong to this search")
        offset = int(found[1])
    return Search(filters, min(body.limit or DEFAULT_LIMIT, MAX_LIMIT), offset)


def _names(names: list[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(sorted(set(names)))


def _box(numbers: list[float]) -> Box:
    try:
        box = parse_box(numbers)
    except ValueError as error:
        raise SearchError(str(error)) from None
    if box.south > box.north or box.bottom > box.top:
        raise SearchError("bbox must have its lower corner first")
    return box


def _geometry(geometry: dict[str, Any]) -> bytes:
    text = msgspec.json.encode(geometry, order="sorted")
    if shape_of(text).is_empty:
        raise SearchError("intersects must be a geometry that is not empty")
    return text


def _interval(text: str) -> tuple[int | None, int | None]:
    """First and last nanosecond of an RFC 3339 instant or interval, None at an open end."""
    first, slash, last = text.partition("/")
    try:
        start, end = (None if one in ("", "..") else parse_instant(one) for one in (first, last if slash else first))
    except ValueError:
        raise SearchError("datetime must be an RFC 3339 date-time or an interval of two") from None
    if start is None and end is None:
        raise SearchError("datetime must not be open at both ends")
    if start is not None and end is not None and start > end:
        raise SearchError("datetime ends before it starts")
    return start, end


def shape_of(geojson: bytes) -> Any:
    """A shapely geometry. Raises SearchError for what is none, and where shapely is missing."""
    try:
        import shapely
    except ImportError:
        raise SearchError("intersects needs shapely") from None
    try:
        return shapely.from_geojson(geojson)
    except shapely.errors.ShapelyError as error:
        raise SearchError(f"intersects must be a GeoJSON geometry: {error}") from None
