"""What has been measured, on disk: a line for each round, so that an interrupted proof goes on where it stopped."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tools.asv.results import Measured, Series

from .experiments import Experiment

Round = Mapping[Series, Measured]
BASE = "before"


@dataclass(frozen=True)
class Repetition:
    """One experiment, done once: for each side its rounds; `package` says which version was measured."""

    number: int
    package: str
    rounds: Sequence[Mapping[str, Round]]

    def side(self, name: str) -> list[Round]:
        return [one[name] for one in self.rounds]


@dataclass(frozen=True)
class Record:
    path: Path

    def add(self, experiment: Experiment, number: int, package: str, measured: Mapping[str, Round]) -> None:
        sides = {
            name: [_as_list(series, value) for series, value in one.items() if value.status != "n/a"]
            for name, one in measured.items()
        }
        line = {
            "experiment": experiment.name,
            "key": experiment.key,
            "repetition": number,
            "package": package,
            "sides": sides,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab", buffering=0) as file:  # at once: what is interrupted leaves no half of a line
            file.write(json.dumps(line).encode() + b"\n")

    def repetitions(self, experiment: Experiment) -> list[Repetition]:
        """All that were begun with this definition of the experiment. One that went on with another package is two."""
        found: dict[tuple[int, str], list[Mapping[str, Round]]] = defaultdict(list)
        for line in self._lines():
            if (line["experiment"], line["key"]) == (experiment.name, experiment.key):
                sides = {name: dict(map(_from_list, rows)) for name, rows in line["sides"].items()}
                found[line["repetition"], line["package"]].append(sides)
        return [Repetition(number, package, rounds) for (number, package), rounds in sorted(found.items())]

    def complete(self, experiment: Experiment) -> list[Repetition]:
        """One of each number, with as many rounds as the experiment asks for."""
        rounds = experiment.rounds
        whole = [one for one in self.repetitions(experiment) if len(one.rounds) >= rounds]
        return list({one.number: replace(one, rounds=one.rounds[:rounds]) for one in whole}.values())

    def _lines(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]


def _as_list(series: Series, value: Measured) -> list[Any]:
    return [*vars(series).values(), *vars(value).values()]


def _from_list(values: list[Any]) -> tuple[Series, Measured]:
    benchmark, params, kind, unit, version, status, value, samples = values
    series = Series(benchmark, tuple((name, text) for name, text in params), kind, unit, version)
    return series, Measured(status, value, tuple(samples))
