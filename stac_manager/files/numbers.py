"""Integers of more than 64 bits, of which orjson makes the nearest double."""

from __future__ import annotations

import json
from typing import Any

import orjson

LIMIT = float(2**63)
MOST_DEPTH = 3
_EXPONENT = orjson.dumps(1e300)[1:-3]
"""Is in every double from 1e16 on that orjson writes: `e+`, or `e`."""


def has_large_number(value: Any, depth: int = MOST_DEPTH) -> bool:
    """Tell whether an item, or one in a container, has a double that may have been such an integer.

    Looked at are an item's own members and all that is in its `properties`. To look at everything would cost as much as
    to parse it.
    """
    if type(value) is dict:
        properties, features = value.get("properties"), value.get("features")
        if type(features) is list and depth and has_large_number(features, depth - 1):
            return True
        return _has_large(value) or (type(properties) is dict and _has_large(properties, deep=True))
    return type(value) is list and any(has_large_number(each, depth) for each in value if type(each) is dict)


def _has_large(members: dict[str, Any], *, deep: bool = False) -> bool:
    for value in members.values():
        kind = value.__class__
        if kind is str or kind is int:
            continue
        if kind is float:
            if not -LIMIT < value < LIMIT:
                return True
        elif deep and (kind is list or kind is dict) and _is_large_within(value):
            return True
    return False


def _is_large_within(container: Any) -> bool:
    for value in container.values() if container.__class__ is dict else container:
        kind = value.__class__
        if kind is str or kind is int:
            continue
        if kind is float:
            if not -LIMIT < value < LIMIT:
                return True
        elif kind is list or kind is dict:
            return _is_large_below(container)
    return False


def _is_large_below(container: Any) -> bool:
    """Look at containers within containers: as text, at half the cost of looking at each value."""
    try:
        if _EXPONENT not in orjson.dumps(container):
            return False
    except TypeError:  # orjson reads deeper than it writes
        pass
    waiting = [container]
    while waiting:
        found = waiting.pop()
        for value in found.values() if found.__class__ is dict else found:
            kind = value.__class__
            if kind is float:
                if not -LIMIT < value < LIMIT:
                    return True
            elif kind is list or kind is dict:
                waiting.append(value)
    return False


def exact(value: Any, data: memoryview | bytes) -> Any:
    """Parse JSON that orjson has parsed to `value` again, with integers of any length."""
    try:
        return json.loads(bytes(data))
    except (RecursionError, ValueError):
        return value
