"""Arrow's timestamps and dates, numbers since 1970, as text."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

_EPOCH = datetime(1970, 1, 1)
_TWO_DIGITS = tuple(f"{number:02}" for number in range(60))


class Fractions(NamedTuple):
    """How many of a unit are a second, and how many of it are one in the third, sixth or ninth digit of a second."""

    of_second: int
    units: tuple[tuple[int, int], ...] = ()


FRACTIONS = {
    "s": Fractions(1),
    "ms": Fractions(1_000, ((1, 3),)),
    "us": Fractions(1_000_000, ((1_000, 3), (1, 6))),
    "ns": Fractions(1_000_000_000, ((1_000_000, 3), (1_000, 6), (1, 9))),
}
"""By the unit of a column of timestamps."""


def rfc3339(fractions: Fractions, value: int) -> str:
    """Write a time in UTC with no, three, six or nine digits of a second, the fewest that say it all.

    Raises:
        ValueError: If it is not in the years 1 to 9999.
    """
    seconds, fraction = divmod(value, fractions.of_second)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    try:
        text = f"{_day(days)}{_TWO_DIGITS[hour]}:{_TWO_DIGITS[minute]}:{_TWO_DIGITS[second]}"
    except OverflowError:
        raise ValueError(f"a timestamp is not in the years 1 to 9999: {seconds} seconds since 1970") from None
    for unit, digits in fractions.units if fraction else ():
        if not fraction % unit:
            return f"{text}.{fraction // unit:0{digits}}Z"
    return f"{text}Z"


@lru_cache(maxsize=4_096)
def _day(days: int) -> str:
    """Write the date, up to the T behind it."""
    return (_EPOCH + timedelta(days=days)).isoformat()[: len("2024-05-01T")]


def usual_dates(array: Any) -> list[str | None] | None:
    """Write dates all at once, which takes a tenth of the time; None where one is not in the years 1678 to 2261."""
    import pyarrow

    dates = array.cast("date32")
    try:
        dates.cast("timestamp[ns]")  # has no others, and nothing is as fast at telling so
    except pyarrow.ArrowInvalid:
        return None
    found: list[str | None] = dates.cast("string").to_pylist()
    return found
