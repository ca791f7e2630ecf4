"""What a comparison of two commits measures in each of its rounds."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import sys

import pytest
from support import ROOT

from tools.analysis.metrics import Measured, Run, Series
from tools.asv import turns
from tools.asv.files import Benchmark


def chosen(pattern: str) -> list[str]:
    """The benchmarks of the suite that a pattern chooses, each with its parameters, as asv matches them."""
    suite = json.loads((ROOT / "tests" / "benchmarks" / "suite.json").read_text())
    names = [
        f"{name}({', '.join(values)})" if values else name
        for name, benchmark in suite.items()
        for values in itertools.product(*benchmark["params"])
    ]
    return [name for name in names if re.search(pattern, name)]


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


def test_what_no_verdict_speaks_of_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = Series("counts.Requests.track_requests", (), "track", "requests", "1")
    suite = {requests.benchmark: Benchmark(), "file_ingest.FileIngest.time_ingest": Benchmark()}
    found = Run("", "", {requests: Measured("ok", 10.0)}), suite
    monkeypatch.setattr(turns, "measure", lambda sides, *rest: [found] * len(sides))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "stac_geoparquet", None)
    assert [note.partition(" (")[0] for note in turns.compare("HEAD", "HEAD", quick=True, rounds=1).notes] == [
        "not watched: FileIngest",
        "no instructions were counted: valgrind is not installed",
        "no GeoParquet was read: stac-geoparquet is not installed",
    ]
