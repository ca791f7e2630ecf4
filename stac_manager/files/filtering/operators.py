"""The operators of CQL2 on values: numbers, text and times. What is no value for one of them is null."""

from __future__ import annotations

import operator
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from stac_manager.timestamps import nanoseconds

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def comparable(a: Any, b: Any) -> bool:
    """Numbers with numbers, text with text, truth values with their like; nothing with null."""
    if isinstance(a, bool) or isinstance(b, bool):
        return isinstance(a, bool) and isinstance(b, bool)
    if isinstance(a, (int, float)):
        return isinstance(b, (int, float))
    return isinstance(a, str) and isinstance(b, str)


def like_regex(pattern: str) -> str:
    """Turn the pattern of a LIKE into a regular expression."""
    pieces = re.findall(r"\\.|%+|_|[^\\%_]+|\\", pattern, re.DOTALL)
    meaning = {"%": ".*", "_": "."}
    return "".join(meaning.get(piece[:1]) or re.escape(piece[1:] if len(piece) == 2 and piece[0] == "\\" else piece)
                   for piece in pieces)  # fmt: skip


def without_accents(text: str) -> str:
    """Leave out what is put above and below letters."""
    return "".join(each for each in unicodedata.normalize("NFD", text) if not unicodedata.combining(each))


ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "%": operator.mod,
    "div": operator.floordiv, "^": lambda a, b: float(a) ** float(b),
}  # fmt: skip


def moment_of(found: Any) -> int | None:
    """Return a time in nanoseconds since 1970, of text or of such a number; None for what is none."""
    if isinstance(found, str):
        return nanoseconds(found)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


RELATIONS: dict[str, Callable[[int, int, int, int], bool]] = {
    "t_after": lambda a, b, c, d: a > d,
    "t_before": lambda a, b, c, d: b < c,
    "t_contains": lambda a, b, c, d: a < c and b > d,
    "t_disjoint": lambda a, b, c, d: b < c or a > d,
    "t_during": lambda a, b, c, d: a > c and b < d,
    "t_equals": lambda a, b, c, d: a == c and b == d,
    "t_finishedby": lambda a, b, c, d: a < c and b == d,
    "t_finishes": lambda a, b, c, d: a > c and b == d,
    "t_intersects": lambda a, b, c, d: a <= d and b >= c,
    "t_meets": lambda a, b, c, d: b == c,
    "t_metby": lambda a, b, c, d: a == d,
    "t_overlappedby": lambda a, b, c, d: c < a < d < b,
    "t_overlaps": lambda a, b, c, d: a < c < b < d,
    "t_startedby": lambda a, b, c, d: a == c and b > d,
    "t_starts": lambda a, b, c, d: a == c and b < d,
}
"""Relations of two closed intervals (CQL2, table 9; Allen, 1983). An instant is an interval that ends as it begins."""


def extent_of(found: Any) -> tuple[int, int] | None:
    """Return begin and end of an interval or an instant; None for what is neither."""
    if isinstance(found, tuple):
        return found
    moment = moment_of(found)
    return None if moment is None else (moment, moment)
