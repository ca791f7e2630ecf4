"""Where a slice is cut that holds more than it should."""

from stac_manager.api.cutting import Cutter
from stac_manager.api.density import Density
from stac_manager.api.slicing import Bounds

DAY = 86_400.0
YEAR = 365 * DAY


def items_in(cutter: Cutter, bounds: Bounds, parts: int, times: list[float]) -> list[int]:
    """How many of the items each part holds."""
    pieces = cutter.cut(bounds.whole, parts, check=frozenset(), depth=0)
    edges = [piece.high for piece in pieces[:-1]]
    return [
        sum((low or 0) <= time < (high or YEAR) for time in times)
        for low, high in zip([None, *edges], [*edges, None], strict=True)
    ]


def test_a_burst_is_found_by_how_close_the_items_of_the_first_page_are() -> None:
    bounds = Bounds.parse(None)
    burst = [0.7 * YEAR + number * 4 * DAY / 9_000 for number in range(9_000)]
    alone = [number * YEAR / 200 for number in range(200)]
    newest_first = sorted([*burst, *alone], reverse=True)
    cutter = Cutter(bounds, Density.even(0, YEAR, len(newest_first)))
    assert max(items_in(cutter, bounds, 15, newest_first)) > 8_000
    assert cutter.extrapolate(bounds.whole, newest_first[:100], len(newest_first) - 100)
    assert max(items_in(cutter, bounds, 15, newest_first)) < 1_000


def test_pages_that_are_not_sorted_or_tell_nothing_change_nothing() -> None:
    bounds = Bounds.parse(None)
    even = [number * YEAR / 10_000 for number in range(10_000)][::-1]
    cutter = Cutter(bounds, Density.even(0, YEAR, len(even)))
    before = items_in(cutter, bounds, 10, even)
    assert not cutter.extrapolate(bounds.whole, even[:100], 9_900)  # as close as everywhere
    assert not cutter.extrapolate(bounds.whole, even[:100][::-1], 9_900)  # oldest first
    assert not cutter.extrapolate(bounds.whole, [YEAR / 2] * 5, 9_900)  # too few
    assert max(items_in(cutter, bounds, 10, even)) <= 1.1 * max(before)


def test_items_that_are_all_behind_the_first_page_are_not_looked_for_before_it() -> None:
    bounds = Bounds.parse("1970-01-01T00:00:00Z/1970-12-31T23:59:59Z")
    burst = [number * 4 * DAY / 9_000 for number in range(9_000)]
    alone = [number * YEAR / 200 for number in range(200)]
    newest_first = sorted([*burst, *alone], reverse=True)
    cutter = Cutter(bounds, Density.even(0, YEAR, len(newest_first)))
    assert cutter.extrapolate(bounds.whole, newest_first[: len(alone) + 10], len(burst) - 10)
    assert max(items_in(cutter, bounds, 15, newest_first)) < 1_200


def test_items_before_all_known_times_are_looked_for_as_far_back_as_they_must_be() -> None:
    bounds = Bounds.parse(None)
    five_years = [number * YEAR / 2_000 for number in range(10_000)][::-1]
    cutter = Cutter(bounds, Density.even(4.9 * YEAR, 5 * YEAR, len(five_years)))
    cutter.extrapolate(bounds.whole, five_years[:150], len(five_years) - 150)
    assert max(items_in(cutter, bounds, 10, five_years)) < 1_500
