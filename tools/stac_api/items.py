"""Items as they lie in NDJSON files, with what searches look at: time and space."""

import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeAlias

import msgspec

Json: TypeAlias = dict[str, Any]
Bytes: TypeAlias = bytes | memoryview
Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_MINUTE = r"(?:[01]\d|2[0-3]):[0-5]\d"
_INSTANT = re.compile(rf"\d{{4}}-\d\d-\d\dT{_HOUR_MINUTE}:\d\d(?:\.\d+)?(?:Z|[+-]{_HOUR_MINUTE})", re.ASCII | re.I)


class InputError(Exception):
    """The files to serve cannot be used; the message names the file, and the line where there is one."""


class Box(NamedTuple):
    """A bounding box in degrees. West is greater than east where it crosses the antimeridian."""

    west: float
    south: float
    east: float
    north: float


class _Times(msgspec.Struct):
    datetime: str | None = None
    start_datetime: str | None = None
    end_datetime: str | None = None


class _Feature(msgspec.Struct, tag_field="type", tag="Feature"):
    id: Name
    collection: Name
    properties: _Times
    geometry: msgspec.Raw
    bbox: list[float] | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """An item's line in its file, and what searches look at. Times are microseconds since 1970."""

    raw: Bytes
    id: str
    collection: str
    start: int
    end: int
    bbox: Box | None

    @classmethod
    def parse(cls, raw: bytes) -> "Item":
        """Raises ValueError with what is wrong."""
        found = msgspec.json.decode(raw, type=_Feature)
        box = None
        if bytes(found.geometry) != b"null":
            if found.bbox is None:
                raise ValueError("a geometry and no bbox")
            box = parse_box(found.bbox)
        start, end = found.properties.start_datetime, found.properties.end_datetime
        if start is None or end is None:
            start = end = found.properties.datetime
        if start is None or end is None:
            raise ValueError("neither datetime nor start_datetime and end_datetime")
        # Published items have a space for the T now and then, as RFC 3339 tolerates.
        first, last = (parse_instant(time.replace(" ", "T")) for time in (start, end))
        return cls(raw, found.id, sys.intern(found.collection), first, last, box)

    def touches(self, area: Any) -> bool:
        """Whether its geometry shares a point with a geometry of shapely, edges included."""
        import shapely

        if not overlap(Box(*area.bounds), self.bbox):
            return False
        geometry = msgspec.json.decode(self.raw, type=_Feature).geometry
        return bool(area.intersects(shapely.from_geojson(bytes(geometry))))


def read_items(paths: Sequence[Path]) -> list[Item]:
    """Every item of the NDJSON files. Raises InputError; two items of one collection must not share an id."""
    items: list[Item] = []
    places: dict[tuple[str, str], str] = {}
    for path in paths:
        before = len(items)
        try:
            lines = path.open("rb")
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
        with lines:
            for number, line in enumerate(lines, 1):
                if not (raw := line.strip()):
                    continue
                place = f"{path}:{number}"
                try:
                    item = Item.parse(raw)
                except ValueError as error:
                    raise InputError(f"{place}: not a STAC item this API can serve: {error}") from None
                first = places.setdefault((item.collection, item.id), place)
                if first is not place:
                    raise InputError(f"{place}: item {item.id!r} is already in {first}")
                items.append(item)
        if len(items) == before:
            raise InputError(f"{path}: no items in this file")
    return items


def parse_instant(text: str) -> int:
    """Microseconds from 1970 to an RFC 3339 date-time; further digits are ignored. Raises ValueError."""
    if not _INSTANT.fullmatch(text):
        raise ValueError(f"not an RFC 3339 date-time: {text!r}")
    return (datetime.fromisoformat(text.upper()) - EPOCH) // timedelta(microseconds=1)


def parse_box(numbers: Sequence[float]) -> Box:
    """A Box of a GeoJSON bbox of 4 or 6 numbers; heights are not looked at. Raises ValueError."""
    if len(numbers) not in (4, 6) or not all(map(math.isfinite, numbers)):
        raise ValueError("bbox must have 4 or 6 finite numbers")
    half = len(numbers) // 2
    return Box(*numbers[:2], *numbers[half : half + 2])


def overlap(a: Box, b: Box | None) -> bool:
    """Whether two boxes share a point, edges included. A box across the antimeridian is two."""
    if b is None or a.south > b.north or a.north < b.south:
        return False
    crossing = (a.west > a.east) + (b.west > b.east)
    return crossing == 2 or (any if crossing else all)((a.west <= b.east, a.east >= b.west))
