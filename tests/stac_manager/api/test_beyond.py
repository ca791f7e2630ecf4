"""Which numbers of items are looked at twice: a search may have more, of which its pages and its count say nothing."""

from __future__ import annotations

import pytest

from stac_manager.api.beyond import is_a_usual_limit, may_be_a_limit


@pytest.mark.parametrize(
    ("number", "page_size", "looked_at"),
    [
        (10_000, 250, True),
        (10_000, 300, True),
        (9_999, 300, True),
        (1_024, 300, True),
        (1_100, 300, True),
        (750, 250, True),
        (250, 250, False),
        (1_123, 250, False),
        (64, 100, False),
        (30, 7, True),
        (30, 100, False),
        (0, 100, False),
    ],
)
def test_a_round_number_or_whole_pages_may_be_all_that_a_server_gives(
    number: int, page_size: int, looked_at: bool
) -> None:
    assert may_be_a_limit(number, page_size) is looked_at


@pytest.mark.parametrize(
    ("number", "usual"), [(10_000, True), (5_000, True), (1_000, True), (100, False), (3_000, False), (0, False)]
)
def test_a_search_that_has_so_many_is_in_doubt_if_the_server_shows_no_others(number: int, usual: bool) -> None:
    assert is_a_usual_limit(number) is usual
