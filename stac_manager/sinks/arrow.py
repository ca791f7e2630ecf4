"""Items -> Arrow, as stac-geoparquet lays them out, and schemas that are wide enough for all.

The layout is that of the stac-geoparquet specification 1.0: properties are columns beside the members of the item,
geometries are WKB, a bbox is a struct, times are timestamps in UTC. The package of this name is not imported: that
takes a second and 70 MB, in every worker; the tests read with it what is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import orjson
import pyarrow as pa
import shapely

from stac_manager.exceptions import DataProcessingError
from stac_manager.protocols import Item

Columns: TypeAlias = Any
"""A pyarrow schema, None before the first item."""

TIMES = (
    "datetime", "start_datetime", "end_datetime", "created", "updated", "expires", "published", "unpublished"
)  # fmt: skip
TIME = pa.timestamp("us", tz="UTC")
_CORNERS = {4: ("xmin", "ymin", "xmax", "ymax"), 6: ("xmin", "ymin", "zmin", "xmax", "ymax", "zmax")}
_PROJECTED = "proj:geometry"
_WKB = {
    b"ARROW:extension:name": b"geoarrow.wkb",
    b"ARROW:extension:metadata": b'{"crs":"OGC:CRS84","crs_type":"authority_code"}',
}
NO_ITEMS: Columns = pa.schema([
    ("type", pa.string()), ("stac_version", pa.string()), ("id", pa.string()), ("collection", pa.string()),
    ("datetime", TIME), pa.field("geometry", pa.binary(), metadata=_WKB),
])  # fmt: skip
"""The columns of a file without items."""
MOST_LEVELS = 100
"""Parquet as pyarrow writes and reads it has no more, of which a list takes two."""
_INSTEAD = "; write NDJSON instead"
_BOTH = f"; GeoParquet cannot hold both{_INSTEAD}"
_MIXED_BOXES = f"bbox has 4 numbers in some items and 6 in others{_BOTH}"


def batch_of(items: Sequence[Item]) -> Any:
    """Turn items into a record batch. The items are changed on the way.

    Raises:
        DataProcessingError: If an item does not fit the layout, or two of them have no common type for a member.
    """
    rows = [_row(item) for item in items]
    _check_boxes(rows)
    _pack([(row, "geometry") for row in rows])
    _pack([(row, _PROJECTED) for row in rows if _PROJECTED in row])
    assets = [asset for row in rows for asset in _objects(row.get("assets"))]
    _pack([(asset, _PROJECTED) for asset in assets if _PROJECTED in asset])
    try:
        array = _without_empty(pa.array(rows))
    except (pa.ArrowException, OverflowError) as error:
        raise DataProcessingError(_culprit(rows) or f"cannot be a table: {error}") from None
    batch = pa.RecordBatch.from_struct_array(array)
    return _tagged(_with_times(batch))


def metadata_of(schema: Columns) -> dict[bytes, bytes]:
    """Return the metadata of a file: GeoParquet 1.1 (without `crs`: longitude and latitude) and stac-geoparquet 1.0."""
    geometry: dict[str, Any] = {"encoding": "WKB", "geometry_types": [], "edges": "planar"}
    if _has_boxes(schema):
        geometry["covering"] = {"bbox": {name: ["bbox", name] for name in _CORNERS[4]}}
    columns = {"geometry": geometry}
    if _PROJECTED in schema.names:
        columns[_PROJECTED] = {"encoding": "WKB", "geometry_types": [], "crs": None}
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": columns}
    return {b"geo": orjson.dumps(geo), b"stac-geoparquet": b'{"version":"1.0.0"}'}


def joined(first: Columns, second: Columns) -> Columns:
    """Return a schema that can hold what either can.

    Raises:
        DataProcessingError: If a column has types that nothing can hold together.
    """
    if first is None or first.equals(second):
        return second
    try:
        wide = pa.unify_schemas([first, second], promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        found = _conflict(pa.struct(list(first)), pa.struct(list(second)), "")
        raise DataProcessingError(f"{found}{_BOTH}" if found else f"columns differ: {error}") from None
    if len({each.field("bbox").type.num_fields for each in (first, second) if _has_boxes(each)}) > 1:
        raise DataProcessingError(f"column {_MIXED_BOXES}")
    return wide


def _has_boxes(schema: Columns) -> bool:
    return "bbox" in schema.names and pa.types.is_struct(schema.field("bbox").type)


def conform(batch: Any, schema: Columns) -> Any:
    """Return the batch with the columns of a wider schema.

    Raises:
        DataProcessingError: If a number does not fit: an integer with too many digits for a float.
    """
    if batch.schema.equals(schema):
        return batch
    names, columns = set(batch.schema.names), []
    for each in schema:
        try:
            columns.append(
                _cast(batch.column(each.name), each.type) if each.name in names else pa.nulls(batch.num_rows, each.type)
            )
        except pa.ArrowInvalid as error:
            raise DataProcessingError(f"column {each.name}: {error}{_BOTH}") from None
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _row(item: Item) -> dict[str, Any]:
    """Put the properties of an item beside its members, and its bbox in words."""
    properties = item.pop("properties", None) or {}
    twice = item.keys() & properties.keys()
    if twice:
        raise DataProcessingError(f"item {item.get('id')!r}: {min(twice)!r} is a member and a property at once{_BOTH}")
    item.update(properties)
    item.setdefault("geometry", None)
    bbox = item.get("bbox")
    if bbox is not None:
        corners = _CORNERS.get(len(bbox))
        if corners is None:
            raise DataProcessingError(f"item {item.get('id')!r}: its bbox has {len(bbox)} numbers")
        item["bbox"] = dict(zip(corners, map(float, bbox), strict=True))
    return item


def _check_boxes(rows: Sequence[dict[str, Any]]) -> None:
    """Refuse boxes with and without heights: readers of the struct take nulls in it for numbers."""
    first = next((row["bbox"] for row in rows if row.get("bbox")), None)
    other = next((row for row in rows if row.get("bbox") and len(row["bbox"]) != len(first or ())), None)
    if other is not None:
        raise DataProcessingError(f"item {other.get('id')!r}: {_MIXED_BOXES}")


def _objects(assets: object) -> list[dict[str, Any]]:
    return [asset for asset in assets.values() if isinstance(asset, dict)] if isinstance(assets, dict) else []


def _pack(places: Sequence[tuple[dict[str, Any], str]]) -> None:
    """Replace GeoJSON geometries by WKB."""
    texts = [None if holder[name] is None else orjson.dumps(holder[name]) for holder, name in places]
    try:
        packed = shapely.to_wkb(shapely.from_geojson(texts), flavor="iso")
    except shapely.errors.GEOSException as error:
        bad = next(
            (holder.get("id") for (holder, _), text in zip(places, texts, strict=True) if not _parses(text)), "?"
        )
        raise DataProcessingError(f"item {bad!r}: not a GeoJSON geometry: {error}") from None
    for (holder, name), value in zip(places, packed, strict=True):
        holder[name] = value


def _parses(text: bytes | None) -> bool:
    return bool(shapely.from_geojson(text, on_invalid="ignore") is not None) or text is None


def _with_times(batch: Any) -> Any:
    for name in TIMES:
        index = batch.schema.get_field_index(name)
        if index >= 0:
            column = _times(batch.column(index))
            if column is None:
                raise DataProcessingError(_bad_time(batch, name))
            batch = batch.set_column(index, pa.field(name, TIME), column)
    return batch


def _times(column: Any) -> Any:
    """Return texts as times, None if one is none. A number would become one, too."""
    if not (pa.types.is_string(column.type) or pa.types.is_null(column.type)):
        return None
    with suppress(pa.ArrowInvalid):
        return column.cast(TIME)
    with suppress(pa.ArrowInvalid):
        return _as_arrow_reads_it(column).cast(TIME)
    return None


def _as_arrow_reads_it(times: Any) -> Any:
    """Spell times that RFC 3339 allows as Arrow reads them: large letters, and no zeros behind six decimals."""
    from pyarrow import compute

    return compute.replace_substring_regex(compute.utf8_upper(times), r"(\.\d{6})0+(\D)", r"\1\2")


def _bad_time(batch: Any, name: str) -> str:
    """Name the first item of which a time is none."""
    column = batch.column(name)
    bad = next(row for row in range(batch.num_rows) if column[row].is_valid and _times(column.slice(row, 1)) is None)
    found = f"item {batch.column('id')[bad].as_py()!r}: {name} {column[bad].as_py()!r}"
    return f"{found} is not an RFC 3339 time with a zone and at most 6 decimals{_INSTEAD}"


def _tagged(batch: Any) -> Any:
    """Say that the geometries are WKB, as GeoArrow does; of longitude and latitude."""
    index = batch.schema.get_field_index("geometry")
    field = pa.field("geometry", pa.binary(), metadata=_WKB)
    return batch.set_column(index, field, batch.column(index).cast(pa.binary()))


def _cast(array: Any, wanted: Any) -> Any:
    """Cast to a wider type, members of structs by their names."""
    if array.type.equals(wanted):
        return array
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), wanted)
    if pa.types.is_struct(wanted):
        names = {array.type.field(index).name: index for index in range(array.type.num_fields)}
        children = [
            _cast(array.field(names[child.name]), child.type)
            if child.name in names
            else pa.nulls(len(array), child.type)
            for child in wanted
        ]
        return pa.StructArray.from_arrays(children, fields=list(wanted), mask=array.is_null())
    if pa.types.is_list(wanted):
        values = _cast(array.values, wanted.value_type)
        return pa.ListArray.from_arrays(array.offsets, values, type=wanted, mask=array.is_null())
    return array.cast(wanted)


def _without_empty(array: Any, levels: int = MOST_LEVELS) -> Any:
    """Make null what Parquet cannot store: objects of which none has a member.

    Raises:
        pyarrow.ArrowInvalid: If it has more levels.
    """
    if levels < 1:
        raise pa.ArrowInvalid(f"it has more levels of objects and arrays than Parquet ({MOST_LEVELS})")
    kind = array.type
    if pa.types.is_struct(kind):
        if not kind.num_fields:
            return pa.nulls(len(array))
        children = [_without_empty(array.field(index), levels - 1) for index in range(kind.num_fields)]
        if all(child.type.equals(kind.field(index).type) for index, child in enumerate(children)):
            return array
        names = [kind.field(index).name for index in range(kind.num_fields)]
        return pa.StructArray.from_arrays(children, names=names, mask=array.is_null())
    if pa.types.is_list(kind):
        values = _without_empty(array.values, levels - 2)
        if not values.type.equals(kind.value_type):
            return pa.ListArray.from_arrays(array.offsets, values, mask=array.is_null())
    return array


def _culprit(rows: Sequence[dict[str, Any]]) -> str | None:
    """Find the first item that does not go with those before it, and say why."""
    kind: Any = None
    for row in rows:
        try:
            one = pa.array([row])
            _without_empty(one)
        except (pa.ArrowException, OverflowError) as error:
            why = "an integer is outside the range of int64" if isinstance(error, OverflowError) else error
            return f"item {row.get('id')!r}: {_unfit(row)}{why}{_INSTEAD}"
        own = one.type
        if kind is not None and (found := _conflict(kind, own, "")):
            return f"item {row.get('id')!r}: {found}{_BOTH}"
        kind = own if kind is None else pa.struct(list(joined(pa.schema(list(kind)), pa.schema(list(own)))))
    for row in rows:
        try:
            pa.array([row], kind)
        except pa.ArrowException as error:
            return f"item {row.get('id')!r}: {error}{_BOTH}"
    return None


def _unfit(value: Any, path: str = "", levels: int = MOST_LEVELS) -> str:
    """Name the member that no column can hold, if it is one alone."""
    for name, each in value.items() if type(value) is dict and levels else ():
        try:
            pa.array([each])
        except (pa.ArrowException, OverflowError):
            return _unfit(each, f"{path}.{name}".lstrip("."), levels - 1)
    return path and f"column {path}: "


def _conflict(first: Any, second: Any, path: str) -> str | None:
    """Name the member of which two types have nothing in common."""
    if pa.types.is_struct(first) and pa.types.is_struct(second):
        others = {child.name: child.type for child in second}
        pairs = [(child.name, child.type, others[child.name]) for child in first if child.name in others]
        found = (_conflict(one, other, f"{path}.{name}".lstrip(".")) for name, one, other in pairs)
        return next(filter(None, found), None)
    if pa.types.is_list(first) and pa.types.is_list(second):
        return _conflict(first.value_type, second.value_type, f"{path}[]")
    try:
        pa.unify_schemas([pa.schema([("x", first)]), pa.schema([("x", second)])], promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return f"column {path} is {first} in some items and {second} in others"
    return None
