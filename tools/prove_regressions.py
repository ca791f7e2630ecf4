"""Does the judging keep what it promises? Injects faults whose size is known and counts how many are called.

python tools/prove_regressions.py --seconds 280     measure for so long; again and again, until all is done
python tools/prove_regressions.py --render          write docs/regression-proof.md from what was measured

In a scratch clone each fault becomes a commit. A repetition measures the commit before it, the same commit again (A/A)
and the faults in turns, with asv, and hands the results to the code that judges for users. What was measured is kept
in results/regression-proof.jsonl, so that an interrupted proof goes on where it stopped.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from tools import compare, regression
from tools.report.asv_results import Measured, Series
from tools.report.atomic import write_bytes

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "results" / "regression-proof.jsonl"
PAGE = ROOT / "docs" / "regression-proof.md"
SAME = "the same commit (A/A)"
REPETITIONS = {SAME: 20}
DEFAULT_REPETITIONS = 10

_PARSE_TWICE = """
import itertools
import orjson

_loads, _turn = orjson.loads, itertools.count()


def _now_and_then_twice(data):
    if next(_turn) % {period} < {twice}:
        _loads(data)
    return _loads(data)


orjson.loads = _now_and_then_twice
"""
_ASK_TWICE = """
from stac_manager.api import http

_send = http.Client.send


async def _twice(self, request, *rest, **options):
    if "search" in str(request.url):
        await _send(self, request, *rest, **options)
    return await _send(self, request, *rest, **options)


http.Client.send = _twice
"""
_ONE_AT_A_TIME = """
_parse = IngestConfig.parse
IngestConfig.parse = classmethod(lambda cls, options: _parse({**options, "concurrency": 1}))
"""


@dataclass(frozen=True)
class Experiment:
    """Faults that show in the same benchmark, each with the code that is added to the package."""

    name: str
    bench: str
    rounds: int
    faults: Mapping[str, str]


EXPERIMENTS = (
    Experiment(
        "instructions",
        r"^instructions\..*ndjson",
        1,
        {"0.8 % more instructions": _PARSE_TWICE.format(period=87, twice=1)},
    ),
    Experiment("requests", r"^counts\.Requests", 1, {"one needless request a page": _ASK_TWICE}),
    Experiment(
        "memory",
        r"\.FileIngest\.peakmem_ingest\(1, 1000\)",
        1,
        {"20 MB more memory": '\n_BALLAST = bytearray(b"x") * 20_000_000\n'},
    ),
    Experiment(
        "parsing",
        r"\.FileIngest\.time_ingest\(1, 1000\)",
        8,
        {
            "10 % slower parsing": _PARSE_TWICE.format(period=10, twice=1),
            "30 % slower parsing": _PARSE_TWICE.format(period=10, twice=3),
        },
    ),
    Experiment(
        "overlap", r"\.APIIngest\.time_ingest\(10, 500\)", 8, {"lost overlap at concurrency 10": _ONE_AT_A_TIME}
    ),
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, help=__doc__.replace("\n\n", "\n\n\b\n", 1))
@click.option("--seconds", type=float, default=280.0, show_default=True, help="Start no repetition after so long.")
@click.option(
    "--only", type=click.Choice([x.name for x in EXPERIMENTS]), multiple=True, help="These experiments alone."
)
@click.option("--source", type=click.Path(path_type=Path), default=ROOT, help="Repository to clone. [default: this]")
@click.option("--render", is_flag=True, help="Write the page and measure nothing.")
def command(seconds: float, only: tuple[str, ...], source: Path, render: bool) -> None:
    if not render:
        _measure(time.monotonic() + seconds, only, source)
    write_bytes(PAGE, _page(_recorded()).encode())
    click.echo(f"Written: {PAGE}", err=True)


def _measure(deadline: float, only: tuple[str, ...], source: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="stac-manager-") as folder:
        work = Path(folder)
        clone = work / "clone"
        subprocess.run(["git", "clone", "--quiet", source, clone], check=True)
        for experiment in EXPERIMENTS:
            if only and experiment.name not in only:
                continue
            sides = _sides(experiment, clone, work)
            while time.monotonic() < deadline and _is_wanted(experiment):
                _repeat(experiment, sides, work)


def _sides(experiment: Experiment, clone: Path, work: Path) -> dict[str, compare.Side]:
    """The commit before the fault under two names, and a commit for each fault."""
    start = _git(clone, "rev-parse", "HEAD")
    commits = {"": start, SAME: start}
    for name, code in experiment.faults.items():
        _git(clone, "checkout", "--quiet", start)
        with (clone / "stac_manager" / "__init__.py").open("a", encoding="utf-8") as file:
            file.write(code)
        _git(clone, "commit", "--quiet", "--all", "--message", name)
        commits[name] = _git(clone, "rev-parse", "HEAD")
    _git(clone, "checkout", "--quiet", start)
    return {
        name: compare.extract(clone, commit, work / f"{experiment.name}-{place}")
        for place, (name, commit) in enumerate(commits.items())
    }


def _is_wanted(experiment: Experiment) -> bool:
    done = [line for line in _recorded() if line["experiment"] == experiment.name]
    count = sum(line["fault"] == SAME for line in done)
    return bool(count < REPETITIONS[SAME]) if experiment.name == "parsing" else bool(count < DEFAULT_REPETITIONS)


def _repeat(experiment: Experiment, sides: Mapping[str, compare.Side], work: Path) -> None:
    rounds: dict[str, list[Mapping[Series, Measured]]] = {name: [] for name in sides}
    for number in range(experiment.rounds):
        for name in list(sides)[:: 1 if number % 2 == 0 else -1]:
            rounds[name].append(compare.measure_once(sides[name], work, experiment.bench))
    for name in list(sides)[1:]:
        found = regression.judge_rounds(
            rounds[""], rounds[name], base=sides[""].commit, commit=sides[name].commit, machine=os.uname().nodename
        )
        (row,) = found.rows
        line = {"experiment": experiment.name, "fault": name, "status": row.status, "ratio": row.ratio}
        RECORD.parent.mkdir(parents=True, exist_ok=True)
        with RECORD.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        click.echo(f"{experiment.name}: {name}: {row.status}, {row.evidence}", err=True)


def _recorded() -> list[dict[str, Any]]:
    if not RECORD.exists():
        return []
    return [json.loads(line) for line in RECORD.read_text(encoding="utf-8").splitlines()]


def _page(lines: list[dict[str, Any]]) -> str:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        groups[line["experiment"], line["fault"]].append(line)
    rows = []
    for experiment in EXPERIMENTS:
        for fault in (SAME, *experiment.faults):
            found = groups.get((experiment.name, fault), [])
            called = sum(line["status"] == "regression" for line in found)
            ratios = [line["ratio"] - 1 for line in found if line["ratio"] is not None]
            size = f"{min(ratios):+.2%} to {max(ratios):+.2%}" if ratios else "n/a"
            should = "none" if fault == SAME else "all"
            cells = (fault, experiment.name, f"{called} of {len(found)}", should, size)
            rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(
        [
            "# What the judging catches",
            "",
            "Written by `python tools/prove_regressions.py`, which says how: real runs of asv in turns, in a scratch",
            "clone with a commit for each fault, judged by the code of `compare`. Each count is out of the repetitions",
            "that were run.",
            "",
            "| Fault | Measured by | Called a regression | Should be | Measured change |",
            "|-------|-------------|---------------------|-----------|-----------------|",
            *rows,
            "",
        ]
    )


def _git(folder: Path, *arguments: str) -> str:
    names = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
    own = {**dict.fromkeys(names, "proof@example.org"), "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(
        ["git", "-C", folder, *arguments], env={**os.environ, **own}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


if __name__ == "__main__":
    command()
