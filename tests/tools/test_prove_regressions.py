"""The proof of the judging: a fault goes in, is measured by asv, and the page says that it was called."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

from support import ROOT

from tools.asv import turns
from tools.prove_regressions import EXPERIMENTS, SAME


def prove(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "tools" / "prove_regressions.py", *arguments]
    command += ["--record", folder / "record.jsonl", "--page", folder / "page.md"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def test_a_needless_request_is_called_and_the_same_commit_is_not(tmp_path: Path) -> None:
    done = prove(tmp_path, "--only", "counts", "--repetitions", "1")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    page = (tmp_path / "page.md").read_text()
    assert "| one needless request a page | counts | 1 of 1 | 1 |" in page
    assert f"| {SAME} | counts | 0 of 1 | 0 | +0.00 % (+0.00 % to +0.00 %) |" in page
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
    # Nothing is measured twice.
    before = (tmp_path / "record.jsonl").read_bytes()
    again = prove(tmp_path, "--only", "counts", "--repetitions", "1")
    assert (again.returncode, (tmp_path / "record.jsonl").read_bytes()) == (0, before), again.stderr


def test_without_measurements_no_page_is_overwritten(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("what was measured elsewhere")
    done = prove(tmp_path, "--render")
    assert (done.returncode, page.read_text()) == (1, "what was measured elsewhere")
    assert done.stderr == f"error: {tmp_path / 'record.jsonl'} holds no repetition yet: the page would be empty\n"


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
    for bench, kinds in ((turns.BENCH, 6), (turns.QUICK_BENCH, 5)):
        rounds = [set(chosen(turns.wanted(bench, number))) for number in range(4)]
        assert rounds[3] < rounds[0] == rounds[1] == rounds[2]
        assert {name.split(".")[2].split("_")[0] for name in rounds[0] - rounds[3]} == {"peakmem"}
        timed = {name.split("(")[0] for name in rounds[3]}
        assert len(timed) >= kinds - 2
        counted = {name.split(".")[0] for name in chosen(turns.counts(bench))}
        assert counted == {"counts", "instructions"}
    quick = "".join(chosen(turns.QUICK_BENCH))
    assert all(name in quick for name in ("FileIngest.time", "geoparquet", "APIPages.time", "peakmem", "Requests"))
