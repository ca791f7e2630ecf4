"""From a Parquet file to its items: stac-geoparquet, or plain columns named as the members of an item.

stac-geoparquet (https://github.com/radiantearth/stac-geoparquet-spec) stores a property as a column, a geometry as
WKB, a bbox as a struct and a datetime as a timestamp. This undoes it; docs/geoparquet.md tells what comes back.

A file's schema is compiled once to a tree of functions, one a column. They turn whole columns into Python values and
put them into the dicts of their rows, so that a column costs one call instead of one a row, and a null nothing.
"""

from __future__ import annotations

import os
import struct
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import compress, pairwise
from typing import Any
from uuid import UUID

import orjson

from stac_manager.exceptions import ConfigurationError
from stac_manager.protocols import Item

ROWS_PER_BATCH = 500
READ_BUFFER_BYTES = 16_384
"""Read ahead for every column. Without it a row group is in memory as a whole."""

ITEM_MEMBERS = frozenset(
    ("type", "stac_version", "stac_extensions", "id", "geometry", "bbox", "collection", "links", "assets")
)
"""The columns of stac-geoparquet that are no properties."""
JSON_MEMBERS = frozenset(("geometry", "proj:geometry", "bbox", "properties", "links", "assets", "stac_extensions"))
"""Objects and arrays in every item: a text column of that name holds JSON."""
NULLABLE_PROPERTIES = frozenset(("proj:epsg", "proj:code", "proj:wkt2"))
"""May be null (projection extension), and get a type from writers that otherwise mark what is always null."""
BBOX_EDGES = ("xmin", "ymin", "zmin", "xmax", "ymax", "zmax")

Array = Any
"""A pyarrow.Array. pyarrow has no types, and is imported when a file is read."""
Convert = Callable[[Array], list[Any]]
"""Turns an array without nulls into the values that JSON would have given."""


def items_of_parquet(path: str) -> Iterator[list[object]]:
    """Read a Parquet file and yield its rows as items, in parts of at most `ROWS_PER_BATCH`, in their order.

    A row that lacks what an item must have is yielded as it is: the caller looks.

    Raises:
        ConfigurationError: If pyarrow is not installed.
        ValueError: If the file is not Parquet, is damaged, has no columns `id` and `stac_version`, or a column that
            has no form in JSON.
        OSError: If the file cannot be read.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ConfigurationError(
            f"{path}: Parquet needs {error.name}; install it with: pip install 'stac-manager[parquet]'"
        ) from None
    try:
        with (
            pyarrow.OSFile(os.fsencode(path)) as source,
            pyarrow.parquet.ParquetFile(source, buffer_size=READ_BUFFER_BYTES) as file,
        ):
            items_of_batch = _compiled(file)
            for batch in file.iter_batches(ROWS_PER_BATCH, use_threads=False):
                yield items_of_batch(batch)
    except (pyarrow.ArrowException, ValueError, struct.error, RecursionError) as error:
        raise ValueError(f"not a Parquet file of STAC items: {error}") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise ValueError(f"not a Parquet file of STAC items: {error}") from error  # Arrow's word for damaged


# Rows


@dataclass(frozen=True)
class _Member:
    """A column and the member of the rows' objects that it becomes."""

    name: str
    convert: Convert
    keep_null: bool = False

    def put(self, objects: list[Item], column: Array) -> None:
        """Set the member in those of `objects` that have it."""
        if self.keep_null:
            values = _with_nulls(self.convert, column)
        elif not column.null_count:
            values = self.convert(column)
        elif column.null_count == len(column):
            return
        else:
            objects = list(compress(objects, column.is_valid().to_pylist()))
            values = self.convert(column.drop_null())
        name = self.name
        for target, value in zip(objects, values, strict=True):
            target[name] = value


def _compiled(file: Any) -> Callable[[Any], list[object]]:
    """Return what turns a batch of `file` into items."""
    schema = file.schema_arrow
    for name in ("id", "stac_version"):
        if name not in schema.names:
            raise ValueError(f"it has no column {name!r}")
    if "properties" in schema.names:
        return partial(_nested_items, [_item_member(field) for field in schema])
    names_of_nulls = _nullable_without_values(file)
    columns = [
        (True, _item_member(field)) if field.name in ITEM_MEMBERS else (False, _member(field, names_of_nulls))
        for field in schema
    ]
    return partial(_flat_items, columns)


def _nested_items(members: list[_Member], batch: Any) -> list[object]:
    items: list[Item] = [{} for _ in range(batch.num_rows)]
    for member, column in zip(members, batch.columns, strict=True):
        member.put(items, column)
    for item in items:
        if isinstance(item.get("properties"), dict):
            item["properties"].setdefault("datetime", None)
    return list[object](items)


def _flat_items(columns: list[tuple[bool, _Member]], batch: Any) -> list[object]:
    """Start with what an item must have: no file holds empty assets, and some no `type`."""
    properties: list[Item] = [{"datetime": None} for _ in range(batch.num_rows)]
    items: list[Item] = [
        {"type": "Feature", "geometry": None, "assets": {}, "properties": members} for members in properties
    ]
    for (of_item, member), column in zip(columns, batch.columns, strict=True):
        member.put(items if of_item else properties, column)
    return list[object](items)


def _item_member(field: Any) -> _Member:
    """Of the members of an item only `geometry` may be null."""
    return _Member(field.name, _converter(field.type, field.name), keep_null=field.name == "geometry")


def _member(field: Any, names_of_nulls: frozenset[str] = frozenset()) -> _Member:
    """Keep nulls where the writer saw nothing else: had no row had the member, there would be no column."""
    from pyarrow import types

    keep_null = types.is_null(field.type) or field.name in names_of_nulls
    return _Member(field.name, _converter(field.type, field.name), keep_null)


def _nullable_without_values(file: Any) -> frozenset[str]:
    """Return those of NULLABLE_PROPERTIES that are null in every row of the file, by its statistics."""
    leaves = {file.schema.column(index).path: index for index in range(len(file.schema))}
    groups = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]

    def is_empty(leaf: int) -> bool:
        statistics = [group.column(leaf).statistics for group in groups]
        return all(known is not None and known.has_null_count and not known.num_values for known in statistics)

    return frozenset(name for name in NULLABLE_PROPERTIES if name in leaves and is_empty(leaves[name]))


# Columns


def _converter(data_type: Any, name: str) -> Convert:
    """Compile the conversion of a column; `name` tells a geometry from other bytes and JSON from other text.

    Raises:
        ValueError: If the type has no form in JSON.
    """
    import pyarrow
    from pyarrow import types

    is_text = types.is_string(data_type) or types.is_large_string(data_type) or types.is_string_view(data_type)
    if is_text:
        return _json if name in JSON_MEMBERS else _plain
    if types.is_integer(data_type) or types.is_boolean(data_type) or types.is_floating(data_type):
        return _plain
    if types.is_struct(data_type):
        if name == "bbox" and {field.name for field in data_type} >= {"xmin", "ymin", "xmax", "ymax"}:
            return _bboxes
        return partial(_objects, [_member(field) for field in data_type])
    if types.is_list(data_type) or types.is_large_list(data_type):
        return partial(_lists, _converter(data_type.value_type, ""))
    if types.is_fixed_size_list(data_type) or types.is_list_view(data_type) or types.is_large_list_view(data_type):
        as_list = pyarrow.large_list(data_type.value_type)
        return _after(partial(_cast, as_list), _converter(as_list, name))
    if types.is_map(data_type):
        return partial(_maps, _converter(data_type.key_type, ""), _converter(data_type.item_type, ""))
    if types.is_timestamp(data_type):
        return _datetimes
    if types.is_date(data_type):
        return _after(partial(_cast, pyarrow.date32()), partial(_cast, pyarrow.string()), _plain)
    if types.is_time(data_type):
        return _after(partial(_cast, pyarrow.string()), _plain)
    if types.is_decimal(data_type):
        return partial(_each, int if data_type.scale <= 0 else float)
    if _is_binary(data_type):
        return partial(_each, _geojson if name in ("geometry", "proj:geometry") else _base64)
    if types.is_dictionary(data_type):
        decoded = _converter(data_type.value_type, name)
        return lambda array: _with_nulls(decoded, array.dictionary_decode())
    if types.is_null(data_type):
        return _plain
    if isinstance(data_type, pyarrow.BaseExtensionType):
        return _after(_storage, _extension(data_type, name))
    raise ValueError(f"column {name!r} has type {data_type}, which has no form in JSON")


def _extension(data_type: Any, name: str) -> Convert:
    if data_type.extension_name == "arrow.json":
        return _json
    if data_type.extension_name == "arrow.uuid":
        return partial(_each, lambda value: str(UUID(bytes=value)))
    if data_type.extension_name == "arrow.bool8":
        return partial(_each, bool)
    return _converter(data_type.storage_type, name)


def _is_binary(data_type: Any) -> bool:
    from pyarrow import types

    kinds = (types.is_binary, types.is_large_binary, types.is_binary_view, types.is_fixed_size_binary)
    return any(is_kind(data_type) for is_kind in kinds)


def _after(*steps: Callable[[Array], Any]) -> Convert:
    def convert(array: Array) -> list[Any]:
        result: Any = array
        for step in steps:
            result = step(result)
        return list(result)

    return convert


def _with_nulls(convert: Convert, array: Array) -> list[Any]:
    """Convert an array that may have nulls."""
    if not array.null_count:
        return convert(array)
    values = iter(convert(array.drop_null()))
    return [next(values) if valid else None for valid in array.is_valid().to_pylist()]


def _plain(array: Array) -> list[Any]:
    values: list[Any] = array.to_pylist()
    return values


def _each(convert: Callable[[Any], Any], array: Array) -> list[Any]:
    return [convert(value) for value in array.to_pylist()]


def _cast(data_type: Any, array: Array) -> Array:
    return array.cast(data_type)


def _storage(array: Array) -> Array:
    return array.storage


def _json(array: Array) -> list[Any]:
    return [orjson.loads(text) for text in array.to_pylist()]


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


def _objects(members: list[_Member], array: Array) -> list[Any]:
    columns = [array.field(index) for index in range(len(members))]
    blank = dict.fromkeys(member.name for member, column in zip(members, columns, strict=True) if not column.null_count)
    objects: list[Item] = [blank.copy() for _ in range(len(array))]
    for member, column in zip(members, columns, strict=True):
        member.put(objects, column)
    return objects


def _lists(convert: Convert, array: Array) -> list[Any]:
    offsets = array.offsets.to_pylist()
    first, last = offsets[0], offsets[-1]
    values = _with_nulls(convert, array.values.slice(first, last - first))
    return [values[start - first : end - first] for start, end in pairwise(offsets)]


def _maps(convert_key: Convert, convert_item: Convert, array: Array) -> list[Any]:
    offsets = array.offsets.to_pylist()
    first, last = offsets[0], offsets[-1]
    keys = map(str, convert_key(array.keys.slice(first, last - first)))
    pairs = list(zip(keys, _with_nulls(convert_item, array.items.slice(first, last - first)), strict=True))
    return [dict(pairs[start - first : end - first]) for start, end in pairwise(offsets)]


def _bboxes(array: Array) -> list[Any]:
    """Make lists of the corners, the lower one first; a bbox without heights in a column with some has four numbers."""
    edges = [array.field(name).to_pylist() for name in BBOX_EDGES if array.type.get_field_index(name) >= 0]
    return [[edge for edge in bbox if edge is not None] for bbox in zip(*edges, strict=True)]


def _datetimes(array: Array) -> list[Any]:
    """Return RFC 3339 text in UTC with no, three, six or nine digits of a second: the fewest that say it all.

    A timestamp without a time zone is taken for UTC.
    """
    import pyarrow

    texts = array.cast(pyarrow.timestamp(array.type.unit)).cast(pyarrow.string()).to_pylist()
    return [_rfc3339(text) for text in texts]


def _rfc3339(text: str) -> str:
    seconds, _, fraction = text.partition(".")
    if len(seconds) != len("2020-01-01 00:00:00"):
        raise ValueError(f"a timestamp is not in the years 0 to 9999: {text}")
    while fraction.endswith("000"):
        fraction = fraction[:-3]
    return f"{seconds[:10]}T{seconds[11:]}.{fraction}Z" if fraction else f"{seconds[:10]}T{seconds[11:]}Z"


# Geometries

GEOMETRY_TYPES = {
    1: "Point",
    2: "LineString",
    3: "Polygon",
    4: "MultiPoint",
    5: "MultiLineString",
    6: "MultiPolygon",
    7: "GeometryCollection",
}


def _geojson(wkb: bytes) -> Item:
    """Decode WKB, ISO's (OGC 06-103r4) or EWKB, to a GeoJSON geometry. A measure (M) has no place there and is dropped.

    Raises:
        ValueError: If it is something else, is cut short or holds a curve or a surface.
    """
    try:
        geometry, end = _geometry_at(wkb, 0)
    except (struct.error, IndexError) as error:
        raise ValueError(f"a geometry's WKB is cut short: {error}") from None
    if end != len(wkb):
        raise ValueError(f"a geometry's WKB has {len(wkb) - end} bytes too many")
    return geometry


def _geometry_at(wkb: bytes, at: int) -> tuple[Item, int]:
    """Decode the geometry that begins at byte `at`, and tell where the next one does."""
    if wkb[at] > 1:
        raise ValueError("a geometry is not WKB")
    order = "<" if wkb[at] else ">"
    (code,) = struct.unpack_from(order + "I", wkb, at + 1)
    at += 9 if code & 0x2000_0000 else 5  # EWKB's SRID
    thousands, kind = divmod(code & 0x0FFF_FFFF, 1000)
    has_z = bool(code & 0x8000_0000) or thousands in (1, 3)
    has_m = bool(code & 0x4000_0000) or thousands in (2, 3)
    if kind not in GEOMETRY_TYPES or thousands > 3:
        raise ValueError(f"WKB geometry type {code} has no form in GeoJSON")
    position = f"{order}{2 + has_z}d" + ("8x" if has_m else "")

    coordinates: list[Any]
    if kind == 1:
        coordinates = list(struct.unpack_from(position, wkb, at))
        if coordinates[0] != coordinates[0]:  # NaN: an empty point
            coordinates = []
        return {"type": "Point", "coordinates": coordinates}, at + struct.calcsize(position)
    if kind == 2:
        coordinates, at = _positions_at(wkb, at, order, position)
        return {"type": "LineString", "coordinates": coordinates}, at
    (count,) = struct.unpack_from(order + "I", wkb, at)
    at += 4
    parts: list[Any] = []
    for _ in range(count):
        part, at = _positions_at(wkb, at, order, position) if kind == 3 else _geometry_at(wkb, at)
        parts.append(part)
    if kind == 7:
        return {"type": "GeometryCollection", "geometries": parts}, at
    coordinates = parts if kind == 3 else [part["coordinates"] for part in parts]
    return {"type": GEOMETRY_TYPES[kind], "coordinates": coordinates}, at


def _positions_at(wkb: bytes, at: int, order: str, position: str) -> tuple[list[Any], int]:
    (count,) = struct.unpack_from(order + "I", wkb, at)
    at += 4
    end = at + count * struct.calcsize(position)
    if end > len(wkb):
        raise ValueError("a geometry's WKB is cut short")
    return list(map(list, struct.iter_unpack(position, memoryview(wkb)[at:end]))), end
