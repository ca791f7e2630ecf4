"""Items as they lie in NDJSON files, with what searches look at: time and space."""

import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import orjson

Json: TypeAlias = dict[str, Any]
Bytes: TypeAlias = bytes | memoryview

NANOSECONDS = 10**9
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_MINUTE = r"(?:[01]\d|2[0-3]):[0-5]\d"
_INSTANT = re.compile(
    rf"(\d{{4}}-\d\d-\d\d)[Tt]({_HOUR_MINUTE}):([0-5]\d|60)(?:\.(\d+))?([Zz]|[+-]{_HOUR_MINUTE})", re.ASCII
)


class InputError(Exception):
    """The files to serve cannot be used; the message names the file, and the line where there is one."""


class Box(NamedTuple):
    """A bounding box in degrees and metres. West is greater than east where it crosses the antimeridian."""

    west: float
    south: float
    bottom: float
    east: float
    north: float
    top: float


@dataclass(frozen=True, slots=True)
class Item:
    """An item's line in its file, and what searches look at. Times are nanoseconds since 1970."""

    raw: Bytes
    id: str
    collection: str
    start: int
    end: int
    bbox: Box | None

    @classmethod
    def parse(cls, raw: Bytes) -> "Item":
        """Raises ValueError with what is wrong."""
        document = orjson.loads(raw)
        if not isinstance(document, dict) or document.get("type") != "Feature":
            raise ValueError("not a STAC item: no GeoJSON Feature")
        for name in ("id", "collection"):
            if not (isinstance(document.get(name), str) and document[name]):
                raise ValueError(f"not a STAC item this API can serve: no {name}")
        start, end = _item_range(document.get("properties"))
        return cls(raw, document["id"], sys.intern(document["collection"]), start, end, _item_box(document))


def read_items(paths: Sequence[Path]) -> list[Item]:
    """Every item of the NDJSON files. Raises InputError; two items of one collection must not share an id."""
    items: list[Item] = []
    places: dict[tuple[str, str], str] = {}
    for path in paths:
        before = len(items)
        try:
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    if not (raw := line.strip()):
                        continue
                    place = f"{path}:{number}"
                    try:
                        item = Item.parse(raw)
                    except ValueError as error:
                        raise InputError(f"{place}: {error}") from None
                    if first := places.get((item.collection, item.id)):
                        raise InputError(f"{place}: item {item.id!r} is already in {first}")
                    places[item.collection, item.id] = place
                    items.append(item)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
        if len(items) == before:
            raise InputError(f"{path}: no items in this file")
    return items


def read_collections(paths: Sequence[Path]) -> dict[str, Json]:
    """Collections by id. Raises InputError."""
    collections: dict[str, Json] = {}
    for path in paths:
        try:
            document = orjson.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: {error.strerror if isinstance(error, OSError) else error}") from None
        is_collection = isinstance(document, dict) and document.get("type") == "Collection"
        if not is_collection or not isinstance(document.get("id"), str):
            raise InputError(f"{path}: not a STAC Collection")
        collections[document["id"]] = document
    return collections


def parse_instant(text: str) -> int:
    """Nanoseconds from 1970 to an RFC 3339 date-time; Python's datetime stops at microseconds. Raises ValueError.

    A leap second is the first second of the next minute.
    """
    found = _INSTANT.fullmatch(text)
    if not found:
        raise ValueError(f"not an RFC 3339 date-time: {text!r}")
    day, minute, second, fraction, offset = found.groups()
    since = datetime.fromisoformat(f"{day}T{minute}:00{offset.upper()}") - EPOCH
    seconds = since // timedelta(seconds=1) + int(second)
    return seconds * NANOSECONDS + int((fraction or "")[:9].ljust(9, "0"))


def format_instant(nanoseconds: int) -> str:
    """RFC 3339 in UTC, with as many digits of a second as it takes."""
    seconds, fraction = divmod(nanoseconds, NANOSECONDS)
    text = (EPOCH + timedelta(seconds=seconds)).isoformat().removesuffix("+00:00")
    return f"{text}.{fraction:09d}".rstrip("0") + "Z" if fraction else f"{text}Z"


def parse_box(numbers: Any) -> Box:
    """A Box of a GeoJSON bbox of 4 or 6 numbers; one of 4 has every height. Raises ValueError."""
    if not isinstance(numbers, list) or len(numbers) not in (4, 6):
        raise ValueError("must have 4 or 6 numbers")
    if not all(isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in numbers):
        raise ValueError("must have finite numbers only")
    if len(numbers) == 4:
        west, south, east, north = numbers
        return Box(west, south, -math.inf, east, north, math.inf)
    return Box(*numbers)


def overlap(a: Box, b: Box | None) -> bool:
    """Whether two boxes share a point, edges included. A box across the antimeridian is two."""
    if b is None or a.south > b.north or a.north < b.south or a.bottom > b.top or a.top < b.bottom:
        return False
    a_crosses, b_crosses = a.west > a.east, b.west > b.east
    if a_crosses and b_crosses:
        return True
    if a_crosses or b_crosses:
        return a.west <= b.east or a.east >= b.west
    return a.west <= b.east and a.east >= b.west


def _item_range(properties: Any) -> tuple[int, int]:
    if not isinstance(properties, dict):
        raise ValueError("not a STAC item: no properties")
    start, end = properties.get("start_datetime"), properties.get("end_datetime")
    if start is None or end is None:
        start = end = properties.get("datetime")
    if not (isinstance(start, str) and isinstance(end, str)):
        raise ValueError("not a STAC item: neither datetime nor start_datetime and end_datetime")
    # Published items have a space for the T now and then, as RFC 3339 tolerates.
    return parse_instant(start.replace(" ", "T")), parse_instant(end.replace(" ", "T"))


def _item_box(document: Json) -> Box | None:
    if document.get("geometry") is None:
        return None
    if document.get("bbox") is not None:
        try:
            return parse_box(document["bbox"])
        except ValueError as error:
            raise ValueError(f"bbox {error}") from None
    points = list(_positions(document["geometry"]))
    if not points:
        return None
    longitudes, latitudes = [point[0] for point in points], [point[1] for point in points]
    return parse_box([min(longitudes), min(latitudes), max(longitudes), max(latitudes)])


def _positions(geometry: Any) -> Iterator[Any]:
    """Every position of a geometry or of its nested coordinates."""
    if isinstance(geometry, dict):
        for part in geometry.get("geometries", []):
            yield from _positions(part)
        yield from _positions(geometry.get("coordinates", []))
    elif isinstance(geometry, list) and len(geometry) >= 2 and all(isinstance(n, int | float) for n in geometry):
        yield geometry
    elif isinstance(geometry, list):
        for part in geometry:
            yield from _positions(part)
