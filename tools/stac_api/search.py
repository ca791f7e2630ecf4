"""What a search asks for, checked and typed, and finds. A ValueError says which rule of the specification it breaks."""

import itertools
import operator
import re
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Any, TypeAlias

import msgspec

from .items import EPOCH, Box, Bytes, Item, Json, Name, overlap, parse_box, parse_instant

DEFAULT_LIMIT = 10
MAX_LIMIT = 10_000  # a greater limit is served as this one, as OGC API - Features demands

NO_GEOMETRY = {"op": "isNull", "args": [{"property": "geometry"}]}  # the one filter (CQL2) that is understood

_Names: TypeAlias = Annotated[list[Name], msgspec.Meta(min_length=1)]


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
    """What an item must fulfil. None: no such filter. Times are microseconds since 1970, both included."""

    collections: frozenset[str] | None = None
    ids: frozenset[str] | None = None
    bbox: Box | None = None
    area: Any = None  # a geometry of shapely
    start: int | None = None
    end: int | None = None
    no_geometry: bool = False


@dataclass(frozen=True)
class Search:
    filters: Filters
    limit: int
    offset: int
    checksum: str  # part of every token, so that a token of another search is refused instead of misunderstood


def body_of_post(text: bytes) -> Body:
    return msgspec.json.decode(text or b"{}", type=Body)


def body_of_get(parameters: Mapping[str, str]) -> Body:
    """The query of a GET search as the equal body of a POST search."""
    body: dict[str, Any] = dict(parameters)
    if len(body) != len(parameters):
        raise ValueError("a parameter is given twice; lists are separated by commas")
    for name in body.keys() & {"collections", "ids", "bbox"}:
        body[name] = body[name].split(",")
    for name in body.keys() & {"filter", "intersects"}:
        body[name] = msgspec.json.decode(body[name])
    return msgspec.convert(body, Body, strict=False)


def search_of(body: Body) -> Search:
    if body.filter not in (None, NO_GEOMETRY):
        raise ValueError("filter must be isNull of geometry, in cql2-json")
    start, end = (None, None) if body.datetime is None else _interval(body.datetime)
    if body.bbox is not None and body.intersects is not None:
        raise ValueError("bbox and intersects exclude each other")
    asked = (body.collections, body.ids, body.bbox, body.intersects, start, end, body.filter)
    checksum = f"{zlib.crc32(repr(asked).encode()):08x}"
    offset = body.offset or 0
    if body.token is not None:
        found = re.fullmatch(r"([0-9]{1,18})-([0-9a-f]{8})", body.token)
        if not found or found[2] != checksum:
            raise ValueError("token does not belong to this search")
        offset = int(found[1])
    collections, ids = (None if names is None else frozenset(names) for names in (body.collections, body.ids))
    box = None if body.bbox is None else parse_box(body.bbox)
    if box is not None and box.south > box.north:
        raise ValueError("bbox must have its lower corner first")
    area = None if body.intersects is None else _area(body.intersects)
    filters = Filters(collections, ids, box, area, start, end, no_geometry=body.filter is not None)
    return Search(filters, min(body.limit or DEFAULT_LIMIT, MAX_LIMIT), offset, checksum)


def _area(geometry: dict[str, Any]) -> Any:
    try:
        import shapely  # nothing else needs it
    except ModuleNotFoundError:
        raise ValueError("intersects needs shapely where this server runs") from None
    try:
        area = shapely.from_geojson(msgspec.json.encode(geometry))
    except shapely.errors.ShapelyError as error:
        raise ValueError(f"intersects must be a GeoJSON geometry: {error}") from None
    if area.is_empty or "geometry" in geometry or "features" in geometry:
        raise ValueError("intersects must be a GeoJSON geometry")
    shapely.prepare(area)
    return area


def _interval(text: str) -> tuple[int | None, int | None]:
    """First and last microsecond of an RFC 3339 instant or interval, None at an open end."""
    first, slash, last = text.partition("/")
    start, end = (None if one in ("", "..") else parse_instant(one) for one in (first, last if slash else first))
    if start is None and end is None:
        raise ValueError("datetime must not be open at both ends")
    if start is not None and end is not None and start > end:
        raise ValueError("datetime ends before it starts")
    return start, end


class Catalog:
    """Every item, newest first, and what the items say of their Collections, by id."""

    def __init__(self, items: list[Item]) -> None:
        by_collection: dict[str, list[Item]] = {}
        for item in items:
            by_collection.setdefault(item.collection, []).append(item)
        self.collections = {id_: _derived(id_, found) for id_, found in sorted(by_collection.items())}
        ordered = sorted(items, key=lambda item: (item.start, item.id, item.collection), reverse=True)
        self._bytes = memoryview(b",".join(item.raw for item in ordered))
        self._starts = [0, *itertools.accumulate(len(item.raw) + 1 for item in ordered)]
        # The items refer to these bytes, so that what they were read from can go.
        self.items = [replace(item, raw=self.features((place,))) for place, item in enumerate(ordered)]
        # For each position the latest end from there on. It never rises, which makes ends searchable by bisection.
        ends = itertools.accumulate((item.end for item in reversed(self.items)), max)
        self.latest_ends = list(ends)[::-1]
        self.find = lru_cache(maxsize=256)(self._find)

    def features(self, positions: Sequence[int]) -> Bytes:
        """Items, with commas between them. Those of neighbours are a piece of all, which nobody has to copy."""
        if positions and positions[-1] - positions[0] == len(positions) - 1:
            return self._bytes[self._starts[positions[0]] : self._starts[positions[-1] + 1] - 1]
        return b",".join(self.items[position].raw for position in positions)

    def _find(self, filters: Filters) -> Sequence[int]:
        """The positions of the items that fulfil every filter, in order."""
        first, last = 0, len(self.items)
        if filters.end is not None:
            first = bisect_left(self.items, -filters.end, key=lambda item: -item.start)
        if filters.start is not None:
            last = bisect_left(self.latest_ends, -filters.start + 1, key=operator.neg)
        positions = range(first, last)
        if filters == Filters(end=filters.end):
            return positions
        return array("I", (position for position in positions if _fulfils(self.items[position], filters)))


def _fulfils(item: Item, filters: Filters) -> bool:
    """Whether an item fulfils every filter but the end of the time."""
    return (
        (filters.start is None or item.end >= filters.start)
        and (filters.ids is None or item.id in filters.ids)
        and (filters.collections is None or item.collection in filters.collections)
        and (filters.bbox is None or overlap(filters.bbox, item.bbox))
        and not (filters.no_geometry and item.bbox)
        and (filters.area is None or item.touches(filters.area))
    )


def _derived(id_: str, items: Sequence[Item]) -> Json:
    """A STAC 1.1.0 Collection (but for its links) that says what the items do."""
    boxes = [item.bbox for item in items if item.bbox]
    bounds = [-180.0, -90.0, 180.0, 90.0]
    if boxes:
        bounds[1], bounds[3] = min(box.south for box in boxes), max(box.north for box in boxes)
        if not any(box.west > box.east for box in boxes):  # across the antimeridian: all the way round
            bounds[0], bounds[2] = min(box.west for box in boxes), max(box.east for box in boxes)
    edges = (min(item.start for item in items), max(item.end for item in items))
    interval = [(EPOCH + timedelta(microseconds=edge)).isoformat().replace("+00:00", "Z") for edge in edges]
    return {
        "type": "Collection",
        "stac_version": "1.1.0",
        "id": id_,
        "title": id_,
        "description": f"The {len(items)} items of {id_} in this API.",
        "license": "other",
        "extent": {"spatial": {"bbox": [bounds]}, "temporal": {"interval": [interval]}},
    }
