"""From a Parquet file to its items: stac-geoparquet, or plain columns named as the members of an item.

stac-geoparquet (https://github.com/radiantearth/stac-geoparquet-spec) stores a property as a column, a geometry as
WKB, a bbox as a struct and a datetime as a timestamp. This undoes it; docs/geoparquet.md tells what comes back.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from io import RawIOBase
from itertools import accumulate, repeat
from typing import Any, BinaryIO

from stac_manager.files.filtering.filters import EVERYTHING, Filters
from stac_manager.files.parquet.arrow import imported, naming_damage, release_unused, schema_of
from stac_manager.files.parquet.columns import Converters, after, is_json, nullable
from stac_manager.files.parquet.constant import once_if_constant
from stac_manager.files.parquet.footers import Footer, large_footer
from stac_manager.files.parquet.geometries import NATIVE_TYPES, SERIALIZED, geojson, native_form, native_geometries
from stac_manager.files.parquet.geoparquet import ITEM_COLUMNS, Layout, layout_of
from stac_manager.files.parquet.pushdown import may_match
from stac_manager.files.parquet.row_groups import BadRow, check_rows, decoded, rows_of_groups, runs
from stac_manager.files.parquet.rows import Array, Convert, Member, fields, is_variant, objects
from stac_manager.protocols import Item

READ_BUFFER_BYTES = 16_384
"""Read ahead for every column. Without it, or with pyarrow's `pre_buffer`, a row group is in memory as a whole."""

COLUMNS_SHOWN = 8
PATH = re.compile(r"(properties(?=\.|[_:/](?:start_)?datetime\Z)|geometry(?=\.)|assets(?=\.))")
"""A column that is a path. `properties_count` may be a property, but some time is among the paths of all items."""
WHOLE = frozenset(("content", "document", "feature", "features", "item", "items", "json", "value", "_source"))
"""What databases and queues call a column of whole documents."""

NULLABLE_PROPERTIES = frozenset(("proj:epsg", "proj:code", "proj:wkt2"))
"""May be null (projection extension), and get a type from writers that otherwise mark what is always null."""


def row_groups(source: str | BinaryIO | RawIOBase) -> tuple[int, ...]:
    """Return the number of rows of every row group of a file.

    Raises:
        ConfigurationError, ValueError, OSError: As `items_of_parquet`.
    """
    with _opened(source) as file:
        return rows_of_groups(file)


def items_of_parquet(
    source: str | BinaryIO, first: int = 0, stop: int | None = None, filters: Filters = EVERYTHING
) -> Iterator[tuple[int, Iterator[object]]]:
    """Read the row groups [first, stop) of a Parquet file and yield their rows in batches, in their order.

    With each batch comes the number, from 1, of its first row in the file. A row is an item, a `BadRow`, or a dict that
    lacks what an item must have: the caller looks. Its dicts are built when it is taken, which needs the file no more.
    Take all rows of a batch before those of the next. What a damaged row group has lost is one `BadRow`.

    Of the row groups and columns, those are read that the conditions and the fields of `filters` call for. The caller
    looks at each item itself.

    Raises:
        ConfigurationError: If pyarrow is not installed.
        ValueError: If the file is not Parquet, is damaged, has no columns `id` and `stac_version`, or a column that
            has no form in JSON. What stands before the damage has been yielded.
        OSError: If the file cannot be read.
    """
    rows: _Rows | None = None
    number, begin = 1, 0
    stop = sys.maxsize if stop is None else stop
    footer = large_footer(source)
    for metadata in (None,) if footer is None else footer.shares():
        with _opened(source, metadata) as file:
            schema = file.schema_arrow  # made anew each time
            layout = _layout(file)
            _check(schema.names, layout)
            groups = rows_of_groups(file)
            starts = (number, *(number + rows for rows in accumulate(groups)))
            columns = None if filters.fields is None else filters.fields.columns(schema, layout.names)
            chosen = range(max(first - begin, 0), min(stop - begin, len(groups)))
            wanted = [index for index in chosen if may_match(file, index, filters)]
            for indexes, size in runs(file, wanted, _size_of(source)):
                number = starts[indexes[0]]
                for found in decoded(source, file, indexes, size, columns, starts):
                    if isinstance(found, BadRow):
                        yield number, iter((found,))
                        number += found.count
                    else:
                        rows = rows or _Rows(file.metadata, layout, found.schema, footer)
                        yield number, rows.of_batch(found)
                        number += found.num_rows
                    del found
                release_unused()
            number, begin = starts[-1], begin + len(groups)
            if begin == (len(groups) if footer is None else len(footer.edges) - 1) <= stop:
                check_rows(number, file.metadata.num_rows + 1)
            if rows is None:
                _Rows(file.metadata, layout, schema)  # says what is wrong with the file, of which no row was read
            if begin >= stop:
                break


@contextmanager
def _opened(source: str | BinaryIO | RawIOBase, metadata: Any = None) -> Iterator[Any]:
    """Open a file, or the row groups of it that `metadata` have."""
    pyarrow = imported()
    with (
        naming_damage(),
        _arrow_file(pyarrow, source) as opened,
        pyarrow.parquet.ParquetFile(
            opened,
            metadata=metadata,
            pre_buffer=False,
            buffer_size=READ_BUFFER_BYTES,
            page_checksum_verification=True,
        ) as file,
    ):
        yield file


def _arrow_file(pyarrow: Any, source: str | BinaryIO | RawIOBase) -> Any:
    return pyarrow.OSFile(os.fsencode(source)) if isinstance(source, str) else pyarrow.PythonFile(source, mode="r")


def _size_of(source: str | BinaryIO) -> int:
    if isinstance(source, str):
        return os.path.getsize(source)
    at = source.tell()
    size = source.seek(0, os.SEEK_END)
    source.seek(at)
    return size


# Rows


class _Rows:
    """What is known of a file's rows."""

    def __init__(self, metadata: Any, layout: Layout, schema: Any, footer: Footer | None = None) -> None:
        serialized = [name for name, form in layout.encodings.items() if form in SERIALIZED]
        self._converters = Converters(serialized, geojson, "binary" in str(schema.field(schema.names.index("id")).type))
        native = _native_geometries(schema, layout, self._converters)
        everywhere = (metadata,) if footer is None else footer.shares()
        nullable_names = _nullable_without_values(everywhere) | {"datetime"}
        self._nested = "properties" in schema.names
        self._of_item: list[tuple[int, Member]] = []
        self._of_properties: list[tuple[int, Member]] = []
        for index, field in enumerate(schema):
            name = layout.names.get(field.name, field.name)
            if field.name in layout.dropped:
                continue
            if field.name in native:
                member = Member(name, native[field.name], name == "geometry")
            elif self._nested or name in ITEM_COLUMNS:
                member = self._item_member(field, name)
            else:
                member = self._converters.member(field, nullable_names)
            (self._of_item if self._nested or name in ITEM_COLUMNS else self._of_properties).append((index, member))

    def of_batch(self, batch: Any) -> Iterator[object]:
        """Return what decodes the rows of `batch`, one by one."""
        columns = batch.columns
        of_item = [(member, columns[index]) for index, member in self._of_item]
        if self._nested:
            return self._checked(objects(of_item, batch.num_rows, {"type": repeat("Feature")}))
        of_properties = [(member, columns[index]) for index, member in self._of_properties]
        properties = objects(of_properties, batch.num_rows, {"datetime": repeat(None)})
        # No file holds empty assets, some hold no `type`, and a row may have neither geometry nor assets.
        given: dict[str, Iterable[Any]] = {
            "type": repeat("Feature"),
            "geometry": repeat(None),
            "assets": ({} for _ in range(batch.num_rows)),
            "properties": properties,
        }
        return self._checked(objects(of_item, batch.num_rows, given))

    def _checked(self, rows: Iterator[Item]) -> Iterator[object]:
        problems = self._converters.problems
        for row in rows:
            if problems:
                yield BadRow("; ".join(dict.fromkeys(problems)))
                problems.clear()
            else:
                yield row

    def _item_member(self, field: Any, name: str) -> Member:
        """Of the members of an item only `geometry` may be null."""
        from pyarrow import types

        if name == "properties" and types.is_struct(field.type) and not is_variant(field.type):
            members = [self._converters.member(child, frozenset(("datetime",))) for child in field.type]
            convert = nullable(partial(fields, members, {"datetime": repeat(None)}))
        else:
            convert = self._converters.converter(field.type, name)
        flat_assets, json = name == "assets" and not self._nested, is_json(field.type, name)
        if flat_assets:
            convert = _empty_for_null(convert, always=json)
        convert = once_if_constant(convert, self._converters.problems)
        return Member(name, convert, name == "geometry" or flat_assets, json)


def _check(names: list[str], layout: Layout) -> None:
    """Refuse columns that are no items.

    Raises:
        ValueError: With what is wrong.
    """
    old = {"assets", "links"}.issubset(names)  # items of versions before 0.8.0 do not name theirs
    for name in ("id", "stac_version"):
        if name not in names and not (old and name == "stac_version"):
            others = ", ".join(names[:COLUMNS_SHOWN]) + (", ..." if len(names) > COLUMNS_SHOWN else "")
            whole = "".join(f"; if {each!r} holds whole Items, write it as NDJSON" for each in names if each in WHOLE)
            raise ValueError(f"it has no column {name!r}; its columns: {others}{whole}")
    tops = {"properties", "geometry", "assets"}.difference(names)
    for path in (name for name in names if (found := PATH.match(name)) and found[1] in tops):
        raise ValueError(f"its columns are paths, such as {path!r}; write whole items, as stac-geoparquet does")
    if layout.projection is not None:
        raise ValueError(
            f"its geometries are in {layout.projection}, not in longitude and latitude; "
            "write them in OGC:CRS84, with to_crs(4326) of GeoPandas"
        )


def _empty_for_null(convert: Convert, *, always: bool) -> Convert:
    def converted(array: Array) -> Iterable[Any]:
        values = convert(array)
        return ({} if assets is None else assets for assets in values) if always or array.null_count else values

    return converted


def _layout(file: Any) -> Layout:
    schema = file.schema_arrow
    return layout_of(
        schema.names, schema.metadata or {}, _extensions(schema) | _own_geometries(schema_of(file.metadata))
    )


def _own_geometries(schema: Any) -> dict[str, tuple[str, bytes | None]]:
    """Return the columns of Parquet's own types of geometries, which hold WKB, as if they were Arrow's."""
    kinds = {column.path: column.logical_type for column in map(schema.column, range(len(schema)))}
    return {
        path: ("geoarrow.wkb", kind.to_json().encode())
        for path, kind in kinds.items()
        if str(kind).startswith(("Geometry", "Geography"))  # its `type` only from pyarrow 26 on
    }


def _extensions(schema: Any) -> dict[str, tuple[str, bytes | None]]:
    """Return the names of extension types and what they say further, also of those that pyarrow was told of."""
    found = {}
    for field in schema:
        kept = field.metadata or {}
        found[field.name] = kept.get(b"ARROW:extension:name", b"").decode(), kept.get(b"ARROW:extension:metadata")
        if hasattr(field.type, "__arrow_ext_serialize__"):
            found[field.name] = field.type.extension_name, field.type.__arrow_ext_serialize__()
    return found


def _native_geometries(schema: Any, layout: Layout, converters: Converters) -> dict[str, Convert]:
    """Return what converts each column of geometries that are lists of coordinates (GeoArrow)."""
    from pyarrow import types

    for name, encoding in layout.encodings.items():
        if name in schema.names and encoding not in NATIVE_TYPES and encoding not in SERIALIZED:
            raise ValueError(f"column {name!r} holds geometries as {encoding!r}, which are not read; write them as WKB")
    found = {}
    for field in schema:
        stored = getattr(field.type, "storage_type", field.type)
        if types.is_nested(stored) and (form := native_form(layout.encodings.get(field.name), stored)):
            convert = native_geometries(form, stored, converters.finite(field.name))
            found[field.name] = convert if stored is field.type else after(lambda array: array.storage, convert)
    return found


def _nullable_without_values(everywhere: Iterable[Any]) -> frozenset[str]:
    """Return those of NULLABLE_PROPERTIES that are null in every row of a file, by the statistics in its metadata."""
    names = NULLABLE_PROPERTIES
    for metadata in everywhere:
        columns = schema_of(metadata)
        leaves = {columns.column(index).path: index for index in range(len(columns))}
        groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
        names = frozenset(
            name for name in names & leaves.keys() if all(_is_empty(group.column(leaves[name])) for group in groups)
        )
        if not names:
            break
    return names


def _is_empty(column: Any) -> bool:
    known = column.statistics
    return known is not None and known.has_null_count and not known.num_values
