"""`regressions` and `compare` as a user meets them, on files that asv wrote and on made ones."""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from asv_files import hash_of, write_results
from scratch_history import ScratchHistory
from support import Run

from tools.analysis import metrics as measured_series
from tools.analysis.metrics import Measured, Series
from tools.asv import turns
from tools.asv.files import Benchmark, selected
from tools.asv.history import judge

NAME = "m.Ingest.time_ingest"
FAST = [1.0 + i / 100 for i in range(8)]
SLOW = [2.0 + i / 100 for i in range(8)]


@pytest.mark.parametrize(
    ("commits", "code", "said"),
    [
        ([{NAME: FAST}, {NAME: FAST}], 0, "No regression: 1 no change."),
        ([{NAME: SLOW}, {NAME: FAST}], 0, "No regression: 1 improvement."),
        ([{NAME: FAST}, {NAME: SLOW}], 1, "Regression since 00000001: 1 regression."),
        ([{NAME: FAST}], 2, "Not enough data to judge: 1 not enough data."),
    ],
)
def test_exit_codes(run: Run, tmp_path: Path, commits: list[dict[str, Any]], code: int, said: str) -> None:
    done = run("regressions", "--results", write_results(tmp_path, commits))
    assert done.returncode == code, done.stderr
    assert done.stdout.splitlines()[-1] == said
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("new", "unchanged", "left_out"),
    [
        (10, 40, ""),
        (11, 0, "11 not enough data"),
        (41, 41, "41 no change, 41 not enough data"),
    ],
)
def test_many_benchmarks_without_a_change_hide_none_with_one(
    run: Run, tmp_path: Path, new: int, unchanged: int, left_out: str
) -> None:
    same = {f"m.Same{number:04}.time_x": FAST for number in range(unchanged)}
    more = {f"m.New{number:02}.time_x": FAST for number in range(new)}
    results = write_results(tmp_path, [{NAME: FAST, **same}, {NAME: SLOW, **same, **more}])
    said = run("regressions", "--results", results).stdout
    assert "Ingest.time_ingest" in said
    assert said.count("New") == (0 if "enough" in left_out else new)
    assert said.count("Same") == (0 if "change" in left_out else unchanged)
    assert (f"Left out: {left_out}; the other formats have them." in said) == bool(left_out)
    in_json = run("regressions", "--results", results, "--format", "json").stdout
    assert in_json.count('"name": "m.') == 1 + new + unchanged


def test_a_terminal_says_what_is_missing_where_nothing_can_be_judged(run: Run, tmp_path: Path) -> None:
    results = write_results(tmp_path, [{NAME: 1.0}, {NAME: 2.0, "m.New.time_x": FAST}])
    said = run("regressions", "--results", results).stdout
    words = " ".join(said.split())
    assert "1 row not judged: a single value tells nothing of its noise; it takes samples (--repeat" in words
    assert "1 row not judged: no earlier result to compare with." in words


def test_markdown_and_json(run: Run, tmp_path: Path) -> None:
    results = write_results(tmp_path / "secret-place", [{NAME: FAST, "m.Other.time_x": FAST}, {NAME: SLOW}])
    page = run("regressions", "--results", results, "--format", "md")
    assert page.returncode == 1
    assert f"| {NAME} |" in page.stdout
    assert re.search(r"\| \+98 % +\| \+82 % to \+116 % +\| regression +\|\n", page.stdout)
    done = run("regressions", "--results", results, "--format", "json", "--output", tmp_path / "out" / "verdict.json")
    assert (done.returncode, done.stdout) == (1, "")
    written = (tmp_path / "out" / "verdict.json").read_text()
    content = json.loads(written)
    assert (content["status"], content["guilty"], content["machine"]) == ("regression", [hash_of(1)], "box")
    assert content["rows"][0]["low"] < content["rows"][0]["ratio"] < content["rows"][0]["high"]
    assert "secret-place" not in page.stdout + written  # paths of the machine stay there


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--commit", "fff"), "no results of commit 'fff'"),
        (("--machine", "x"), "no results of machine 'x'; there is box"),
        (("--base", "0", "--since", "0"), "exclude each other"),
        (("--output", "x.md"), "--output needs --format"),
        (("--machine", "x", "--output", "x.md"), "--output needs --format"),  # before anything is read
        (("--wat",), "No such option"),
        (("--format", "xml"), "'xml' is not one of"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(run: Run, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = run("regressions", "--results", write_results(tmp_path, [{NAME: FAST}, {NAME: FAST}]), *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert said in line


def test_help_explains_the_statistics(run: Run) -> None:
    said = run("regressions", "--help").stdout
    assert all(word in said for word in ("Student", "Holm", "0 no regression, 1 a regression, 2 nothing"))


OTHER_PROGRAM = """\
import subprocess, sys


class OtherProgram:
    unit = "requests"
    version = "1"

    def track_requests_of_a_program(self):
        return int(subprocess.check_output([sys.executable, "-c", "import tiny; print(tiny.requests_a_page())"]))
"""


def test_compare_measures_the_commits_and_not_the_working_tree(history: ScratchHistory, run: Run) -> None:
    """A real run of asv with another project's suite, in the benchmark's own process and in one that it starts."""
    (history.path / "benchmarks" / "programs.py").write_text(OTHER_PROGRAM)
    history.commit("First")
    history.commit("Slower, and asks twice", cost=0.003, requests=2)
    (history.path / "tiny.py").write_text("raise ImportError('this is not committed')")
    command = ("compare", "HEAD~1", "HEAD", "--config", history.path / "asv.conf.json")
    chosen = r"Counts.*[(]100|OtherProgram|Tiny.time_work[(]1"
    done = run(*command, "--format", "json", "--quick", "--rounds", 1, "--bench", chosen)
    assert (done.returncode, done.stderr) == (1, ""), done.stdout
    rows = {row["benchmark"]: row for row in json.loads(done.stdout)["rows"]}
    assert {name: row["status"] for name, row in rows.items()} == {
        "tiny_bench.Tiny.time_work": "not enough data",  # one round proves nothing of a time
        "tiny_bench.Counts.track_requests": "regression",
        "programs.OtherProgram.track_requests_of_a_program": "regression",
    }
    timed = rows["tiny_bench.Tiny.time_work"]
    assert timed["head"] / timed["base"] == pytest.approx(3, rel=0.01)


def test_compare_says_when_no_benchmark_is_chosen(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "measure", lambda sides, *rest: [(None, {})] * len(sides))
    done = run("compare", "HEAD", "HEAD", "--bench", "no.such.benchmark")
    assert (done.returncode, done.stderr) == (2, "error: no benchmark is chosen by 'no.such.benchmark'\n")


@pytest.mark.parametrize("form", ["terminal", "md", "json"])
def test_compare_prints_its_verdict_in_the_format_that_is_asked_for(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str
) -> None:
    change = judge(write_results(tmp_path, [{NAME: FAST}, {NAME: FAST}]))
    monkeypatch.setattr(turns, "compare", lambda *names, **options: change)
    done = run("compare", "HEAD", "HEAD", "--format", form)
    assert (done.returncode, done.stderr) == (0, "")
    said = "No regression: 1 no change."
    if form == "json":
        content = json.loads(done.stdout)
        assert (content["summary"], content["rows"][0]["status"]) == (said, "no change")
    else:
        assert said in done.stdout.splitlines()
        assert done.stdout.startswith("## ") == (form == "md")
        assert bool(re.search(r"^\| Benchmark +\| Before +\|", done.stdout, re.MULTILINE)) == (form == "md")


def test_compare_names_a_commit_that_git_does_not_know(run: Run) -> None:
    done = run("compare", "no-such-commit", "HEAD")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: git knows no commit 'no-such-commit'")


@pytest.mark.parametrize(
    ("elapsed", "seconds", "left"),
    [(0.0, 10.0, 17), (100.0, 10.0, 7), (161.0, 10.0, 0), (160.0, 10.0, 1), (500.0, 10.0, 0), (100.0, 0.0, 0)],
)
def test_how_many_rounds_there_is_time_for(elapsed: float, seconds: float, left: int) -> None:
    assert turns.rounds_left(elapsed, seconds) == left


@pytest.mark.parametrize(
    ("seconds", "rounds", "slower", "noise", "status", "most"),
    [
        (3.0, None, 1.3, 0.002, "regression", 10),
        (3.0, None, 1.0, 0.002, "no change", 10),
        (3.0, None, 1.5, 0.25, "regression", 27),  # which ten rounds could not tell
        (3.0, None, 1.0, 4.0, "unstable", 27),
        (3.0, 10, 1.5, 0.25, "unstable", 10),  # as many as were asked for
        (10.0, None, 1.3, 0.002, "not enough data", 7),  # a slow machine, or a slow commit
        (40.0, None, 1.3, 0.002, "not enough data", 3),  # no fewer
    ],
)
def test_quick_uses_its_time_for_what_is_undecided(
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    rounds: int | None,
    slower: float,
    noise: float,
    status: str,
    most: int,
) -> None:
    """Two benchmarks, one of them noisy, on a clock on which asv takes some seconds a run."""
    random = Random(5)
    now, measured = 0.0, []
    suite = {name: Benchmark() for name in ("m.Calm.time_x", "m.Noisy.time_x")}

    def measure(sides: Any, work: Path, pattern: str, *rest: Any) -> Any:
        return tuple(measure_one(side, pattern) for side in sides)

    def measure_one(side: str, pattern: str) -> Any:
        nonlocal now
        now += seconds
        names = selected(suite, [pattern])
        measured.append(names)
        series = {}
        for name in names:
            middle = slower if side == "head" and "Noisy" in name else 1.0
            value = middle * random.lognormvariate(0, noise if "Noisy" in name else 0.002)
            series[Series(name, (), "time", "seconds", "1")] = Measured("ok", value)
        return measured_series.Run(str(side), "", series), suite

    monkeypatch.setattr(turns, "measure", measure)
    monkeypatch.setattr(turns, "extract", lambda git, commit, folder, project: "base" if folder.name == "a" else "head")
    monkeypatch.setattr(turns, "time", SimpleNamespace(monotonic=lambda: now))
    change = turns.compare("HEAD", "HEAD", bench="m", quick=True, rounds=rounds)
    rows = {row.series.benchmark: row.status for row in change.rows}
    calm = "no change" if most >= 10 else "not enough data"
    assert rows == {"m.Calm.time_x": calm, "m.Noisy.time_x": status}
    assert (turns.NO_TIME_LEFT in change.notes) == (rounds is None and status in ("unstable", "not enough data"))
    assert now <= (180 if most > turns.FEWEST_ROUNDS else 2 * seconds * (most + 1))
    assert len(measured) == 2 + 2 * most
    assert all(names == ["m.Noisy.time_x"] for names in measured[2 + 20 :])
