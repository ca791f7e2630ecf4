"""Geometries as files hold them: WKB, and the coordinates of GeoArrow, to GeoJSON."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from functools import lru_cache, partial
from math import isfinite
from typing import Any, NamedTuple

import orjson

from stac_manager.files.parquet.columns import SHOWN_CHARACTERS, lists, nullable
from stac_manager.files.parquet.rows import Array, Convert, of_valid
from stac_manager.protocols import Item

GEOMETRY_TYPES = {
    1: "Point",
    2: "LineString",
    3: "Polygon",
    4: "MultiPoint",
    5: "MultiLineString",
    6: "MultiPolygon",
    7: "GeometryCollection",
}


def _of_bytes(wkb: bytes) -> Item:
    """Decode WKB, ISO's (OGC 06-103r4) or EWKB."""
    try:
        geometry, end = _geometry_at(wkb, 0)
    except (struct.error, IndexError):
        raise ValueError("a geometry's WKB is cut short" if wkb else "a geometry is empty: no bytes") from None
    if end != len(wkb):
        raise ValueError(f"a geometry's WKB has {len(wkb) - end} bytes too many")
    return geometry


class _Form(NamedTuple):
    """How a geometry is laid out, as its first five bytes say."""

    kind: int
    header: int  # bytes that precede its coordinates
    number: struct.Struct  # of parts
    position: struct.Struct  # without its measure


@lru_cache(maxsize=256)
def _form(head: bytes) -> _Form:
    if head[0] > 1:
        raise ValueError("a geometry is not WKB")
    order = "<" if head[0] else ">"
    count = struct.Struct(f"{order}I")
    (code,) = count.unpack_from(head, 1)
    thousands, kind = divmod(code & 0x0FFF_FFFF, 1000)
    has_z = bool(code & 0x8000_0000) or thousands in (1, 3)
    has_m = bool(code & 0x4000_0000) or thousands in (2, 3)
    if kind not in GEOMETRY_TYPES or thousands > 3:
        raise ValueError(f"WKB geometry type {code} has no form in GeoJSON")
    header = 9 if code & 0x2000_0000 else 5  # EWKB's SRID
    return _Form(kind, header, count, struct.Struct(f"{order}{2 + has_z}d" + ("8x" if has_m else "")))


def _geometry_at(wkb: bytes, at: int) -> tuple[Item, int]:
    """Decode the geometry that begins at byte `at`, and tell where the next one does."""
    form = _form(wkb[at : at + 5])
    kind = form.kind
    at += form.header
    coordinates: list[Any]
    if kind == 1:
        coordinates = list(form.position.unpack_from(wkb, at))
        if coordinates[0] != coordinates[0]:  # NaN: an empty point
            coordinates = []
        return {"type": "Point", "coordinates": coordinates}, at + form.position.size
    if kind == 2:
        coordinates, at = _positions_at(wkb, at, form)
        return {"type": "LineString", "coordinates": coordinates}, at
    (count,) = form.number.unpack_from(wkb, at)
    at += 4
    parts: list[Any] = []
    for _ in range(count):
        part, at = _positions_at(wkb, at, form) if kind == 3 else _geometry_at(wkb, at)
        parts.append(part)
    if kind == 7:
        return {"type": "GeometryCollection", "geometries": parts}, at
    coordinates = parts if kind == 3 else [part["coordinates"] for part in parts]
    return {"type": GEOMETRY_TYPES[kind], "coordinates": coordinates}, at


def _positions_at(wkb: bytes, at: int, form: _Form) -> tuple[list[Any], int]:
    (count,) = form.number.unpack_from(wkb, at)
    at += 4
    end = at + count * form.position.size
    if end > len(wkb):
        raise ValueError("a geometry's WKB is cut short")
    positions = list(map(list, form.position.iter_unpack(wkb[at:end])))
    if not isfinite(sum(map(sum, positions))) and not all(
        isfinite(each) for position in positions for each in position
    ):
        raise ValueError("a geometry has a coordinate that is not a finite number, which JSON cannot hold")
    return positions, end


# Each takes time in proportion to the text, whatever that is.
_WKT = re.compile(r"(?:SRID=\d+;)?\s*([A-Z]+?)(?:\s*(ZM?|M))?\s*(\(.*\)|EMPTY)\s*", re.IGNORECASE | re.DOTALL)
_POSITION = re.compile(r"(?<![-+.\deE])[-+.\deE]+(?:\s+[-+.\deE]+)+")
_POINT_IN_BRACKETS = re.compile(r"\(\s*(\[[^][]*\])\s*\)")
_BRACKET_OR_COMMA = re.compile(r"[(),]")
MOST_DEPTH = 16
"""So deep may collections of WKT stand within each other."""


def geojson(geometry: bytes | str) -> Item | None:
    """Decode WKB, also in hexadecimal, WKT, which may begin with an SRID, or GeoJSON, to a GeoJSON geometry or null.

    A measure (M) has no place there and is dropped.

    Raises:
        ValueError: If it is something else, is cut short or holds a curve or a surface.
    """
    if isinstance(geometry, bytes):
        if geometry[:1] < b" " or not geometry.isascii():
            return _of_bytes(geometry)
        geometry = geometry.decode()  # no WKB, but text of which its column does not say that it is text
    if geometry[:1] == "{" or geometry == "null":
        found: Item | None = orjson.loads(geometry)
        return found
    packed = re.fullmatch(r"(?:\\x|0x)?((?:[0-9a-f]{2})+)", geometry, re.IGNORECASE)  # as databases print bytes
    return _of_bytes(bytes.fromhex(packed[1])) if packed else _of_text(geometry)


def _of_text(text: str, depth: int = MOST_DEPTH) -> Item:
    found = _WKT.fullmatch(text)
    kind = _WKT_TYPES.get(found[1].lower()) if found else None
    if found is None or kind is None:
        raise ValueError(f"geometry holds text that is neither GeoJSON nor WKB nor WKT: {text[:SHOWN_CHARACTERS]!r}")
    is_empty = found[3].upper() == "EMPTY"
    if kind == "GeometryCollection":
        if not depth:
            raise ValueError(f"a geometry's WKT has collections more than {MOST_DEPTH} deep")
        parts = () if is_empty else _parts(found[3][1:-1])
        return {"type": kind, "geometries": [_of_text(part, depth - 1) for part in parts]}
    if is_empty:
        return {"type": kind, "coordinates": []}
    axes = {"M": 2, "ZM": 3}.get((found[2] or "").upper())
    written = _POSITION.sub(
        lambda each: f"[{','.join(repr(float(axis)) for axis in each[0].split()[:axes])}]", found[3]
    )
    if kind in ("Point", "MultiPoint"):
        written = _POINT_IN_BRACKETS.sub(r"\1", written)
        written = f"[{written}]" if kind == "MultiPoint" and written[0] == "[" else written
    try:
        return {"type": kind, "coordinates": orjson.loads(written.replace("(", "[").replace(")", "]"))}
    except orjson.JSONDecodeError:
        raise ValueError(f"a geometry's WKT is broken: {text[:SHOWN_CHARACTERS]!r}") from None


def _parts(text: str) -> Iterator[str]:
    """Cut the text of a collection at the commas between its geometries."""
    depth = begin = 0
    for found in _BRACKET_OR_COMMA.finditer(text):
        if found[0] != ",":
            depth += 1 if found[0] == "(" else -1
        elif not depth:
            yield text[begin : found.start()].strip()
            begin = found.end()
    yield text[begin:].strip()


SERIALIZED = ("wkb", "wkt")
"""Encodings of which a value is one text or one run of bytes; which of both, the column's type tells."""
_WKT_TYPES = {name.lower(): name for name in GEOMETRY_TYPES.values()}
NATIVE_TYPES = {name.lower(): name for code, name in GEOMETRY_TYPES.items() if code < 7}


def native_form(encoding: str | None, data_type: Any) -> str | None:
    """Return the type of geometry whose coordinates a column holds: as it says, or a point where it has x and y."""
    names = {field.name for field in data_type} if str(data_type).startswith("struct<") else set()
    is_point = encoding is not None and {"x", "y"} <= names <= {"x", "y", "z", "m"}
    return "Point" if is_point else NATIVE_TYPES.get(encoding or "")


def native_geometries(kind: str, data_type: Any, numbers: Convert) -> Convert:
    """Compile a column of coordinates of one type of geometry; `numbers` converts the numbers."""
    coordinates = _coordinates(data_type, numbers)

    def convert(array: Array) -> Iterator[Item]:
        return ({"type": kind, "coordinates": found} for found in coordinates(array))

    return nullable(convert)


def _coordinates(data_type: Any, numbers: Convert) -> Convert:
    """Compile lists of positions, which are structs of x, y, z, m, or lists of two to four numbers."""
    from pyarrow import types

    if types.is_struct(data_type):
        axes = [axis for axis in ("x", "y", "z") if data_type.get_field_index(axis) >= 0]

        return lambda array: map(
            list, of_valid(array, zip(*(numbers(array.field(axis)) for axis in axes), strict=True))
        )
    if types.is_floating(data_type):
        return numbers
    if types.is_fixed_size_list(data_type):
        size = data_type.list_size
        return lambda array: map(list, zip(*[iter(numbers(array.flatten()))] * size, strict=True))
    if types.is_list(data_type) or types.is_large_list(data_type):
        return partial(lists, _coordinates(data_type.value_type, numbers))
    raise ValueError(f"a geometry column has type {data_type}, which is neither WKB nor GeoArrow")
