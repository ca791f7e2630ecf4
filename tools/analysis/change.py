"""Did it become slower? Two sets of results -> one Change: the only place where a change is called, with its words."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median

from tools.words import clipped, percent, plural, quantity

from . import certainty, levels
from .certainty import RunSpread, Samples
from .metrics import Measured, Metric, Nature, Run, metric_of
from .verdicts import EXIT_CODES, Finding, Row, Status, counted, exact_verdict, overall, rows_of

_Side = Sequence[tuple[str, Measured]]  # by commit, oldest first


@dataclass(frozen=True)
class Change:
    """Everything that is known about the change from one state to another.

    `commit` was judged against `base`: commits in full, or names of files; None for the commits before it. Of `rows`
    what to look at first comes first; `notes` say what was left out and what was not watched.
    """

    machine: str
    commit: str
    base: str | None
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def status(self) -> Status:
        return overall(self.rows)

    @property
    def exit_code(self) -> int:
        """0 no regression, 1 regression, 2 nothing could be judged."""
        return EXIT_CODES[self.status]

    @property
    def regressions(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.status == "regression")

    @property
    def guilty(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row.guilty for row in self.regressions if row.guilty is not None))

    @property
    def title(self) -> str:
        against = "the commits before it" if self.base is None else short(self.base)
        return f"{short(self.commit)} against {against}, on {self.machine}"

    @property
    def headline(self) -> str:
        if self.status == "regression":
            return f"Regression{' since ' if self.guilty else ''}{', '.join(map(short, self.guilty))}"
        if self.exit_code == 0:
            # Measured before and not judged all the same, or missing now.
            is_open = any(row.is_undecided(row.base) for row in self.rows)
            return f"No regression{' in what could be judged' if is_open else ''}"
        return "Too noisy to judge" if self.status == "unstable" else "Not enough data to judge"

    @property
    def summary(self) -> str:
        return f"{self.headline}: {counted(self.rows) or 'nothing was measured that is judged'}."


def repeatable(before: Sequence[Run], after: Sequence[Run]) -> list[str]:
    """The benchmarks, as asv names them, whose exact count differs: it is measured again before it is called."""
    rows = rows_of(list(_paired_findings(before, after)))
    called = (row for row in rows if row.status in ("regression", "improvement") and None not in (row.base, row.head))
    return list(dict.fromkeys(row.series.benchmark for row in called if row.metric and row.metric.nature == "exact"))


def undecided(change: Change) -> list[str]:
    """The benchmarks, as asv names them, of which further rounds may tell what these could not: they have a test."""
    return list(dict.fromkeys(row.series.benchmark for row in change.rows if row.is_undecided(row.p_value)))


def short(name: str) -> str:
    """A commit as people write it; a file by its name."""
    return name[:8] if re.fullmatch("[0-9a-f]{40}", name) else name


def between(
    before: Sequence[Run],
    after: Sequence[Run],
    *,
    machine: str,
    commit: str,
    base: str | None,
    paired: bool = False,
    looks: int = 1,
    notes: Sequence[str] = (),
) -> Change:
    """Judge runs by those before, oldest first; where they are `paired`, each ran right beside the one in its place.

    `looks` is how often they are judged at most, with more runs each time: each is a comparison of its own. The rest is
    as in `Change`; without a `base`, each change names the commit that brought it.
    """
    findings = list((_paired_findings if paired else _findings)(before, after))
    rows = rows_of(findings, looks)
    if base is not None:
        rows = [replace(row, guilty=None) for row in rows]
    left_out = list(dict.fromkeys(name for run in after for name in run.left_out))
    if left_out:
        words = f"{plural(len(left_out), 'benchmark')} left out that benchmarks.json does not describe"
        notes = [*notes, f"{words} (asv run --bench just-discover writes it anew): {clipped(', '.join(left_out), 200)}"]
    old, new = ({run.environment: None for run in runs} for runs in (before, after))
    alone = [name for name in new if name not in old]
    if old and alone:
        words = f"nothing before was measured in {', '.join(alone)}, only in {', '.join(old)}"
        notes = [*notes, f"{words}: what other environments measure is not compared"]
    has_several = len({row.environment for row in rows}) > 1
    versions = Counter((row.environment, row.series.name) for row in rows)
    labels = [[row.environment] if has_several else [] for row in rows]
    for row, label in zip(rows, labels, strict=True):
        if versions[row.environment, row.series.name] > 1:  # over many commits it may have changed
            label.append(f"version {row.series.version[:8]}")
    rows = [replace(row, label=", ".join(filter(None, label))) for row, label in zip(rows, labels, strict=True)]
    return Change(machine, commit, base, tuple(rows), tuple(notes))


def _paired_findings(before: Sequence[Run], after: Sequence[Run]) -> Iterator[Finding]:
    for series in dict.fromkeys(series for run in (*before, *after) for series in run.series):
        metric, pairs = metric_of(series, paired=True), zip(before, after, strict=True)
        rounds = [(x.series[series], y.series[series]) for x, y in pairs if series in x.series and series in y.series]
        good = [(one, other) for one, other in rounds if one.status == other.status == "ok"]
        row: Row | None = Row(series)
        if 2 * len(good) <= len(rounds):  # one failure among many rounds is an accident of the machine
            row = _missing(Row(series), [("", one) for one, _ in rounds], [("", other) for _, other in rounds])
        if metric is not None and row is not None:
            sides = [one.sample for one, _ in good], [other.sample for _, other in good]
            if not good and not row.evidence:
                row = replace(row, evidence="no round has a value of both")
            yield Finding(row, metric) if row.evidence else _compare_rounds(row, metric, *sides)


def _findings(before: Sequence[Run], after: Sequence[Run]) -> Iterator[Finding]:
    """Of what was measured after, and of what was measured last before that and is missed; by environment."""
    for environment in dict.fromkeys(run.environment for run in after):
        old, new = ([run for run in runs if run.environment == environment] for runs in (before, after))
        every = dict.fromkeys(series for run in new for series in run.series)
        names = {series.name for series in every}  # in whatever version
        versions = {series.benchmark: series.version for series in every}
        last = (series for run in old if run.commit == before[-1].commit for series in run.series)
        missed = (x for x in last if x.name not in names and versions.get(x.benchmark, x.version) == x.version)
        known = {series.name for run in old for series, one in run.series.items() if one.status != "n/a"}
        swings = _usual_swings(old, new)
        for series in (*every, *dict.fromkeys(missed)):
            metric = metric_of(series)
            sides = [[(run.commit, run.series[series]) for run in runs if series in run.series] for runs in (old, new)]
            row = _missing(Row(series, environment), *sides, is_known=series.name in known)
            if metric is not None and row is not None:
                usual = swings.get(metric.nature)
                yield Finding(row, metric) if row.evidence else _of_history(row, metric, usual, *sides)


def _usual_swings(old: Sequence[Run], new: Sequence[Run]) -> dict[Nature, RunSpread | None]:
    """How much the benchmarks of a kind swing here from run to run. Where hardly any run was before, what is judged is
    among them: most benchmarks have not changed."""
    runs = old if len(old) >= levels.LASTING else [*old, *new]
    found: dict[Nature, list[RunSpread]] = {}
    for series in dict.fromkeys(series for run in runs for series in run.series):
        metric = metric_of(series)
        measured = [run.series[series] for run in runs if series in run.series]
        samples = [one.sample for one in measured if one.status == "ok"]
        if metric is not None and len(samples) > 1 and min(map(min, samples)) > 0:
            found.setdefault(metric.nature, []).append(certainty.own_spread(samples))
    return {nature: certainty.usual_spread(every) for nature, every in found.items()}


def _of_history(row: Row, metric: Metric, usual: RunSpread | None, before: _Side, after: _Side) -> Finding:
    good: list[list[Samples]] = [
        [(commit, one.sample) for commit, one in side if one.status == "ok"] for side in (before, after)
    ]
    finding = _compare_history(row, metric, usual, *good)
    states = [one.status for _, one in before]
    failed = "failed" in states[states.index("ok") :] and finding.basis
    return replace(finding, basis=f"{finding.basis}; it failed in between") if failed else finding


def _missing(row: Row, before: _Side, after: _Side, *, is_known: bool = False) -> Row | None:
    """The row where a side has no value to compare; as it is where both have; None where there is nothing to say.
    `is_known` tells whether the same was measured before, in whatever version.

    What is n/a, and a failure between two values, is a gap: the last value before it counts.
    """
    before, after = ([one for one in side if one[1].status != "n/a"] for side in (before, after))
    if not before and not after:
        return None
    known, now = ([one for one in side if one[1].status == "ok"] for side in (before, after))
    base, head = (side[-1][1].value if side else None for side in (known, now))
    row = replace(row, base=base, head=head)
    fails = bool(after) and after[-1][1].status == "failed"
    if not after:
        return replace(row, evidence="not measured now")
    if not before:
        earlier = "no earlier result of this version" if is_known else "no earlier result"
        return replace(row, evidence=f"fails; {earlier}" if fails else f"{earlier} to compare with")
    if fails and before[-1][1].status == "failed":
        return replace(row, head=None, evidence="fails, as before")
    if fails:
        first = next(commit for commit, one in after if one.status == "failed")
        was = quantity(base, row.series.unit)
        return replace(row, status="regression", head=None, guilty=first, evidence=f"fails now; it was {was} before")
    if not known:
        return replace(row, status="improvement", guilty=now[0][0], evidence="works now; it failed before")
    return row


def _compare_rounds(
    row: Row, metric: Metric, before: Sequence[Sequence[float]], after: Sequence[Sequence[float]]
) -> Finding:
    base, head = (
        [certainty.undisturbed(x, lower_is_better=metric.lower_is_better) for x in side] for side in (before, after)
    )
    if metric.nature == "exact":  # what differs each time that it is measured, and in one direction, is called
        pairs = list(zip(base, head, strict=True))
        if len({exact_verdict(*pair, metric) for pair in pairs}) > 1:
            return Finding(row.not_repeated(pairs), metric)
        base, head = ([value] for value in min(pairs, key=lambda pair: abs(pair[1] - pair[0])))
    if metric.nature == "memory":  # what processes add to it now and then is not the commit's
        base, head = ([certainty.undisturbed(side, lower_is_better=True)] for side in (base, head))
    row = replace(row, base=median(base), head=median(head))
    if metric.nature in ("exact", "memory"):
        return Finding(row, metric)
    if min(*base, *head) <= 0:
        return Finding(replace(row, evidence="a value of 0 has no ratio"), metric)
    calm = certainty.calm_rounds(base, head)
    difference = certainty.between_rounds([base[place] for place in calm], [head[place] for place in calm])
    basis = f"{len(calm)} pairs of runs" + (f" of {len(base)}, the others disturbed" if len(calm) < len(base) else "")
    return Finding(row, metric, difference, basis, len(calm))


def _compare_history(
    row: Row, metric: Metric, usual: RunSpread | None, before: Sequence[Samples], after: Sequence[Samples]
) -> Finding:
    less_is_better = metric.lower_is_better
    values = {x: certainty.undisturbed(samples, lower_is_better=less_is_better) for x, samples in (*before, *after)}
    every = [value for _, samples in (*before, *after) for value in samples]
    if min(every) < 0:
        return Finding(replace(row, evidence="a value below 0 has no ratio"), metric)
    if metric.nature == "exact":
        last = before[-1][0]
        order = [last, *(commit for commit, _ in after)]
        whole = values[order[-1]] - values[last]
        # The commit whose step goes furthest in the direction of the whole change; of none it is not shown.
        steps = {commit: (values[commit] - values[one]) * (1 if whole > 0 else -1) for one, commit in pairwise(order)}
        guilty = max(steps, key=steps.__getitem__)
        return Finding(replace(row, base=values[last], head=values[order[-1]], guilty=guilty), metric)
    has_zero = min(every) == 0
    if has_zero:  # a count that may be 0 has no ratio; one more has
        before, after = ([(commit, [x + 1 for x in samples]) for commit, samples in side] for side in (before, after))
    is_short = len(before) < max(len(after), 0 if usual else certainty.MINIMUM_RUNS)  # else what is judged is no swing
    if not less_is_better:  # a rate, by its inverse: other work only makes that larger
        before, after = ([(commit, [1 / x for x in samples]) for commit, samples in side] for side in (before, after))
    learned = [*before, *after] if is_short and len(before) + len(after) >= certainty.MINIMUM_RUNS else before
    spread = certainty.run_spread([samples for _, samples in learned], usual)
    before = levels.level_before(before, after[0], spread, metric)
    runs = [*before, *after]
    split = levels.best_split(runs, range(len(before), len(runs)))
    old, new = runs[:split], runs[split:]
    sides = ([values[commit] for commit, _ in side] for side in (old, new))
    # As logarithms have it: between two values in the middle, their geometric mean.
    base, head = (median(side) if has_zero else math.exp(median(map(math.log, side))) for side in sides)
    row = replace(row, base=base, head=head, guilty=new[0][0])
    steady = metric.nature == "memory"
    difference = certainty.between_runs([x for _, x in old], [x for _, x in new], spread, steady=steady)
    if difference is None:
        return Finding(replace(row, evidence=_too_few([x for _, x in runs])), metric)
    if not less_is_better:
        ratio, low, high = (1 / one for one in (difference.ratio, difference.high, difference.low))
        difference = replace(difference, ratio=ratio, low=low, high=high)
    # Where it happened was looked for: each place that it might have been is a comparison.
    difference = replace(difference, p_value=min(1.0, difference.p_value * len(after)))
    swing = f"{percent(spread.deviation)} ({'measured' if spread.is_known else 'assumed'})"
    basis = f"{plural(len(old), 'earlier run')}, run-to-run swing {swing}"
    return Finding(row, metric, difference, basis, has_ratio=not has_zero)


def _too_few(runs: Sequence[Sequence[float]]) -> str:
    needed = f"or, over the history, {certainty.MINIMUM_RUNS} measured commits"
    if any(len(samples) < 2 for samples in runs):
        more = "--repeat, or asv run --record-samples"
        return f"a single value tells nothing of its noise; it takes samples ({more}), {needed}"
    return f"the samples are all the same, which tells nothing of their noise; it takes others, {needed}"
