"""What stands in a row of asv's: names of parameters, and numbers that may be none."""

import ast
import functools
import itertools
import math
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from tools.analysis.metrics import Measured
from tools.analysis.model import Concurrency
from tools.analysis.usage import LEAST_SECONDS, MOST_SECONDS
from tools.errors import ReportError

_Values: TypeAlias = list[float | None] | float | None
_MOST_WORKERS = 1_000_000
_LAST_MILLISECOND = 253_402_300_799_000  # of the year 9999
_MOST_NAMED = 6  # more parameters than this are not told apart by their values: too many orders


class Row(msgspec.Struct, frozen=True):
    result: Any = None
    params: list[list[str]] | None = None
    version: str | None = None
    started_at: int | None = None
    stats_q_25: _Values = None
    stats_q_75: _Values = None
    stats_repeat: _Values = None
    samples: list[list[float] | None] | None = None


def measured(row: Row, kind: str, path: Path) -> Iterator[Measured]:
    """One for each combination of parameters, in asv's order; one where there are no parameters."""
    count = math.prod(map(len, row.params or []))
    columns = []
    for column in ("result", "stats_repeat", "stats_q_25", "stats_q_75", "samples"):
        values = getattr(row, column)
        columns.append(values if isinstance(values, list) else [values] * count)
        if len(columns[-1]) != count:
            raise ReportError(
                f"{path} has {len(columns[-1])} values of {column} for {count} combinations of parameters; "
                "delete it and run `asv run` again."
            )
    number = seconds if kind in ("time", "timeraw") else finite
    for result, repeat, low, high, samples in zip(*columns, strict=True):
        value = number(result)
        if value is None:
            is_skipped = isinstance(result, float) and math.isnan(result)
            yield Measured("n/a" if is_skipped else "failed")
        else:
            times = amount(repeat) or 1
            ends = (number(low), number(high)) if times > 1 else (None, None)
            kept = tuple(one for one in map(number, samples or ()) if one is not None)
            if len(kept) < len(samples or ()):  # the others would tell half
                kept = ()
            yield Measured("ok", value, kept, times, *ends)


@functools.lru_cache(maxsize=1024)  # the same few, in every file
def names_of(
    axes: tuple[tuple[str, ...], ...], names: tuple[str, ...], today: tuple[tuple[str, ...], ...], *, is_same: bool
) -> list[tuple[int, str]]:
    """What each parameter of a row is called, with the place of that name.

    A file has no names, only values, and these in the order of its day: each takes the name of today's parameter with
    which it shares most values. What shares none keeps its place where the benchmark is the same still, or where its
    values are of one type with today's; of all else nobody knows the name any more.
    """
    fits = len(axes) == len(names)
    if len(today) != len(names) or max(len(axes), len(names)) > _MOST_NAMED:
        return list(enumerate(names)) if fits else [(place, f"parameter {place + 1}") for place in range(len(axes))]
    shared = [[len({*values} & {*others}) for others in today] + [0] * len(axes) for values in axes]
    orders = itertools.permutations(range(max(len(axes), len(names))), len(axes))
    order = max(orders, key=lambda order: sum(row[place] for row, place in zip(shared, order, strict=True)))
    found = []
    for at, place in enumerate(order):
        is_known = place < len(names) and (
            shared[at][place] > 0 or (fits and (is_same or _types(axes[at]) == _types(today[place])))
        )
        found.append((place, names[place]) if is_known else (len(names) + at, f"parameter {at + 1}"))
    return found


def _types(values: Iterable[str]) -> set[type]:
    return {type(value_of(text)) for text in values}


@functools.lru_cache(maxsize=4096)  # the same few, in every file
def value_of(text: str) -> Concurrency:
    """What a `repr()` string stands for."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, int | str) and not isinstance(value, bool) else text


def finite(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) <= sys.float_info.max else None


def seconds(value: object) -> float | None:
    """A time; None for what cannot be one, such as the 0 of a coarse clock."""
    number = finite(value)
    return number if number is not None and LEAST_SECONDS <= number <= MOST_SECONDS else None


def amount(value: object) -> int | None:
    """A number of things; None for what cannot be one."""
    number = finite(value)
    return round(number) if number is not None and 0 <= number <= 1e15 else None


def level_of(text: str) -> Concurrency:
    """A level; what is no number of workers, such as -1 for all cores, is a word."""
    value = value_of(text)
    return value if isinstance(value, str) or 0 < value <= _MOST_WORKERS else text


def when(value: object) -> int:
    """Milliseconds since 1970 that a calendar can show."""
    return min(amount(value) or 0, _LAST_MILLISECOND)
