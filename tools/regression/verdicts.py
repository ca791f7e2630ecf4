"""From what was found to verdicts: the one place where a change is called or not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log

from . import statistics as tests
from .metrics import Metric
from .model import Row, Status
from .words import percent, quantity

FALSE_ALARM = 0.01
"""The chance that a table with no change in it calls one."""
UNSTABLE_REACH = 0.20
"""An interval that reaches further than this from no change hides what people care about."""
_ORDER: dict[Status, int] = {
    "regression": 0,
    "improvement": 1,
    "unstable": 2,
    "no change": 3,
    "not enough data": 4,
}


@dataclass(frozen=True)
class Finding:
    """A row before its verdict, which has to wait for the number of comparisons."""

    row: Row
    metric: Metric
    difference: tests.Difference | None = None
    basis: str = ""
    rounds: int | None = None


def verdicts(findings: Sequence[Finding], *, names_the_guilty: bool) -> tuple[Row, ...]:
    uncertain = [place for place, finding in enumerate(findings) if finding.difference is not None]
    corrected = tests.holm([_p_value(findings[place]) for place in uncertain])
    p_values = dict(zip(uncertain, corrected, strict=True))
    rows = []
    for place, finding in enumerate(findings):
        row = finding.row
        if finding.rounds and tests.smallest_p_value(finding.rounds) * len(uncertain) >= FALSE_ALARM:
            words = f"{finding.rounds} rounds cannot tell among {len(uncertain)} comparisons; take more rounds"
            row = replace(row, evidence=words)
        elif finding.difference is not None:
            row = _scattering_verdict(finding, finding.difference, p_values[place], len(uncertain))
        elif not row.evidence and row.base is not None and row.head is not None:
            row = _exact_verdict(row, finding.metric, row.base, row.head)
        blamed = names_the_guilty and row.status in ("regression", "improvement")
        rows.append(row if blamed else replace(row, guilty=None))
    return tuple(sorted(rows, key=lambda row: (_ORDER[row.status], row.name, row.environment)))


def _p_value(finding: Finding) -> float:
    assert finding.difference is not None
    return finding.difference.p_value


def _exact_verdict(row: Row, metric: Metric, base: float, head: float) -> Row:
    shown = f"{quantity(base, row.unit)} before, {quantity(head, row.unit)} now"
    ratio = head / base if base else None
    row = replace(row, threshold=metric.least_change, ratio=ratio)
    if base == head:
        return replace(row, status="no change", evidence=f"{quantity(head, row.unit)}, as before")
    if ratio is None or ratio <= 0:  # from or to nothing
        return replace(row, status=_direction(head > base, metric), evidence=shown)
    change = f"{shown} ({percent(ratio - 1, sign=True)})"
    if abs(log(ratio)) <= log(1 + metric.least_change):
        uncalled = f"up to {percent(metric.least_change)} is not called"
        return replace(row, status="no change", evidence=f"{change}; {uncalled}")
    return replace(row, status=_direction(head > base, metric), evidence=change)


def _scattering_verdict(finding: Finding, difference: tests.Difference, p_value: float, comparisons: int) -> Row:
    metric = finding.metric
    row = replace(
        finding.row,
        ratio=difference.ratio,
        low=difference.low,
        high=difference.high,
        p_value=p_value,
        threshold=metric.least_change,
    )
    change = log(difference.ratio)
    size = (
        f"{percent(abs(difference.ratio - 1))} {metric.more if change > 0 else metric.less} "
        f"({percent(difference.low - 1, sign=True)} to {percent(difference.high - 1, sign=True)})"
    )
    chance = f"p {p_value:.2g} among {comparisons}, {finding.basis}"
    is_large = abs(change) > log(1 + metric.least_change)
    if p_value < FALSE_ALARM and is_large:
        return replace(row, status=_direction(change > 0, metric), evidence=f"{size}, {chance}")
    if max(-log(difference.low), log(difference.high)) > log(1 + UNSTABLE_REACH):
        return replace(row, status="unstable", evidence=f"the measurements swing too much to tell: {size}, {chance}")
    why = f"up to {percent(metric.least_change)} is not called" if not is_large else "chance explains that"
    return replace(row, status="no change", evidence=f"{size}: {why}; {chance}")


def _direction(is_more: bool, metric: Metric) -> Status:
    return "regression" if is_more == metric.lower_is_better else "improvement"
