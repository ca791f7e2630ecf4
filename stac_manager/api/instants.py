"""Times of items: RFC 3339 to seconds since 1970 and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
YEAR_SECONDS = 365 * 86_400
FIRST_SECOND = -62_135_596_800  # year 1
LAST_SECOND = 253_402_300_799  # year 9999


def parse_instant(text: object) -> float | None:
    """Seconds since 1970 of an RFC 3339 date-time, to a few microseconds; None if it is none."""
    if not isinstance(text, str) or not (found := _INSTANT.fullmatch(text)):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:  # a leap second, small letters
        pass
    year, month, day, hour, minute, second = map(int, found.group(1, 2, 3, 4, 5, 6))
    try:
        moment = datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        return None
    seconds = (moment - _EPOCH).total_seconds() + second
    if found[7]:
        seconds += float(f"0.{found[7]}")
    if found[8]:
        offset = int(found[9]) * 3_600 + int(found[10]) * 60
        seconds += -offset if found[8] == "+" else offset
    return seconds


def format_edge(second: int) -> str:
    """Write an edge with its fraction: some servers round a missing one up."""
    return f"{(_EPOCH + timedelta(seconds=second)).strftime('%Y-%m-%dT%H:%M:%S').rjust(19, '0')}.000Z"


def times_of(item: Mapping[str, Any]) -> tuple[float, float] | None:
    """The earliest and latest of an item's times; None if one cannot be read or `datetime` is null or missing."""
    properties = item.get("properties")
    if not isinstance(properties, dict):
        return None
    if (earliest := parse_instant(properties.get("datetime"))) is None:
        return None
    latest = earliest
    for name in ("start_datetime", "end_datetime"):
        if properties.get(name) is not None:
            if (moment := parse_instant(properties[name])) is None:
                return None
            earliest, latest = min(earliest, moment), max(latest, moment)
    return earliest, latest
