"""Which Items of a search are asked for again, as a table of what came."""

from __future__ import annotations

import pytest

from stac_manager.api.requests import Request
from stac_manager.api.seen import MOST_IDS, Claims


@pytest.mark.parametrize(
    ("pages", "size", "parts"),
    [(11, 1, [6, 5]), (12, 10, [60, 60]), (13, 10, [70, 60]), (150, 100, [MOST_IDS] * 3), (2, 9_000, [9_000] * 2)],
)
def test_no_request_has_all_ids_as_a_server_may_ignore_them(pages: int, size: int, parts: list[int]) -> None:
    claims = Claims(None)
    for number in range(1, pages + 1):
        ids = {f"{number * size - place}" for place in range(size)}
        claims.hold(Request("GET", f"https://example.com/?page={number}"), ids)
    found = list(claims.parts())
    assert [len(ids) for ids in found] == parts
    assert sorted(int(each) for ids in found for each in ids) == list(range(1, pages * size + 1))
