"""The record as docs/regression-proof.md, judged when the page is written: by what judges for users today."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median

from tools import regression
from tools.regression.words import percent

from .experiments import EXPERIMENTS, FAULT_REPETITIONS, SAME, SAME_REPETITIONS, Experiment
from .record import BASE, Record, Repetition

_INSTRUCTIONS = "instructions/item"
_ROUNDS = (8, 10, 12, 14, 16)
_DRAWS, _SEED = 50, 0
_INTRODUCTION = """\
Written by `python tools/prove_regressions.py` from real runs of asv. In a scratch clone each fault is a commit; it is
measured in turns with the commit before it, and that one once more under another name (A/A). What judges for `compare`
judges here, among as many comparisons. Each count is out of the repetitions that were run."""


@dataclass(frozen=True)
class _Case:
    """One fault, or none, as one experiment has seen it in all its repetitions."""

    experiment: Experiment
    fault: str
    judgements: Sequence[regression.Judgement]

    @property
    def should(self) -> str:
        return f"0 of {SAME_REPETITIONS}" if self.fault == SAME else f"{FAULT_REPETITIONS} of {FAULT_REPETITIONS}"

    def called(self, status: regression.Status) -> str:
        """How many of the repetitions have a row with this verdict."""
        count = sum(any(row.status == status for row in one.rows) for one in self.judgements)
        return f"{count} of {len(self.judgements)}"

    def rows(self) -> dict[str, list[regression.Row]]:
        found: dict[str, list[regression.Row]] = {}
        for row in (row for one in self.judgements for row in one.rows):
            found.setdefault(row.short_name, []).append(row)
        return dict(sorted(found.items()))


def as_markdown(record: Record) -> str:
    done = {experiment.name: record.complete(experiment) for experiment in EXPERIMENTS}
    cases = [
        _Case(experiment, fault, [_judged(one, fault) for one in done[experiment.name] if fault in one.rounds[0]])
        for experiment in EXPERIMENTS
        for fault in (SAME, *experiment.faults)
    ]
    timed = max(EXPERIMENTS, key=lambda experiment: experiment.rounds)
    packages = dict.fromkeys(one.package for repetitions in done.values() for one in repetitions)
    parts = [
        "# What the judging catches",
        _INTRODUCTION + (f" The package was that of {', '.join(packages)}." if packages else ""),
        _table(
            ("Fault", "Watched by", "Called a regression", "Should be", "Called an improvement"),
            [_summary(case) for case in cases],
        ),
        "## Benchmark by benchmark",
        "A repetition calls a fault when any row of its table does. These are the rows.",
        _table(
            ("Fault", "Benchmark", "Called a regression", "Measured change", "Median"),
            [cells for case in cases for cells in _details(case)],
        ),
        "## How many rounds it takes",
        f"Rounds drawn from all that `{timed.name}` has measured, {_DRAWS} times for each number, and judged as above.",
        _table(
            ("Rounds", *(case.fault for case in cases if case.experiment is timed)),
            list(_power(timed, done[timed.name])),
        ),
        "## Spread of instruction counts",
        "Of the commit without a fault, under both of its names in each repetition, whatever the machine was doing:",
        _table(("Path", "Counted", "Instructions an item", "Spread"), list(_spread(done["instructions"]))),
        "## How it was measured",
        _table(("Watched by", "Rounds", "As a user would"), [_command(experiment) for experiment in EXPERIMENTS]),
    ]
    return "\n\n".join(parts) + "\n"


def _judged(repetition: Repetition, fault: str) -> regression.Judgement:
    return regression.judge_rounds(
        repetition.side(BASE), repetition.side(fault), base=BASE, commit=fault, machine="the machine of the proof"
    )


def _summary(case: _Case) -> tuple[str, ...]:
    name = case.experiment.name
    return (case.fault, name, case.called("regression"), case.should, case.called("improvement"))


def _details(case: _Case) -> Iterable[tuple[str, ...]]:
    for name, rows in case.rows().items():
        ratios = [row.ratio - 1 for row in rows if row.ratio is not None]
        called = sum(row.status == "regression" for row in rows)
        size = f"{percent(min(ratios), sign=True)} to {percent(max(ratios), sign=True)}" if ratios else "n/a"
        middle = percent(median(ratios), sign=True) if ratios else "n/a"
        yield case.fault, f"`{name}`", f"{called} of {len(rows)}", size, middle


def _power(experiment: Experiment, repetitions: Sequence[Repetition]) -> Iterable[tuple[str, ...]]:
    """How often a regression is called with fewer rounds and with more."""
    for count in _ROUNDS:
        cells = []
        for fault in (SAME, *experiment.faults):
            pool = [one for repetition in repetitions for one in repetition.rounds if fault in one]
            if len(pool) < 2 * count:
                cells.append("n/a")
                continue
            random = Random(_SEED)
            drawn = (Repetition(0, "", random.sample(pool, count)) for _ in range(_DRAWS))
            called = sum(_judged(one, fault).status == "regression" for one in drawn)
            cells.append(f"{called} of {_DRAWS}")
        yield (str(count), *cells)


def _spread(repetitions: Sequence[Repetition]) -> Iterable[tuple[str, ...]]:
    counts: dict[str, list[float]] = {}
    for one in repetitions:
        for side in (BASE, SAME):
            for series, measured in one.rounds[0][side].items():
                if series.unit == _INSTRUCTIONS and measured.value is not None:
                    counts.setdefault(series.params[0][1].strip("'"), []).append(measured.value)
    for path, values in counts.items():
        least, most = min(values), max(values)
        yield (
            path,
            f"{len(values)} times",
            f"{least:,.0f} to {most:,.0f}",
            f"{(most / least - 1):.3%}".replace("%", " %"),
        )


def _command(experiment: Experiment) -> tuple[str, ...]:
    options = f" {experiment.command}" if experiment.command else ""
    return experiment.name, str(experiment.rounds), f"`compare BASE HEAD{options}`".replace("|", r"\|")


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
