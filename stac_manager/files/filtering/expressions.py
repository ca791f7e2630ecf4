"""CQL2 (OGC 21-065r2) compiled to a function of an item, with the three truth values of SQL.

A property that an item does not have is null. What is compared with null is unknown, and an item of which the filter
is unknown does not match, as in a database. Properties are looked for in `properties` first, then among the members of
the item, then as a path (`assets.B04.type`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from stac_manager.checks import short
from stac_manager.exceptions import ConfigurationError
from stac_manager.files.filtering.cql2 import SPATIAL, parsed, spatial
from stac_manager.files.filtering.operators import ARITHMETIC, COMPARISONS, RELATIONS

from stac_manager.files.filtering.operators import comparable, extent_of, like_regex, moment_of, without_accents  # isort: skip
from stac_manager.protocols import Item
from stac_manager.timestamps import DAY_SECONDS, SECOND, nanoseconds

Value: TypeAlias = Callable[[Item], Any]
"""From an item to a value of the expression; None is null, and unknown for conditions."""

MOST_LEVELS = 100
TIMES = frozenset(("datetime", "start_datetime", "end_datetime", "created", "updated", "published", "expires"))
"""Properties that are times (item-spec, common metadata): text beside them is read as a time."""

_FOREVER = 2**127


def compiled(expression: Mapping[str, Any] | str) -> tuple[Callable[[Item], bool], frozenset[str]]:
    """Compile a filter, CQL2 JSON or text, and tell the names of the properties that it reads.

    Raises:
        ConfigurationError: If it is no CQL2, uses what is not known here, or needs a package that is not installed.
    """
    document = parsed(expression) if isinstance(expression, str) else expression
    names: set[str] = set()
    value = _compile(document, names, 0)
    return (lambda item: value(item) is True), frozenset(names)


def _compile(node: Any, names: set[str], level: int) -> Value:
    """Compile one node of a CQL2 JSON document."""
    if level > MOST_LEVELS:
        raise ConfigurationError(f"option 'filter': nested more than {MOST_LEVELS} levels deep")
    if not isinstance(node, Mapping):
        return _constant(node)
    if isinstance(node.get("property"), str):
        return _property(node["property"], names)
    if isinstance(node.get("timestamp"), str):
        return _constant(_known(nanoseconds(node["timestamp"]), node["timestamp"]))
    if isinstance(node.get("date"), str):
        return _constant(_known(nanoseconds(node["date"]), node["date"]))
    if isinstance(node.get("interval"), list) and len(node["interval"]) == 2:
        return _interval(node["interval"], names, level)
    name = node.get("op")
    arguments = node.get("args")
    if not isinstance(name, str) or not isinstance(arguments, list):
        raise ConfigurationError(f"option 'filter': not CQL2: {short(node)}")
    if name in SPATIAL:
        return spatial(node, names)
    found = _OPERATORS.get(name.lower())
    if found is None:
        raise ConfigurationError(f"option 'filter': operator {name!r} is not known")
    count, compile_operator = found
    if count is not None and len(arguments) != count:
        raise ConfigurationError(f"option 'filter': {name!r} takes {count} arguments, not {len(arguments)}")
    return compile_operator(name.lower(), arguments, names, level + 1)


def _known(moment: int | None, text: str) -> int:
    if moment is None:
        raise ConfigurationError(f"option 'filter': {text!r} is not an RFC 3339 time")
    return moment


def _constant(value: Any) -> Value:
    return lambda item: value


def _property(name: str, names: set[str]) -> Value:
    plain = name.removeprefix("properties.")
    names.add(plain)
    path = plain.split(".")

    def value(item: Item) -> Any:
        properties = item.get("properties")
        if isinstance(properties, dict) and plain in properties:
            return properties[plain]
        if plain in item:
            return item[plain]
        found: Any = properties if isinstance(properties, dict) and path[0] in properties else item
        for step in path:
            if not isinstance(found, dict):
                return None
            found = found.get(step)
        return found

    return value


# Conditions


def _all_of(name: str, arguments: list[Any], names: set[str], level: int) -> Value:
    """AND, and OR with the truth values exchanged."""
    parts = [_compile(argument, names, level) for argument in arguments]
    decisive = name == "or"

    def value(item: Item) -> bool | None:
        unknown = False
        for part in parts:
            found = part(item)
            if found is decisive:
                return bool(decisive)
            unknown = unknown or found is not (not decisive)
        return None if unknown else not decisive

    return value


def _not(name: str, arguments: list[Any], names: set[str], level: int) -> Value:
    part = _compile(arguments[0], names, level)

    def value(item: Item) -> bool | None:
        found = part(item)
        return not found if isinstance(found, bool) else None

    return value


def _is_null(name: str, arguments: list[Any], names: set[str], level: int) -> Value:
    part = _compile(arguments[0], names, level)
    return lambda item: part(item) is None


def _comparison(name: str, arguments: list[Any], names: set[str], level: int) -> Value:
    left, right = _of_one_kind(arguments, names, level)
    compare = COMPARISONS[name]

    def value(item: Item) -> bool | None:
        a, b = left(item), right(item)
        return compare(a, b) if comparable(a, b) else None

    return value


def _between(name: str, arguments: list[Any], names: set[str], level: int) -> Value:
    low, high = ({"op": ">=", "args": arguments[:2]}, {"op": "<=", "args": [arguments[0], arguments[2]]})
    return _all_of("and", [low, high], names, level)


def _in(name: str, arguments: list[Any], names: set[str], level: int) -> Value:
    if not isinstance(arguments[1], list):
        raise ConfigurationError("option 'filter': 'in' needs a list")
    return _all_of("or", [{"op": "=", "args": [arguments[0], each]} for each in arguments[1]], names, level)


def _like(name: str, arguments: list[Any], names: set[str], level: int) -> Value:
    """LIKE: `%` stands for any text, `_` for one character, a backslash takes the next one as it is."""
    left, right = (_compile(argument, names, level) for argument in arguments)
    patterns: dict[str, re.Pattern[str]] = {}

    def value(item: Item) -> bool | None:
        text, pattern = left(item), right(item)
        if not isinstance(text, str) or not isinstance(pattern, str):
            return None
        if pattern not in patterns:
            patterns.clear()
            patterns[pattern] = re.compile(like_regex(pattern), re.DOTALL)
        return patterns[pattern].fullmatch(text) is not None

    return value


# Values


def _text(name: str, arguments: list[Any], names: set[str], level: int) -> Value:
    part = _compile(arguments[0], names, level)
    change = str.casefold if name == "casei" else without_accents

    def value(item: Item) -> str | None:
        found = part(item)
        return change(found) if isinstance(found, str) else None

    return value


def _arithmetic(name: str, arguments: list[Any], names: set[str], level: int) -> Value:
    left, right = (_compile(argument, names, level) for argument in arguments)
    calculate = ARITHMETIC[name]

    def value(item: Item) -> Any:
        a, b = left(item), right(item)
        if isinstance(a, str) or isinstance(b, str) or not comparable(a, b):
            return None
        try:
            result = calculate(a, b)
        except ArithmeticError:
            return None
        return None if isinstance(result, complex) else result

    return value


def _array(name: str, arguments: list[Any], names: set[str], level: int) -> Value:
    left, right = (
        (lambda values: lambda item: [each(item) for each in values])(
            [_compile(each, names, level) for each in argument]
        )
        if isinstance(argument, list)
        else _compile(argument, names, level)
        for argument in arguments
    )

    def value(item: Item) -> bool | None:
        a, b = left(item), right(item)
        if not isinstance(a, list) or not isinstance(b, list):
            return None
        if name == "a_equals":
            return bool(a == b)
        if name == "a_contains":
            return all(each in a for each in b)
        if name == "a_containedby":
            return all(each in b for each in a)
        return any(each in b for each in a)

    return value


# Times


def _is_time(node: Any) -> bool:
    if not isinstance(node, Mapping):
        return False
    name = node.get("property")
    return any(key in node for key in ("timestamp", "date", "interval")) or (
        isinstance(name, str) and name.removeprefix("properties.") in TIMES
    )


def _of_one_kind(arguments: list[Any], names: set[str], level: int) -> tuple[Value, Value]:
    """Compile two operands. If one of them is a time, text in the other one is a time as well."""
    left, right = (_compile(argument, names, level) for argument in arguments)
    return (_as_time(left), _as_time(right)) if any(map(_is_time, arguments)) else (left, right)


def _as_time(value: Value) -> Value:
    def moment(item: Item) -> Any:
        return moment_of(value(item))

    return moment


def _interval(bounds: Sequence[Any], names: set[str], level: int) -> Value:
    """An interval of instants, dates or properties; ".." is open. A date at its end is the end of that day."""
    ends = [
        _constant((-_FOREVER, _FOREVER)[index]) if bound in ("..", "", None) else _compile(bound, names, level + 1)
        for index, bound in enumerate(bounds)
    ]
    last = DAY_SECONDS * SECOND - 1 if isinstance(bounds[1], str) and len(bounds[1]) == len("2024-05-01") else 0

    def value(item: Item) -> tuple[int, int] | None:
        start, end = (moment_of(bound(item)) for bound in ends)
        return None if start is None or end is None else (start, end + last)

    return value


def _temporal(name: str, arguments: list[Any], names: set[str], level: int) -> Value:
    left, right = (_compile(argument, names, level) for argument in arguments)
    holds = RELATIONS[name]

    def value(item: Item) -> bool | None:
        a, b = extent_of(left(item)), extent_of(right(item))
        return None if a is None or b is None else holds(*a, *b)

    return value


Compile: TypeAlias = Callable[[str, list[Any], set[str], int], Value]

_OPERATORS: dict[str, tuple[int | None, Compile]] = {
    "and": (None, _all_of), "or": (None, _all_of), "not": (1, _not), "isnull": (1, _is_null),
    **dict.fromkeys(COMPARISONS, (2, _comparison)),
    "between": (3, _between), "in": (2, _in), "like": (2, _like), "casei": (1, _text), "accenti": (1, _text),
    **dict.fromkeys(ARITHMETIC, (2, _arithmetic)),
    **dict.fromkeys(("a_equals", "a_contains", "a_containedby", "a_overlaps"), (2, _array)),
    **dict.fromkeys(RELATIONS, (2, _temporal)),
}  # fmt: skip
