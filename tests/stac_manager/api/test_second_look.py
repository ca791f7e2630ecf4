"""What is looked at again of a search, as tables of what came."""

from __future__ import annotations

import pytest

from stac_manager.api.requests import Request
from stac_manager.api.seen import MOST_IDS, Claims


def claims_of(pages: int, size: int = 1) -> Claims:
    claims = Claims(None)
    for number in range(1, pages + 1):
        ids = {f"{number * size - place}" for place in range(size)}
        claims.hold(Request("GET", f"https://example.com/?page={number}"), ids)
    return claims


@pytest.mark.parametrize(
    ("pages", "held"),
    [(1, [1]), (2, [1, 2]), (12, [4, 8]), (99, [32, 64]), (128, [64, 128]), (40_000, [16_384, 32_768])],
)
def test_a_page_of_the_first_and_one_of_the_second_half_are_held(pages: int, held: list[int]) -> None:
    assert [ids for _, ids in claims_of(pages).held] == [{str(number)} for number in held]


@pytest.mark.parametrize(
    ("pages", "size", "parts"),
    [(11, 1, [6, 5]), (12, 10, [60, 60]), (13, 10, [70, 60]), (150, 100, [MOST_IDS, MOST_IDS, MOST_IDS])],
)
def test_no_request_has_all_ids_as_a_server_may_ignore_them(pages: int, size: int, parts: list[int]) -> None:
    found = list(claims_of(pages, size).parts())
    assert [len(ids) for ids in found] == parts
    assert sorted(int(each) for ids in found for each in ids) == list(range(1, pages * size + 1))
