"""What the package cql2 does for filters on files: it reads CQL2 text, and compares geometries."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from stac_manager.exceptions import ConfigurationError
from stac_manager.protocols import Item

SPATIAL = frozenset(("s_intersects", "s_contains", "s_within", "s_disjoint", "s_equals", "s_crosses", "s_overlaps",
                     "s_touches"))  # fmt: skip


def parsed(text: str) -> Any:
    """Turn CQL2 text into CQL2 JSON.

    Raises:
        ConfigurationError: If it is none, or the package is not installed.
    """
    cql2 = _cql2("option 'filter': CQL2 text")
    try:
        return cql2.parse_text(text).to_json()
    except Exception as error:  # noqa: BLE001 - its own classes, and panics of its parser, are no subclasses of one
        raise ConfigurationError(f"option 'filter': not CQL2 text: {_first_line(error)}") from None


def _cql2(what: str) -> Any:
    try:
        import cql2
    except ImportError:
        raise ConfigurationError(f"{what} needs the package cql2: pip install cql2") from None
    return cql2


def _first_line(error: Exception) -> str:
    line = str(error).strip().split("\n", 1)[0] or type(error).__name__
    return re.sub(r"^--> (\d+):(\d+)$", r"the error is at line \1, character \2", line)


def spatial(node: Mapping[str, Any], names: set[str]) -> Callable[[Item], bool | None]:
    """Leave geometry to the package cql2, with nothing of the item but the members that the condition names."""
    cql2 = _cql2("a geometry in 'intersects' or 'filter'")
    own = {
        argument["property"] for argument in node["args"] if isinstance(argument, Mapping) and "property" in argument
    }
    names |= own
    try:
        expression = cql2.Expr(dict(node))
        expression.validate()
    except Exception as error:  # noqa: BLE001 - as above
        raise ConfigurationError(f"option 'filter': {node['op']!r}: {_first_line(error)}") from None

    def value(item: Item) -> bool | None:
        members = {name: item[name] for name in own if isinstance(item.get(name), dict)}
        if len(members) < len(own):
            return None
        try:
            return bool(expression.matches(members))
        except Exception:  # noqa: BLE001 - a geometry that is none: unknown
            return None

    return value
