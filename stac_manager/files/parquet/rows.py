"""Rows of columns to dicts: a row's dicts are built when the row is asked for.

A dict that is still in the processor's cache when it is dropped costs half of one that has waited for the rest of its
batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress, islice, repeat
from typing import Any, TypeAlias

from stac_manager.protocols import Item

Array: TypeAlias = Any
"""A pyarrow.Array. pyarrow has no types, and is imported when a file is read."""
Convert: TypeAlias = Callable[[Array], Iterable[Any]]
"""Turns an array into the values that JSON would have given, and None for its nulls."""

_OF_VARIANT = {"metadata", "value", "typed_value"}
"""The members of a VARIANT, which may be shredded or not (VariantShredding.md of the Parquet format)."""


@dataclass(frozen=True)
class Member:
    """A column and the member of the rows' objects that it becomes."""

    name: str
    convert: Convert
    keep_null: bool = False
    is_json: bool = False  # JSON text, which may say null


def objects(
    columns: Sequence[tuple[Member, Array]], count: int, given: dict[str, Iterable[Any]], valid: bytes | None = None
) -> Iterator[Item]:
    """Build `count` objects of the columns, and of the `given` values where there is no such column.

    Args:
        valid: Which rows of the columns have an object, as `validity` tells; all of them without it.
    """
    always, sometimes = dict(given), {}
    for member, column in columns:
        missing = _missing(column, valid)
        if member.keep_null or not (missing or member.is_json):
            always[member.name] = _at(valid, member.convert(column))
        elif missing < count:
            sometimes[member.name] = _at(valid, member.convert(column))
            always.pop(member.name, None)
    if not always and not sometimes:
        return ({} for _ in range(count))
    alike = {name: next(values) for name, values in always.items() if isinstance(values, repeat)}
    differing = {name: values for name, values in always.items() if name not in alike}
    blank = {name: alike.get(name) for name in always}
    build = _builder(len(differing), len(sometimes))(*differing, *sometimes)
    return islice(map(build, repeat(blank), *differing.values(), *sometimes.values()), count)


def _at(valid: bytes | None, values: Iterable[Any]) -> Iterable[Any]:
    return values if valid is None or isinstance(values, repeat) else compress(values, valid)


def _missing(column: Array, valid: bytes | None) -> int:
    """Count the nulls of a column in the rows that have an object."""
    nulls: int = column.null_count
    if not nulls or valid is None:
        return nulls
    return sum(valid) - sum(compress(validity(column), valid))


@lru_cache(maxsize=1_024)
def _builder(differing: int, sometimes: int) -> Callable[..., Callable[..., Item]]:
    """Make what makes, of so many names, a function from an object and the values of a row to the object of that row.

    It is compiled, as the dataclasses of the standard library are: to copy an object and assign to its members takes
    less than to make it of them. The values are those of members in which rows differ, and of members that are left
    out where they are None.
    """
    numbers = range(differing + sometimes)
    lines = [
        f"def named({', '.join(f'n{number}' for number in numbers)}):",
        f"    def build({', '.join(('blank', *(f'v{number}' for number in numbers)))}):",
        "        made = blank.copy()",
    ]
    for number in numbers:
        indent = "        "
        if number >= differing:
            lines.append(f"{indent}if v{number} is not None:")
            indent += "    "
        lines.append(f"{indent}made[n{number}] = v{number}")
    namespace: dict[str, Any] = {}
    exec("\n".join([*lines, "        return made", "    return build"]), namespace)
    named: Callable[..., Callable[..., Item]] = namespace["named"]
    return named


def fields(members: list[Member], given: dict[str, Iterable[Any]], array: Array) -> Iterator[Item]:
    """Build the objects of a column of structs, and pass over nulls."""
    columns = [(member, array.field(index)) for index, member in enumerate(members)]
    nulls = array.null_count
    return objects(columns, len(array) - nulls, given, validity(array) if nulls else None)


def as_object(data_type: Any, convert: Convert) -> Convert:
    """Make an object of each list of `key` and `value`, as databases without maps write it; leave other lists alone."""
    if not str(data_type).startswith("struct<") or {field.name for field in data_type} != {"key", "value"}:
        return convert

    def made(entries: list[Item] | None) -> Item | None:
        return None if entries is None else {str(each["key"]): each["value"] for each in entries if "value" in each}

    return lambda array: map(made, convert(array))


def is_variant(data_type: Any) -> bool:
    """Tell whether a struct is one of Parquet's VARIANT, of whose logical type pyarrow does not tell."""
    binary = {field.name: "binary" in str(field.type) for field in data_type}
    return (
        len(binary) > 1 and binary.keys() <= _OF_VARIANT and binary.get("metadata", False) and binary.get("value", True)
    )


def of_valid(array: Array, values: Iterable[Any]) -> Iterable[Any]:
    """Pass over the values of the nulls of a column."""
    return compress(values, validity(array)) if array.null_count else values


def validity(array: Array) -> bytes:
    """Return 1 for each row that has a value and 0 for each null, read from Arrow's bitmap.

    `is_valid` and `drop_null` would do, but they import pyarrow.compute, which takes 12 MB and a quarter of a second.
    """
    count, bitmap = len(array), array.buffers()[0]
    if bitmap is None:
        return bytes(count) if array.null_count else b"\1" * count
    first = array.offset
    bits = int.from_bytes(memoryview(bitmap)[first // 8 : (first + count + 7) // 8], "little") >> first % 8
    return f"{bits & ((1 << count) - 1):0{count}b}"[::-1].encode().translate(_BITS)


_BITS = bytes.maketrans(b"01", b"\0\1")
