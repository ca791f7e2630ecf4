"""Two commits side by side on one machine, measured in turns, so that what the machine does in the meantime hits both.

asv times each commit's tree with today's suite and today's environment. A round runs both commits, one right after the
other, each benchmark in a process of its own; the next round starts with the other commit. Counts (instructions,
requests) are taken in the first round alone, memory in the first three. Nothing is added to the history in
`.asv/results`.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tools import regression
from tools.asv.results import Measured, Series, read_history
from tools.asv_runs import ROOT, git, last_line, write_configuration
from tools.errors import MeasuringError, ReportError
from tools.processes import stopped

ROUNDS = 14
QUICK_ROUNDS = 12
REPEAT = "(3, 10, 0.4)"
"""Samples a process: at least, at most, and the seconds after which there are no more. asv's attribute `repeat`."""
BENCH = (
    r"\.FileIngest\.\w+\((1|10), 1000\)|\.FormatIngest\.\w+\('(ndjson|featurecollection)', 1000\)"
    r"|\.APIIngest\.\w+\((1|10), 500\)|^instructions\.|^counts\.|^startup\."
)
QUICK_BENCH = r"\.FileIngest\.\w+\((1|10), 1000\)|\.FormatIngest\.\w+\('ndjson', 1000\)|^counts\."
MEMORY_ROUNDS = 3
"""One process in some dozens has a peak some MB higher than the others."""
_SCATTERING = r"^(?=.*\.time(raw)?_)(?=.*(?:{}))"
_SCATTERING_OR_MEMORY = r"^(?=.*\.(time(raw)?|peakmem)_)(?=.*(?:{}))"


@dataclass(frozen=True)
class Side:
    """One of the two commits: its full hash, its files, and the repository that has it."""

    commit: str
    tree: Path
    repository: Path


def compare(
    base: str,
    head: str,
    *,
    bench: str = BENCH,
    rounds: int = ROUNDS,
    repository: Path = ROOT,
    progress: Console | None = None,
) -> regression.Judgement:
    """Measure two commits in turns and judge the second by the first.

    Args:
        base, head: Anything that git takes for a commit.
        bench: Regular expression that chooses benchmarks, as `asv run --bench`.
        rounds: How often each commit is measured.
        repository: The git repository that has both commits.
        progress: Shows how many runs are done, on a terminal only.

    Raises:
        MeasuringError: If a commit is unknown, or asv can measure nothing.
    """
    commits = [_commit(repository, name) for name in (base, head)]
    with tempfile.TemporaryDirectory(prefix="stac-manager-") as folder:
        work = Path(folder)
        sides = [extract(repository, commit, work / name) for commit, name in zip(commits, "ab", strict=True)]
        measured: list[list[Mapping[Series, Measured]]] = [[], []]
        with _shown(progress or Console(stderr=True)) as bar:
            task = bar.add_task("comparing", total=2 * rounds)
            for number in range(rounds):
                chosen = wanted(bench, number)
                for place in (0, 1) if number % 2 == 0 else (1, 0):
                    measured[place].append(measure_once(sides[place], work, chosen, is_first=number == 0))
                    bar.advance(task)
                if number == 0 and not any(measured[0][0]) and not any(measured[1][0]):
                    raise MeasuringError(f"no benchmark is chosen by {bench!r}")
        machine = os.uname().nodename if hasattr(os, "uname") else "this machine"
    return regression.judge_rounds(*measured, base=commits[0], commit=commits[1], machine=machine)


def measure_once(side: Side, work: Path, bench: str, *, is_first: bool = True) -> Mapping[Series, Measured]:
    """Let asv measure one side once, each benchmark in a process of its own.

    Raises:
        MeasuringError: If asv wrote no results in the first round, where there must be some.
    """
    run = Path(tempfile.mkdtemp(dir=work))
    write_configuration(run, side.repository)
    command = [sys.executable, "-m", "asv", "run", "--config", str(run / "asv.conf.json")]
    command += ["--environment", f"existing:{sys.executable}", "--set-commit-hash", side.commit]
    command += ["--bench", bench, "--record-samples", "--attribute", "rounds=1"]
    command += ["--attribute", f"repeat={REPEAT}"]
    scratch = run / "scratch"
    scratch.mkdir()
    # Before everything else, also before the installed package of the working tree. asv takes one of the two for the
    # benchmark's own process; the programs that a benchmark starts see the other.
    path = os.pathsep.join(filter(None, [str(side.tree), os.environ.get("PYTHONPATH")]))
    own: dict[str, Path | str] = {"HOME": run, "USERPROFILE": run, "TMPDIR": scratch, "TEMP": scratch, "TMP": scratch}
    own |= {"ASV_PYTHONPATH": path, "PYTHONPATH": path}
    log = run / "asv.log"
    with log.open("wb") as output:
        asv = subprocess.Popen(
            command, cwd=run, env={**os.environ, **{name: str(path) for name, path in own.items()}},
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        with stopped(asv):
            asv.wait()
    try:
        (found,) = read_history(run / "results").runs
    except (ReportError, ValueError):
        if is_first:
            said = last_line(log.read_text(encoding="utf-8", errors="replace"))
            raise MeasuringError(f"asv measured nothing for {side.commit[:8]}: {said}") from None
        return {}
    return found.series


def wanted(bench: str, number: int) -> str:
    """What a round measures, as a regular expression for asv."""
    if number == 0:
        return bench
    return (_SCATTERING_OR_MEMORY if number < MEMORY_ROUNDS else _SCATTERING).format(bench)


def _commit(repository: Path, name: str) -> str:
    try:
        return git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", repository=repository)
    except MeasuringError:
        raise MeasuringError(f"git knows no commit {name!r} in {repository}") from None


def extract(repository: Path, commit: str, folder: Path) -> Side:
    """Put the package of a commit into a folder; the repository and its work trees stay as they are."""
    done = subprocess.run(["git", "-C", repository, "archive", commit], capture_output=True, check=False)
    if done.returncode:
        raise MeasuringError(f"git cannot read {commit[:8]}: {last_line(done.stderr.decode(errors='replace'))}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        members = [member for member in archive if member.name.split("/")[0] == "stac_manager"]
        if not members:
            raise MeasuringError(f"commit {commit[:8]} has no package stac_manager to measure")
        archive.extractall(folder, members, filter="data")
    return Side(commit, folder, repository)


def _shown(console: Console) -> Progress:
    columns = (TextColumn("comparing"), BarColumn(), MofNCompleteColumn(), TextColumn("runs"), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
