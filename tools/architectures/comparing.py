"""Runs every way of a comparison in turns, each run in a process of its own, and makes a data set of what they took."""

from __future__ import annotations

import json
import platform
import random
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, TypeAlias

from asv.machine import Machine

from tools.analysis import (
    DataSet,
    Environment,
    Level,
    Report,
    Usage,
    as_peer,
    is_quick,
    make_data_set,
    mean_usage,
    measured_level,
)
from tools.analysis.model import Concurrency, Kind
from tools.asv_runs import PACKAGES, MeasuringError, git, last_line
from tools.processes import stopped

ROOT = Path(__file__).resolve().parent.parent.parent

Topic: TypeAlias = Literal["files", "parquet", "api"]


@dataclass(frozen=True)
class Subject:
    """What runs: the package at a level, or another way by its name."""

    name: str
    concurrency: Concurrency | None = None


@dataclass(frozen=True)
class Comparison:
    """What to measure.

    Attributes:
        topic: Which other ways there are.
        title: Heading of the data set.
        shown: Where the items come from, in words.
        source: A folder, a glob or an address.
        items: How many items must come out.
        failures: How many documents must fail.
        cold: Drop the files from the page cache before each run.
    """

    topic: Topic
    title: str
    shown: str
    source: str
    items: int
    failures: int = 0
    cold: bool = False

    @property
    def kind(self) -> Kind:
        return "api" if self.topic == "api" else "file"


@dataclass
class Timed:
    """Every run of one subject."""

    subject: Subject
    runs: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def level(self) -> Level:
        """As a level of the report, whatever it is."""
        usages = [Usage(runs=1, **run["usage"]) for run in self.runs]
        return measured_level(
            self.subject.name if self.subject.concurrency is None else self.subject.concurrency,
            [usage.wall_seconds for usage in usages],
            items=self.runs[-1]["items"],
            peak_bytes=round(statistics.median(run["peak_bytes"] for run in self.runs)),
            import_bytes=round(statistics.median(run["import_bytes"] for run in self.runs)),
            usage=mean_usage(usages),
        )


def measure(
    comparison: Comparison, subjects: Sequence[Subject], rounds: int, advance: Callable[[], None]
) -> list[Timed]:
    """Run every subject once a round, in another order each time.

    Raises:
        MeasuringError: If a run fails, or delivers another number of items than there are.
    """
    timed = [Timed(subject) for subject in subjects]
    order = random.Random(0)
    for _ in range(rounds):
        for each in order.sample(timed, len(timed)):
            each.runs.append(_run(comparison, each.subject))
            advance()
    return timed


def as_data_set(comparison: Comparison, timed: Sequence[Timed]) -> DataSet:
    """The package's levels, the other ways as peers."""
    return make_data_set(
        comparison.title,
        comparison.title.lower().replace(" ", "-"),
        comparison.kind,
        comparison.shown,
        comparison.items,
        [each.level for each in timed if each.subject.concurrency is not None],
        [as_peer(each.subject.name, each.level) for each in timed if each.subject.concurrency is None],
    )


def as_report(data_sets: Sequence[DataSet]) -> Report:
    """A report with what is known of this machine."""
    commit, machine = git("rev-parse", "HEAD"), Machine.get_defaults()
    return Report(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        quick=is_quick(data_sets),
        environment=Environment(
            commit=commit,
            commit_short=commit[:8],
            dirty=bool(git("status", "--porcelain")),
            machine=machine["machine"],
            os=machine["os"] or None,
            cpu=machine["cpu"] or None,
            cores=int(machine["num_cpu"]) if str(machine["num_cpu"]).isdigit() else None,
            python=platform.python_version(),
            packages={name: version(name) for name in PACKAGES},
        ),
        data_sets=tuple(data_sets),
    )


def _run(comparison: Comparison, subject: Subject) -> dict[str, Any]:
    asked = {
        "topic": comparison.topic,
        "way": subject.name,
        "concurrency": subject.concurrency,
        "source": comparison.source,
        "cold": comparison.cold,
    }
    if comparison.topic == "api":  # no run pays for what the one before it has asked
        urllib.request.urlopen(f"{comparison.source}/_stats/reset", data=b"").close()
    program = [sys.executable, "-m", "tools.architectures.one_run", json.dumps(asked)]
    process = subprocess.Popen(program, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, start_new_session=True)  # fmt: skip
    with stopped(process):
        output, errors = process.communicate()
    name = subject.name if subject.concurrency is None else f"{subject.name} at {subject.concurrency}"
    if process.returncode:
        raise MeasuringError(f"{comparison.title}, {name}: {last_line(errors.decode(errors='replace'))}")
    found: dict[str, Any] = json.loads(output)
    if (found["items"], found["failures"]) != (comparison.items, comparison.failures):
        raise MeasuringError(
            f"{comparison.title}, {name}: {found['items']} items and {found['failures']} failures came out, "
            f"{comparison.items} and {comparison.failures} went in"
        )
    return found
