"""Instants as nanoseconds since 1970, read from and written as RFC 3339. Python's datetime stops at microseconds."""

import re
from datetime import date, datetime, timedelta

NANOSECONDS = 10**9
EPOCH_DAY = date(1970, 1, 1).toordinal()

_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)


def parse_instant(text: str) -> int:
    """Nanoseconds from 1970 to an RFC 3339 date-time. Raises ValueError.

    A leap second is the first second of the next minute.
    """
    found = _INSTANT.fullmatch(text)
    if not found:
        raise ValueError(f"not an RFC 3339 date-time: {text!r}")
    year, month, day, hour, minute, second = map(int, found.group(1, 2, 3, 4, 5, 6))
    fraction, sign, offset_hours, offset_minutes = found.group(7, 8, 9, 10)
    offset = 0
    if sign:
        if int(offset_hours) > 23 or int(offset_minutes) > 59:
            raise ValueError(f"no such UTC offset: {text!r}")
        offset = (int(offset_hours) * 60 + int(offset_minutes)) * (60 if sign == "+" else -60)
    if hour > 23 or minute > 59 or second > 60:
        raise ValueError(f"no such time of day: {text!r}")
    days = date(year, month, day).toordinal() - EPOCH_DAY
    seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset
    return seconds * NANOSECONDS + int((fraction or "")[:9].ljust(9, "0"))


def format_instant(nanoseconds: int) -> str:
    """RFC 3339 in UTC, with as many digits of a second as it takes."""
    seconds, fraction = divmod(nanoseconds, NANOSECONDS)
    text = (datetime(1970, 1, 1) + timedelta(seconds=seconds)).isoformat()
    return f"{text}.{fraction:09d}".rstrip("0").rstrip(".") + "Z" if fraction else f"{text}Z"
