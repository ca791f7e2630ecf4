"""Columns whose rows all hold the same: the value is converted once, and each row gets a copy.

Most of what describes assets (types, titles, roles, bands) is the same in all items of a collection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

from stac_manager.files.parquet.rows import Array, Convert


def once_if_constant(convert: Convert, problems: list[str]) -> Convert:
    """Make a conversion that looks first whether one value is all there is.

    Args:
        problems: Grows where a value cannot be converted: then every row is converted, and has its own problem.
    """

    def converted(array: Array) -> Iterable[Any]:
        if _is_constant(array):
            before = len(problems)
            (value,) = convert(array.slice(0, 1))
            if len(problems) == before:
                return _copies(value)
            del problems[before:]
        return convert(array)

    return converted


def _is_constant(array: Array) -> bool:
    last = len(array) - 1
    return last > 0 and not array.null_count and array.slice(1).equals(array.slice(0, last))


def _copies(value: Any) -> Iterable[Any]:
    if not isinstance(value, list | dict):
        return repeat(value)
    if _is_flat(value):
        copy: Callable[[Any], Any] = type(value).copy
        return map(copy, repeat(value))
    if isinstance(value, list) and all(isinstance(each, dict) and _is_flat(each) for each in value):
        return map(list, zip(*(map(dict.copy, repeat(each)) for each in value), strict=True))
    return map(_deep, repeat(value))


def _is_flat(value: list[Any] | dict[str, Any]) -> bool:
    return not any(isinstance(each, list | dict) for each in (value.values() if isinstance(value, dict) else value))


def _deep(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _deep(each) for name, each in value.items()}
    return [_deep(each) for each in value] if isinstance(value, list) else value
