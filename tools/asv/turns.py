"""Two commits measured in turns on one machine, so that what the machine does in the meantime hits both.

asv times each commit's package with today's suite and today's environment. A round runs both commits, one right after
the other, each benchmark in a process of its own; the next round starts with the other commit. Memory is measured in
three rounds. Counts (instructions, requests) are the same under any load: they are taken once, of both commits at the
same time, and again where they differ, before the rounds: so `quick` knows the time that is left for these. It takes
further rounds of what is undecided then, while there is time. Nothing is added to the history in `.asv/results`.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeAlias

from tools.analysis.change import Change, between, repeatable, undecided
from tools.analysis.metrics import Run, is_judged
from tools.errors import ReportError, ToolError

from .files import Benchmark, only, read_history, selected, suite_of
from .git import Repository
from .project import OURS, Project
from .run import last_line, started

LaunchMethod = Literal["spawn", "forkserver"]  # how asv starts the process of each benchmark
ROUNDS = 14
QUICK_ROUNDS = 10
QUICK_SECONDS = 170.0  # with `quick` no further round begins that would end later than so long after the start
NO_TIME_LEFT = "three minutes were too short for what is open: take a quieter machine, or leave out --quick"
REPEAT = "(3, 10, 0.4)"
"""Samples a process: at least, at most, and the seconds after which there are no more. asv's attribute `repeat`."""
BENCH = (
    r"\.FileIngest\.\w+\((1|10), 1000\)|\.FormatIngest\.\w+\('(ndjson|featurecollection|geoparquet)', 1000\)"
    r"|\.APIIngest\.\w+\((1|10), 500\)|\.APIPages\.|^instructions\.|^counts\.|^startup\."
)
QUICK_BENCH = (
    r"\.EveryFormatIngest\.|\.APISmallPages\.|\.APIPages\.peakmem|^counts\.Requests\."
    r"|^instructions\..*ndjson"
)
"""Two timings, of which each way of decoding and each page is a part, and the counts that tell which. Ten rounds tell
between two timings, one round disturbed."""
MEMORY_ROUNDS = 3  # one process in some dozens has a peak some MB higher than the others
FEWEST_ROUNDS = MEMORY_ROUNDS  # so many are measured with `quick`, however long they take
COUNTS = r"^(?!.*\.(?:time|timeraw|peakmem)_)(?=.*(?:{bench}))"


_Measured: TypeAlias = tuple[Run, Mapping[str, Benchmark]]  # what asv measured of one side, and the suite it found


@dataclass(frozen=True)
class Side:
    """One of the two commits: its full hash, its files, and the project that it is of."""

    commit: str
    tree: Path
    project: Project


def compare(
    base: str,
    head: str,
    *,
    bench: str | None = None,
    quick: bool = False,
    rounds: int | None = None,
    project: Project = OURS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Change:
    """Measure two commits in turns and judge the second by the first.

    `bench` chooses benchmarks as `asv run --bench`, instead of those that are watched. `quick` watches less, within
    about three minutes: what is undecided after ten rounds is measured until then. `rounds` is how often each commit is
    measured, no less and no more; `progress` is told how many runs are done, of how many.
    """
    from asv.machine import Machine

    started = time.monotonic()
    ours = project.benchmarks == OURS.benchmarks
    chosen = bench or (".*" if not ours else QUICK_BENCH if quick else BENCH)
    goes_on = quick and rounds is None
    rounds = rounds or (QUICK_ROUNDS if quick else ROUNDS)
    git = Repository(project.repository)
    commits = [git.commit(name) for name in (base, head)]
    with tempfile.TemporaryDirectory(prefix="stac-manager-") as folder:
        work = Path(folder)
        sides = [extract(git, commit, work / name, project) for commit, name in zip(commits, "ab", strict=True)]
        first = measure(sides, work, COUNTS.format(bench=chosen))
        turns = _Turns(sides, work, "forkserver" if quick else "spawn", progress, [first])
        suite = first[0][1]
        if not selected(suite, [chosen]):
            raise ToolError(f"no benchmark is chosen by {chosen!r}")
        again = repeatable(*turns.runs)
        if again:  # an exact count that differs
            turns.pairs.append(measure(sides, work, only(again, chosen)))
        progress(2, 2 * rounds + 2)
        seconds = 0.0
        for number in range(rounds):
            if goes_on and number >= FEWEST_ROUNDS and not rounds_left(time.monotonic() - started, seconds):
                break
            pattern = wanted(chosen, number)
            if selected(suite, [pattern]):
                seconds = turns.take(pattern, rounds - number)
        notes = [] if bench or not ours else _not_watched([one for pair in turns.pairs for one in pair])
        machine = str(Machine.get_defaults()["machine"])
        judged = partial(between, machine=machine, base=commits[0], commit=commits[1], paired=True, looks=1 + goes_on)
        change = judged(*turns.runs, notes=notes)
        names = undecided(change) if goes_on else []
        further: list[float] = []
        while names and (left := rounds_left(time.monotonic() - started, max(further, default=seconds))):
            further.append(turns.take(only(names, chosen), left))
        if further:
            change = judged(*turns.runs, notes=notes)
        return replace(change, notes=(*change.notes, NO_TIME_LEFT)) if names and undecided(change) else change


@dataclass
class _Turns:
    sides: Sequence[Side]
    work: Path
    launch_method: LaunchMethod
    progress: Callable[[int, int], None]
    pairs: list[tuple[_Measured, ...]]

    def take(self, pattern: str, left: int) -> float:
        """Measure a round, of so many that are left with it; return the seconds that it took."""
        began = time.monotonic()
        measured = {}
        done = 2 * len(self.pairs)
        for place in (0, 1) if len(self.pairs) % 2 else (1, 0):
            (measured[place],) = measure(self.sides[place : place + 1], self.work, pattern, self.launch_method)
            self.progress(done + len(measured), done + 2 * left)
        self.pairs.append((measured[0], measured[1]))
        return time.monotonic() - began

    @property
    def runs(self) -> tuple[list[Run], list[Run]]:
        return [one for (one, _), _ in self.pairs], [other for _, (other, _) in self.pairs]


def rounds_left(elapsed: float, round_seconds: float) -> int:
    """How many rounds of so long there is time for with `quick`."""
    left = QUICK_SECONDS - elapsed
    return int(left / round_seconds) if left > 0 and round_seconds > 0 else 0


def measure(
    sides: Sequence[Side], work: Path, pattern: str, launch_method: LaunchMethod = "spawn"
) -> tuple[_Measured, ...]:
    """Let asv measure each side at once, a process a benchmark; a fork server's share what the suite imports."""
    pairs = [(side, Path(tempfile.mkdtemp(dir=work))) for side in sides]
    with ExitStack() as stack:
        runs = [stack.enter_context(_started(*pair, pattern, launch_method)) for pair in pairs]
        for asv in runs:
            asv.wait()
    return tuple(_found(*pair) for pair in pairs)


def _started(
    side: Side, work: Path, pattern: str, launch_method: LaunchMethod
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """`asv run` in this very environment, apart from the history: all that it reads and writes lies below `work`."""
    from asv.machine import Machine, MachineCollection

    config = work / "asv.conf.json"
    configuration = {
        "version": 1,
        "project": side.project.name,
        "repo": str(side.project.repository),
        "branches": ["HEAD"],
        "environment_type": "existing",
        "launch_method": launch_method,
        "benchmark_dir": str(side.project.benchmarks),
        "results_dir": str(work / "results"),
        "html_dir": str(work / "html"),
        "env_dir": str(work / "env"),
    }
    config.write_text(json.dumps(configuration), encoding="utf-8")
    # asv looks for the description of this machine in the home folder, and asks questions where there is none.
    machine = Machine.get_defaults()
    MachineCollection.save(machine["machine"], machine, _path=str(work / ".asv-machine.json"))
    # Before everything else, also before the package that is installed, which may be of another work tree. asv takes
    # one of the two for the benchmark's own process; the programs that a benchmark starts see the other.
    source = side.tree / "src"  # where a project has its packages there
    imported_from = source if source.is_dir() else side.tree
    path = os.pathsep.join(filter(None, [str(imported_from), os.environ.get("PYTHONPATH")]))
    own: dict[str, Path | str] = {"ASV_PYTHONPATH": path, "PYTHONPATH": path}
    own |= dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR"), work)
    arguments = ["run", "--environment", f"existing:{sys.executable}", "--set-commit-hash", side.commit]
    arguments += ["--bench", pattern, "--record-samples", "--attribute", "rounds=1", "--attribute", f"repeat={REPEAT}"]
    return started(arguments, config=config, log=work / "asv.log", environment=own)


def _found(side: Side, folder: Path) -> _Measured:
    try:
        suite = suite_of(folder / "results")
    except ReportError:
        said = last_line(folder / "asv.log")
        raise ToolError(f"asv measured nothing for {side.commit[:8]}: {said}") from None
    try:
        (file,) = read_history(folder / "results").files
    except (ReportError, ValueError):
        return Run(side.commit, "", {}), suite  # nothing of that kind is chosen
    return file.run, suite


def wanted(bench: str, number: int) -> str:
    """What a round measures, as a regular expression for asv."""
    kinds = "time|timeraw|peakmem" if number < MEMORY_ROUNDS else "time|timeraw"
    return rf"^(?=.*\.(?:{kinds})_)(?=.*(?:{bench}))"


def extract(repository: Repository, commit: str, folder: Path, project: Project = OURS) -> Side:
    """Put the package of a commit into a folder; the repository and its work trees stay as they are."""
    if not repository.git("ls-tree", commit, *filter(None, [project.package])):
        what = f"package {project.package}" if project.package else "file"
        raise ToolError(f"commit {commit[:8]} has no {what} to measure")
    packed = folder.with_suffix(".tar")
    repository.git("archive", "--output", packed.resolve(), commit, *filter(None, [project.package]))
    safely: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # which Python has from 3.11.4 on
    shutil.unpack_archive(packed, folder, **safely)
    packed.unlink()
    return Side(commit, folder, project)


def _not_watched(measured: Sequence[_Measured]) -> list[str]:
    """What no verdict speaks of: classes of which nothing was measured."""
    series = [each for run, _ in measured for each in run.series.items()]
    watched = {one.benchmark.rpartition(".")[0] for one, value in series if value.status != "n/a"}
    ours = {name.rpartition(".")[0] for name, one in measured[0][1].items() if is_judged(name, {}, one.unit)}
    notes = []
    if missing := sorted(ours - watched):
        names = ", ".join(name.rpartition(".")[2] for name in missing)
        notes.append(f"not watched: {names} (choose them with --bench, or run `asv run` on both)")
    if shutil.which("valgrind") is None:
        notes.append("no instructions were counted: valgrind is not installed")
    if find_spec("stac_geoparquet") is None:
        notes.append("no GeoParquet was read: stac-geoparquet is not installed")
    return notes
