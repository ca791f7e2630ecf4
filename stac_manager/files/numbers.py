"""Integers of more than 64 bits, of which orjson makes the nearest double."""

from __future__ import annotations

import json
from typing import Any

LIMIT = float(2**63)


def has_large_number(value: Any) -> bool:
    """Tell whether an item, or one of the members of a container, has a double that may have been such an integer.

    Looked at are its own members and all that is in its `properties`. To look at everything would cost as much as to
    parse it.
    """
    if type(value) is dict:
        properties = value.get("properties")
        return _has_large(value) or (type(properties) is dict and _has_large(properties, deep=True))
    return False


def any_has_large_number(values: list[Any], depth: int = 3) -> bool:
    """Tell it of the members of a container, and of those in containers in it."""
    for value in values:
        if has_large_number(value):
            return True
        features = value.get("features") if type(value) is dict else None
        if type(features) is list and depth and any_has_large_number(features, depth - 1):
            return True
    return False


def _has_large(members: dict[str, Any], *, deep: bool = False) -> bool:
    for value in members.values():
        kind = value.__class__
        if kind is float:
            if not -LIMIT < value < LIMIT:
                return True
        elif deep and (kind is list or kind is dict) and _is_large_within(value):
            return True
    return False


def _is_large_within(container: Any) -> bool:
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
