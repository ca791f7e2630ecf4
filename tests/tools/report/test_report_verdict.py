"""What the words claim, at their limits."""

import pytest

from tools.report import DataSet, Level, Verdict, judge, make_data_set, measured_level, missing_level

MB = 1_000_000


def data_set(*levels: Level) -> DataSet:
    return make_data_set("t", "k", "file", "s", None, levels)


def judged(seconds: dict[int | str, float]) -> Verdict:
    """Levels without any spread."""
    return judge(data_set(*(measured_level(level, [value] * 5) for level, value in seconds.items())))


def text(verdict: Verdict) -> str:
    return "\n".join(verdict.sentences)


@pytest.mark.parametrize(
    ("speedup", "effect", "words"),
    [
        (3.0, "significant", "Significant speedup (3.00x): the work is I/O-bound"),
        (2.999, "modest", "Modest speedup (2.99x): the work is mixed"),
        (1.2, "modest", "Modest speedup (1.20x): the work is mixed"),
        (1.1999, "none", "No speedup worth having (1.19x): the work is CPU-bound, stay sequential"),
        (0.5, "none", "No speedup worth having (1.00x): the work is CPU-bound, stay sequential"),
    ],
)
def test_limits_of_the_effect(speedup: float, effect: str, words: str) -> None:
    verdict = judged({1: speedup, 10: 1.0})
    assert verdict.effect == effect
    assert words in text(verdict)
    assert verdict.recommended == (1 if effect == "none" else 10)


def test_best_line() -> None:
    assert judged({1: 5.2, 10: 1.0}).best_line == "**Best Performance**: 10 workers with 5.2x speedup"


def test_nothing_is_faster() -> None:
    line = "**Best Performance**: 1 worker (sequential), nothing is faster"
    assert judged({1: 1.0, 10: 1.5}).best_line == line
    # Of equals the smaller is the better.
    assert judged({1: 1.0, 10: 1.0}).best_line == line


def test_diminishing_returns() -> None:
    verdict = judged({1: 10.0, 5: 2.2, 10: 1.05, 20: 1.0, 50: 0.97})
    assert verdict.best == "50 workers with 10.3x speedup"
    assert verdict.recommended == 10
    assert (
        "Diminishing returns: more workers stop paying after 10 workers, the recommended default; "
        "each further level (20, 50) gains less than 10 % throughput over it."
    ) in text(verdict)


def test_a_gain_of_ten_percent_pays() -> None:
    assert judged({1: 10.0, 5: 1.1, 10: 1.0}).recommended == 10
    assert judged({1: 10.0, 5: 1.099, 10: 1.0}).recommended == 5


def test_small_steps_that_add_up_are_followed() -> None:
    assert judged({1: 10.0, 5: 1.2, 10: 1.12, 20: 1.05}).recommended == 10


def test_still_paying_at_the_largest_level() -> None:
    assert "the largest level measured; more workers still paid there" in text(judged({1: 10.0, 5: 2.0}))


def test_level_found_while_running() -> None:
    assert judged({1: 4.0, 5: 2.0, "auto": 1.0}).recommended == "auto"
    assert judged({1: 4.0, 5: 1.0, "auto": 0.99}).recommended == 5
    assert judged({1: 4.0, "auto": 1.0}).recommended == "auto"
    assert judged({1: 1.21, 5: 1.15, "auto": 1.0}).recommended == "auto"


def test_retrograde_levels() -> None:
    words = text(judged({1: 10.0, 5: 1.0, 10: 1.05, 20: 1.06, 50: 2.0}))
    assert "Retrograde, slower with more workers: 20 workers than 5 and 50 workers than 5." in words
    assert "Retrograde" not in text(judged({1: 10.0, 5: 1.0, 10: 1.05}))


def test_memory() -> None:
    def sized(level: int, seconds: float, size: int | None) -> Level:
        return measured_level(level, [seconds] * 3, peak_bytes=size)

    words = text(judge(data_set(sized(1, 9, 100 * MB), sized(5, 1, 250 * MB), sized(10, 1, 400 * MB))))
    assert "Peak memory is 100 MB with 1 worker and 250 MB with 5 workers (2.5x)." in words
    assert "Memory was not measured." in text(judge(data_set(sized(1, 9, None), sized(5, 1, None))))


def test_too_few_levels() -> None:
    verdict = judge(data_set(measured_level(1, [1.0] * 5), missing_level(5, "failed")))
    assert verdict.effect == "unknown"
    assert verdict.recommended is None
    assert verdict.best_line == "**Best Performance**: cannot be judged, fewer than two levels have a time"
    assert "cannot be judged" in verdict.sentences[0]
    assert "Levels that failed: 5." in text(verdict)
    assert judge(data_set()).effect == "unknown"


def test_no_baseline_no_claim() -> None:
    verdict = judged({5: 2.0, 10: 1.0, 20: 0.99})
    assert verdict.effect == "unknown"
    assert verdict.best == "20 workers, speedup n/a"
    assert verdict.recommended == 10
    assert "bound" not in text(verdict)


def test_spread_greater_than_the_difference() -> None:
    noisy = data_set(
        measured_level(1, [10.0, 10.0, 10.0]),
        measured_level(5, [1.8, 2.0, 2.2]),
        measured_level(10, [1.7, 1.9, 2.1]),
    )
    words = text(judge(noisy))
    assert "The order of these levels cannot be told from these samples" in words
    assert "than the difference between them: 10 and 5." in words
    assert "is not shown" not in words


def test_spread_equal_to_the_difference_is_told_apart() -> None:
    # Quartiles of 2.0 and 3.0 around 2.5, and the other median is 1.0 away.
    apart = data_set(measured_level(1, [1.5, 2.5, 3.5]), measured_level(5, [1.5, 1.5, 1.5]))
    assert "cannot be told" not in text(judge(apart))


def test_speedup_within_the_spread_is_not_shown() -> None:
    words = text(judge(data_set(measured_level(1, [1.0, 2.0, 3.0]), measured_level(5, [1.0, 1.5, 3.0]))))
    assert "That the best level is faster than 1 worker is not shown by these samples." in words


def test_quick_run_is_the_first_sentence() -> None:
    few = data_set(measured_level(1, [2.0]), measured_level(5, [1.0, 1.0, 1.0]))
    assert judge(few).sentences[0] == ("This was a quick run (1 to 3 samples a level): it is not a measurement.")
