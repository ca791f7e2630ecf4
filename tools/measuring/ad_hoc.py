"""Runs the levels as the schedule says, and makes a report with one data set of what they took.

Nothing of it goes to the history in `.asv/results`.
"""

import platform
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from rich.console import Console

from tools import ROOT, progress
from tools.analysis.model import (
    Concurrency,
    DataSet,
    Environment,
    Kind,
    Level,
    Report,
    make_data_set,
    make_level,
)
from tools.analysis.series import Measured
from tools.analysis.usage import Usage, mean_usage
from tools.errors import MeasuringError
from tools.words import plural

from . import schedule
from .workers import Worker, workers

PACKAGES = ("aiohttp", "orjson", "msgspec", "pyarrow", "stac-manager")


@dataclass(frozen=True)
class Request:
    """What to measure.

    Attributes:
        title: Heading of the data set in the report; `{items}` stands for their number.
        source: Where the items come from, fit to be shown.
        options: Options of the IngestModule, without `concurrency`.
        concurrency: The levels.
        rules: How often.
        warm_up: Run each level once untimed before, so that the page cache is warm.
        items: How many items must come out; None if nobody knows before.
        written: Write the items as NDJSON, with as many processes as the level says, in place of only reading them.
    """

    title: str
    source: str
    options: dict[str, Any] = field(repr=False)
    concurrency: tuple[Concurrency, ...]
    rules: schedule.Rules
    warm_up: bool
    items: int | None = None
    written: bool = False

    @property
    def kind(self) -> Kind:
        return "api" if self.options["mode"] == "api" else "file"


@dataclass(frozen=True)
class Measurement:
    """A report with one data set, and what the user should hear about beside it."""

    report: Report
    remarks: tuple[str, ...]


@dataclass
class _Seen:
    """What one level has shown so far."""

    runs: list[Mapping[str, Any]] = field(default_factory=list)
    missing: str | None = None
    error: str | None = None

    @property
    def seconds(self) -> list[float]:
        return [run["usage"]["wall_seconds"] for run in self.runs]

    @property
    def reason(self) -> str | None:
        return self.missing or self.error

    @property
    def failed(self) -> int:
        return max((run["failed"] for run in self.runs), default=0)


def measure(request: Request, console: Console) -> Measurement:
    """Time each level in a process of its own, in turns. Raises MeasuringError if no level could be measured."""
    seen: dict[Concurrency, _Seen] = {level: _Seen() for level in request.concurrency}
    asked = {"options": request.options, "items": request.items, "written": request.written}
    with workers(asked, request.concurrency) as started:
        _run_all(request, started, seen, console)
    levels = [_level(level, found) for level, found in seen.items()]
    items = max((level.items for level in levels if level.items is not None), default=None)
    title = request.title.format(items=items or 0)
    data_set = make_data_set(title, request.kind, request.kind, request.source, items, levels)
    if not data_set.measured:
        raise MeasuringError(next(found.reason for found in seen.values() if found.reason))
    report = Report(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        environment=_environment(),
        data_sets=(data_set,),
    )
    return Measurement(report, tuple(_remarks(data_set, seen)))


def _run_all(request: Request, started: list[Worker], seen: Mapping[Concurrency, _Seen], console: Console) -> None:
    able = {}
    for worker in started:
        answer = worker.ready()
        found = seen[worker.concurrency]
        found.missing, found.error = answer.get("missing"), answer.get("error")
        if not found.reason:
            able[worker.concurrency] = worker
    with progress.shown("measuring", console) as bar:

        def show(samples: schedule.Samples, elapsed: float) -> None:
            left = schedule.seconds_left(samples, elapsed, request.rules)
            runs = plural(sum(map(len, samples.values())), "run")
            bar(elapsed, None if left is None else elapsed + left, runs)

        for level in list(able) if request.warm_up else ():
            _run(able, seen[level], level, keep=False)
            show(dict.fromkeys(able, ()), 0.0)
        began = time.monotonic()
        while True:
            samples = {level: seen[level].seconds for level in able}
            elapsed = time.monotonic() - began
            show(samples, elapsed)
            level_or_none = schedule.next_level(samples, elapsed, request.rules)
            if level_or_none is None:
                return
            _run(able, seen[level_or_none], level_or_none, keep=True)


def _run(able: dict[Concurrency, Worker], found: _Seen, level: Concurrency, *, keep: bool) -> None:
    """Run a level once; one that fails does not run again, and what it took before does not count."""
    answer = able[level].run()
    if "error" in answer:
        found.error = answer["error"]
        found.runs.clear()
        del able[level]
    elif keep:
        found.runs.append(answer)


def _level(level: Concurrency, found: _Seen) -> Level:
    if not found.runs:
        return make_level(level, Measured("n/a" if found.missing else "failed"))
    last = found.runs[-1]
    return make_level(
        level,
        Measured("ok", samples=tuple(found.seconds)),
        items=last["items"],
        peak_bytes=last["peak_bytes"],
        import_bytes=last["import_bytes"],
        usage=mean_usage([Usage(runs=1, **run["usage"]) for run in found.runs]),
    )


def _remarks(data_set: DataSet, seen: Mapping[Concurrency, _Seen]) -> Iterator[str]:
    for level in data_set.levels:
        if level.status != "ok":
            yield f"concurrency {level.concurrency} is {level.status}: {seen[level.concurrency].reason}"
    counts = {level.concurrency: level.items for level in data_set.measured}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{items} at {concurrency}" for concurrency, items in counts.items())
        yield f"the levels delivered different numbers of items ({told}): they cannot be compared"
    worst = max(seen.values(), key=lambda found: found.failed)
    if worst.failed:
        first = next(run["first_failure"] for run in worst.runs if run["failed"])
        yield f"{worst.failed} documents or items could not be delivered, the first: {first}"


def _environment() -> Environment:
    # Loaded when it is needed: asv is slow to import.
    from asv.machine import Machine

    from tools.asv.git import GitError, Repository
    from tools.asv.results import environment_of

    git = Repository(ROOT)
    try:
        inside_another = git.git("rev-parse", "--show-prefix")
        commit, dirty = (None, False) if inside_another else (git.head(), git.is_dirty)
    except GitError:  # unpacked from an archive, or a machine without git: measuring needs none
        commit, dirty = None, False
    found = environment_of(Machine.get_defaults(), commit)
    packages = {name: version(name) for name in PACKAGES if find_spec(name.replace("-", "_"))}
    return replace(found, dirty=dirty, python=platform.python_version(), packages=packages)
