"""Columns of Arrow to iterators of Python values.

A column's type is compiled once to a function that turns whole arrays into values.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import compress, islice, repeat
from math import isfinite
from operator import methodcaller, sub
from typing import Any
from uuid import UUID

import orjson

from stac_manager.files.parquet.constant import once_if_constant
from stac_manager.files.parquet.geoparquet import BBOX_EDGES
from stac_manager.files.parquet.rows import Array, Convert, Member, as_object, fields, is_variant, of_valid, validity
from stac_manager.files.parquet.texts import in_base64, text_of, text_or_bytes
from stac_manager.files.parquet.times import FRACTIONS, rfc3339, usual_dates
from stac_manager.protocols import Item

JSON_MEMBERS = frozenset(("geometry", "proj:geometry", "bbox", "properties", "links", "assets", "stac_extensions"))
"""Objects and arrays in every item: a text column of that name holds JSON."""
TEXT_MEMBERS = frozenset(("id", "type", "stac_version", "collection"))
"""Texts in every item: some writers do not say that the bytes of a column are text."""
SHOWN_CHARACTERS = 40
MOST_ALIKE = 32
_OBJECT = "links"
"""Stands for the name of what is an object, in a link's or asset's place."""
plain: Callable[[Array], list[Any]] = methodcaller("to_pylist")


class Converters:
    """Compiles the conversion of columns; `geometry` decodes one of those that hold WKB or WKT, the `geometries`."""

    def __init__(self, geometries: Collection[str], geometry: Callable[[bytes | str], Any], untold: bool) -> None:
        self.problems: list[str] = []  # what was wrong with values of the row that is being built
        self._bytes = text_of if untold else in_base64
        self._geometries = geometries
        self._geometry = geometry

    def member(self, field: Any, nullable_names: frozenset[str] = frozenset(), *, in_assets: bool = False) -> Member:
        """Keep nulls where the writer saw nothing else: had no row had the member, there would be no column.

        An asset is never null.
        """
        from pyarrow import types

        keep_null = not in_assets and (types.is_null(field.type) or field.name in nullable_names)
        name = _OBJECT if in_assets else field.name
        convert = once_if_constant(self.converter(field.type, name), self.problems)
        return Member(field.name, convert, keep_null, is_json(field.type, name))

    def converter(self, data_type: Any, name: str) -> Convert:
        """Compile the conversion of a column; `name` tells JSON from other text, and a bbox from other objects.

        Raises:
            ValueError: If the type has no form in JSON.
        """
        import pyarrow
        from pyarrow import types

        for is_kind, make in _KINDS:
            if any(getattr(types, kind)(data_type) for kind in is_kind):
                return make(self, data_type, name)
        if isinstance(data_type, pyarrow.BaseExtensionType):
            return after(lambda array: array.storage, self._extension(data_type, name))
        raise ValueError(f"column {name!r} has type {data_type}, which has no form in JSON")

    def each(self, convert: Callable[[Any], Any]) -> Convert:
        """Convert value by value. What is wrong with one is kept for the row, which is built at the same time."""

        def guarded(value: Any) -> Any:
            if value is None:
                return None
            try:
                return convert(value)
            except (ValueError, RecursionError) as error:
                self.problems.append(str(error))
                return None

        return lambda array: map(guarded, array.to_pylist())

    def _text(self, data_type: Any, name: str) -> Convert:
        json = self.each(partial(self._object, name)) if name in JSON_MEMBERS else None
        return partial(text_or_bytes, json or plain, json or self.each(bytes.decode))

    def _object(self, name: str, text: str | bytes) -> Any:
        """Decode JSON text, and geometries as databases print them."""
        if name in self._geometries and (isinstance(text, bytes) or text[:1].isalnum() or text[:1] == "\\"):
            return self._geometry(text)
        try:
            found = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise ValueError(f"{name} holds text that is not JSON: {text[:SHOWN_CHARACTERS]!r}") from None
        return _without_nulls(found) if name == "assets" and isinstance(found, dict) else found

    def _float(self, data_type: Any, name: str) -> Convert:
        return self.finite(name)

    def finite(self, name: str) -> Convert:
        """Make what converts numbers and refuses those that JSON does not have."""

        def refuse(value: float) -> float:
            if not isfinite(value):
                raise ValueError(f"{name or 'a list'} holds {value}, which JSON does not have")
            return value

        each = self.each(refuse)

        def convert(array: Array) -> Iterable[Any]:
            values = plain(array)
            return values if isfinite(sum(filter(None, values))) else each(array)

        return convert

    def _struct(self, data_type: Any, name: str) -> Convert:
        if is_variant(data_type):
            place = f"column {name!r}" if name else "a list"
            raise ValueError(f"{place} is a VARIANT, which is not read; write it as a struct or as JSON text")
        found = {field.name.lower().replace("_", "") or None: field for field in data_type}
        found |= {field.name or None: field for field in data_type}
        for edges in BBOX_EDGES if name == "bbox" else ():
            if found.keys() >= {*edges[:2], *edges[3:5]}:
                corner = {found[edge].name: self.converter(found[edge].type, name) for edge in edges if edge in found}
                return nullable(partial(_bboxes, corner))
        members = [self.member(field, in_assets=name == "assets") for field in data_type]
        return nullable(partial(fields, members, {}))

    def _list(self, data_type: Any, name: str) -> Convert:
        if name in self._geometries and str(data_type.value_type) in ("uint8", "int8"):
            return self.each(lambda value: self._geometry(_packed(value)))
        convert = nullable(partial(lists, self.converter(data_type.value_type, _OBJECT if name == "links" else "")))
        return as_object(data_type.value_type, convert) if name == "assets" else convert

    def _other_list(self, data_type: Any, name: str) -> Convert:
        import pyarrow

        as_list = pyarrow.large_list(data_type.value_type)
        return after(lambda array: array.cast(as_list), self.converter(as_list, name))

    def _map(self, data_type: Any, name: str) -> Convert:
        key = self.converter(data_type.key_type, "")
        item = self.converter(data_type.item_type, _OBJECT if name == "assets" else "")
        return nullable(partial(_maps, key, item, name == "assets"))

    def _timestamp(self, data_type: Any, name: str) -> Convert:
        import pyarrow

        as_text = self.each(partial(rfc3339, FRACTIONS[data_type.unit]))
        return lambda array: as_text(array.view(pyarrow.int64()))

    def _date(self, data_type: Any, name: str) -> Convert:
        as_text = self.each(lambda days: rfc3339(FRACTIONS["s"], 86_400 * days)[: len("2024-05-01")])
        return lambda array: usual_dates(array) or as_text(array.cast("date32").view("int32"))

    def _time(self, data_type: Any, name: str) -> Convert:
        import pyarrow

        return lambda array: plain(array.cast(pyarrow.string()))

    def _decimal(self, data_type: Any, name: str) -> Convert:
        return self.each(int if data_type.scale <= 0 else float)

    def _binary(self, data_type: Any, name: str) -> Convert:
        if name in self._geometries:
            return self.each(self._geometry)
        if name in TEXT_MEMBERS:
            return self.each(bytes.decode)
        return self.each(partial(self._object, name) if name in JSON_MEMBERS else self._bytes)

    def _dictionary(self, data_type: Any, name: str) -> Convert:
        return after(lambda array: array.dictionary_decode(), self.converter(data_type.value_type, name))

    def _extension(self, data_type: Any, name: str) -> Convert:
        if data_type.extension_name == "arrow.json":
            return self.each(partial(self._object, name))
        if data_type.extension_name == "arrow.uuid":
            return self.each(lambda value: str(UUID(bytes=value)))
        if data_type.extension_name == "arrow.bool8":
            return self.each(bool)
        return self.converter(data_type.storage_type, name)


def is_json(data_type: Any, name: str) -> bool:
    """Tell whether a column holds JSON text."""
    from pyarrow import types

    return getattr(data_type, "extension_name", "") == "arrow.json" or (
        name in JSON_MEMBERS and not types.is_nested(getattr(data_type, "storage_type", data_type))
    )


def _packed(numbers: list[int | None]) -> bytes:
    """Make bytes of a list of them, with or without a sign."""
    if None in numbers:
        raise ValueError("a geometry is a list of bytes of which some are null")
    return bytes(each & 255 for each in numbers if each is not None)


_KINDS: tuple[tuple[tuple[str, ...], Callable[[Converters, Any, str], Convert]], ...] = (
    (("is_string", "is_large_string", "is_string_view"), Converters._text),
    (("is_integer", "is_boolean", "is_null"), lambda _, data_type, name: plain),
    (("is_floating",), Converters._float),
    (("is_struct",), Converters._struct),
    (("is_list", "is_large_list"), Converters._list),
    (("is_fixed_size_list", "is_list_view", "is_large_list_view"), Converters._other_list),
    (("is_map",), Converters._map),
    (("is_timestamp",), Converters._timestamp),
    (("is_date",), Converters._date),
    (("is_time",), Converters._time),
    (("is_decimal",), Converters._decimal),
    (("is_binary", "is_large_binary", "is_binary_view", "is_fixed_size_binary"), Converters._binary),
    (("is_dictionary",), Converters._dictionary),
)
"""Predicates of pyarrow.types, and what compiles the conversion of the types for which one of them holds."""


# Values


def nullable(convert: Convert) -> Convert:
    """Put None for nulls between the values of a conversion that passes over them."""

    def convert_all(array: Array) -> Iterable[Any]:
        if not array.null_count:
            return convert(array)
        values = iter(convert(array))
        return (next(values) if valid else None for valid in validity(array))

    return convert_all


def after(first: Callable[[Array], Any], then: Callable[[Any], Iterable[Any]]) -> Convert:
    return lambda array: then(first(array))


def lists(convert: Convert, array: Array) -> Iterator[Any]:
    """Build the lists of a column of lists, and pass over nulls."""
    array, starts, ends, values = _extents(array)
    converted = convert(array.values.slice(*values))
    size = ends[0] if ends else 0
    if 0 < size <= MOST_ALIKE and ends == list(range(size, size * len(ends) + 1, size)):
        return map(list, zip(*[iter(converted)] * size, strict=True))  # all of one length, at half the cost
    if isinstance(converted, list):
        return map(converted.__getitem__, map(slice, starts, ends))
    return map(list, map(islice, repeat(iter(converted)), map(sub, ends, starts)))


def _maps(convert_key: Convert, convert_item: Convert, without_nulls: bool, array: Array) -> Iterator[Any]:
    array, starts, ends, values = _extents(array)
    keys = map(str, convert_key(array.keys.slice(*values)))
    pairs = zip(keys, convert_item(array.items.slice(*values)), strict=True)
    made = map(dict, map(islice, repeat(pairs), map(sub, ends, starts)))
    return map(_without_nulls, made) if without_nulls else made


def _without_nulls(value: Item) -> Item:
    return {key: each for key, each in value.items() if each is not None}


def _extents(array: Array) -> tuple[Array, list[int], list[int], tuple[int, int]]:
    """Return where each list begins and ends, from the first one's begin, and offset and length of all values.

    Lists follow each other: where a null holds values, these are of an array without it.
    """
    offsets = array.offsets.to_pylist()
    if first := offsets[0]:
        offsets = [offset - first for offset in offsets]
    starts, ends = offsets[:-1], offsets[1:]
    if array.null_count:
        valid = validity(array)
        starts, ends = list(compress(starts, valid)), list(compress(ends, valid))
        if sum(map(sub, ends, starts)) != offsets[-1]:
            return _extents(array.drop_null())
    return array, starts, ends, (first, offsets[-1])


def _bboxes(corner: dict[str, Convert], array: Array) -> Iterator[Any]:
    """Make lists of the corners, the lower one first: four numbers without heights, None without any edge."""
    edges = [array.field(name) for name in corner]
    converted = (convert(edge) for convert, edge in zip(corner.values(), edges, strict=True))
    corners = of_valid(array, zip(*converted, strict=True))
    if any(edge.null_count for edge in edges):
        return ([edge for edge in bbox if edge is not None] or None for bbox in corners)
    return map(list, corners)
