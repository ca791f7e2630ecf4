"""Does the judging keep what it promises? Injects faults whose size is known and counts how many are called.

\b
python tools/prove_regressions.py                 measure until all is done
python tools/prove_regressions.py --seconds 250   measure for so long, and go on from there the next time
python tools/prove_regressions.py --render        write the page from what was measured, and measure nothing

In a scratch clone each fault becomes a commit. A repetition measures the commit before it, the same commit again (A/A)
and the faults in turns, with asv. What was measured is kept round by round in results/regression-proof.jsonl;
docs/regression-proof.md is judged when it is written, by the code that judges for users.

Times need a quiet machine, about an hour in all. Instructions, counts and memory need an hour and a half of any.
"""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

import click
from rich.console import Console
from rich.progress import track

from tools import compare
from tools.asv_runs import git
from tools.atomic import write_bytes
from tools.errors import MeasuringError
from tools.regression_proof import BASE, EXPERIMENTS, SAME_REPETITIONS, Experiment, Record, as_markdown

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "results" / "regression-proof.jsonl"
PAGE = ROOT / "docs" / "regression-proof.md"

Sides = Mapping[str, compare.Side]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, help=__doc__)
@click.option("--seconds", type=float, default=float("inf"), help="Start no round after so long. [default: go on]")
@click.option("--only", type=click.Choice([experiment.name for experiment in EXPERIMENTS]), multiple=True,
              help="Measure by this alone; may be given several times.")  # fmt: skip
@click.option("--repetitions", type=click.IntRange(1, SAME_REPETITIONS), default=SAME_REPETITIONS, show_default=True,
              help="Stop after so many.")  # fmt: skip
@click.option("--record", "record_path", type=click.Path(dir_okay=False, path_type=Path), default=RECORD,
              help="What was measured. [default: results/regression-proof.jsonl]")  # fmt: skip
@click.option("--page", type=click.Path(dir_okay=False, path_type=Path), default=PAGE,
              help="Where to write the table. [default: docs/regression-proof.md]")  # fmt: skip
@click.option("--render", is_flag=True, help="Write the page and measure nothing.")
def command(
    seconds: float, only: tuple[str, ...], repetitions: int, record_path: Path, page: Path, render: bool
) -> None:
    record = Record(record_path)
    if not render:
        chosen = [experiment for experiment in EXPERIMENTS if not only or experiment.name in only]
        try:
            _measure(chosen, repetitions, record, deadline=time.monotonic() + seconds)
        except MeasuringError as error:
            raise click.ClickException(str(error)) from None
    if not any(record.complete(experiment) for experiment in EXPERIMENTS):
        raise click.ClickException(f"{record_path} holds no whole repetition yet: the page would be empty")
    write_bytes(page, as_markdown(record).encode())
    click.echo(f"Written: {page}", err=True)


def _measure(experiments: Sequence[Experiment], repetitions: int, record: Record, *, deadline: float) -> None:
    package = git("log", "-1", "--format=%h", "--", "stac_manager")
    missing = list(missing_rounds(experiments, repetitions, record, package))
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="stac-manager-") as folder:
        work = Path(folder)
        sides: dict[str, Sides] = {}
        for experiment, number, turn in track(
            missing, "rounds", console=console, transient=True, disable=not console.is_terminal
        ):
            if time.monotonic() >= deadline:
                break
            if experiment.name not in sides:
                sides[experiment.name] = _sides(experiment, work / experiment.name)
            measured = {
                name: compare.measure_once(sides[experiment.name][name], work, experiment.bench)
                for name in _order((BASE, *experiment.sides(number)), number, turn)
            }
            if not all(measured.values()):
                raise MeasuringError(f"no benchmark is chosen by {experiment.bench!r}")
            record.add(experiment, number, package, measured)


def _order(names: Sequence[str], number: int, turn: int) -> list[str]:
    """Another one each time, the same for the same round: no side may always follow itself, or the slowest."""
    return Random(f"{number}, {turn}").sample(names, len(names))


def missing_rounds(
    experiments: Sequence[Experiment], repetitions: int, record: Record, package: str
) -> Iterator[tuple[Experiment, int, int]]:
    """The rounds that are still to be measured: of each experiment a repetition, then the next of each."""
    done = {one.name: {repetition.number for repetition in record.complete(one)} for one in experiments}
    begun = {
        (one.name, repetition.number): len(repetition.rounds)
        for one in experiments
        for repetition in record.repetitions(one)
        if repetition.package == package
    }
    for number in range(repetitions):
        for one in experiments:
            if number not in done[one.name]:
                for turn in range(begun.get((one.name, number), 0), one.rounds):
                    yield one, number, turn


def _sides(experiment: Experiment, folder: Path) -> Sides:
    """The commit before the faults under two names, and a commit for each fault."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    start = git("rev-parse", "HEAD", repository=clone)
    commits = dict.fromkeys((BASE, *experiment.sides(0)), start)
    for name, code in experiment.faults.items():
        git("checkout", "--quiet", start, repository=clone)
        with (clone / "stac_manager" / "__init__.py").open("a", encoding="utf-8") as file:
            file.write(code)
        git("-c", "user.name=proof", "-c", "user.email=proof@example.org", "-c", "commit.gpgsign=false",
                    "commit", "--quiet", "--all", "--no-verify", "--message", name, repository=clone)  # fmt: skip
        commits[name] = git("rev-parse", "HEAD", repository=clone)
    return {
        name: compare.extract(clone, commit, folder / str(place))
        for place, (name, commit) in enumerate(commits.items())
    }


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill cleans up as Ctrl-C does
    command()
