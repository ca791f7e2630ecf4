"""RFC 3339 times <-> nanoseconds since 1970, once for the whole package."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

SECOND = 1_000_000_000
DAY_SECONDS = 86_400
YEAR_SECONDS = 365 * DAY_SECONDS
FIRST_SECOND = -62_135_596_800  # 0001-01-01
LAST_SECOND = 253_402_300_799  # the end of the year 9999

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_read = datetime.fromisoformat
_FRACTION = re.compile(r"[.,](\d+)", re.ASCII)
_LENIENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))? ?(?:[Zz]|([+-])(\d\d):?(\d\d))?", re.ASCII
)
_ZONE = re.compile(r"(?: ?(?:UTC|GMT)|(?<=[Zz])\[[^\]]{1,64}\]|(?<=[+-]\d\d:\d\d)\[[^\]]{1,64}\])\Z", re.ASCII)
"""What names the zone once more, or in place of an offset: of BigQuery and Ruby, of Go, and by RFC 9557 of Java."""


def nanoseconds(text: object) -> int | None:
    """Read an RFC 3339 date-time as nanoseconds since 1970; further digits are cut off.

    Items as published have more than the standard: a space for the T, small letters, a leap second, a date alone, the
    name of a zone (UTC, GMT, or any in brackets behind the offset), and no zone, which is taken for UTC.

    Returns:
        None if it is no time.
    """
    if not isinstance(text, str):
        return None
    try:
        moment = _read(text)
    except ValueError:
        return _lenient(text)
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    whole = (since.days * DAY_SECONDS + since.seconds) * SECOND
    if len(text) <= 26 and not since.microseconds:
        return whole
    return whole + _fraction(text, since.microseconds)


def seconds(text: object) -> float | None:
    """Read the same as seconds since 1970, to a few microseconds."""
    exact = nanoseconds(text)
    return None if exact is None else exact / SECOND


def interval(text: str) -> tuple[int | None, int | None]:
    """Read an instant or an interval "start/end" (STAC API, item-search) as its bounds; None for an open one."""
    first, _, last = text.partition("/") if "/" in text else (text, "", text)
    return nanoseconds(first), nanoseconds(last)


def moment_of_second(second: int) -> datetime:
    """The moment at which a second since 1970 begins, the first or the last that there is where it lies outside."""
    return _EPOCH + timedelta(seconds=min(max(second, FIRST_SECOND), LAST_SECOND))


def text_of_second(second: int) -> str:
    """Write a whole second with a fraction: some servers round a missing one up to the end of the second."""
    return f"{moment_of_second(second).strftime('%Y-%m-%dT%H:%M:%S').rjust(19, '0')}.000Z"


def _fraction(text: str, microseconds: int) -> int:
    found = _FRACTION.search(text)
    return int(found[1][:9].ljust(9, "0")) if found else microseconds * 1_000


def _lenient(text: str) -> int | None:
    found = _LENIENT.fullmatch(_ZONE.sub("", text, count=1))
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.group(1, 2, 3, 4, 5, 6))
    if hour > 24 or minute > 59 or second > 60:
        return None
    try:
        days = date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    whole = days * DAY_SECONDS + hour * 3_600 + minute * 60 + second
    if found[8]:
        offset = int(found[9]) * 3_600 + int(found[10]) * 60
        whole += -offset if found[8] == "+" else offset
    return whole * SECOND + (int(found[7][:9].ljust(9, "0")) if found[7] else 0)
