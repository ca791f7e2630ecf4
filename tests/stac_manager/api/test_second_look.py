"""Which pages of a search are asked for again, as a table of how many came."""

from __future__ import annotations

import pytest

from stac_manager.api.requests import Request
from stac_manager.api.seen import MOST_KEPT, Held, Kept
from stac_manager.plan import Interval, Whole


def kept_of(pages: int) -> Kept:
    kept = Kept()
    for number in range(pages):
        kept.keep(Whole(), Request("GET", f"https://example.com/?page={number}"), [number])
    return kept


@pytest.mark.parametrize(
    ("pages", "looks"), [(10, []), (12, [2, 7]), (99, [19, 59]), (100, [20, 60]), (200, [22, 66, 111, 155])]
)
def test_two_pages_or_two_percent_are_asked_for_again(pages: int, looks: list[int]) -> None:
    requests = [Request("GET", f"https://example.com/?page={number}") for number in looks]
    kept = kept_of(pages)
    assert kept.of(Interval(0, 1), pages) == []
    assert [each.request for each in kept.of(Whole(), pages)] == requests
    assert kept.of(Whole(), pages) == []
    one_by_one = kept_of(pages)
    found = [each.request for _ in range(9) for each in one_by_one.next_of_all(pages)]
    assert found == requests


@pytest.mark.parametrize(("pages", "most"), [(1_000, 20), (40_000, MOST_KEPT)])
def test_few_of_many_pages_are_kept(pages: int, most: int) -> None:
    held = kept_of(pages).of(Whole(), pages)
    assert most / 2 <= len({each.request.url for each in held}) == len(held) <= most


@pytest.mark.parametrize(
    ("marks", "differs"), [([1, 2, 3], False), ([3, 1, 2], False), ([1, 2, 4], True), ([1, 2], False), ([], False)]
)
def test_a_page_differs_by_its_members_alone(marks: list[int], differs: bool) -> None:
    request = Request("GET", "https://example.com/")
    assert Held(Whole(), request, 3, hash(frozenset([1, 2, 3]))).differs(marks) is differs
