"""The verdict as data: what changed between commits, by how much, and how sure that is."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["regression", "improvement", "no change", "unstable", "not enough data"]

# The first one that a row has is the status of the whole.
_WORST_FIRST: tuple[Status, ...] = ("regression", "improvement", "no change", "unstable", "not enough data")
EXIT_CODES: dict[Status, int] = {
    "regression": 1,
    "improvement": 0,
    "no change": 0,
    "unstable": 2,
    "not enough data": 2,
}


class RegressionError(Exception):
    """Nothing can be judged; the message is one sentence for a user."""


@dataclass(frozen=True)
class Row:
    """One benchmark with one combination of parameters.

    Attributes:
        benchmark: asv's name of it.
        params: Its parameters, as "layout=ndjson, test_size=1000"; empty where it has none.
        environment: asv's name of the environment.
        unit: Of `base` and `head`.
        base, head: The value before and after, None where it was not measured.
        ratio: `head` by `base`, so that 1.1 is 10 % more.
        low, high: The 95 % interval of the ratio; None where there is none.
        p_value: Corrected for the number of comparisons; None where the metric needs no statistics.
        threshold: The least change that would be called, as a fraction: 0.05 is 5 %.
        evidence: Why the status is what it is, in words.
        guilty: The commit that brought the change, when a history was judged and there is one.
    """

    benchmark: str
    params: str
    environment: str
    unit: str
    status: Status
    base: float | None = None
    head: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    threshold: float | None = None
    evidence: str = ""
    guilty: str | None = None

    @property
    def name(self) -> str:
        return f"{self.benchmark}({self.params})" if self.params else self.benchmark

    @property
    def short_name(self) -> str:
        """Class, method and values: "FileIngest.time_ingest(1, 1000)"."""
        values = ", ".join(part.partition("=")[2] for part in self.params.split(", ") if part)
        name = ".".join(self.benchmark.split(".")[-2:])
        return f"{name}({values})" if values else name


@dataclass(frozen=True)
class Judgement:
    """Everything that is known about one commit.

    Attributes:
        machine: asv's name of it.
        commit: The commit that was judged, in full.
        base: What it was judged against: one commit in full, or None for the commits before it.
        rows: What to look at first comes first.
    """

    machine: str
    commit: str
    base: str | None
    rows: tuple[Row, ...]

    @property
    def status(self) -> Status:
        """Of the whole: a regression in any row, else the best that is known."""
        return worst(row.status for row in self.rows)

    @property
    def exit_code(self) -> int:
        """0 no regression, 1 regression, 2 nothing could be judged."""
        return EXIT_CODES[self.status]

    @property
    def regressions(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.status == "regression")

    @property
    def guilty(self) -> tuple[str, ...]:
        """The commits that brought a regression, each once."""
        return tuple(dict.fromkeys(row.guilty for row in self.regressions if row.guilty is not None))


def worst(statuses: Iterable[Status]) -> Status:
    """The status that stands for all of them; "not enough data" for none."""
    found = set(statuses)
    return next((status for status in _WORST_FIRST if status in found), "not enough data")
