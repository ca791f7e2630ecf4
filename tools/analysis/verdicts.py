"""When a change is called: the rules, and the row that shows one. Pure; `change.py` brings the numbers."""

import math
import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Self

from tools.words import percent, plural, quantity

from . import certainty
from .metrics import Metric, Series, metric_of

Status = Literal["regression", "improvement", "no change", "unstable", "not enough data"]

AGAIN, MOST_AGAIN = 3, 5
"""How often what is called is measured again, and how many of a commit, apart from counts."""
REPEATED = 0.5  # this share of a change repeats, on a logarithmic scale
LEAST_P_VALUE = 0.0001  # smaller ones are not told apart: no tail is known so well
UNSTABLE_REACH = 0.20  # an interval that reaches further than this from no change hides what people care about
EXIT_CODES: dict[Status, int] = {
    "regression": 1, "improvement": 0, "unstable": 2, "no change": 0, "not enough data": 2
}  # fmt: skip
"""By status; what to look at first comes first."""
Pair = Sequence[Sequence[float]]  # the samples before and after


@dataclass(frozen=True)
class Row:
    """One benchmark with one combination of parameters.

    `environment` is asv's name of it, "" where nobody knows; the label is part of the row's name, where there are rows
    of several environments or versions. `base` and `head` are the values before and after, None where there is none;
    `ratio` is `head` by `base`, so that 1.1 is 10 % more, and `low` to `high` its 95 % interval. `p_value` is corrected
    for the number of comparisons, None where the metric needs no statistics. `evidence` says why the status is what it
    is; `guilty` is the commit that brought the change, when a history was judged and there is one.
    """

    series: Series
    environment: str = ""
    status: Status = "not enough data"
    base: float | None = None
    head: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    evidence: str = ""
    guilty: str | None = None
    label: str = ""

    @property
    def name(self) -> str:
        return f"{self.series.name} [{self.label}]" if self.label else self.series.name

    @property
    def is_loud(self) -> bool:
        """Whether a reader must see it."""
        return self.status in ("regression", "improvement", "unstable")

    def is_undecided(self, known: float | None) -> bool:
        """Whether it is too noisy, or there was not enough data though this is known."""
        return self.status == "unstable" or (self.status == "not enough data" and known is not None)

    @property
    def metric(self) -> Metric | None:
        return metric_of(self.series)

    @property
    def is_exact(self) -> bool:
        return self.metric is not None and self.metric.nature == "exact"

    def not_repeated(self, pairs: Sequence[tuple[float, float]]) -> Self:
        """By what it was each time that it was measured again on both sides."""
        told = ", then ".join(" and ".join(quantity(value, self.series.unit) for value in pair) for pair in pairs)
        words = f"measured again, the difference did not repeat: {told}"
        base, head = min(pairs, key=lambda pair: abs(pair[1] - pair[0]))
        ratio = head / base if base else None
        shown = replace(self, base=base, head=head, ratio=ratio, low=None, high=None, p_value=None)
        return replace(shown, status="no change", guilty=None, evidence=words)

    @property
    def short_name(self) -> str:
        """Class, method and values: "FileIngest.time_ingest(1, 1000)"."""
        values = ", ".join(value for _, value in self.series.params)
        name = ".".join(self.series.benchmark.split(".")[-2:])
        return f"{name}({values})" if values else name

    @property
    def sentence(self) -> str:
        since = f" since {self.guilty[:8]}" if self.guilty else ""
        return f"{self.status}{since}: {self.evidence}"

    @property
    def cells(self) -> tuple[str, ...]:
        """Name, before, now, change, interval, verdict."""
        interval = "" if self.low is None or self.high is None else f"{_change(self.low)} to {_change(self.high)}"
        ratio = "" if self.ratio is None else _change(self.ratio)
        values = (quantity(value, self.series.unit) for value in (self.base, self.head))
        return (self.name, *values, ratio, interval, self.status)


def verdict(difference: certainty.Difference, p_value: float, metric: Metric) -> Status:
    """Call a change of what scatters, or not. `p_value` is corrected for the number of comparisons.

    What is called has an interval beside 0 %; "no change" has one that holds it, or a change too small to be called.
    """
    is_large = metric.is_large(difference.ratio)
    if p_value < certainty.FALSE_ALARM and is_large:
        return _direction(difference.ratio > 1, metric)
    spans = difference.low <= 1 <= difference.high
    reach = max(-math.log(difference.low), math.log(difference.high))
    if reach > math.log1p(UNSTABLE_REACH) or (is_large and not spans):
        return "unstable"
    return "no change"


def exact_verdict(base: float, head: float, metric: Metric) -> Status:
    """Call a change of what comes out the same each time, or not."""
    if base == head or (min(base, head) > 0 and not metric.is_large(head / base)):
        return "no change"
    return _direction(head > base, metric)


def called_again(called: Sequence[Row]) -> list[Row]:
    """What is measured again before it is called: every count, and of each commit the most certain of the others."""
    asked = [row for row in called if row.is_exact]
    for guilty in dict.fromkeys(row.guilty for row in called):
        others = [row for row in called if row.guilty == guilty and not row.is_exact]
        asked += sorted(others, key=lambda row: (row.p_value or 0.0, row.name))[:MOST_AGAIN]
    return asked


def after_repeats(rows: Sequence[Row], called: Sequence[Row], pairs: Mapping[Row, Sequence[Pair]]) -> tuple[Row, ...]:
    """The rows, of which some were `called` and measured again, as often as `pairs` has samples of before and after.

    What does not repeat has not changed; and where none of the others that were measured again does, neither has what
    was called of the same commit and not measured again: that was the machine's night.
    """
    found = {row: _repeated(row, pairs[row]) for row in called if row in pairs}
    held = {row.guilty for row, again in found.items() if again is row and not row.is_exact}
    lost = {row.guilty for row, again in found.items() if again is not row and not row.is_exact} - held
    words = "what was called beside it did not repeat when it was measured again"
    for row in called:
        if row not in found and row.guilty in lost:
            found[row] = replace(row, status="unstable", guilty=None, evidence=words)
    return tuple(found.get(row, row) for row in rows)


def _repeated(row: Row, pairs: Sequence[Pair]) -> Row:
    """A called row, if it repeats: a count each time; in the middle at least half of what was called of all else."""
    metric = row.metric
    if metric is None or not pairs:
        return row
    values = [tuple(certainty.undisturbed(x, lower_is_better=metric.lower_is_better) for x in pair) for pair in pairs]
    both = [(before, after) for before, after in values]
    if metric.nature == "exact":
        return row if all(exact_verdict(*pair, metric) == row.status for pair in both) else row.not_repeated(both)
    if row.ratio is None or min(map(min, both)) <= 0:
        return row
    middle = statistics.median(math.log(after / before) for before, after in both)
    return row if middle / math.log(row.ratio) >= REPEATED else row.not_repeated(both)


def overall(rows: Sequence[Row]) -> Status:
    """A regression in any row, else the best that is known: of times, where there are any and none could be judged."""
    found = {row.status for row in rows}
    of_times = {row.status for row in rows if row.metric is not None and row.metric.nature == "time"}
    if "regression" not in found and of_times and of_times <= {"unstable", "not enough data"}:
        found = of_times
    order: tuple[Status, ...] = ("regression", "improvement", "no change", "unstable")
    return next((status for status in order if status in found), "not enough data")


def counted(rows: Sequence[Row]) -> str:
    """How many of each: "1 regression, 12 no change"."""
    counts = Counter(row.status for row in rows)
    names = {"regression": "regressions", "improvement": "improvements"}
    return ", ".join(plural(counts[one], one, names.get(one, one)) for one in EXIT_CODES if counts[one])


@dataclass(frozen=True)
class Finding:
    """A row before its verdict, which waits for the number of comparisons. A count that is 0 somewhere has no ratio."""

    row: Row
    metric: Metric
    difference: certainty.Difference | None = None
    basis: str = ""
    rounds: int | None = None
    has_ratio: bool = True


def rows_of(findings: Sequence[Finding], looks: int = 1) -> list[Row]:
    """The rows, what to look at first being first; `looks` are taken at each finding, as `between` says."""
    p_values = [finding.difference.p_value * looks for finding in findings if finding.difference]
    comparisons, corrected = len(p_values) * looks, iter(certainty.holm(p_values))
    rows = []
    for finding in findings:
        row = finding.row
        if finding.difference is not None:
            row = _scattering_row(finding, finding.difference, next(corrected), comparisons)
        elif not row.evidence and row.base is not None and row.head is not None:
            row = _exact_row(row, finding.metric, row.base, row.head)
        is_called = row.status in ("regression", "improvement")
        rows.append(row if is_called else replace(row, guilty=None))
    by_numbers = partial(re.sub, r"\d+", lambda found: found[0].zfill(20))  # (5) before (10)
    return sorted(rows, key=lambda row: ([*EXIT_CODES].index(row.status), by_numbers(row.name), row.environment))


def _exact_row(row: Row, metric: Metric, base: float, head: float) -> Row:
    ratio = head / base if base else None
    row = replace(row, status=exact_verdict(base, head, metric), ratio=ratio)
    now = quantity(head, row.series.unit)
    if base == head:
        return replace(row, evidence=f"{now}, as before")
    change = f" ({_change(ratio)})" if ratio and ratio > 0 else ""
    shown = f"{quantity(base, row.series.unit)} before, {now} now{change}"
    return replace(row, evidence=shown if row.status != "no change" else f"{shown}; {_uncalled(metric)}")


def _scattering_row(finding: Finding, difference: certainty.Difference, p_value: float, comparisons: int) -> Row:
    metric, row = finding.metric, finding.row
    # The least p value that there can be, of rounds that all point the same way.
    if finding.rounds and 2.0 ** (1 - finding.rounds) * comparisons >= certainty.FALSE_ALARM:
        words = f"too few rounds ({finding.rounds}) for {plural(comparisons, 'comparison')}; take more"
        return replace(row, p_value=p_value, evidence=words)
    status = verdict(difference, p_value, metric)
    if not finding.has_ratio:
        shown = f"{quantity(row.base, row.series.unit)} before, {quantity(row.head, row.series.unit)} now"
        return replace(row, status=status, p_value=p_value, evidence=f"{shown}, {finding.basis}")
    ratio, low, high = difference.ratio, difference.low, difference.high
    row = replace(row, status=status, ratio=ratio, low=low, high=high, p_value=p_value)
    size = f"{percent(abs(ratio - 1))} {metric.more if ratio > 1 else metric.less}"
    if size.startswith(percent(0)):
        size = "no difference"
    shown = f"{size} ({_change(low)} to {_change(high)})"
    chance = f"p = {p_value:.2g}" if p_value >= LEAST_P_VALUE else f"p < {LEAST_P_VALUE:g}"
    basis = f"{chance} over {plural(comparisons, 'comparison')}, {finding.basis}"
    if status == "unstable":
        return replace(row, evidence=f"too noisy to judge: {shown}, {basis}")
    if status != "no change" or size == "no difference":
        return replace(row, evidence=f"{shown}, {basis}")
    why = "within the noise" if metric.is_large(ratio) else _uncalled(metric)
    return replace(row, evidence=f"{shown}: {why}; {basis}")


def _uncalled(metric: Metric) -> str:
    return f"up to {percent(metric.least_change)} is not called"


def _direction(is_more: bool, metric: Metric) -> Status:
    return "regression" if is_more == metric.lower_is_better else "improvement"


def _change(ratio: float) -> str:
    return percent(ratio - 1, sign=True)
