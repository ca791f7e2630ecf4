"""Does the judging keep its promises? Injects faults of known size and counts how many are called.

\b
python tools/prove_regressions.py   measure until all is done or Ctrl-C; the next run goes on from there

Each fault becomes a commit in a scratch clone. A repetition is the verdict of `compare` on it and the commit before it,
or on that commit and itself (A/A), and is a line of results/regression-proof.jsonl. The table is printed, and the
picture of docs/regression-proof.md redrawn.

Times take about two hours and need a quiet machine. Instructions, counts and memory take two hours on any.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

if not __package__:  # Started as a program: the folder above is not on the path.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from tools import ROOT
from tools.asv import turns
from tools.asv.git import Repository
from tools.asv.project import OURS
from tools.atomic import write_bytes
from tools.commands.failures import in_one_line
from tools.render.plot import picture
from tools.words import percent

SAME = "the same commit (A/A)"
SAME_REPETITIONS, FAULT_REPETITIONS = 20, 10
RECORD = ROOT / "results" / "regression-proof.jsonl"
PICTURE = ROOT / "docs" / "regression-proof.png"
Lines = Sequence[Mapping[str, Any]]  # of the record: a repetition each
# Whatever the package parses at once, a line or a page of a hundred items: the same share of its bytes is parsed once
# more, an item at a time. What it costs to count the bytes is part of it.
PARSE_MORE = """
import orjson
_loads = orjson.loads
_once_more = b""
_owed = 0.0
def _slower(data):
    global _once_more, _owed
    document = _loads(data)
    if not _once_more:
        _once_more = orjson.dumps(document["features"][0] if document.get("features") else document)
    _owed += {share} * len(data)
    while _owed >= len(_once_more):
        _owed -= len(_once_more)
        _loads(_once_more)
    return document
orjson.loads = _slower
"""
ASK_TWICE = """
from stac_manager.api import http
_send = http.Client.send
async def _twice(self, request, *rest, **options):
    if "search" in str(request.url):
        await _send(self, request, *rest, **options)
    return await _send(self, request, *rest, **options)
http.Client.send = _twice
"""
ONE_AT_A_TIME = """
_parse = IngestConfig.parse
IngestConfig.parse = classmethod(lambda cls, options: _parse({**options, "concurrency": 1}))
"""
KEEP_MEMORY = """
_BALLAST = bytearray(b"x") * 20_000_000
"""


@dataclass(frozen=True, eq=False)
class Experiment:
    """What watches (a pattern of benchmarks), how often a repetition measures each side, and for which faults."""

    name: str
    bench: str
    rounds: int
    faults: Mapping[str, str]


TEN, THIRTY = (PARSE_MORE.format(share=share) for share in (0.1, 0.3))
EXPERIMENTS = (
    Experiment("instructions", r"^instructions\.", 1,
               {"1 % more instructions": PARSE_MORE.format(share=0.0075), "10 % slower parsing": TEN}),
    Experiment("counts", r"^counts\.", 1, {"one needless request a page": ASK_TWICE}),
    Experiment("memory", rf"^(?=.*\.peakmem_)(?=.*(?:{turns.BENCH}))", turns.MEMORY_ROUNDS,
               {"20 MB more memory": KEEP_MEMORY}),
    Experiment("time of files", r"FileIngest\.time_ingest\((1|10), 1000\)|FormatIngest\.time_format\('ndjson', 1000\)",
               turns.QUICK_ROUNDS, {"10 % slower parsing": TEN, "30 % slower parsing": THIRTY}),
    Experiment("time of an API", r"\.APIIngest\.time_ingest\(10, 500\)", 10,
               {"lost overlap at concurrency 10": ONE_AT_A_TIME}),
)  # fmt: skip


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, help=__doc__)
def command() -> None:
    watched = [(one, fault) for one in EXPERIMENTS for fault in (SAME, *one.faults)]
    with suppress(KeyboardInterrupt):
        for number in range(SAME_REPETITIONS):
            for experiment, fault in watched:
                done = {line["number"] for line in lines_of(experiment, fault)}
                if number not in done and (number < FAULT_REPETITIONS or fault == SAME):
                    _add(experiment, fault, number)
    found = {(one, fault): lines for one, fault in watched if (lines := lines_of(one, fault))}
    if found:
        click.echo(as_table(found), nl=False)
        write_bytes(PICTURE, draw(found))


def _add(experiment: Experiment, fault: str, number: int) -> None:
    with tempfile.TemporaryDirectory(prefix="stac-manager-") as folder:
        clone = Repository(Path(folder) / "clone")
        subprocess.run(["git", "clone", "--quiet", ROOT, clone.path], check=True)
        with (clone.path / "stac_manager" / "__init__.py").open("a", encoding="utf-8") as file:
            file.write(experiment.faults.get(fault, ""))
        own = ("-c", "user.name=proof", "-c", "user.email=proof@example.org", "-c", "commit.gpgsign=false")
        clone.git(*own, "commit", "--quiet", "--all", "--allow-empty", "--no-verify", "--message", fault)
        project = replace(OURS, repository=clone.path)
        change = turns.compare("HEAD~1", "HEAD", bench=experiment.bench, rounds=experiment.rounds, project=project)
    rows = [(row.ratio - 1, row.status) for row in change.rows if row.ratio is not None]
    line = {"bench": experiment.bench, "fault": fault, "number": number, "status": change.status, "rows": rows}
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    with RECORD.open("ab", buffering=0) as record:  # at once: what is interrupted leaves no half of a line
        record.write(json.dumps(line).encode() + b"\n")


def lines_of(experiment: Experiment, fault: str) -> Lines:
    """What was measured of a fault, with the benchmarks that watch for it today."""
    lines = map(json.loads, RECORD.read_text(encoding="utf-8").splitlines()) if RECORD.exists() else ()
    return [one for one in lines if (one.get("bench"), one.get("fault")) == (experiment.bench, fault)]


def as_table(found: Mapping[tuple[Experiment, str], Lines]) -> str:
    table = ["| Fault | Watched by | Called a regression | Should be | Measured change, all that watch |",
             "| --- | --- | --- | --- | --- |"]  # fmt: skip
    for (experiment, fault), lines in found.items():
        called, runs = sum(line["status"] == "regression" for line in lines), len(lines)
        changes = [change for line in lines for change, _ in line["rows"]] or [0.0]
        reach = f"{percent(min(changes), sign=True)} to {percent(max(changes), sign=True)}"
        should = 0 if fault == SAME else runs
        table.append(f"| {fault} | {experiment.name} | {called} of {runs} | {should} of {runs} | {reach} |")
    return "\n".join(table) + "\n"


def draw(found: Mapping[tuple[Experiment, str], Lines]) -> bytes:
    """A line for each fault: a dot for each row of each repetition, red where it is called."""

    def fill(figure: Any) -> None:
        axes = figure.add_subplot()
        axes.invert_yaxis()
        for place, lines in enumerate(found.values()):
            for change, status in (row for line in lines for row in line["rows"]):
                colour = "#b3261e" if status == "regression" else "#00704f"
                axes.plot([100 * change], [place], "o", color=colour, alpha=0.4)
        axes.set_xscale("symlog", linthresh=1)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_yticks(range(len(found)), [f"{fault}\n{one.name}" for one, fault in found])
        axes.set_xlabel("Change in % (red: called a regression)")
        axes.axvline(0, color="#5c626c", linewidth=0.8)

    return picture((8, 0.55 * len(found) + 1), "png", "white", fill)


if __name__ == "__main__":
    with in_one_line():
        command.main(standalone_mode=False)
