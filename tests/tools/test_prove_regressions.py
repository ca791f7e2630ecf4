"""The proof of the judging: a fault becomes a commit, is compared, and the table says that it was called."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest
from support import ROOT

from tools import prove_regressions
from tools.analysis.metrics import Measured, Run, Series
from tools.asv import turns
from tools.asv.files import Benchmark
from tools.prove_regressions import EXPERIMENTS, SAME

REQUESTS = Series("counts.Requests.track_requests", (), "track", "requests", "1")


def test_a_needless_request_is_called_and_the_same_commit_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where asv would measure, whether the side has the fault decides."""

    def measure(sides: list[turns.Side], *rest: object) -> list[turns._Measured]:
        return list(map(measure_one, sides))

    def interrupted(*rest: object) -> None:
        raise KeyboardInterrupt

    def measure_one(side: turns.Side) -> turns._Measured:
        asks_twice = prove_regressions.ASK_TWICE in (side.tree / "stac_manager" / "__init__.py").read_text()
        found = Measured("ok", 20.0 if asks_twice else 10.0)
        return Run(side.commit, "", {REQUESTS: found}), {REQUESTS.benchmark: Benchmark()}

    def prove() -> str:
        prove_regressions.command.main([], standalone_mode=False)
        return capsys.readouterr().out

    record, picture = tmp_path / "record.jsonl", tmp_path / "proof.png"
    monkeypatch.setattr(turns, "measure", interrupted)
    for name, value in {
        "RECORD": record, "PICTURE": picture, "SAME_REPETITIONS": 1,
        "EXPERIMENTS": [one for one in EXPERIMENTS if one.name == "counts"],
    }.items():  # fmt: skip
        monkeypatch.setattr(prove_regressions, name, value)
    assert prove() == ""
    monkeypatch.setattr(turns, "measure", measure)
    page = prove()
    assert "| one needless request a page | counts | 1 of 1 | 1 of 1 | +100 % to +100 % |" in page
    assert f"| {SAME} | counts | 0 of 1 | 0 of 1 | +0.00 % to +0.00 % |" in page
    assert picture.read_bytes().startswith(b"\x89PNG")
    # Nothing is measured twice; a line of something else is none of ours.
    before = record.read_bytes() + b'{"x": 1}\n'
    record.write_bytes(before)
    assert prove() == page
    assert record.read_bytes() == before


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
        "instructions": 4, "counts": 6, "memory": 10, "time of files": 3, "time of an API": 1,
    }  # fmt: skip


def test_what_a_comparison_measures_in_each_round() -> None:
    """Memory three times, times in every round, counts in none of them; and what `--quick` must not miss."""
    for bench, kinds in ((turns.BENCH, 6), (turns.QUICK_BENCH, 4)):
        rounds = [set(chosen(turns.wanted(bench, number))) for number in range(4)]
        assert rounds[3] < rounds[0] == rounds[1] == rounds[2]
        assert {name.split(".")[2].split("_")[0] for name in rounds[0] - rounds[3]} == {"peakmem"}
        timed = {name.split("(")[0] for name in rounds[3]}
        assert len(timed) >= kinds - 2
        counted = {name.split(".")[0] for name in chosen(turns.COUNTS.format(bench=bench))}
        assert counted == {"counts", "instructions"}
    quick = "".join(chosen(turns.QUICK_BENCH))
    for name in ("EveryFormat", "APISmallPages.time", "peakmem", "Requests", "ndjson"):
        assert name in quick
