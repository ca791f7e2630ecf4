"""Which pages of a search are asked for again, as a table of how many came."""

from __future__ import annotations

import pytest

from stac_manager.api.requests import Request
from stac_manager.api.seen import Claims
from stac_manager.plan import Whole


@pytest.mark.parametrize(
    ("pages", "held"),
    [(1, [1]), (2, [1, 2]), (12, [4, 8]), (99, [32, 64]), (128, [64, 128]), (40_000, [16_384, 32_768])],
)
def test_a_page_of_the_first_and_one_of_the_second_half_are_held(pages: int, held: list[int]) -> None:
    claims = Claims(None)
    for number in range(1, pages + 1):
        claims.hold(Whole(), Request("GET", f"https://example.com/?page={number}"), [number])
    assert [marks for _, _, marks in claims.held] == [[number] for number in held]
