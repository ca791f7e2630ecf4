"""From a Parquet file to its items: stac-geoparquet, or plain columns named as the members of an item.

stac-geoparquet (https://github.com/radiantearth/stac-geoparquet-spec) stores a property as a column, a geometry as
WKB, a bbox as a struct and a datetime as a timestamp. This undoes it; docs/geoparquet.md tells what comes back.

A file's schema is compiled once to a tree of functions, one a column. They turn whole columns into iterators of Python
values, and a row's dicts are built when the row is asked for: a dict that is still in the processor's cache when it is
dropped costs half of one that has waited for the rest of its batch.
"""

from __future__ import annotations

import os
import struct
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice, repeat
from operator import sub
from typing import Any, TypeAlias
from uuid import UUID

import orjson

from stac_manager.exceptions import ConfigurationError
from stac_manager.protocols import Item

ROWS_PER_BATCH = 200
READ_BUFFER_BYTES = 16_384
"""Read ahead for every column. Without it, or with pyarrow's `pre_buffer`, a row group is in memory as a whole."""

ITEM_MEMBERS = frozenset(
    ("type", "stac_version", "stac_extensions", "id", "geometry", "bbox", "collection", "links", "assets")
)
"""The columns of stac-geoparquet that are no properties."""
JSON_MEMBERS = frozenset(("geometry", "proj:geometry", "bbox", "properties", "links", "assets", "stac_extensions"))
"""Objects and arrays in every item: a text column of that name holds JSON."""
NULLABLE_PROPERTIES = frozenset(("proj:epsg", "proj:code", "proj:wkt2"))
"""May be null (projection extension), and get a type from writers that otherwise mark what is always null."""
BBOX_EDGES = ("xmin", "ymin", "zmin", "xmax", "ymax", "zmax")

Array: TypeAlias = Any
"""A pyarrow.Array. pyarrow has no types, and is imported when a file is read."""
Convert: TypeAlias = Callable[[Array], Iterable[Any]]
"""Turns an array into the values that JSON would have given, and None for its nulls."""


@dataclass(frozen=True)
class BadRow:
    """A row with a value that cannot be decoded."""

    reason: str


def items_of_parquet(path: str) -> Iterator[Iterator[object]]:
    """Read a Parquet file and yield its rows in batches of at most `ROWS_PER_BATCH`, in their order.

    A row is an item, a `BadRow`, or a dict that lacks what an item must have: the caller looks. Its dicts are built
    when it is taken, which needs the file no more. Take all rows of a batch before those of the next.

    Raises:
        ConfigurationError: If pyarrow is not installed.
        ValueError: If the file is not Parquet, is damaged, has no columns `id` and `stac_version`, or a column that
            has no form in JSON. What stands before the damage has been yielded.
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
            pyarrow.parquet.ParquetFile(source, pre_buffer=False, buffer_size=READ_BUFFER_BYTES) as file,
        ):
            rows_of_batch = _Decoder(file).rows
            for batch in file.iter_batches(ROWS_PER_BATCH, use_threads=False):
                yield rows_of_batch(batch)
    except (pyarrow.ArrowException, ValueError, RecursionError) as error:
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


class _Decoder:
    """What is known of a file, and what went wrong in the row that is being built."""

    def __init__(self, file: Any) -> None:
        schema = file.schema_arrow
        for name in ("id", "stac_version"):
            if name not in schema.names:
                raise ValueError(f"it has no column {name!r}")
        self._problems: list[str] = []
        self._encodings = _native_encodings(schema)
        nullable = _nullable_without_values(file)
        self._nested = "properties" in schema.names
        self._of_item = [
            (index, self._item_member(field))
            for index, field in enumerate(schema)
            if self._nested or field.name in ITEM_MEMBERS
        ]
        self._of_properties = [
            (index, self._member(field, nullable | {"datetime"}))
            for index, field in enumerate(schema)
            if not self._nested and field.name not in ITEM_MEMBERS
        ]

    def rows(self, batch: Any) -> Iterator[object]:
        """Return what decodes the rows of `batch`, one by one."""
        columns = batch.columns
        of_item = [(member, columns[index]) for index, member in self._of_item]
        if self._nested:
            return self._checked(_objects(of_item, batch.num_rows, {}))
        of_properties = [(member, columns[index]) for index, member in self._of_properties]
        properties = _objects(of_properties, batch.num_rows, {"datetime": repeat(None)})
        # No file holds empty assets, some hold no `type`, and a row may have neither geometry nor assets.
        given: dict[str, Iterable[Any]] = {
            "type": repeat("Feature"),
            "geometry": repeat(None),
            "assets": ({} for _ in range(batch.num_rows)),
            "properties": properties,
        }
        return self._checked(_objects(of_item, batch.num_rows, given))

    def _checked(self, rows: Iterator[Item]) -> Iterator[object]:
        for row in rows:
            if self._problems:
                yield BadRow("; ".join(self._problems))
                self._problems.clear()
            else:
                yield row

    def _item_member(self, field: Any) -> _Member:
        """Of the members of an item only `geometry` may be null."""
        if field.name in self._encodings:
            convert = _native_geometries(self._encodings[field.name], field.type)
        elif field.name == "properties" and _is_struct(field.type):
            members = [self._member(child, frozenset(("datetime",))) for child in field.type]
            convert = _nullable(partial(_fields, members, {"datetime": repeat(None)}))
        else:
            convert = self._converter(field.type, field.name)
        if field.name == "assets" and not self._nested:
            convert = _after(convert, partial(map, lambda assets: {} if assets is None else assets))
        keep_null = field.name == "geometry" or (field.name == "assets" and not self._nested)
        return _Member(field.name, convert, keep_null)

    def _member(self, field: Any, nullable: frozenset[str] = frozenset()) -> _Member:
        """Keep nulls where the writer saw nothing else: had no row had the member, there would be no column."""
        from pyarrow import types

        keep_null = types.is_null(field.type) or field.name in nullable
        return _Member(field.name, self._converter(field.type, field.name), keep_null)

    def _converter(self, data_type: Any, name: str) -> Convert:
        """Compile the conversion of a column; `name` tells a geometry from other bytes and JSON from other text.

        Raises:
            ValueError: If the type has no form in JSON.
        """
        import pyarrow
        from pyarrow import types

        if types.is_string(data_type) or types.is_large_string(data_type) or types.is_string_view(data_type):
            return self._each(orjson.loads) if name in JSON_MEMBERS else self._text
        if types.is_integer(data_type) or types.is_boolean(data_type) or types.is_floating(data_type):
            return _plain
        if types.is_struct(data_type):
            if name == "bbox" and {field.name for field in data_type} >= {"xmin", "ymin", "xmax", "ymax"}:
                return _nullable(_bboxes)
            return _nullable(partial(_fields, [self._member(field) for field in data_type], {}))
        if types.is_list(data_type) or types.is_large_list(data_type):
            return _nullable(partial(_lists, self._converter(data_type.value_type, "")))
        if types.is_fixed_size_list(data_type) or types.is_list_view(data_type) or types.is_large_list_view(data_type):
            as_list = pyarrow.large_list(data_type.value_type)
            return _after(lambda array: array.cast(as_list), self._converter(as_list, name))
        if types.is_map(data_type):
            key, item = self._converter(data_type.key_type, ""), self._converter(data_type.item_type, "")
            return _nullable(partial(_maps, key, item))
        if types.is_timestamp(data_type):
            as_text = self._each(_rfc3339)
            return lambda array: as_text(array.cast(pyarrow.timestamp(array.type.unit)).cast(pyarrow.string()))
        if types.is_date(data_type):
            return lambda array: _plain(array.cast(pyarrow.date32()).cast(pyarrow.string()))
        if types.is_time(data_type):
            return lambda array: _plain(array.cast(pyarrow.string()))
        if types.is_decimal(data_type):
            return self._each(int if data_type.scale <= 0 else float)
        if _is_binary(data_type):
            return self._each(_geojson if name in ("geometry", "proj:geometry") else _base64)
        if types.is_dictionary(data_type):
            return _after(lambda array: array.dictionary_decode(), self._converter(data_type.value_type, name))
        if types.is_null(data_type):
            return _plain
        if isinstance(data_type, pyarrow.BaseExtensionType):
            return _after(lambda array: array.storage, self._extension(data_type, name))
        raise ValueError(f"column {name!r} has type {data_type}, which has no form in JSON")

    def _extension(self, data_type: Any, name: str) -> Convert:
        if data_type.extension_name == "arrow.json":
            return self._each(orjson.loads)
        if data_type.extension_name == "arrow.uuid":
            return self._each(lambda value: str(UUID(bytes=value)))
        if data_type.extension_name == "arrow.bool8":
            return self._each(bool)
        return self._converter(data_type.storage_type, name)

    def _each(self, convert: Callable[[Any], Any]) -> Convert:
        """Convert value by value. What is wrong with one is kept for the row, which is built at the same time."""

        def guarded(value: Any) -> Any:
            if value is None:
                return None
            try:
                return convert(value)
            except (ValueError, RecursionError) as error:
                self._problems.append(str(error))
                return None

        return lambda array: map(guarded, array.to_pylist())

    def _text(self, array: Array) -> Iterable[Any]:
        import pyarrow

        try:
            return _plain(array)
        except UnicodeDecodeError:
            return self._each(bytes.decode)(array.cast(pyarrow.large_binary()))


def _nullable_without_values(file: Any) -> frozenset[str]:
    """Return those of NULLABLE_PROPERTIES that are null in every row of the file, by its statistics."""
    leaves = {file.schema.column(index).path: index for index in range(len(file.schema))}
    groups = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]

    def is_empty(leaf: int) -> bool:
        statistics = [group.column(leaf).statistics for group in groups]
        return all(known is not None and known.has_null_count and not known.num_values for known in statistics)

    return frozenset(name for name in NULLABLE_PROPERTIES if name in leaves and is_empty(leaves[name]))


# Objects


def _objects(columns: Sequence[tuple[_Member, Array]], count: int, given: dict[str, Iterable[Any]]) -> Iterator[Item]:
    """Build `count` objects of the columns, and of the `given` values where there is no such column."""
    always, sometimes = dict(given), {}
    for member, column in columns:
        if member.keep_null or not column.null_count:
            always[member.name] = member.convert(column)
        elif column.null_count < count:
            sometimes[member.name] = member.convert(column)
            always.pop(member.name, None)
    if not always and not sometimes:
        return ({} for _ in range(count))
    build = _builder(tuple(always), tuple(sometimes))
    return islice(map(build, *always.values(), *sometimes.values()), count)


@lru_cache(maxsize=1_024)
def _builder(always: tuple[str, ...], sometimes: tuple[str, ...]) -> Callable[..., Item]:
    """Make a function from the values of members to an object without those of `sometimes` that are None.

    It is compiled, as the dataclasses of the standard library are: a dict display takes half the time of
    `dict(zip(names, values))`. No name gets into its text, for it comes from a file.
    """
    names = {f"n{index}": name for index, name in enumerate((*always, *sometimes))}
    values = [f"v{index}" for index in range(len(names))]
    pairs = ", ".join(f"n{index}: v{index}" for index in range(len(always)))
    lines = [f"def build({', '.join(values)}):", f"    made = {{{pairs}}}"]
    for index in range(len(always), len(names)):
        lines += [f"    if v{index} is not None:", f"        made[n{index}] = v{index}"]
    namespace: dict[str, Any] = dict(names)
    exec("\n".join([*lines, "    return made"]), namespace)
    build: Callable[..., Item] = namespace["build"]
    return build


def _fields(members: list[_Member], given: dict[str, Iterable[Any]], array: Array) -> Iterator[Item]:
    columns = [(member, array.field(index)) for index, member in enumerate(members)]
    return _objects(columns, len(array), given)


# Columns


def _is_struct(data_type: Any) -> bool:
    from pyarrow import types

    return bool(types.is_struct(data_type))


def _is_binary(data_type: Any) -> bool:
    from pyarrow import types

    kinds = (types.is_binary, types.is_large_binary, types.is_binary_view, types.is_fixed_size_binary)
    return any(is_kind(data_type) for is_kind in kinds)


def _nullable(convert: Convert) -> Convert:
    """Make a conversion that knows no nulls pass over them."""

    def convert_valid(array: Array) -> Iterable[Any]:
        if not array.null_count:
            return convert(array)
        values = iter(convert(array.drop_null()))
        return (next(values) if valid else None for valid in array.is_valid().to_pylist())

    return convert_valid


def _after(first: Callable[[Array], Any], then: Callable[[Any], Iterable[Any]]) -> Convert:
    return lambda array: then(first(array))


def _plain(array: Array) -> list[Any]:
    values: list[Any] = array.to_pylist()
    return values


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


def _lists(convert: Convert, array: Array) -> Iterator[Any]:
    starts, ends, values = _extents(array)
    converted = convert(array.values.slice(*values))
    if isinstance(converted, list):
        return map(converted.__getitem__, map(slice, starts, ends))
    return map(list, map(islice, repeat(iter(converted)), map(sub, ends, starts)))


def _maps(convert_key: Convert, convert_item: Convert, array: Array) -> Iterator[Any]:
    starts, ends, values = _extents(array)
    keys = map(str, convert_key(array.keys.slice(*values)))
    pairs = zip(keys, convert_item(array.items.slice(*values)), strict=True)
    return map(dict, map(islice, repeat(pairs), map(sub, ends, starts)))


def _extents(array: Array) -> tuple[list[int], list[int], tuple[int, int]]:
    """Return where each list begins and ends, from the first one's begin, and offset and length of all values."""
    first = array.offsets[0].as_py()
    offsets = [offset - first for offset in array.offsets.to_pylist()]
    return offsets[:-1], offsets[1:], (first, offsets[-1])


def _bboxes(array: Array) -> Iterator[Any]:
    """Make lists of the corners, the lower one first; a bbox without heights in a column with some has four numbers."""
    edges = [array.field(name) for name in BBOX_EDGES if array.type.get_field_index(name) >= 0]
    corners = zip(*(edge.to_pylist() for edge in edges), strict=True)
    if any(edge.null_count for edge in edges):
        return ([edge for edge in bbox if edge is not None] for bbox in corners)
    return map(list, corners)


def _rfc3339(text: str) -> str:
    """Turn Arrow's text of a time in UTC; no, three, six or nine digits of a second, the fewest that say it all."""
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


NATIVE_TYPES = {name.lower(): name for code, name in GEOMETRY_TYPES.items() if code < 7}


def _native_encodings(schema: Any) -> dict[str, str]:
    """Return the geometry type of each column of items that is no WKB but lists of coordinates (GeoArrow)."""
    try:
        columns = orjson.loads((schema.metadata or {}).get(b"geo", b"{}"))["columns"]
        encodings = {name: str(column["encoding"]).lower() for name, column in columns.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        encodings = {}
    for field in schema:
        extension = (field.metadata or {}).get(b"ARROW:extension:name", b"").decode()
        if extension.startswith("geoarrow."):
            encodings[field.name] = extension.removeprefix("geoarrow.")
    return {name: NATIVE_TYPES[form] for name, form in encodings.items() if name == "geometry" and form in NATIVE_TYPES}


def _native_geometries(kind: str, data_type: Any) -> Convert:
    coordinates = _coordinates(data_type)

    def convert(array: Array) -> Iterator[Item]:
        return ({"type": kind, "coordinates": found} for found in coordinates(array))

    return _nullable(convert)


def _coordinates(data_type: Any) -> Convert:
    """Compile lists of positions, which are structs of x, y, z, m, or lists of two to four numbers."""
    from pyarrow import types

    if types.is_struct(data_type):
        axes = [axis for axis in ("x", "y", "z") if data_type.get_field_index(axis) >= 0]
        return lambda array: map(list, zip(*(array.field(axis).to_pylist() for axis in axes), strict=True))
    if types.is_floating(data_type):
        return _plain
    if types.is_fixed_size_list(data_type):
        size = data_type.list_size
        return lambda array: map(list, zip(*[iter(array.flatten().to_pylist())] * size, strict=True))
    if types.is_list(data_type) or types.is_large_list(data_type):
        return partial(_lists, _coordinates(data_type.value_type))
    raise ValueError(f"a geometry column has type {data_type}, which is neither WKB nor GeoArrow")
