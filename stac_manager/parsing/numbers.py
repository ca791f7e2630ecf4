"""Integers of more than 64 bits, of which orjson makes the nearest double."""

from __future__ import annotations

from typing import Any

import orjson

from stac_manager.parsing.items import ITEM_MEMBERS
from stac_manager.parsing.texts import SIGN, exact, may_have_large

LIMIT = float(2**63)
_NO_NUMBERS = frozenset(ITEM_MEMBERS)
"""Members of an item that are no number themselves."""
MOST_DEPTH = 16


def has_large_number(value: Any, depth: int = MOST_DEPTH) -> bool:
    """Tell whether an item, or one in a container, has a double that may have been such an integer.

    Looked at are an item's own members and all that is in its `properties`. To look at everything would cost as much as
    to parse it.
    """
    if type(value) is dict:
        if not _NO_NUMBERS.issuperset(value) or type(value.get("id")) is float:
            for member in value.values():
                if type(member) is float and not -LIMIT < member < LIMIT:
                    return True
            if "features" in value and depth:
                features = value["features"]
                if type(features) is list and has_large_number(features, depth - 1):
                    return True
        properties = value.get("properties")
        if type(properties) is not dict:
            return False
        try:
            text = orjson.dumps(properties)  # most often that has no such number
        except TypeError:  # orjson reads deeper than it writes
            return _has_large(properties)
        return SIGN in text and may_have_large(text) and _has_large(properties)
    return type(value) is list and any(has_large_number(each, depth) for each in value if type(each) is dict)


def _has_large(properties: dict[str, Any]) -> bool:
    """Look for large doubles at any depth."""
    values = list(properties.values())
    while values:
        value = values.pop()
        kind = type(value)
        if kind is float:
            if not -LIMIT < value < LIMIT:
                return True
        elif kind is list:
            values += value
        elif kind is dict:
            values += value.values()
    return False


def exact_if_large(value: Any, data: memoryview | bytes) -> Any:
    """Return a value as orjson has parsed it, but with integers of any length."""
    return exact(value, data) if has_large_number(value) else value
