"""What follows from samples by arithmetic."""

import math

import pytest
from made_data_sets import make_data_set, measured_level, missing_level, summarised_level


def test_level_from_samples() -> None:
    level = measured_level(5, [4.0, 1.0, 2.0], items=100, peak_bytes=300, import_bytes=100)
    assert (level.median_seconds, level.q25_seconds, level.q75_seconds) == (2.0, 1.5, 3.0)
    assert (level.throughput, level.net_bytes, level.sample_count) == (50.0, 200, 3)
    assert (level.status, level.strategy, level.samples) == ("ok", "concurrent", (4.0, 1.0, 2.0))


def test_what_is_not_known_is_none() -> None:
    level = measured_level(1, [2.0], peak_bytes=300)
    assert (level.q25_seconds, level.q75_seconds) == (None, None)
    assert (level.throughput, level.net_bytes, level.speedup) == (None, None, None)
    assert missing_level("auto", "failed").median_seconds is None


@pytest.mark.parametrize("samples", [[0.0], [-1.0], [math.nan], [1.0, math.inf]])
def test_samples_that_cannot_be(samples: list[float]) -> None:
    with pytest.raises(ValueError, match="positive finite samples"):
        measured_level(1, samples)


def test_levels_are_ordered_and_refer_to_one_worker() -> None:
    levels = [
        measured_level("auto", [1.0]),
        measured_level(10, [2.0]),
        measured_level("4 processes", [0.5]),
        measured_level("2 processes", [0.8]),
        missing_level(5, "failed"),
        measured_level(1, [8.0]),
    ]
    data_set = make_data_set("t", "k", "file", "s", None, levels)
    assert [x.concurrency for x in data_set.levels] == [1, 5, 10, "2 processes", "4 processes", "auto"]
    assert [x.strategy for x in data_set.levels] == [
        "sequential",
        "concurrent",
        "concurrent",
        "processes",
        "processes",
        "auto",
    ]
    assert [x.speedup for x in data_set.levels] == [1.0, None, 4.0, 10.0, 16.0, 8.0]


def test_a_level_is_there_once() -> None:
    with pytest.raises(ValueError, match="there twice"):
        make_data_set("t", "k", "file", "s", None, [measured_level(1, [1.0]), missing_level(1, "n/a")])


def test_quick_is_a_level_timed_less_than_five_times() -> None:
    def quick(*counts: int) -> bool:
        levels = [summarised_level(x, 1.0, n) for x, n in enumerate(counts, start=1)]
        return make_data_set("t", "k", "file", "s", None, [*levels, missing_level(99, "n/a")]).is_quick

    assert quick(5, 4)
    assert not quick(5, 6)
