"""Which level runs next, and when it is enough."""

from __future__ import annotations

import io
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.measuring.schedule import MOST_SAMPLES, WIDTH, Rules, next_level, reach, seconds_left
from tools.progress import shown

STEADY = [1.0, 1.01, 0.99, 1.0, 1.0]
WILD = [1.0, 2.0, 0.5, 1.5, 0.8]
BUDGET = Rules(budget_seconds=30.0)


@pytest.mark.parametrize(
    ("samples", "elapsed", "rules", "then"),
    [
        # Nothing can be measured.
        ({}, 0.0, BUDGET, None),
        # A round goes forwards, the next one backwards.
        ({1: [], 5: [], 10: []}, 0.0, BUDGET, 1),
        ({1: [1.0], 5: [], 10: []}, 1.0, BUDGET, 5),
        ({1: [1.0], 5: [1.0], 10: []}, 2.0, BUDGET, 10),
        ({1: [1.0], 5: [1.0], 10: [1.0]}, 3.0, BUDGET, 10),
        ({1: [1.0], 5: [1.0], 10: [1.0] * 2}, 4.0, BUDGET, 5),
        ({1: [1.0], 5: [1.0] * 2, 10: [1.0] * 2}, 5.0, BUDGET, 1),
        ({1: [1.0] * 2, 5: [1.0] * 2, 10: [1.0] * 2}, 6.0, BUDGET, 1),
        # Five samples whatever the budget says, and however steady they are.
        ({1: STEADY[:4], 5: STEADY[:4]}, 300.0, BUDGET, 1),
        # Narrow enough; one that is not takes the others with it.
        ({1: STEADY, 5: STEADY}, 10.0, BUDGET, None),
        ({1: STEADY, 5: WILD}, 10.0, BUDGET, 5),
        ({1: STEADY, 5: [*WILD, 1.0]}, 11.0, BUDGET, 1),
        # The next round would end after the budget; a round that has begun is finished.
        ({1: STEADY, 5: WILD}, 29.0, BUDGET, None),
        ({1: STEADY, 5: [*WILD, 1.0]}, 29.0, BUDGET, 1),
        ({1: WILD * 40, 5: WILD * 40}, 0.0, BUDGET, None),
        # So many as the user says, and no more.
        ({1: [], "auto": []}, 0.0, Rules(repeat=1), 1),
        ({1: [1.0], "auto": [1.0]}, 2.0, Rules(repeat=1), None),
        ({1: [1.0] * 6, "auto": [1.0] * 6}, 600.0, Rules(repeat=7), 1),
        ({1: WILD + WILD, "auto": WILD + WILD}, 1.0, Rules(repeat=10), None),
    ],
)
def test_next_level(
    samples: dict[int | str, list[float]], elapsed: float, rules: Rules, then: int | str | None
) -> None:
    assert next_level(samples, elapsed, rules) == then


@pytest.mark.parametrize(
    ("samples", "elapsed", "rules", "left"),
    [
        ({1: [], 5: []}, 0.0, BUDGET, None),
        ({1: [2.0], 5: []}, 2.0, BUDGET, 4 * 2.0 + 5 * 2.0),  # what is not known is taken for the dearest
        ({1: [2.0], 5: [1.0]}, 3.0, BUDGET, 4 * 2.0 + 4 * 1.0),
        ({1: [2.0], 5: [1.0]}, 3.0, Rules(repeat=2), 3.0),
        ({1: STEADY, 5: STEADY}, 10.0, BUDGET, 0.0),
        ({1: WILD, 5: WILD}, 12.0, BUDGET, 18.0),  # more than the budget leaves
        ({1: WILD, 5: WILD}, 40.0, BUDGET, 0.0),
    ],
)
def test_seconds_left(samples: dict[int | str, list[float]], elapsed: float, rules: Rules, left: float | None) -> None:
    assert seconds_left(samples, elapsed, rules) == (None if left is None else pytest.approx(left))


def test_the_reach_of_an_interval() -> None:
    from scipy.special import stdtrit

    assert reach([1.0]) == math.inf
    assert reach([1.0, 1.0]) == 0.0
    for count in (5, 6, 10, 40):
        seconds = [math.exp(0.1 * (n % 2)) for n in range(count)]
        spread = math.sqrt(sum((math.log(x) - 0.1 * (count // 2) / count) ** 2 for x in seconds) / (count - 1))
        assert math.log1p(reach(seconds)) == pytest.approx(
            float(stdtrit(count - 1, 0.975)) * spread / math.sqrt(count), rel=0.01
        )


@given(
    costs=st.dictionaries(st.integers(1, 50), st.floats(0.01, 10.0), min_size=1, max_size=6),
    noise=st.lists(st.floats(0.5, 2.0), min_size=1, max_size=50),
    budget=st.floats(0.0, 60.0),
)
def test_it_ends_with_enough_samples_or_a_spent_budget(
    costs: dict[int, float], noise: list[float], budget: float
) -> None:
    rules, elapsed = Rules(budget_seconds=budget), 0.0
    samples: dict[int | str, list[float]] = {level: [] for level in costs}
    order = []
    while (level := next_level(samples, elapsed, rules)) is not None:
        assert isinstance(level, int)
        seconds = costs[level] * noise[len(order) % len(noise)]
        samples[level].append(seconds)
        elapsed += seconds
        order.append(level)
        assert len(order) <= MOST_SAMPLES * len(costs)
    (count,) = {len(seconds) for seconds in samples.values()}
    assert count >= 5
    narrow = all(reach(seconds) <= WIDTH for seconds in samples.values())
    assert narrow or count == MOST_SAMPLES or elapsed + sum(map(sum, samples.values())) / count > budget
    rounds = [order[start : start + len(costs)] for start in range(0, len(order), len(costs))]
    assert all(sorted(each) == sorted(costs) for each in rounds)


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_shows_the_time_left_on_a_terminal_only(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    printed, clock = io.StringIO(), iter(range(0, 300, 3))
    monkeypatch.setattr(printed, "isatty", lambda: terminal)
    monkeypatch.setattr("sys.stderr", printed)
    monkeypatch.setattr("time.time", lambda: next(clock))
    with shown("measuring") as show:
        show(3.0, 15.0, "2 runs")
        show(3.0, 16.0, "3 runs")  # the end is further off: the words go on, the bar stays
    said = printed.getvalue()
    assert bool(re.search(r"measuring .* 00:00:\d\d +2 runs", said)) == terminal
    assert ("3 runs" in said) == terminal
    assert (said == "") == (not terminal)


@pytest.mark.parametrize("columns", [120, 80, 40])
def test_a_line_of_progress_fits_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    printed, clock = io.StringIO(), iter(range(1_000, 1_300))
    monkeypatch.setattr(printed, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", printed)
    monkeypatch.setattr("time.time", lambda: next(clock))
    monkeypatch.setenv("COLUMNS", str(columns))
    with shown("sentinel-2-l2a items") as show:
        for done in range(0, 1_000_001, 200_000):
            show(done, 1_000_000, f"{done:,}/1,000,000 items")
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[?\d]*[A-Za-z]", "", printed.getvalue()))
    assert max(map(len, lines)) <= columns
    assert "-]" not in lines[-2], "all is done"
