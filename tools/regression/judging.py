"""From measurements to verdicts: a commit against the commits before it, against another, or in interleaved rounds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from math import log
from pathlib import Path
from statistics import median

from tools.asv.results import Measured, Series

from . import statistics as tests
from .history import Line, find, read_line, read_pair
from .metrics import Metric, metric_of
from .model import Judgement, Row
from .verdicts import FALSE_ALARM, Finding, verdicts
from .words import percent, quantity

WINDOW = 20
"""Measured commits before the judged ones that are looked at."""

Round = Mapping[Series, Measured]
_Samples = tuple[str, Sequence[float]]  # of one commit


def judge(
    results_dir: Path,
    *,
    commit: str | None = None,
    base: str | None = None,
    since: str | None = None,
    machine: str | None = None,
    window: int = WINDOW,
    repository: Path = Path(),
) -> Judgement:
    """Judge a commit by asv's result files.

    Args:
        results_dir: asv's `results_dir`.
        commit: The judged commit, or the start of its hash; the newest with results by default.
        base: Judge against this commit alone, instead of the ones before it.
        since: Judge everything that came after this commit, and name the commit that brought each change; by
            default only what `commit` itself brought.
        machine: asv's name of the machine, where there are results of several.
        window: Measured commits before the judged ones that are looked at.
        repository: The git repository that knows which commit comes before which.

    Raises:
        RegressionError: There are no results, or a commit or the machine does not say which.
    """
    if base is not None:
        line = read_pair(results_dir, commit=commit, base=base, machine=machine, repository=repository)
        start = 1
    else:
        line = read_line(results_dir, commit=commit, machine=machine, repository=repository)
        start = len(line.commits) - 1
        if since is not None:
            start = line.commits.index(find(line.commits, since, results_dir)) + 1
        first = max(0, start - window)
        line = replace(line, commits=line.commits[first:])
        start -= first
    findings = list(_findings(line, set(line.commits[start:])))
    return Judgement(
        machine=line.machine,
        commit=line.commits[-1],
        base=line.commits[0] if base is not None else None,
        rows=verdicts(findings, names_the_guilty=base is None),
    )


def judge_rounds(
    base_rounds: Sequence[Round], head_rounds: Sequence[Round], *, base: str, commit: str, machine: str
) -> Judgement:
    """Judge two commits that were measured in turns: round by round, one right after the other.

    A benchmark that scatters must be there in every round; one that does not may be there once.
    """
    findings = []
    every = dict.fromkeys(series for one in (*base_rounds, *head_rounds) for series in one)
    for series in every:
        metric = metric_of(series.kind, series.unit, paired=True)
        if metric is None:
            continue
        pairs = [
            (b[series], h[series]) for b, h in zip(base_rounds, head_rounds, strict=True) if series in b and series in h
        ]
        if {side.status for pair in pairs for side in pair} == {"n/a"}:
            continue
        row = _row(series, environment="")
        broken = _broken([b for b, _ in pairs], [h for _, h in pairs], row)
        if broken is not None:
            findings.append(Finding(broken, metric))
            continue
        before, after = ([_samples(side) for side in sides] for sides in zip(*pairs, strict=True))
        findings.append(_compare_rounds(row, metric, before, after))
    return Judgement(machine=machine, commit=commit, base=base, rows=verdicts(findings, names_the_guilty=False))


def _findings(line: Line, judged: set[str]) -> Iterator[Finding]:
    every = dict.fromkeys(
        (run.environment, series)
        for commit in line.commits
        if commit in judged
        for run in line.runs[commit]
        for series in run.series
    )
    for environment, series in every:
        metric = metric_of(series.kind, series.unit)
        if metric is None:
            continue
        values = line.values(environment, series)
        before = [(commit, value) for commit, value in values if commit not in judged]
        after = [(commit, value) for commit, value in values if commit in judged]
        if {value.status for _, value in (*before[-1:], *after[-1:])} == {"n/a"}:
            continue  # not offered, or not selected: asv writes both alike
        row = _row(series, environment)
        # Of the commits before, what failed or was n/a tells nothing, unless it was the last word.
        broken = _broken([value for _, value in before[-1:]], [value for _, value in after[-1:]], row)
        if broken is not None:
            guilty = next((commit for commit, value in after if value.status == "failed"), None)
            yield Finding(replace(broken, guilty=guilty), metric)
            continue
        yield _compare_history(row, metric, _ok(before), _ok(after))


def _row(series: Series, environment: str) -> Row:
    params = ", ".join(f"{name}={value}" for name, value in series.params)
    return Row(series.benchmark, params, environment, series.unit, "not enough data")


def _ok(values: Sequence[tuple[str, Measured]]) -> list[_Samples]:
    return [(commit, _samples(value)) for commit, value in values if value.status == "ok"]


def _samples(measured: Measured) -> Sequence[float]:
    return measured.samples or ((measured.value,) if measured.value is not None else ())


def _broken(before: Sequence[Measured], after: Sequence[Measured], row: Row) -> Row | None:
    """The row when there is nothing to compare, or None when both sides have values."""
    if not before or not after:
        missing = "before" if not before else "at the judged commit"
        base, head = (_median(side) for side in (before, after))
        return replace(row, base=base, head=head, evidence=f"not measured {missing} in this version of the benchmark")
    states = {side: {value.status for value in values} for side, values in (("before", before), ("now", after))}
    base = _median(before)
    if "failed" in states["now"] and states["before"] == {"ok"} and base is not None:
        was = quantity(base, row.unit)
        return replace(row, status="regression", base=base, evidence=f"fails now; it was {was} before")
    if "failed" in states["before"] and states["now"] == {"ok"}:
        return replace(row, status="improvement", evidence="works now; it failed before")
    if states["before"] == states["now"] == {"ok"}:
        return None
    words = [f"{' and '.join(sorted(states[side]))} {side}" for side in ("before", "now")]
    return replace(row, evidence=", ".join(words))


def _median(side: Sequence[Measured]) -> float | None:
    values = [measured.value for measured in side if measured.value is not None]
    return median(values) if values else None


def _compare_rounds(
    row: Row, metric: Metric, before: Sequence[Sequence[float]], after: Sequence[Sequence[float]]
) -> Finding:
    base, head = (
        [tests.undisturbed(x, lower_is_better=metric.lower_is_better) for x in side] for side in (before, after)
    )
    if metric.nature == "memory":  # what processes add to it now and then is not the commit's
        base, head = ([tests.undisturbed(side, lower_is_better=metric.lower_is_better)] for side in (base, head))
    row = replace(row, base=median(base), head=median(head))
    if metric.nature != "scattering" or not _all_positive(before, after):
        return Finding(row, metric)
    calm = tests.calm_rounds(base, head)
    difference = tests.between_rounds([base[place] for place in calm], [head[place] for place in calm])
    basis = f"{len(calm)} pairs of runs" + (f" of {len(base)}, the others disturbed" if len(calm) < len(base) else "")
    return Finding(row, metric, difference, basis, len(calm))


def _compare_history(row: Row, metric: Metric, before: list[_Samples], after: list[_Samples]) -> Finding:
    values = {commit: median(samples) for commit, samples in (*before, *after)}
    if metric.nature == "exact" or not _all_positive([x for _, x in before], [x for _, x in after]):
        last = before[-1][0]
        order = [last, *(commit for commit, _ in after)]
        row = replace(row, base=values[last], head=values[order[-1]])
        return Finding(replace(row, guilty=_largest_step(order, values)), metric)
    spread = tests.run_spread([samples for _, samples in (*before, *after)])
    before = _settled(before, spread, metric.least_change)
    runs = [*before, *after]
    split = _best_split(runs, range(len(before), len(runs)))
    base, head = runs[:split], runs[split:]
    row = replace(
        row,
        base=median(values[commit] for commit, _ in base),
        head=median(values[commit] for commit, _ in head),
        guilty=head[0][0],
    )
    samples = min(sum(len(x) for _, x in side) for side in (base, head))
    if samples < tests.MINIMUM_SAMPLES and not spread.is_known and metric.nature == "scattering":
        words = (
            f"{samples} samples, and {tests.MINIMUM_SAMPLES} a side are needed (asv run --record-samples keeps them), "
            f"or {tests.MINIMUM_RUNS} measured commits"
        )
        return Finding(replace(row, evidence=words), metric)
    difference = tests.between_runs([x for _, x in base], [x for _, x in head], spread)
    # Where it happened was looked for: each place that it might have been is a comparison.
    difference = replace(difference, p_value=min(1.0, difference.p_value * len(after)))
    known = "measured" if spread.is_known else "assumed"
    commits = f"{len(base)} commit{'s' if len(base) > 1 else ''} before"
    basis = f"{commits}, swing from run to run {percent(spread.deviation)} ({known})"
    return Finding(row, metric, difference, basis)


def _settled(runs: list[_Samples], spread: tests.RunSpread, least_change: float) -> list[_Samples]:
    """The runs since the last lasting change, which is no news and must not blur what is normal now."""
    while len(runs) > 1:
        split = _best_split(runs, range(1, len(runs)))
        difference = tests.between_runs([x for _, x in runs[:split]], [x for _, x in runs[split:]], spread)
        is_large = abs(log(difference.ratio)) > log(1 + least_change)
        if difference.p_value * len(runs) >= FALSE_ALARM or not is_large:
            break
        runs = runs[split:]
    return runs


def _best_split(runs: Sequence[_Samples], places: Sequence[int]) -> int:
    """Where the level changed, if it did: the place that leaves the least deviation on both sides."""
    levels = [log(median(samples)) for _, samples in runs]

    def left_over(place: int) -> float:
        sides = (levels[:place], levels[place:])
        return sum(abs(level - median(side)) for side in sides for level in side)

    return min(places, key=left_over)


def _largest_step(order: Sequence[str], values: Mapping[str, float]) -> str | None:
    """The commit whose step goes furthest in the direction of the whole change."""
    whole = values[order[-1]] - values[order[0]]
    steps = {b: (values[b] - values[a]) * (1 if whole > 0 else -1) for a, b in pairwise(order)}
    return max(steps, key=steps.__getitem__) if whole else None


def _all_positive(*sides: Sequence[Sequence[float]]) -> bool:
    return all(value > 0 for side in sides for samples in side for value in samples)
