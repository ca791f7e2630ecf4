"""Items as they lie in NDJSON files, with what searches look at."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import orjson

from .boxes import Box, parse_box
from .errors import InputError
from .formats import Bytes, Json
from .instants import parse_instant


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
            for number, raw in _lines(path):
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


def _lines(path: Path) -> Iterator[tuple[int, memoryview]]:
    """The lines that are not blank, without the space around them, and their numbers.

    They are pieces of the mapped file: no copy of it is in memory while the catalog makes its own.
    """
    with path.open("rb") as file:
        try:
            contents: mmap | bytes = mmap(file.fileno(), 0, access=ACCESS_READ)
        except (OSError, ValueError):  # a pipe, or empty
            contents = file.read()
    view = memoryview(contents)
    number = start = 0
    while start < len(view):
        number += 1
        newline = contents.find(b"\n", start)
        end = len(view) if newline < 0 else newline
        line = contents[start:end]
        if text := line.strip():
            begin = start + line.index(text)
            yield number, view[begin : begin + len(text)]
        start = end + 1


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
