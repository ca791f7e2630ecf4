"""Does the judging keep what it promises? Injects faults whose size is known and counts how many are called.

\b
python tools/prove_regressions.py                 measure until all is done
python tools/prove_regressions.py --seconds 250   measure for so long, and go on from there the next time
python tools/prove_regressions.py --render        write the table from what was measured, and measure nothing

In a scratch clone each fault becomes a commit. A repetition measures the commit before it, the same commit again (A/A)
and the faults in turns, with asv. A repetition is a line of results/regression-proof.jsonl; the table of
docs/regression-proof.md and its picture are judged when they are written, by the code that judges for users.

Times need a quiet machine, about an hour in all. Instructions, counts and memory need an hour and a half of any.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import click
import msgspec

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path[0] = str(ROOT)

from tools.analysis.change import Change, between  # noqa: E402
from tools.analysis.series import Measured, Run, Series  # noqa: E402
from tools.asv import turns  # noqa: E402
from tools.asv.git import Repository  # noqa: E402
from tools.asv.project import OURS  # noqa: E402
from tools.atomic import write_bytes  # noqa: E402
from tools.commands.failures import in_one_line  # noqa: E402
from tools.errors import ToolError  # noqa: E402
from tools.words import percent  # noqa: E402

BASE, SAME = "before", "the same commit (A/A)"
SAME_REPETITIONS, FAULT_REPETITIONS = 20, 10
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

    def sides(self, number: int) -> tuple[str, ...]:
        """What a repetition measures beside the commit before the fault."""
        return (SAME, *self.faults) if number < FAULT_REPETITIONS else (SAME,)


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
@click.option("--seconds", type=float, default=float("inf"), help="Start no repetition after so long.")
@click.option("--only", type=click.Choice([one.name for one in EXPERIMENTS]), multiple=True, help="Measure this alone.")
@click.option("--repetitions", type=click.IntRange(1, SAME_REPETITIONS), default=SAME_REPETITIONS, show_default=True)
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path),
              default=ROOT / "results" / "regression-proof.jsonl", help="What was measured.")  # fmt: skip
@click.option("--page", type=click.Path(dir_okay=False, path_type=Path), default=ROOT / "docs" / "regression-proof.md",
              help="Page whose table is replaced; the picture goes beside it.")  # fmt: skip
@click.option("--render", is_flag=True, help="Write the table and measure nothing.")
def command(seconds: float, only: tuple[str, ...], repetitions: int, record: Path, page: Path, render: bool) -> None:
    deadline = time.monotonic() + seconds
    for number in range(0 if render else repetitions):
        for experiment in EXPERIMENTS:
            done = {line["number"] for line in _lines(record, experiment)}
            if number not in done and (not only or experiment.name in only) and time.monotonic() < deadline:
                _add(record, experiment, number)
    found = {(one, fault): _changes(record, one, fault) for one in EXPERIMENTS for fault in (SAME, *one.faults)}
    if not any(found.values()):
        raise ToolError(f"{record} holds no repetition yet: the page would be empty")
    picture = page.with_suffix(".png")
    write_bytes(page, put_in(page, as_table(found), picture.name).encode())
    write_bytes(picture, draw(found))
    click.echo(f"Written: {page}, {picture}", err=True)


def _add(record: Path, experiment: Experiment, number: int) -> None:
    """Measure one repetition, its sides in another order in each round: no side may always follow itself."""
    with tempfile.TemporaryDirectory(prefix="stac-manager-") as folder:
        work = Path(folder)
        sides = _sides(experiment, number, work)
        rounds = []
        for turn in range(experiment.rounds):
            order = Random(f"{number}, {turn}").sample(list(sides), len(sides))
            measured = {name: turns.measure(sides[name], work, experiment.bench).run.series for name in order}
            rounds.append({name: [[asdict(x), asdict(y)] for x, y in one.items()] for name, one in measured.items()})
    line = {"experiment": experiment.name, "bench": experiment.bench, "number": number, "rounds": rounds}
    record.parent.mkdir(parents=True, exist_ok=True)
    with record.open("ab", buffering=0) as file:  # at once: what is interrupted leaves no half of a line
        file.write(json.dumps(line).encode() + b"\n")


def _sides(experiment: Experiment, number: int, work: Path) -> dict[str, turns.Side]:
    """The commit before the faults under two names, and a commit for each fault."""
    clone = Repository(work / "clone")
    subprocess.run(["git", "clone", "--quiet", ROOT, clone.path], check=True)
    start = clone.head()
    commits = dict.fromkeys((BASE, *experiment.sides(number)), start)
    for name in set(commits) & set(experiment.faults):
        clone.git("checkout", "--quiet", start)
        with (clone.path / "stac_manager" / "__init__.py").open("a", encoding="utf-8") as file:
            file.write(experiment.faults[name])
        own = ("-c", "user.name=proof", "-c", "user.email=proof@example.org", "-c", "commit.gpgsign=false")
        clone.git(*own, "commit", "--quiet", "--all", "--no-verify", "--message", name)
        commits[name] = clone.head()
    project = replace(OURS, repository=clone.path)
    return {
        name: turns.extract(clone, commit, work / str(n), project) for n, (name, commit) in enumerate(commits.items())
    }


def _lines(record: Path, experiment: Experiment) -> list[dict[str, Any]]:
    if not record.exists():
        return []
    lines = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    return [one for one in lines if (one["experiment"], one["bench"]) == (experiment.name, experiment.bench)]


def _changes(record: Path, experiment: Experiment, fault: str) -> list[Change]:
    """What the judge says of each repetition."""
    changes = []
    for line in _lines(record, experiment):
        if fault in line["rounds"][0]:
            rounds = msgspec.convert(line["rounds"], list[dict[str, list[tuple[Series, Measured]]]])
            before, after = ([Run(name, "", dict(one[name])) for one in rounds] for name in (BASE, fault))
            changes.append(between(before, after, machine="the proof", base=BASE, commit=fault, paired=True))
    return changes


def as_table(found: Mapping[tuple[Experiment, str], Sequence[Change]]) -> str:
    lines = ["| Fault | Watched by | Called a regression | Should be | Measured change, all that watch |",
             "| --- | --- | --- | --- | --- |"]  # fmt: skip
    for (experiment, fault), changes in found.items():
        if changes:
            called, runs = sum(change.status == "regression" for change in changes), len(changes)
            least, most = (percent(end(_sizes(changes)), sign=True) for end in (min, max))
            should = f"{0 if fault == SAME else runs} of {runs}"
            lines.append(f"| {fault} | {experiment.name} | {called} of {runs} | {should} | {least} to {most} |")
    return "\n".join(lines) + "\n"


def put_in(page: Path, table: str, picture: str) -> str:
    """The page with its table replaced: what stands around it in words stays. A new page where there is none."""
    if not page.exists():
        return f"# What the judging catches\n\n{table}\n![Measured change of each fault]({picture})\n"
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    of_table = [number for number, line in enumerate(lines) if line.startswith("|")]
    if not of_table:
        raise ToolError(f"{page} has no table to replace")
    return "".join([*lines[: of_table[0]], table, *lines[of_table[-1] + 1 :]])


def _sizes(changes: Sequence[Change]) -> list[float]:
    """The change of each row of each repetition."""
    return [row.ratio - 1 for change in changes for row in change.rows if row.ratio is not None] or [0.0]


def draw(found: Mapping[tuple[Experiment, str], Sequence[Change]]) -> bytes:
    """A line for each fault: a dot for each row of each repetition, on what is called or not."""
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [(f"{fault}\n{one.name}", changes) for (one, fault), changes in found.items() if changes][::-1]
    figure = Figure(figsize=(8, 0.55 * len(shown) + 1), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for place, (_, changes) in enumerate(shown):
        for status, colour in (("regression", "#b3261e"), ("no change", "#00704f")):
            rows = [row for change in changes for row in change.rows if row.ratio and row.status == status]
            axes.plot([100 * (row.ratio or 1) - 100 for row in rows], [place] * len(rows), "o", color=colour, alpha=0.4)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_yticks(range(len(shown)), [name for name, _ in shown])
    axes.set_xlabel("Change in % (red: called a regression)")
    axes.axvline(0, color="#5c626c", linewidth=0.8)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    return content.getvalue()


if __name__ == "__main__":
    with in_one_line():
        command.main(standalone_mode=False)
