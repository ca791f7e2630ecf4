"""What came for others than own it: lost if nobody delivered it, as far as all that was delivered is remembered."""

from __future__ import annotations

import pytest

from stac_manager.api import seen
from stac_manager.api.seen import Seen, Strays


@pytest.mark.parametrize(
    ("came", "delivered", "most", "lost"),
    [
        ([], [[1, 2]], 9, False),
        ([1], [[1, 2]], 9, False),
        ([1, 3], [[1], [2]], 9, True),
        ([1, 3], [[1], [2, 3]], 9, False),
        ([3], [], 9, True),
        ([3], [[1, 2], [4, 5]], 3, False),  # nobody knows
    ],
)
def test_an_item_is_lost_that_nobody_delivered(
    came: list[int], delivered: list[list[int]], most: int, lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen, "MOST_OWNED", most)
    found = Strays()
    for mark in came:
        found.add(mark)
    for marks in delivered:
        found.deliver(Seen(marks))
    whole = sum(map(len, delivered)) <= most
    assert (found.known, found.lost()) == (whole, lost)
    assert list(found.delivered()) == ([mark for marks in delivered for mark in marks] if whole else [])


def test_no_more_than_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "MOST_STRAYS", 2)
    found = Strays()
    for mark in (1, 2, 3):
        found.add(mark)
    found.deliver(Seen([1, 2]))
    assert not found.lost()
