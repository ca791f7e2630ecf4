"""Times as items have them, to the nanosecond."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stac_manager.timestamps import FIRST_SECOND, LAST_SECOND, SECOND, nanoseconds, text_of_second

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAY = 1_714_521_600 * SECOND  # 2024-05-01


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-01T00:00:00Z", MAY),
        ("2024-05-01t00:00:00z", MAY),
        ("2024-05-01 00:00:00Z", MAY),
        ("2024-05-01T02:30:00+02:30", MAY),
        ("2024-05-01T00:00:00", MAY),
        ("2024-05-01", MAY),
        ("2024-05-01 00:00:00 UTC", MAY),  # Ruby, BigQuery
        ("2024-05-01 00:00:00.000000001 +0000 UTC", MAY + 1),  # Go
        ("2024-05-01T00:00:00GMT", MAY),
        ("2024-05-01T00:00:00Z[UTC]", MAY),  # Java, and JavaScript's Temporal: RFC 9557
        ("2024-05-01T02:00:00.5+02:00[Europe/Paris]", MAY + SECOND // 2),
        ("2024-05-01T02:00:00[Europe/Paris]", None),
        ("2024-05-01T02:00:00 CEST", None),
        ("2024-05-01T00:00:00.5Z", MAY + SECOND // 2),
        ("2024-05-01T00:00:00.000000001Z", MAY + 1),
        ("2024-05-01T00:00:00.1234567891Z", MAY + 123_456_789),
        ("2024-05-01T01:00:00.123456789+01:00", MAY + 123_456_789),
        ("2024-04-30T23:59:60Z", MAY),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("0001-01-01", FIRST_SECOND * SECOND),
        ("0001-01-01T00:00:00+23:59", (FIRST_SECOND - 86_340) * SECOND),
        ("9999-12-31T23:59:59-23:59", (LAST_SECOND + 86_340) * SECOND),
        *((text, None) for text in ("", "..", "soon", "2024-02-30T00:00:00Z", "2024-05-01T25:00:00Z", 5, None, ["x"])),
    ],
)
def test_nanoseconds(text: object, expected: int | None) -> None:
    assert nanoseconds(text) == expected


@given(st.datetimes(), st.integers(-1439, 1439), st.integers(0, 999))
def test_whatever_is_written_is_read(moment: datetime, minutes: int, extra: int) -> None:
    moment = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text = moment.isoformat(timespec="microseconds")
    exact = (moment - EPOCH) // timedelta(microseconds=1) * 1_000
    assert nanoseconds(text) == exact
    assert nanoseconds(f"{text[:26]}{extra:03}{text[26:]}") == exact + extra


@given(st.integers(FIRST_SECOND, LAST_SECOND))
def test_seconds_are_written_with_a_fraction(second: int) -> None:
    text = text_of_second(second)
    assert len(text) == 24
    assert nanoseconds(text) == second * SECOND
