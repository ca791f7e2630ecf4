"""Drives asv on data that the user names: one engine measures everything, ad-hoc runs included.

The results of an ad-hoc run stay apart from the history in `.asv/results`: asv works in a temporary folder, and
what it measured leaves this module as a `DataSet`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from asv.machine import Machine, MachineCollection
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tools.analysis import (
    DataSet,
    Level,
    Report,
    Usage,
    is_quick,
    make_data_set,
    mean_usage,
    measured_level,
    missing_level,
)
from tools.analysis.model import Concurrency, Kind
from tools.asv.results import read_report
from tools.errors import ToolError
from tools.processes import stopped

ROOT = Path(__file__).resolve().parent.parent
REQUEST_VARIABLE = "STAC_MANAGER_BENCHMARK"
PACKAGES = ("aiohttp", "orjson", "pyarrow", "pydantic", "asv", "asv_runner", "stac-manager")
POLL_SECONDS = 0.1


class MeasuringError(ToolError):
    """asv could not measure; the message says why in one line."""


@dataclass(frozen=True)
class Request:
    """What to measure.

    Attributes:
        title: Heading of the data set in the report.
        source: Where the items come from, fit to be shown.
        options: Options of the IngestModule, without `concurrency`.
        concurrency: The levels.
        repeat: Timed runs a level.
        warm_up: Run each level once untimed before, so that the page cache is warm.
        items: How many items must come out; None if nobody knows before.
    """

    title: str
    source: str
    options: dict[str, Any] = field(repr=False)
    concurrency: tuple[Concurrency, ...]
    repeat: int
    warm_up: bool
    items: int | None = None

    @property
    def kind(self) -> Kind:
        return "api" if self.options["mode"] == "api" else "file"


@dataclass(frozen=True)
class Measurement:
    """A report with one data set, and what the user should hear about beside it."""

    report: Report
    remarks: tuple[str, ...]


def measure(request: Request, progress: Console) -> Measurement:
    """Let asv time each level in a process of its own.

    Raises:
        MeasuringError: If asv cannot run here, or no level could be measured.
    """
    commit = git("rev-parse", "HEAD")
    with tempfile.TemporaryDirectory(prefix="stac-manager-") as folder:
        work = Path(folder)
        observations = work / "observations.jsonl"
        observations.touch()
        write_configuration(work)
        log = _run_asv(request, work, observations, commit, progress)
        seen = _observations(observations)
        try:
            report = read_report(work / "results")
        except Exception as error:
            raise MeasuringError(f"asv wrote no results: {last_line(log)}") from error
    timed = report.data_sets[0]
    levels = [_level(level, seen.get(level.concurrency, {})) for level in timed.levels]
    items = {level.items for level in levels if level.items is not None}
    data_set = make_data_set(
        request.title.format(items=max(items, default=0)),
        request.kind,
        request.kind,
        request.source,
        max(items, default=None),
        levels,
    )
    if not data_set.measured:
        raise MeasuringError(_first_reason(seen) or last_line(log))
    environment = replace(
        report.environment, dirty=bool(git("status", "--porcelain")), env_name=None, packages=_packages()
    )
    return Measurement(
        Report(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            quick=is_quick([data_set]),
            environment=environment,
            data_sets=(data_set,),
        ),
        tuple(_remarks(data_set, seen)),
    )


def _level(level: Level, seen: dict[str, Any]) -> Level:
    """Join asv's samples with what the benchmark observed beside them."""
    if level.status == "ok":
        items, peak, imports = (seen.get(name) for name in ("items", "peak_bytes", "import_bytes"))
        return measured_level(
            level.concurrency,
            level.samples,
            items=items,
            peak_bytes=peak,
            import_bytes=imports,
            # The first run of a level may be the warm-up, which asv does not count.
            usage=mean_usage([Usage(runs=1, **usage) for usage in seen.get("usages", [])[-len(level.samples) :]]),
        )
    return missing_level(level.concurrency, "n/a" if "missing" in seen else "failed")


def _remarks(data_set: DataSet, seen: dict[Concurrency, dict[str, Any]]) -> Iterator[str]:
    for level in data_set.levels:
        observed = seen.get(level.concurrency, {})
        if level.status != "ok":
            reason = observed.get("missing") or observed.get("error") or "asv gave no reason"
            yield f"concurrency {level.concurrency} is {level.status}: {reason}"
    counts = {level.concurrency: level.items for level in data_set.measured}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{items} at {concurrency}" for concurrency, items in counts.items())
        yield f"the levels delivered different numbers of items ({shown}): they cannot be compared"
    failed = max((observed.get("failed", 0) for observed in seen.values()), default=0)
    if failed:
        first = next(observed["first_failure"] for observed in seen.values() if observed.get("failed"))
        yield f"{failed} documents or items could not be delivered, the first: {first}"


def _first_reason(seen: dict[Concurrency, dict[str, Any]]) -> str | None:
    reasons = (observed.get("error") or observed.get("missing") for observed in seen.values())
    return next((str(reason) for reason in reasons if reason), None)


def _observations(path: Path) -> dict[Concurrency, dict[str, Any]]:
    """Merge the lines of each level, a run each; of several values the last counts, and peaks only grow."""
    merged: dict[Concurrency, dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        observation = json.loads(line)
        level = merged.setdefault(observation.pop("concurrency"), {"usages": []})
        if "usage" in observation:
            level["usages"].append(observation.pop("usage"))
        level.update(observation)
    return merged


def write_configuration(work: Path, repository: Path = ROOT) -> None:
    configuration = {
        "version": 1,
        "project": "stac-manager",
        "repo": str(repository),
        "branches": ["HEAD"],
        "environment_type": "existing",
        "launch_method": "spawn",
        "benchmark_dir": str(ROOT / "benchmarks"),
        "results_dir": str(work / "results"),
        "html_dir": str(work / "html"),
        "env_dir": str(work / "env"),
    }
    (work / "asv.conf.json").write_text(json.dumps(configuration), encoding="utf-8")
    # asv looks for the description of this machine in the home folder, and asks questions where there is none.
    machine = Machine.get_defaults()
    MachineCollection.save(machine["machine"], machine, _path=str(work / ".asv-machine.json"))


def _run_asv(request: Request, work: Path, observations: Path, commit: str, progress: Console) -> str:
    """Run asv to its end and return what it printed."""
    asked = {
        "options": request.options,
        "concurrency": list(request.concurrency),
        "repeat": request.repeat,
        "warm_up": request.warm_up,
        "items": request.items,
        "observations": str(observations),
    }
    command = [sys.executable, "-m", "asv", "run", "--config", str(work / "asv.conf.json")]
    command += ["--environment", f"existing:{sys.executable}", "--set-commit-hash", commit]
    command += ["--bench", "YourData", "--record-samples", "--show-stderr"]
    scratch = work / "scratch"
    scratch.mkdir()
    # Before the package that is installed, which may be of another work tree.
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    own: dict[str, Path | str] = {"ASV_PYTHONPATH": path, "PYTHONPATH": path}
    own |= {"HOME": work, "USERPROFILE": work, "TMPDIR": scratch, "TEMP": scratch, "TMP": scratch}
    environment = {**os.environ, **{name: str(path) for name, path in own.items()}, REQUEST_VARIABLE: json.dumps(asked)}
    log = work / "asv.log"
    with log.open("wb") as output:
        asv = subprocess.Popen(
            command, cwd=work, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        runs = len(request.concurrency) * (request.repeat + request.warm_up)
        with stopped(asv), _shown(progress, runs) as show:
            while asv.poll() is None:
                show(observations)
                time.sleep(POLL_SECONDS)
    return log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def _shown(console: Console, runs: int) -> Iterator[Any]:
    """Show how many runs are done: on a terminal only."""
    columns = (TextColumn("measuring"), BarColumn(), MofNCompleteColumn(), TextColumn("runs"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("measuring", total=runs)

        def show(observations: Path) -> None:
            bar.update(task, completed=observations.read_bytes().count(b"\n"))

        yield show


def git(*arguments: str, repository: Path = ROOT) -> str:
    try:
        done = subprocess.run(["git", "-C", repository, *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise MeasuringError("git is not installed; the results are kept by commit") from None
    if done.returncode:
        raise MeasuringError(f"{repository} is no git checkout with a commit: {last_line(done.stderr)}")
    return done.stdout.strip()


def _packages() -> dict[str, str]:
    return {name: version(name) for name in PACKAGES}


def last_line(log: str) -> str:
    lines: Sequence[str] = [line.strip() for line in log.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"
