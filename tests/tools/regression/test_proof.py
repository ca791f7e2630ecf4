"""The proof of the judging: a fault goes in, is measured by asv, and the page says that it was called."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy
from support import ROOT

from tools import compare
from tools.asv.results import Measured, Series
from tools.prove_regressions import missing_rounds
from tools.regression_proof import BASE, EXPERIMENTS, SAME, Record, as_markdown

COUNTS, TIMES = (next(one for one in EXPERIMENTS if one.name == name) for name in ("counts", "time of files"))
SERIES = Series("file_ingest.FileIngest.time_ingest", (("concurrency", "1"),), "time", "seconds", "1")
SLOWER = next(iter(TIMES.faults))


def prove(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "tools" / "prove_regressions.py", *arguments]
    command += ["--record", folder / "record.jsonl", "--page", folder / "page.md"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def cells(page: str) -> dict[tuple[str, str], list[str]]:
    """The lines of the tables by their first two cells."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:1] == "|"]
    return {(line[0], line[1]): line[2:] for line in lines}


def test_a_needless_request_is_called_and_the_same_commit_is_not(tmp_path: Path) -> None:
    done = prove(tmp_path, "--only", "counts", "--repetitions", "1")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    page = (tmp_path / "page.md").read_text()
    found = cells(page)
    (fault,) = COUNTS.faults
    assert found[fault, "counts"] == ["1 of 1", "10 of 10", "0 of 1"], page
    assert found[fault, "`Requests.track_requests`"] == ["1 of 1", "+91 % to +91 %", "+91 %"], page
    assert found[SAME, "counts"] == ["0 of 1", "0 of 20", "0 of 1"], page
    assert found[SAME, "`Requests.track_requests`"] == ["0 of 1", "+0.00 % to +0.00 %", "+0.00 %"], page
    # Nothing is measured twice.
    before = (tmp_path / "record.jsonl").read_bytes()
    again = prove(tmp_path, "--only", "counts", "--repetitions", "1")
    assert (again.returncode, (tmp_path / "record.jsonl").read_bytes()) == (0, before), again.stderr


def test_without_measurements_no_page_is_overwritten(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("what was measured elsewhere")
    done = prove(tmp_path, "--render")
    assert (done.returncode, page.read_text()) == (1, "what was measured elsewhere")
    assert done.stderr == f"Error: {tmp_path / 'record.jsonl'} holds no whole repetition yet: the page would be empty\n"


def write_round(record: Record, number: int, turn: int, *, package: str = "abc1234", slower: float = 1.3) -> None:
    random = numpy.random.default_rng([number, turn])
    sides = {}
    for name, level in ((BASE, 0.1), (SAME, 0.1), (SLOWER, 0.1 * slower)):
        samples = tuple(level * numpy.exp(random.normal(0.0, 0.01, 10)))
        sides[name] = {SERIES: Measured("ok", float(numpy.median(samples)), samples)}
    record.add(TIMES, number, package, sides)


def test_an_interrupted_repetition_goes_on(tmp_path: Path) -> None:
    record = Record(tmp_path / "record.jsonl")
    for turn in range(TIMES.rounds):
        write_round(record, 0, turn)
    write_round(record, 1, 0)
    missing = list(missing_rounds([TIMES], 2, record, "abc1234"))
    assert missing == [(TIMES, 1, turn) for turn in range(1, TIMES.rounds)]
    # Another version of the package is measured from the start; what is complete stays.
    missing = list(missing_rounds([TIMES], 2, record, "def5678"))
    assert missing == [(TIMES, 1, turn) for turn in range(TIMES.rounds)]
    assert [one.number for one in record.complete(TIMES)] == [0]
    # What was measured before the experiment was changed does not count.
    text = record.path.read_text()
    record.path.write_text(text.replace(TIMES.key, "00000000"))
    assert record.complete(TIMES) == []


def test_the_page_is_judged_when_it_is_written(tmp_path: Path) -> None:
    record = Record(tmp_path / "record.jsonl")
    for number, slower in enumerate((1.3, 1.3, 1.0)):
        for turn in range(TIMES.rounds):
            write_round(record, number, turn, slower=slower)
    found = cells(as_markdown(record))
    assert found[SLOWER, "time of files"] == ["2 of 3", "10 of 10", "0 of 3"]
    assert found[SLOWER, "`FileIngest.time_ingest(1)`"][0] == "2 of 3"
    assert found[SAME, "time of files"] == ["0 of 3", "0 of 20", "0 of 3"]


def test_the_page_says_how_many_rounds_it_takes(tmp_path: Path) -> None:
    record = Record(tmp_path / "record.jsonl")
    for turn in range(2 * TIMES.rounds):
        write_round(record, turn // TIMES.rounds, turn, slower=1.3)
    found = cells(as_markdown(record))
    assert found["8", "0 of 50"] == ["50 of 50", "n/a"]
    assert found["16", "n/a"] == ["n/a", "n/a"]


def chosen(pattern: str) -> list[str]:
    """The benchmarks of the suite that a pattern chooses, each with its parameters, as asv matches them."""
    suite = json.loads((ROOT / "tests" / "benchmarks" / "suite.json").read_text())
    names = [
        f"{name}({', '.join(values)})" if values else name
        for name, benchmark in suite.items()
        for values in itertools.product(*benchmark["params"])
    ]
    return [name for name in names if re.search(pattern, name)]


def test_every_experiment_watches_something() -> None:
    assert {one.name: len(chosen(one.bench)) for one in EXPERIMENTS} == {
        "instructions": 4,
        "counts": 6,
        "memory": 8,
        "time of files": 3,
        "time of an API": 1,
    }


def test_what_a_comparison_measures_in_each_round() -> None:
    """What the proof counts on: counts once, memory three times, times in every round."""
    watched = {one.name: set(chosen(one.bench)) for one in EXPERIMENTS}
    rounds = [set(chosen(compare.wanted(compare.BENCH, number))) for number in range(compare.ROUNDS)]
    often = {name: [number for number, one in enumerate(rounds) if names & one] for name, names in watched.items()}
    every = list(range(compare.ROUNDS))
    assert often == {
        "instructions": [0],
        "counts": [0],
        "memory": [0, 1, 2],
        "time of files": every,
        "time of an API": every,
    }
    assert all(one <= rounds[0] for one in rounds)
