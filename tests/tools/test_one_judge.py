"""One pair of result sets through every way to a verdict: the same status, in the same words."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import numpy
import pytest
from asv_files import hash_of, write_results
from click.testing import CliRunner
from github_notes import harmless

from tools.asv.git import Repository
from tools.asv.history import judge
from tools.benchmark_ingest import cli
from tools.dashboard.speedup_page import page_data
from tools.nightly.summary import Freshness, Night, render

NAME = "file_ingest.FileIngest.time_ingest"
TITLES = {"regression": "Benchmark regression", "improvement": "no regression", "no change": "no regression",
          "unstable": "too noisy to judge"}  # fmt: skip
CODES = {"regression": 1, "improvement": 0, "no change": 0, "unstable": 2}


class NoGit(Repository):
    def subject(self, commit: str) -> str:
        return "a commit"


def run(*arguments: object) -> tuple[int, str]:
    """The exit code and what is printed."""
    done = CliRunner().invoke(cli, list(map(str, arguments)), standalone_mode=False)
    assert done.exception is None, done.output
    return done.return_value or 0, done.stdout


@pytest.mark.parametrize(
    ("change", "noise", "status"),
    [(1.5, 0.01, "regression"), (0.6, 0.01, "improvement"), (1.0, 0.01, "no change"), (1.1, 0.9, "unstable")],
)
def test_every_way_says_the_same(tmp_path: Path, change: float, noise: float, status: str) -> None:
    random = numpy.random.default_rng(3)
    samples = [list(level * numpy.exp(random.normal(0, noise, 8))) for level in (1.0, change)]
    results = write_results(tmp_path / "results", [{NAME: one} for one in samples], params=["concurrency", "test_size"])
    there = ("--results", results, "--machine", "box")
    (row,) = judge(results, commit=hash_of(1), base=hash_of(0), repository=tmp_path).rows
    assert row.status == status

    said = {}
    for form in ("md", "terminal", "json"):
        code, said[f"regressions {form}"] = run("regressions", *there, "--base", hash_of(0), "--format", form)
        assert code == CODES[status]
    for commit in (0, 1):
        run("report", *there, "--commit", hash_of(commit), "--format", "json", "--output", tmp_path / f"{commit}.json")
    for form in ("md", "json"):
        code, said[f"compare {form}"] = run("compare", tmp_path / "0.json", tmp_path / "1.json", "--format", form)
        assert code == CODES[status]
    for form in ("md", "html", "json"):
        page = tmp_path / f"page.{form}"
        code, _ = run("report", *there, "--compare", hash_of(0), "--format", form, "--output", page)
        assert code == CODES[status]
        said[f"report {form}"] = page.read_text()
    said["pull request"] = harmless(json.loads(said["regressions json"]))
    judged = judge(results, commit=hash_of(1), repository=tmp_path)
    night = Night("main", (), judged, None, (), Freshness(None, None, 0), (), None, None)
    said["nightly"] = render(night, NoGit(tmp_path), results / "box")
    order = {hash_of(0): 0, hash_of(1): 1}
    said["dashboard"] = json.dumps(page_data(results, "p", order, order))

    for way, text in said.items():
        words = re.sub(r"\s+", " ", unescape(text).replace(f" since {hash_of(1)[:8]}", "").replace("\\", ""))
        # A terminal has no room for the evidence of what has not changed.
        assert (row.status if way == "regressions terminal" and not row.is_loud else row.sentence) in words, (
            way,
            words,
        )
    assert TITLES[status] in said["nightly"].splitlines()[0]
