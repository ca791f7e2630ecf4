"""What the words claim, at their limits."""

from typing import Any

import pytest

from tools.analysis import (
    DataSet,
    Level,
    Usage,
    Verdict,
    judge,
    make_data_set,
    measured_level,
    missing_level,
    summarised_level,
)
from tools.analysis.scaling import ScalingLaw

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
    def summary(level: int, median: float, low: float, high: float) -> Level:
        return summarised_level(level, median, sample_count=9, q25_seconds=low, q75_seconds=high)

    apart = data_set(summary(1, 2.5, 2.0, 3.0), summary(5, 1.5, 1.5, 1.5))
    assert "cannot be told" not in text(judge(apart))
    assert "run it with --record-samples" in text(judge(apart))
    close = data_set(summary(1, 2.5, 2.0, 3.1), summary(5, 1.5, 1.5, 1.5))
    assert "cannot be told" in text(judge(close))
    assert judge(close).effect == "inconclusive"


def test_speedup_within_the_spread_is_not_shown() -> None:
    words = text(judge(data_set(measured_level(1, [1.0, 2.0, 3.0]), measured_level(5, [1.0, 1.5, 3.0]))))
    assert "That the best level is faster than 1 worker is not shown by these samples." in words


def test_quick_run_is_the_first_sentence() -> None:
    few = data_set(measured_level(1, [2.0]), measured_level(5, [1.0, 1.0, 1.0]))
    assert judge(few).sentences[0] == ("This was a quick run (1 to 3 samples a level): it is not a measurement.")


def used(level: int, seconds: float, busy: float, *, noise: float = 0.01, **more: Any) -> Level:
    """Five samples with some noise, and the CPU busy for a share of each."""
    samples = [seconds * (1 + noise * step) for step in (-2, -1, 0, 1, 2)]
    stages = {"waiting": seconds * (1 - busy), "decoding": seconds * busy}
    usage = {"runs": 5, "wall_seconds": seconds, "cpu_seconds": seconds * busy, "stages": stages, **more}
    return measured_level(level, samples, items=1000, usage=Usage(**usage))


def test_evidence_is_printed_with_the_ceiling_that_it_implies() -> None:
    api = make_data_set("t", "k", "api", "s", 1000, [used(1, 10, 0.07), used(5, 2.1, 0.3), used(10, 1.3, 0.5)])
    verdict = judge(api)
    assert (verdict.effect, verdict.bottleneck) == ("significant", "waiting")
    assert verdict.bottleneck_line == "**Bottleneck**: waiting for the server"
    words = text(verdict)
    assert "waiting for the server 93 %, decoding 7 %; the CPU was busy 7 % of the time." in words
    assert verdict.ceiling == pytest.approx(1 / 0.07)
    assert "One thread does 7 % of that by itself: at most 14.3x" in words
    assert "speedup alone" not in words + verdict.bottleneck_line


def test_the_wait_for_the_disk_is_not_counted_twice() -> None:
    usage = Usage(1, 10.0, 3.0, stages={"waiting": 6.0, "reading": 7.0, "decoding": 2.0})
    verdict = judge(data_set(measured_level(1, [10.0] * 5, usage=usage)))
    assert "waiting for the disk 60 %, decoding 20 %, reading 10 %, the rest 10 %" in text(verdict)


@pytest.mark.parametrize(
    ("paused", "shown"),
    [
        (7.0, "pausing because the server asked for it 70 %, waiting for the server 20 %, decoding 10 %;"),
        # Longer than the wait: pages that were there were handed over meanwhile, or the search ended before it.
        (9.5, "pausing because the server asked for it 90 %, decoding 10 %;"),
    ],
)
def test_pauses_are_not_counted_twice(paused: float, shown: str) -> None:
    usage = Usage(1, 10.0, 1.0, stages={"waiting": 9.0, "paused": paused, "decoding": 1.0})
    api = make_data_set("t", "k", "api", "s", 1000, [measured_level(1, [10.0] * 5, usage=usage)])
    assert shown in text(judge(api))


def test_what_is_decoded_during_the_wait_is_not_counted_twice() -> None:
    usage = Usage(1, 10.0, 3.0, stages={"waiting": 9.0, "decoding": 2.0, "consumer": 1.0})
    api = make_data_set("t", "k", "api", "s", 1000, [measured_level(1, [10.0] * 5, usage=usage)])
    words = "waiting for the server 70 %, decoding 20 %, the code that takes the items 10 %; the CPU"
    assert words in text(judge(api))


def test_without_evidence_the_words_say_so() -> None:
    verdict = judged({1: 5.0, 10: 1.0})
    assert verdict.bottleneck_line == "**Bottleneck**: waiting for the disk (from the speedup alone)"
    assert "Concluded from the speedup alone" in text(verdict)
    assert verdict.ceiling is None


def test_an_idle_cpu_contradicts_cpu_bound() -> None:
    verdict = judge(data_set(used(1, 1.0, 0.1), used(5, 1.0, 0.1), used(10, 1.0, 0.1)))
    assert (verdict.effect, verdict.bottleneck, verdict.recommended) == ("none", "serialised", 1)
    assert "the work is not CPU-bound: with 1 worker the CPU was busy 10 % of the time" in text(verdict)
    assert "a rate limit, a lock" in text(verdict)
    busy = judge(data_set(used(1, 1.0, 0.97), used(5, 1.0, 0.97)))
    assert (busy.effect, busy.bottleneck) == ("none", "cpu")
    assert "the work is CPU-bound, stay sequential" in text(busy)


def test_time_in_the_queue_for_a_cpu_is_not_idleness() -> None:
    """On a crowded machine CPU-bound work has little CPU for its time on the wall."""
    verdict = judge(data_set(*(used(level, 1.0, 0.4, queue_seconds=0.58) for level in (1, 5))))
    assert verdict.bottleneck == "cpu"
    assert "The machine was busy with other work" in text(verdict)


def test_a_plateau_with_an_idle_cpu_is_a_limit() -> None:
    levels = {1: 8.0, 2: 4.0, 4: 2.0, 8: 2.0, 16: 2.0}
    verdict = judge(data_set(*(used(level, seconds, 0.05) for level, seconds in levels.items())))
    assert (verdict.effect, verdict.bottleneck, verdict.recommended) == ("significant", "limited", 4)
    assert "From 4 workers on, throughput stands still at 500 items/s while the CPU is idle" in text(verdict)
    # The same with a busy CPU is the CPU's limit, and with nothing to share it is none.
    busy = judge(data_set(*(used(level, seconds, min(0.95, 0.2 * level)) for level, seconds in levels.items())))
    assert busy.bottleneck == "waiting"
    few = judge(data_set(*(used(level, seconds, 0.05, tasks=4) for level, seconds in levels.items())))
    assert few.bottleneck == "waiting"
    assert "only 4 documents to share, too few for 8 and 16 workers" in text(few)
    refused = judge(data_set(*(used(level, seconds, 0.05, refusals=level - 1) for level, seconds in levels.items())))
    assert "The server limits the rate" in text(refused)


def test_workers_without_work_are_no_limit_outside() -> None:
    """Five pages cannot be had five times as fast: the first ones tell how to ask for the rest."""
    times = {1: 0.9, 5: 0.45, 10: 0.45}
    few = judge(data_set(*(used(level, seconds, 0.1, tasks=7) for level, seconds in times.items())))
    assert (few.effect, few.bottleneck) == ("modest", "waiting")
    enough = judge(data_set(*(used(level, seconds, 0.1, tasks=70) for level, seconds in times.items())))
    assert enough.bottleneck == "limited"


def test_work_on_several_cores_is_not_io_bound() -> None:
    verdict = judge(data_set(used(1, 4.0, 0.99), used(4, 1.0, 3.9)))
    assert (verdict.effect, verdict.bottleneck, verdict.ceiling) == ("significant", "cpu", None)
    assert "CPU-bound and runs on several cores (3.9 with 4 workers)" in text(verdict)


def test_a_small_pool_that_does_all_it_can_is_io_bound() -> None:
    verdict = judge(data_set(used(1, 2.0, 0.02), used(2, 1.02, 0.04)))
    assert (verdict.effect, verdict.bottleneck) == ("modest", "waiting")
    assert "nearly all that 2 workers can give: the work is I/O-bound" in text(verdict)


def test_workers_that_hinder_each_other() -> None:
    verdict = judge(data_set(*(used(n, 10 * (1 + 0.03 * n * (n - 1)) / n, 0.05) for n in (1, 2, 4, 8, 16))))
    assert verdict.bottleneck == "contention"
    assert isinstance(verdict.law, ScalingLaw)
    assert verdict.law.coherency == pytest.approx(0.03, rel=0.05)
    assert verdict.law.peak_workers == pytest.approx(5.8, abs=0.3)
    assert "predicted peak at 6 workers" in text(verdict)


def test_one_level_is_judged_by_its_evidence() -> None:
    verdict = judge(data_set(used(1, 1.0, 0.05), missing_level(5, "n/a")))
    assert (verdict.effect, verdict.bottleneck, verdict.recommended) == ("unknown", "waiting", None)


def test_noise_is_inconclusive_and_not_a_verdict() -> None:
    verdict = judge(data_set(used(1, 1.3, 0.3, noise=0.3), used(5, 1.0, 0.3, noise=0.3)))
    assert (verdict.effect, verdict.bottleneck, verdict.recommended) == ("inconclusive", "inconclusive", None)
    assert "Inconclusive" in text(verdict)
    # The CPU knows better than the clock.
    busy = judge(data_set(used(1, 1.3, 0.98, noise=0.3), used(5, 1.0, 0.98, noise=0.3)))
    assert (busy.effect, busy.bottleneck, busy.recommended) == ("inconclusive", "cpu", 1)


def test_a_speedup_that_one_busy_core_cannot_have_is_the_machine() -> None:
    verdict = judge(data_set(used(1, 1.4, 0.99), used(5, 1.0, 0.99)))
    assert (verdict.effect, verdict.bottleneck, verdict.recommended) == ("inconclusive", "cpu", 1)
    assert "The speedup (1.40x) is inconclusive, but with 1 worker the CPU was busy 99 %" in text(verdict)


def test_the_luckiest_of_many_levels_must_show_more() -> None:
    two = data_set(used(1, 1.25, 0.5, noise=0.08), used(5, 1.0, 0.5, noise=0.08))
    assert judge(two).effect == "modest"
    many = [used(level, 1.25, 0.5, noise=0.08) for level in (1, 2, 3, 4, 6, 7, 8, 9)]
    assert judge(data_set(*many, used(5, 1.0, 0.5, noise=0.08))).effect == "inconclusive"


def test_best_is_the_smallest_level_that_cannot_be_told_from_the_fastest() -> None:
    verdict = judge(data_set(used(1, 10, 0.1), used(5, 1.02, 0.3), used(10, 1.01, 0.3), used(20, 1.0, 0.3)))
    assert verdict.best_concurrency == 5
    assert verdict.best == "5 workers with 9.8x speedup"
    assert "The shortest time is that of 20 workers, which cannot be told from 5." in text(verdict)


def test_memory_weighs_in_the_recommendation() -> None:
    def sized(level: int, seconds: float, size: int) -> Level:
        return measured_level(level, [seconds] * 5, peak_bytes=size)

    dear = judge(data_set(sized(1, 10, 100 * MB), sized(5, 2, 150 * MB), sized(50, 1.6, 900 * MB)))
    assert dear.recommended == 5
    assert "50 workers gain 25 % throughput for 6.0x the memory" in text(dear)
    cheap = judge(data_set(sized(1, 10, 100 * MB), sized(5, 2, 150 * MB), sized(50, 1.6, 160 * MB)))
    assert cheap.recommended == 50


def test_intervals_of_the_speedup_are_told() -> None:
    assert "Speedups with 95 % intervals: 5 workers 4.00x (3.90x to 4.09x)." in text(
        judge(data_set(used(1, 4, 0.1), used(5, 1, 0.1)))
    )
    few = judge(data_set(measured_level(1, [2.0, 2.1]), measured_level(5, [1.0, 1.1])))
    assert "Too few samples for an interval of the speedup: it takes 3 a level." in text(few)
