"""What is known beforehand: no change where there is none, the mirror image when the sides are swapped."""

from __future__ import annotations

import numpy
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tools.analysis import certainty as tests

Samples = st.lists(st.floats(0.01, 100.0), min_size=6, max_size=14)
Pairs = st.lists(st.tuples(st.floats(0.01, 100.0), st.floats(0.01, 100.0)), min_size=6, max_size=14)


@given(Pairs, st.floats(0.001, 1000.0))
@example([(1.0, 1.0), *[(2.0, 1.0)] * 5], 1.0)
def test_rounds_another_unit_changes_nothing_and_swapping_mirrors(pairs: list[tuple[float, float]], k: float) -> None:
    base, head = (list(side) for side in zip(*pairs, strict=True))
    there = tests.between_rounds(base, head)
    scaled = tests.between_rounds([k * x for x in base], [k * x for x in head])
    assert scaled.ratio == pytest.approx(there.ratio)
    back = tests.between_rounds(head, base)
    assert back.ratio == pytest.approx(1 / there.ratio)
    assert (back.low, back.high) == (pytest.approx(1 / there.high), pytest.approx(1 / there.low))
    assert back.p_value == pytest.approx(there.p_value)
    assert (there.p_value > 0.05) == (there.low <= 1 <= there.high)  # test and interval agree
    assert there.low <= there.ratio * 1.000001
    assert there.ratio <= there.high * 1.000001


@given(Pairs, st.data())
def test_which_rounds_are_calm_does_not_depend_on_which_side_is_which(
    pairs: list[tuple[float, float]], data: st.DataObject
) -> None:
    """What keeps the test exact: rounds are left out by what swapping the sides of any of them leaves as it is."""
    swapped = [pair[::-1] if data.draw(st.booleans()) else pair for pair in pairs]
    found = [tests.calm_rounds(*(list(side) for side in zip(*some, strict=True))) for some in (pairs, swapped)]
    assert found[0] == found[1]
    assert len(found[0]) >= len(pairs) / 2


@given(Samples, Samples, st.floats(0.001, 1000.0))
def test_runs_another_unit_changes_nothing_and_swapping_mirrors(a: list[float], b: list[float], k: float) -> None:
    spread = tests.run_spread([])
    there, back = tests.between_runs([a], [b], spread), tests.between_runs([b], [a], spread)
    if there is None or back is None:  # all samples are the same
        assert (there, back, len({*a}), len({*b})) == (None, None, 1, 1)
        return
    assert back.ratio == pytest.approx(1 / there.ratio)
    assert back.p_value == pytest.approx(there.p_value)
    scaled = tests.between_runs([[k * x for x in a]], [[k * x for x in b]], spread)
    assert scaled is not None
    assert scaled.ratio == pytest.approx(there.ratio)


def test_the_signed_rank_interval_is_that_of_the_tables() -> None:
    """Critical values of Wilcoxon's signed-rank test, two-sided, 5 %: how many means are cut off at each end."""
    chances = {n: tests._signed_rank_chances(n) for n in (6, 8, 10, 12, 20)}
    cuts = {n: sum(chance <= 0.025 for chance in found) - 1 for n, found in chances.items()}
    assert cuts == {6: 0, 8: 3, 10: 8, 12: 13, 20: 52}


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    random = numpy.random.default_rng(7)
    held = 0
    for _ in range(400):
        weather = random.normal(0, 0.5, 12)  # of the machine; hits both sides of a pair
        base = numpy.exp(weather + random.normal(0, 0.03, 12))
        head = numpy.exp(weather + random.normal(numpy.log(1.1), 0.03, 12))
        found = tests.between_rounds(list(base), list(head))
        held += found.low <= 1.1 <= found.high
    assert 370 <= held <= 393  # 95 % are 380


def test_a_step_in_the_history_is_no_swing() -> None:
    levels = [1.0] * 10 + [2.0] * 10
    assert tests.run_spread([[level] for level in levels]).deviation == tests.LEAST_RUN_SPREAD


def test_holm() -> None:
    """The example of Holm's step-down: the smallest by four, the next by three, and so on, never falling."""
    assert tests.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert tests.holm([]) == []


@pytest.mark.parametrize("samples", [5, 10, 30])
@pytest.mark.parametrize("before", [1, 3])
def test_two_heaps_are_no_change_and_a_change_is_seen_all_the_same(before: int, samples: int) -> None:
    """A run of which the calls take the one or the other of two times; its median falls into either heap by chance."""
    random = numpy.random.default_rng(7)

    def called(faster: float, slower: float, noise: float, change: float) -> int:
        count = 0
        for _ in range(200):
            runs = [
                numpy.exp(random.normal(0, 0.01) + random.normal(0, noise, samples))
                * numpy.where(random.random(samples) < 0.5, faster, slower)
                for _ in range(before + 1)
            ]
            sides = [list(run) for run in runs[:-1]], [list(change * runs[-1])]
            found = tests.between_runs(*sides, tests.run_spread([]))
            assert found is not None
            assert (found.p_value < 0.05) == (not found.low <= 1 <= found.high)  # test and interval agree
            count += found.p_value < 0.05
        return count

    assert called(1.0, 1.3, 0.01, 1.0) <= 10
    assert called(1.0, 1.0, 0.05, 1.0) <= 4
    assert called(1.0, 1.0, 0.05, 1.3) >= 190


def test_a_hundred_thousand_samples_of_a_run_are_no_more_work_than_reading_them() -> None:
    """As `asv run --append-samples` piles them up. Work that grows with their square takes an hour here."""
    random = numpy.random.default_rng(13)
    sides = [[list(level * numpy.exp(random.normal(0, 0.02, 100_000)))] for level in (0.1, 0.2)]
    found = tests.between_runs(*sides, tests.run_spread([]))
    assert found is not None
    assert found.p_value < tests.FALSE_ALARM
