"""Measures what a user names, a process for each level, in turns; nothing goes to the history in `.asv/results`."""

import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import Distribution
from typing import Any, Literal

from tools import ROOT, progress
from tools.analysis.metrics import Measured
from tools.analysis.model import Concurrency, DataSet, Environment, Kind, Level, Report, make_level, with_speedups
from tools.analysis.usage import Usage, mean_usage
from tools.errors import ToolError
from tools.words import plural

from . import schedule

PROGRAM = ROOT / "benchmarks" / "_level.py"
STOP_SECONDS = 10.0
REFUSED_SECONDS = 2.0  # a server that counts the requests of a second would refuse the next level for those of this one
PACKAGES = ("aiohttp", "orjson", "msgspec", "pysimdjson", "pyarrow", "stac-manager")


@dataclass(frozen=True)
class Request:
    """What to measure. `title` heads the data set (`{items}` in it stands for their number), `source` is fit to be
    shown, `options` are those of the IngestModule without `concurrency`. `items` must come out, None if nobody knows.
    With `warm_up` each level first runs once untimed; `written` are the items as NDJSON, with as many processes as the
    level says, in place of only being read. `command` asks for it, as typed into a shell; None where nobody knows.
    """

    title: str
    source: str
    options: dict[str, Any] = field(repr=False)
    concurrency: tuple[Concurrency, ...]
    rules: schedule.Rules
    warm_up: bool
    items: int | None = None
    written: bool = False
    command: str | None = None


class Worker:
    """A process for one level, what was observed in each of its `runs`, and the `reason` why it is not measured: its
    `status` is n/a where that cannot be, as with a package that is too old, failed where it was tried.

    It reads requests from a pipe that closes when this process ends, however that ends.
    """

    def __init__(self, request: Mapping[str, Any], concurrency: Concurrency) -> None:
        self.concurrency = concurrency
        self.runs: list[Mapping[str, Any]] = []
        self.status: Literal["n/a", "failed"] = "failed"
        self.reason: str | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True
        )
        self._ask(json.dumps({**request, "concurrency": concurrency}))

    @property
    def seconds(self) -> list[float]:
        return [run["usage"]["wall_seconds"] for run in self.runs]

    @property
    def failed(self) -> int:
        """How many documents or items could not be delivered, in the worst run."""
        return max((run["failed"] for run in self.runs), default=0)

    @property
    def is_refused(self) -> bool:
        """Whether the server refused requests of its last run."""
        return bool(self.runs and self.runs[-1]["usage"]["refusals"])

    def wait(self) -> None:
        """Until it can run, or says why it cannot."""
        answer = self._answer()
        self.reason = answer.get("missing") or answer.get("error")
        self.status = "n/a" if "missing" in answer else "failed"

    def run(self, *, keep: bool = True) -> None:
        """Let it fetch once. Where that fails, it does not run again, and what it took before does not count."""
        self._ask("run")
        answer = self._answer()
        if "error" in answer:
            self.reason = answer["error"]
            self.runs.clear()
        elif keep:
            self.runs.append(answer)

    def close(self) -> None:
        assert self._process.stdin is not None
        with self._said, self._process:  # which closes the other pipes and waits
            with suppress(BrokenPipeError):
                self._process.stdin.close()  # which ends it
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()

    def _ask(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended: there will be no answer either
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()

    def _answer(self) -> Mapping[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return dict(json.loads(line))
        code = self._process.wait()
        self._said.seek(0)
        said = [each.strip() for each in self._said.read().decode(errors="replace").splitlines() if each.strip()]
        return {"error": said[-1] if said else f"the process ended with exit code {code}"}


def measure(request: Request) -> tuple[Report, list[str]]:
    """Time each level: a report with one data set, and what the user should hear about beside it."""
    asked = {"options": request.options, "items": request.items, "written": request.written}
    with ExitStack() as running:  # all are started at once, and none is left
        started = [running.enter_context(closing(Worker(asked, level))) for level in request.concurrency]
        _run_all(request, started)
    levels = [_level(worker) for worker in started]
    items = max((level.items for level in levels if level.items is not None), default=None)
    title = request.title.format(items=items or 0)
    kind: Kind = "api" if request.options["mode"] == "api" else "file"
    data_set = with_speedups(DataSet(title, kind, kind, request.source, items, tuple(levels), command=request.command))
    if not data_set.measured:
        raise ToolError(next(worker.reason for worker in started if worker.reason))
    report = Report(datetime.now(UTC).isoformat(timespec="seconds"), _environment(), (data_set,))
    return report, list(_remarks(started))


def _run_all(request: Request, started: list[Worker]) -> None:
    for worker in started:
        worker.wait()
    with progress.shown("measuring") as bar:

        def show(samples: schedule.Samples, elapsed: float) -> None:
            left = schedule.seconds_left(samples, elapsed, request.rules)
            bar(elapsed, None if left is None else elapsed + left, plural(sum(map(len, samples.values())), "run"))

        for worker in (one for one in started if request.warm_up and not one.reason):
            worker.run(keep=False)
            show({one.concurrency: () for one in started if not one.reason}, 0.0)
        began, last = time.monotonic(), None
        while True:
            able = {worker.concurrency: worker for worker in started if not worker.reason}
            samples = {level: worker.seconds for level, worker in able.items()}
            elapsed = time.monotonic() - began
            show(samples, elapsed)
            level = schedule.next_level(samples, elapsed, request.rules)
            if level is None:
                return
            if last is not None and last.is_refused:
                time.sleep(REFUSED_SECONDS)
            last = able[level]
            last.run()


def _level(worker: Worker) -> Level:
    if not worker.runs:
        return make_level(worker.concurrency, Measured(worker.status))
    last = worker.runs[-1]
    return make_level(
        worker.concurrency,
        Measured("ok", samples=tuple(worker.seconds)),
        items=last["items"],
        peak_bytes=last["peak_bytes"],
        import_bytes=last["import_bytes"],
        usage=mean_usage([Usage(runs=1, **run["usage"]) for run in worker.runs]),
    )


def _remarks(started: list[Worker]) -> Iterator[str]:
    for worker in started:
        if worker.reason:
            yield f"concurrency {worker.concurrency} is {worker.status}: {worker.reason}"
    worst = max(started, key=lambda worker: worker.failed)
    if worst.failed:
        first = next(run["first_failure"] for run in worst.runs if run["failed"])
        yield f"{worst.failed} documents or items could not be delivered, the first: {first}"


def _environment() -> Environment:
    from asv.machine import Machine  # when it is needed: asv is slow to import

    from tools.asv.git import GitError, Repository
    from tools.asv.results import environment_of

    git = Repository(ROOT)
    try:
        inside_another = git.git("rev-parse", "--show-prefix")
        commit, dirty = (None, False) if inside_another else (git.head(), git.is_dirty)
    except GitError:  # unpacked from an archive, or a machine without git: measuring needs none
        commit, dirty = None, False
    found = environment_of(Machine.get_defaults(), commit)
    packages = {name: each.version for name in PACKAGES for each in list(Distribution.discover(name=name))[:1]}
    return replace(found, dirty=dirty, python=platform.python_version(), packages=packages)
