"""What headers say of a limit on requests."""

from __future__ import annotations

import pytest

from stac_manager.network import quotas

DATE = "Mon, 30 Nov 2026 06:00:00 GMT"
THEN = 1_796_018_400


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        ({}, None),
        ({"RateLimit": '"default";r=50;t=30', "RateLimit-Policy": '"default";q=100;w=60'}, (50, 30)),
        ({"RateLimit": '"day";r=900;t=60, "burst";r=4;t=1'}, (4, 1)),
        ({"RateLimit": "limit=100, remaining=7, reset=5"}, (7, 5)),
        ({"RateLimit-Limit": "10", "RateLimit-Remaining": "3", "RateLimit-Reset": "1"}, (3, 1)),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(THEN + 40), "Date": DATE}, (0, 39.5)),
        ({"X-RateLimit-Remaining": "9", "X-RateLimit-Reset": f"{THEN + 40}500", "Date": DATE}, (9, 40)),
        ({"X-Rate-Limit-Remaining": "9", "X-Rate-Limit-Reset": "2.5"}, (9, 2)),
        ({"X-RateLimit-Remaining": "9", "X-RateLimit-Reset": str(THEN - 40), "Date": DATE}, None),
        ({"X-RateLimit-Remaining": "9", "X-RateLimit-Reset": "3600"}, None),  # nobody waits so long
        ({"X-RateLimit-Remaining": "9"}, None),
        ({"RateLimit-Remaining": "-1", "RateLimit-Reset": "1"}, None),
        ({"RateLimit-Remaining": "nan", "RateLimit-Reset": "inf"}, None),
        ({"RateLimit-Remaining": "9" * 5_000, "RateLimit-Reset": "1"}, None),
        ({"RateLimit": ",".join(['"a";r=1'] * 100_000)}, None),
        ({"RateLimit": "remaining=" + "9" * 5_000 + ", reset=1"}, None),
        ({"RateLimit-Remaining": "٣", "RateLimit-Reset": "1", "Date": "yesterday"}, None),
    ],
)
def test_what_is_left(headers: dict[str, str], left: tuple[int, float] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "time", lambda: THEN + 0.5)
    assert quotas.quota(headers) == left
