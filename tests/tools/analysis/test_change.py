"""Verdicts on results whose truth is known."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest
from asv_files import hash_of, write_results
from made_data_sets import data_set, level
from rich.console import Console

from tools.analysis import certainty
from tools.analysis.certainty import Difference
from tools.analysis.change import Change, between, overall
from tools.analysis.metrics import Measured, Metric, Run, Series, metric_of
from tools.analysis.model import Environment, Report
from tools.analysis.two_reports import compare_reports
from tools.analysis.verdicts import Finding, Row, after_repeats, called_again, exact_verdict, rows_of, verdict
from tools.asv.history import judge
from tools.errors import ReportError
from tools.render.page import change_page
from tools.render.terminal import show

NAME = "m.Ingest.time_ingest"
NO_GIT = Path("/nonexistent")


def noisy(random: numpy.random.Generator, level: float, run: float = 0.02, sample: float = 0.02) -> list[float]:
    """Ten samples of one run, which has a swing of its own."""
    return list(level * numpy.exp(random.normal(0, run) + random.normal(0, sample, 10)))


def judged(folder: Path, **options: Any) -> Change:
    return judge(folder, repository=NO_GIT, **options)


def judge_rounds(before: Sequence[Any], after: Sequence[Any]) -> Change:
    runs = [[Run(commit, "", one) for one in side] for commit, side in zip("bc", (before, after), strict=True)]
    return between(*runs, machine="box", base="b", commit="c", paired=True)


def test_a_history_without_change_raises_no_alarm(tmp_path: Path) -> None:
    """Sixty nights of ten benchmarks each, none of them changed."""
    random = numpy.random.default_rng(3)
    alarms = 0
    for night in range(60):
        commits = [{f"{NAME}_{place}": noisy(random, 0.1) for place in range(10)} for _ in range(15)]
        alarms += judged(write_results(tmp_path / str(night), commits)).status == "regression"
    assert alarms <= 2


def test_the_guilty_commit_is_named(tmp_path: Path) -> None:
    random = numpy.random.default_rng(4)
    named = 0
    for night in range(20):
        levels = [0.1] * 12 + [0.13] * 3
        commits = [{NAME: noisy(random, level), "m.Other.time_x": noisy(random, 1.0)} for level in levels]
        found = judged(write_results(tmp_path / str(night), commits), since=hash_of(10))
        named += found.exit_code == 1 and found.guilty == (hash_of(12),)
    assert named >= 19


def test_a_fifth_more_is_seen_after_six_commits(tmp_path: Path) -> None:
    """Among twenty benchmarks: the change that is judged is no swing."""
    random = numpy.random.default_rng(6)
    names = [NAME, *(f"m.Other_{place}.time_x" for place in range(19))]
    seen = 0
    for night in range(10):
        commits = [{name: noisy(random, 1.0, 0.005) for name in names} for _ in range(6)]
        commits.append({name: noisy(random, 1.2 if name is NAME else 1.0, 0.005) for name in names})
        found = judged(write_results(tmp_path / str(night), commits))
        seen += [row.series.benchmark for row in found.regressions] == [NAME]
    assert seen >= 8


def test_the_change_is_that_of_the_columns_beside_it(tmp_path: Path) -> None:
    """Of two commits, the middle is one for the columns and for the change."""
    (row,) = judged(write_results(tmp_path, [{NAME: noisy(numpy.random.default_rng(5), x)} for x in (1, 1.05, 2)])).rows
    assert row.base
    assert row.head
    assert row.head / row.base == pytest.approx(row.ratio)


def test_an_old_step_is_no_news(tmp_path: Path) -> None:
    random = numpy.random.default_rng(5)
    commits = [{NAME: noisy(random, level)} for level in [0.1] * 8 + [0.15] * 4]
    found = judged(write_results(tmp_path, commits))
    assert (found.status, found.guilty) == ("no change", ())


@pytest.mark.parametrize(
    ("levels", "status", "said"),
    [
        ([1.0] * 15 + [1.5, 1.0], "no change", "15 earlier runs"),  # the machine was busy for once
        ([1.0] * 15 + [1.5, 1.5, 1.0], "no change", "15 earlier runs"),
        ([1.0] * 15 + [1.5, 1.5], "no change", "1 earlier run,"),  # a step that was called the night before
        ([1.0] * 15 + [1.5, 2.5], "regression", "1 earlier run,"),
        ([1.0] * 10 + [1.5] * 5 + [1.0], "improvement", "5 earlier runs"),
        ([1.0] * 10 + [2.4, 2.4, 1.0, 2.4, 1.0, 2.4, 2.4, 2.4, 1.0, 2.4], "unstable", ""),  # one or the other
    ],
)
def test_one_or_two_commits_are_no_level(tmp_path: Path, levels: list[float], status: str, said: str) -> None:
    """What is as it was before a level that did not last has not changed."""
    random = numpy.random.default_rng(7)
    commits = [{NAME: noisy(random, level, run=0.01, sample=0.005)} for level in levels]
    (row,) = judged(write_results(tmp_path, commits)).rows
    assert row.status == status
    assert said in row.evidence


def test_swapped_commits_mirror_the_verdict(tmp_path: Path) -> None:
    random = numpy.random.default_rng(6)
    write_results(tmp_path, [{NAME: noisy(random, 1.0)}, {NAME: noisy(random, 1.5)}])
    there = judged(tmp_path, base=hash_of(0)[:8], commit=hash_of(1))
    back = judged(tmp_path, base=hash_of(1), commit=hash_of(0))
    assert (there.status, there.exit_code, back.status, back.exit_code) == ("regression", 1, "improvement", 0)
    ratio = there.rows[0].ratio
    assert ratio is not None
    assert back.rows[0].ratio == pytest.approx(1 / ratio)
    assert "slower" in there.rows[0].evidence
    assert "faster" in back.rows[0].evidence


def test_more_throughput_is_an_improvement(tmp_path: Path) -> None:
    random = numpy.random.default_rng(6)
    commits = [{"m.Ingest.track_x": noisy(random, level)} for level in (1.0, 1.5)]
    assert judged(write_results(tmp_path, commits, unit="items/s")).status == "improvement"


@pytest.mark.parametrize(
    ("unit", "before", "after", "status"),
    [
        ("instructions/item", 100_000, 100_400, "no change"),
        ("instructions/item", 100_000, 101_000, "regression"),
        ("instructions/item", 100_000, 99_000, "improvement"),
        ("requests", 60, 61, "regression"),
        ("requests/1,000 items", 11, 12, "regression"),
        ("requests/1,000 items", 11, 11, "no change"),
        ("modules", 284, 286, "no change"),
        ("modules", 284, 300, "regression"),
        ("documents", 10, 1, "improvement"),
    ],
)
def test_counts_need_no_statistics(tmp_path: Path, unit: str, before: int, after: int, status: str) -> None:
    commits = [{"m.Count.track_x": value} for value in (before, after)]
    assert judged(write_results(tmp_path, commits, unit=unit)).status == status


@pytest.mark.parametrize(
    ("after", "status", "shown"),
    [
        ((62, 64, 61), "regression", (60, 61)),
        ((62, 60, 61), "no change", (60, 60)),
        ((58, 55, 57), "improvement", (60, 58)),
    ],
)
def test_of_counts_that_were_repeated_the_least_difference_counts(
    after: Sequence[int], status: str, shown: tuple[int, int]
) -> None:
    series = Series("m.Count.track_x", (), "track", "requests", "1")
    sides = [[{series: Measured("ok", float(value))} for value in side] for side in ([60] * 3, after)]
    (row,) = judge_rounds(*sides).rows
    assert (row.status, (row.base, row.head)) == (status, shown)


@pytest.mark.parametrize(
    ("unit", "nature", "lower_is_better"),
    [
        *(
            (unit, "time", False)
            for unit in (
                "items/s",
                "MB/s",
                "particles / second",
                "calls per minute",
                "B/sec",
                "qps",
                "FPS",
                "gflops",
                "PFLOPS",
            )
        ),
        *((unit, "time", True) for unit in ("seconds", "s", "ms", "us", "minutes", "nanoseconds")),
        *((unit, "memory", True) for unit in ("bytes", "B", "KB", "MiB", "megabytes")),
        *((unit, "other", True) for unit in ("", "unit", "m/s2", "errors", "bits", "s/items", "Mbp", "steps", "flop")),
    ],
)
def test_units_as_others_write_them(unit: str, nature: str, lower_is_better: bool) -> None:
    found = metric_of(Series("m.Suite.track_x", (), "track", unit, "1"))
    assert found is not None
    assert (found.nature, found.lower_is_better) == (nature, lower_is_better)


@pytest.mark.parametrize(
    ("kind", "unit", "paired", "called", "not_called"),
    [
        ("time", "seconds", False, 1.051, 1.049),  # as docs/regressions.md has it
        ("time", "seconds", True, 1.031, 1.029),
        ("peakmemory", "bytes", True, 1.051, 1.049),
        ("track", "instructions/item", False, 1.0051, 1.0049),
        ("track", "modules", False, 1.021, 1.019),
        ("track", "requests", False, 1.0001, 1.0),
    ],
)
def test_what_is_large_enough_to_be_called(
    kind: str, unit: str, paired: bool, called: float, not_called: float
) -> None:
    metric = metric_of(Series("m.Suite.x", (), kind, unit, "1"), paired=paired)
    assert metric is not None
    assert [metric.is_large(x) for x in (called, 1 / called, not_called, 1 / not_called)] == [True, True, False, False]


def test_where_the_time_went_is_no_verdict(tmp_path: Path) -> None:
    """Quantities of one run explain a time, and differ from run to run; also over a history long enough to judge."""
    commits = [{"usage.FileIngestUsage.track_usage": value} for value in (*[1.0] * 8, 9.0)]
    found = judged(write_results(tmp_path / "history", commits, unit="seconds or count"))
    assert (found.rows, found.exit_code) == ((), 2)
    series = Series("usage.FileIngestUsage.track_usage", (), "track", "seconds or count", "1")
    rounds = [[{series: Measured("ok", value)}] for value in (1.0, 9.0)]
    assert judge_rounds(*rounds).rows == ()


def test_twenty_megabytes_more_are_seen(tmp_path: Path) -> None:
    commits: list[dict[str, Any]] = [{"m.Ingest.peakmem_x": 52_000_000 + 100_000 * i} for i in range(4)]
    assert judged(write_results(tmp_path, commits)).status == "no change"
    commits.append({"m.Ingest.peakmem_x": 72_000_000})
    found = judged(write_results(tmp_path, commits))
    assert (found.status, found.guilty) == ("regression", (hash_of(4),))


def test_what_fails_now_is_a_regression(tmp_path: Path) -> None:
    found = judged(write_results(tmp_path, [{NAME: [1.0] * 8}, {NAME: None}]))
    assert (found.status, found.guilty) == ("regression", (hash_of(1),))
    assert found.rows[0].evidence == "fails now; it was 1.0 s before"


@pytest.mark.parametrize(
    ("commits", "said"),
    [
        ([{NAME: [1.0] * 8}, {NAME: math.nan}], "not measured now"),
        ([{NAME: [1.0] * 8}], "no earlier result to compare with"),
        ([{NAME: 1.0}, {NAME: 2.0}], "a single value tells nothing of its noise"),
    ],
)
def test_too_little_to_judge(tmp_path: Path, commits: list[dict[str, Any]], said: str) -> None:
    found = judged(write_results(tmp_path, commits))
    assert (found.status, found.exit_code) == ("not enough data", 2)
    assert said in found.rows[0].evidence


@pytest.mark.parametrize(
    ("count", "quartiles", "head", "status"),
    [
        (10, (0.99, 1.02), 2.0, "regression"),
        (10, (0.99, 1.02), 1.0, "no change"),
        (10, (0.6, 1.9), 1.3, "unstable"),
        (9, (0.99, 1.02), 2.0, "not enough data"),
        (10, (1.1, 1.2), 2.0, "not enough data"),  # beside the median: damaged
        (10, (None, None), 2.0, "not enough data"),
    ],
)
def test_quartiles_stand_for_samples_that_were_not_kept(
    count: int, quartiles: tuple[float | None, float | None], head: float, status: str
) -> None:
    series = Series(NAME, (), "time", "seconds", "1")
    runs = [
        Run(hash_of(place), "env", {series: Measured("ok", level, (), count, *(x and x * level for x in quartiles))})
        for place, level in enumerate((1.0, head))
    ]
    assert between(runs[:1], runs[1:], machine="box", commit=hash_of(1), base=hash_of(0)).status == status


def test_the_first_night_shows_what_was_measured(tmp_path: Path) -> None:
    (row,) = judged(write_results(tmp_path, [{NAME: [1.0] * 8}])).rows
    assert (row.status, row.base, row.head) == ("not enough data", None, 1.0)


def test_a_run_whose_own_samples_lie_in_two_heaps_is_no_regression(tmp_path: Path) -> None:
    """Its neighbours hit half of the calls, so that the median lies between the old level and theirs."""
    random = numpy.random.default_rng(11)
    commits = [{NAME: noisy(random, 0.1, 0.005)} for _ in range(9)]
    (row,) = judged(write_results(tmp_path / "heaps", [*commits, {NAME: [0.1] * 5 + [3.5] * 5}])).rows
    assert row.status == "unstable"
    (row,) = judged(write_results(tmp_path / "level", [*commits, {NAME: noisy(random, 0.5, 0.005)}])).rows
    assert row.status == "regression"


def test_a_new_benchmark_swings_as_the_others_do(tmp_path: Path) -> None:
    random = numpy.random.default_rng(12)
    swings = {"calm": 0.01, "noisy": 0.15}
    found = {}
    for machine, swing in swings.items():
        commits: list[dict[str, Any]] = [
            {f"m.Old.time_{place}": noisy(random, 0.1, swing) for place in range(5)} for _ in range(12)
        ]
        for commit, seconds in zip(commits[-3:], (0.1, 0.1, 0.15), strict=True):
            commit["m.New.time_x"] = noisy(random, seconds, 0)
        rows = {row.series.benchmark: row for row in judged(write_results(tmp_path / machine, commits)).rows}
        found[machine] = rows["m.New.time_x"].status
    assert found == {"calm": "regression", "noisy": "unstable"}


def test_another_version_of_a_benchmark_is_not_compared(tmp_path: Path) -> None:
    commits = [{NAME: [1.0 + i / 100 for i in range(8)]}, {NAME: [2.0 + i / 100 for i in range(8)]}]
    results = write_results(tmp_path, commits * 2, version=["1", "1", "1", "2"])
    assert judged(results).status == "not enough data"
    # Over many commits there are rows of both, which can be told apart.
    names = {row.name for row in judged(results, since=hash_of(0)).rows}
    assert names == {f"{NAME} [version 1]", f"{NAME} [version 2]"}


def test_wild_measurements_are_unstable(tmp_path: Path) -> None:
    random = numpy.random.default_rng(8)
    commits = [{NAME: noisy(random, 1.0, run=0.4)} for _ in range(12)]
    assert judged(write_results(tmp_path, commits)).status == "unstable"


def test_what_may_be_a_third_slower_is_not_called_unchanged() -> None:
    """Uncertain, but 20 % are not excluded: a busy machine, and no proof that nothing has changed."""
    ratios = [1.42, 1.38, 1.36, 1.33, 1.3, 1.25, 1.22, 1.2, 1.1, 1.05, 0.9, 0.8]
    sides = [[{SERIES: Measured("ok", value)} for value in side] for side in ([1.0] * len(ratios), ratios)]
    (row,) = judge_rounds(*sides).rows
    assert row.high is not None
    assert row.ratio is not None
    assert 1.2 < row.high < 1.2 * row.ratio
    assert (row.status, row.evidence.partition(":")[0]) == ("unstable", "too noisy to judge")


def test_which_commit_is_meant(tmp_path: Path) -> None:
    write_results(tmp_path, [{NAME: [1.0] * 8}] * 2)
    with pytest.raises(ReportError, match=r"'fff', which git does not know.*; the newest there are 00000001, 00000000"):
        judged(tmp_path, commit="fff")
    with pytest.raises(ReportError, match="'0000000' is ambiguous"):
        judged(tmp_path, commit="0000000")
    with pytest.raises(ReportError, match="cannot be judged against itself"):
        judged(tmp_path, commit=hash_of(1), base=hash_of(1))
    with pytest.raises(ReportError, match="does not exist"):
        judged(tmp_path / "nowhere")


SERIES = Series(NAME, (), "time", "seconds", "1")


def rounds(random: numpy.random.Generator, count: int, change: float) -> Change:
    """Both sides under a weather that swings by half from round to round."""
    sides: list[list[dict[Series, Measured]]] = [[], []]
    for weather in random.normal(0, 0.5, count):
        for side, middle in zip(sides, (1.0, change), strict=True):
            samples = tuple(noisy(random, middle * math.exp(weather)))
            side.append({SERIES: Measured("ok", float(numpy.median(samples)), samples)})
    return judge_rounds(*sides)


@pytest.mark.parametrize(("looks", "status"), [(1, "regression"), (2, "unstable")])
def test_each_look_is_a_comparison(looks: int, status: str) -> None:
    """Whoever judges twice has twice as many chances of a false alarm."""
    metric = metric_of(SERIES)
    assert metric is not None
    (row,) = rows_of([Finding(Row(SERIES), metric, Difference(1.2, 1.1, 1.3, 0.006))], looks=looks)
    assert (row.status, row.p_value) == (status, pytest.approx(0.006 * looks))
    assert f"{looks} comparison" in row.evidence


def test_rounds_see_ten_per_cent_in_any_weather() -> None:
    random = numpy.random.default_rng(9)
    assert sum(rounds(random, 12, 1.1).status == "regression" for _ in range(20)) >= 18
    assert sum(rounds(random, 12, 1.0).status in ("regression", "improvement") for _ in range(100)) <= 2


def disturbed_rounds(random: numpy.random.Generator, change: float) -> Change:
    """Twelve rounds of ten samples on a machine that delays every other sample, by a quarter on average."""
    sides: list[list[dict[Series, Measured]]] = [[], []]
    for _ in range(12):
        for side, middle in zip(sides, (1.0, change), strict=True):
            process = middle * math.exp(random.normal(0, 0.015))
            delays = (random.random(10) < 0.5) * random.exponential(0.25, 10)
            samples = tuple(process * (1 + delays))
            side.append({SERIES: Measured("ok", float(numpy.median(samples)), samples)})
    return judge_rounds(*sides)


def test_rounds_see_five_per_cent_on_a_busy_machine() -> None:
    """What else the machine does only ever delays, so the lower samples of a process tell more than its median."""
    random = numpy.random.default_rng(10)
    assert sum(disturbed_rounds(random, 1.05).status == "regression" for _ in range(40)) >= 36
    assert sum(disturbed_rounds(random, 1.0).status in ("regression", "improvement") for _ in range(100)) <= 2


@pytest.mark.parametrize("hit", [0, 1])
def test_one_process_that_was_hit_as_a_whole_hides_nothing(hit: int) -> None:
    """Whichever side it is on: 30 % are called, by the other rounds; the same commit is not."""
    random = numpy.random.default_rng(11)
    found = []
    for change in (1.3, 1.0):
        levels = [[level * math.exp(random.normal(0, 0.02)) for _ in range(12)] for level in (1.0, change)]
        levels[hit][5] *= 2
        sides = [[{SERIES: Measured("ok", value, (value,) * 3)} for value in side] for side in levels]
        found += judge_rounds(*sides).rows
    assert [row.status for row in found] == ["regression", "no change"]
    assert "11 pairs of runs of 12, the others disturbed" in found[0].evidence


def test_rounds_of_which_none_works_on_both_sides_are_not_judged() -> None:
    runs = [[{SERIES: Measured("ok", 1.0)}, {SERIES: Measured("failed")}] for _ in "bc"]
    (row,) = judge_rounds(runs[0], runs[1][::-1]).rows
    assert (row.status, row.base, row.evidence) == ("not enough data", 1.0, "no round has a value of both")


def test_rounds_take_the_upper_samples_of_a_throughput() -> None:
    """The same seen from the other side: a rate is disturbed downwards."""
    series = Series("m.Ingest.track_rate", (), "track", "items/s", "1")
    sides = [
        [{series: Measured("ok", rate, (rate, rate, rate * low, rate * low))} for low in (0.5, 0.7) * 6]
        for rate in (100.0, 80.0)
    ]
    (row,) = judge_rounds(*sides).rows
    assert (row.status, row.base, row.head) == ("regression", 100.0, 80.0)


@pytest.mark.parametrize(("peaks", "status"), [((73, 77, 73), "no change"), ((77, 77, 77), "regression")])
def test_one_process_with_a_high_peak_is_no_news(peaks: tuple[int, ...], status: str) -> None:
    """Peaks of the same commit, in MB, were 73 in 37 processes and 76.5 in three."""
    series = Series("m.Ingest.peakmem_x", (), "peakmemory", "bytes", "1")
    sides = [[{series: Measured("ok", peak * 1e6)} for peak in side] for side in ((73, 73, 73), peaks)]
    (row,) = judge_rounds(*sides).rows
    assert row.status == status


def test_too_few_rounds_say_so() -> None:
    found = rounds(numpy.random.default_rng(9), 3, 2.0)
    assert (found.status, found.exit_code) == ("not enough data", 2)
    assert found.rows[0].evidence == "too few rounds (3) for 1 comparison; take more"


def test_a_failure_between_two_values_is_a_gap(tmp_path: Path) -> None:
    """The last value that there is counts: fast, fast, failed, twice as slow."""
    fast, slow = ([level + i / 100 for i in range(8)] for level in (1.0, 2.0))
    for gap in (None, math.inf, math.nan):
        found = judged(write_results(tmp_path / str(gap), [{NAME: fast}, {NAME: fast}, {NAME: gap}, {NAME: slow}]))
        assert (found.status, found.guilty) == ("regression", (hash_of(3),))
        assert ("it failed in between" in found.rows[0].evidence) == (gap is None or math.isinf(gap))
    mended = judged(write_results(tmp_path / "mended", [{NAME: None}, {NAME: fast}]))
    assert (mended.status, mended.rows[0].evidence) == ("improvement", "works now; it failed before")
    (still,) = judged(write_results(tmp_path / "still", [{NAME: fast}, {NAME: None}, {NAME: None}])).rows
    assert (still.status, still.evidence) == ("not enough data", "fails, as before")


def test_a_benchmark_that_gained_a_parameter_starts_anew_and_all_else_is_judged(tmp_path: Path) -> None:
    fast, slow = ([level + i / 100 for i in range(8)] for level in (1.0, 2.0))
    write_results(tmp_path, [{NAME: fast, "m.Other.time_x": fast}] * 2 + [{NAME: fast, "m.Other.time_x": slow}])
    benchmarks = json.loads((tmp_path / "benchmarks.json").read_text())
    benchmarks[NAME] |= {"param_names": ["concurrency", "size"], "params": [["1"], ["7"]], "version": "2"}
    (tmp_path / "benchmarks.json").write_text(json.dumps(benchmarks))
    newest = tmp_path / "box" / f"{hash_of(2)[:8]}-env.json"
    content = json.loads(newest.read_text())
    content["results"][NAME][1:3] = [[["1"], ["7"]], "2"]
    newest.write_text(json.dumps(content))
    found = judged(tmp_path)
    assert [(row.short_name, row.status) for row in found.rows] == [
        ("Other.time_x", "regression"), ("Ingest.time_ingest(1, 7)", "not enough data"),
    ]  # fmt: skip


def test_files_that_are_no_results_are_named_and_left_out(tmp_path: Path) -> None:
    """A stray file, and a copy of a result: its samples would count twice."""
    random = numpy.random.default_rng(5)
    write_results(tmp_path, [{NAME: noisy(random, 1.0)}, {NAME: noisy(random, 1.01)}])
    first = tmp_path / "box" / f"{hash_of(0)[:8]}-env.json"
    before = judged(tmp_path)
    (tmp_path / "box" / "notes.json").write_text("{}")
    (tmp_path / "box" / f"{first.stem} copy.json").write_bytes(first.read_bytes())
    found = judged(tmp_path)
    assert found.rows == before.rows
    assert "notes.json is not a result of asv" in found.notes[0] + found.notes[1]
    assert "copy.json holds the same commit" in found.notes[0] + found.notes[1]


@pytest.mark.parametrize(("after", "status"), [(0, "no change"), (5, "regression")])
def test_a_count_that_may_be_zero(tmp_path: Path, after: int, status: str) -> None:
    commits = [{"m.Throttled.track_refusals": value} for value in (*[0] * 7, after)]
    (row,) = judged(write_results(tmp_path, commits, unit="refused requests")).rows
    assert (row.status, row.ratio) == (status, None)


TIMING = Metric("time", True, 0.05)
EXACT = Metric("exact", True, 0.005)


@pytest.mark.parametrize(
    ("ratio", "low", "high", "p_value", "status"),
    [
        (1.10, 1.05, 1.15, 0.001, "regression"),
        (0.90, 0.85, 0.95, 0.001, "improvement"),
        (1.04, 1.03, 1.05, 0.001, "no change"),  # certain, and too small to be called
        (1.10, 0.95, 1.19, 0.300, "no change"),  # within the noise
        (1.10, 1.02, 1.18, 0.050, "unstable"),  # it shows, and chance would show as much among so many
        (1.02, 0.80, 1.25, 0.800, "unstable"),  # 20 % are not excluded
        (0.60, 0.26, 1.17, 0.200, "unstable"),  # -74 to +17 %
    ],
)
def test_verdict(ratio: float, low: float, high: float, p_value: float, status: str) -> None:
    assert verdict(certainty.Difference(ratio, low, high, p_value), p_value, TIMING) == status
    mirror = {"regression": "improvement", "improvement": "regression"}.get(status, status)
    difference = certainty.Difference(1 / ratio, 1 / high, 1 / low, p_value)
    assert verdict(difference, p_value, TIMING) == mirror


@pytest.mark.parametrize(
    ("base", "head", "status"),
    [(100, 100, "no change"), (1000, 1004, "no change"), (1000, 1006, "regression"), (1000, 994, "improvement"),
     (0, 1, "regression"), (1, 0, "improvement"), (0, 0, "no change")],
)  # fmt: skip
def test_exact_verdict(base: float, head: float, status: str) -> None:
    assert exact_verdict(base, head, EXACT) == status


@pytest.mark.parametrize(
    ("statuses", "status", "code"),
    [
        ("", "not enough data", 2),
        ("u", "unstable", 2),
        ("ue", "unstable", 2),  # a count that is as before does not say that nothing became slower
        ("uue-", "unstable", 2),
        ("um", "unstable", 2),  # and neither does memory
        ("-m", "not enough data", 2),
        ("uI", "unstable", 2),  # nor memory that is less
        ("un", "no change", 0),
        ("uni", "improvement", 0),
        ("nI", "improvement", 0),
        ("e-", "not enough data", 2),
        ("em", "no change", 0),  # no time was chosen
        ("-", "not enough data", 2),
        ("unr", "regression", 1),
        ("uR", "regression", 1),
    ],
)
def test_the_whole_is_what_its_rows_say(statuses: str, status: str, code: int) -> None:
    """n, u, r, i, -: no change, unstable, regression, improvement of a time, no data; m, R, I: of memory; e: a count as
    before."""
    memory, count = (
        Series("m.peakmem_x", (), "peakmemory", "bytes", "1"),
        Series("m.track_x", (), "track", "requests", "1"),
    )
    names: Any = {"n": "no change", "m": "no change", "e": "no change", "u": "unstable", "r": "regression",
                  "i": "improvement", "-": "not enough data"}  # fmt: skip
    rows = [
        Row(count if x == "e" else memory if x in "mRI" else SERIES, status=names[x.lower()], low=0.9, high=1.1)
        for x in statuses
    ]
    found = Change("box", "c" * 40, "b" * 40, tuple(rows))
    assert (overall(rows), found.exit_code) == (status, code)
    assert ("No regression" in found.summary) == (code == 0)


def test_rows_of_several_environments_and_modules_can_be_told_apart(tmp_path: Path) -> None:
    samples = [1.0, 1.01, 0.99, 1.02]
    results = write_results(tmp_path, [{"a.A.time_x": samples, "b.A.time_x": samples}] * 2)
    for path in (results / "box").glob("*-env.json"):
        content = {**json.loads(path.read_text()), "env_name": "other"}
        path.with_name(path.name.replace("env", "other")).write_text(json.dumps(content))
    found = judge(results, repository=tmp_path)
    assert {row.name for row in found.rows} == {f"{x}.A.time_x [{name}]" for x in "ab" for name in ("env", "other")}
    console = Console(file=io.StringIO(), width=80)
    show(change_page(found), console)
    table = console.file.getvalue()
    assert all(table.count(row.name) == 1 for row in found.rows)


def test_what_was_measured_before_and_is_missing_now_is_named(tmp_path: Path) -> None:
    samples = [1.0, 1.01, 0.99, 1.02]
    results = write_results(tmp_path, [{NAME: samples, "m.Gone.time_x": samples}, {NAME: samples}])
    for base in (hash_of(0), None):  # by one commit, or by those before
        found = judge(results, base=base, repository=tmp_path)
        assert [(row.name, row.evidence) for row in found.rows if row.head is None] == [
            ("m.Gone.time_x", "not measured now")
        ]
        assert found.headline == "No regression in what could be judged"


def test_the_same_times_are_no_difference() -> None:
    """And neither 0.00 % slower nor faster."""
    side = [{SERIES: Measured("ok", level)} for level in (1.0, 1.01, 0.99, 1.02) * 3]
    (row,) = judge_rounds(side, side).rows
    assert (row.status, row.evidence) == (
        "no change",
        "no difference (+0.00 % to +0.00 %), p = 1 over 1 comparison, 12 pairs of runs",
    )


@pytest.mark.parametrize(
    ("row", "headline"),
    [
        (Row(SERIES, base=1.0, head=1.0), "No regression in what could be judged"),  # such as a run on each side
        (Row(SERIES, status="unstable", base=1.0, head=1.0), "No regression in what could be judged"),
        (Row(SERIES, head=1.0), "No regression"),  # a new benchmark
    ],
)
def test_what_was_measured_and_not_judged_is_in_the_headline(row: Row, headline: str) -> None:
    found = Change("box", "c" * 40, "b" * 40, (Row(SERIES, status="no change", base=1, head=1, low=0.9, high=1.1), row))
    assert (found.headline, found.exit_code) == (headline, 0)


def test_peers_and_bare_loops_are_not_ours_to_judge() -> None:
    def series(name: str, *params: tuple[str, str]) -> Series:
        return Series(name, params, "time", "seconds", "1")

    every = [series("peers.FilePeers.time_read", ("way", "pystac")), series("remote.RemotePeers.time_read"),
             series("stages.FileStages.time_stage"),
             series("decoders.Decoders.time_x"), series("file_ingest.Kept.time_use", ("use", "bare_kept")),
             series("file_ingest.Kept.time_use", ("use", "kept"))]  # fmt: skip
    sides = [[{one: Measured("ok", level) for one in every}] * 12 for level in (1.0, 9.0)]
    assert [row.series for row in judge_rounds(*sides).rows] == [every[-1]]


@pytest.mark.parametrize(
    ("again", "status"),
    [([(10, 6), (10, 10)], "no change"), ([(10, 6), (10, 7)], "improvement"), ([(10, 6)], "improvement")],
)
def test_a_count_that_differs_is_called_when_it_differs_again(again: list[tuple[int, int]], status: str) -> None:
    series = Series("counts.Buffer.track_peak", (), "track", "documents", "1")
    sides = [[{series: Measured("ok", value)} for value in side] for side in zip(*again, strict=True)]
    assert judge_rounds(*sides).status == status


def test_a_comparison_says_where_the_server_refused() -> None:
    """What the limit of a server costs is no doing of a commit."""
    free, limited = (
        Report(
            "2026-01-02T03:04:05+00:00",
            Environment(machine="box"),
            (data_set(level(1, 1.0, 0.1), level(10, seconds, 0.1, refusals=refusals), kind="api"),),
        )
        for seconds, refusals in ((0.2, 0), (0.6, 12))
    )
    words = "the server refused requests at 10 workers {}: these times show its limit"
    assert compare_reports(free, limited, base="a", commit="b").notes == (words.format("now"),)
    assert compare_reports(limited, free, base="a", commit="b").notes == (words.format("before"),)


def test_a_file_keeps_its_name_however_long() -> None:
    name = "before".ljust(35, "_") + ".json"  # as long as a hash
    assert Change("box", "c" * 40, name, ()).title == f"cccccccc against {name}, on box"


def test_levels_stand_in_their_order() -> None:
    names = [f"m.A.time_x({level})" for level in (10, 5, 1, "9" * 5000)]
    rows = rows_of(
        [Finding(Row(Series(name, (), "time", "seconds", "1")), Metric("time", True, 0.05)) for name in names]
    )
    assert [row.name for row in rows] == [names[2], names[1], names[0], names[3]]


def nights(random: numpy.random.Generator, before: int, swing: float, last: float = 1.0, hit: float = 0.0) -> Change:
    """Twenty benchmarks in two processes of five samples a night, of which `hit` are half as slow again; then one."""
    series = [Series(f"m.C.time_{place}", (), "time", "seconds", "1") for place in range(20)]
    runs = []
    for night in range(before + 1):
        found = {}
        for one in series:
            middle = numpy.log(last if night == before and one is series[0] else 1.0) + random.normal(0, swing)
            processes = middle + 0.4 * (random.random(2) < hit)
            samples = tuple(numpy.exp(random.normal(numpy.repeat(processes, 5), 0.01)))
            found[one] = Measured("ok", float(numpy.median(samples)), samples)
        runs.append(Run(hash_of(night), "", found))
    return between(runs[:-1], runs[-1:], machine="box", commit=hash_of(before), base=None)


@pytest.mark.parametrize(
    ("before", "swing", "hit"), [(1, 0.08, 0.0), (3, 0.08, 0.0), (5, 0.04, 0.0), (20, 0.005, 0.03), (20, 0.005, 0.5)]
)
def test_a_night_without_change_is_none_of_alarm(before: int, swing: float, hit: float) -> None:
    """Before there is much history, the benchmarks tell together how much they swing; one process of two may be hit, or
    the machine has two speeds."""
    random = numpy.random.default_rng(13)
    assert sum(bool(nights(random, before, swing, hit=hit).regressions) for _ in range(30)) <= 2


@pytest.mark.parametrize(("before", "swing", "change"), [(3, 0.005, 1.3), (6, 0.01, 1.1), (20, 0.015, 1.1)])
def test_a_night_with_a_change_finds_it(before: int, swing: float, change: float) -> None:
    random = numpy.random.default_rng(14)
    found = [nights(random, before, swing, change).regressions for _ in range(20)]
    assert sum([row.series.name for row in rows] == ["m.C.time_0"] for rows in found) >= 18


@pytest.mark.parametrize(
    ("unit", "pairs", "status"),
    [
        ("seconds", [(1.0, 1.2)] * 3, "regression"),
        ("seconds", [(1.0, 1.1), (1.0, 1.1), (1.2, 1.0)], "regression"),  # half as much, in the middle
        ("seconds", [(1.0, 1.08), (1.0, 1.2), (1.0, 1.01)], "no change"),
        ("seconds", [(1.0, 0.8)] * 3, "no change"),
        ("seconds", [], "regression"),  # it could not be measured again
        ("requests", [(10, 12)], "regression"),
        ("requests", [(10, 12), (12, 12)], "no change"),
    ],
)
def test_what_is_called_is_measured_again(unit: str, pairs: list[tuple[float, float]], status: str) -> None:
    row = Row(Series(NAME, (), "track", unit, "1"), status="regression", base=10.0, head=12.0, ratio=1.2, guilty="c")
    (found,) = after_repeats([row], [row], {row: [((one,), (other,)) for one, other in pairs]})
    assert (found.status, found.guilty) == (status, "c" if status == "regression" else None)
    assert found is row or found.evidence.startswith("measured again, the difference did not repeat: ")


@pytest.mark.parametrize(("repeats", "status"), [(True, "regression"), (False, "unstable")])
def test_of_many_that_are_called_the_most_certain_are_measured_again(repeats: bool, status: str) -> None:
    rows = [
        Row(Series(f"m.time_{x}", (), "time", "seconds", "1"), status="regression", head=1.2, ratio=1.2, guilty="c",
            p_value=x / 1e4) for x in range(9)
    ]  # fmt: skip
    asked = called_again(rows[::-1])
    assert asked == rows[:5]
    pairs = {row: [((1.0,), (1.2 if repeats and row is rows[4] else 1.0,))] * 3 for row in asked}
    found = after_repeats(rows, rows, pairs)
    assert [row.status for row in found] == ["no change"] * 4 + ["regression" if repeats else "no change"] + [
        status
    ] * 4
