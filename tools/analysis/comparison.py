"""Two commits side by side: the same levels of the same data sets, and whether the samples show a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tools.errors import ReportError
from tools.words import NOT_AVAILABLE, megabytes, significant

from .model import Concurrency, DataSet, Level, Report
from .significance import Interval, ratio_interval

Change = Literal["faster", "slower", "no change", "few samples", "n/a"]

COLUMNS = ("Workers", "Before (s)", "After (s)", "Change", "95 % interval", "Memory (MB)", "Verdict")


@dataclass(frozen=True)
class LevelChange:
    """One level at two commits.

    `ratio` is the time after over the time before: below 1 is faster. `interval` is its 95 % interval; None with too
    few samples.
    """

    concurrency: Concurrency
    before: Level | None
    after: Level | None
    ratio: float | None
    interval: Interval | None
    change: Change


@dataclass(frozen=True)
class DataSetChange:
    """One data set at two commits; None where a commit has not measured it."""

    title: str
    key: str
    before: DataSet | None
    after: DataSet | None
    levels: tuple[LevelChange, ...]


@dataclass(frozen=True)
class Comparison:
    """Two reports and what changed from the first to the second."""

    before: Report
    after: Report
    data_sets: tuple[DataSetChange, ...]


def compare(before: Report, after: Report) -> Comparison:
    """Compare what both have measured; what only one has is there too.

    Raises:
        ReportError: the two are of different machines, so their times cannot be compared.
    """
    machines = [report.environment.machine for report in (before, after)]
    if None not in machines and machines[0] != machines[1]:
        raise ReportError(f"times of {machines[0]} and of {machines[1]} cannot be compared; name one machine.")
    old = {data_set.key: data_set for data_set in before.data_sets}
    new = {data_set.key: data_set for data_set in after.data_sets}
    keys = list(dict.fromkeys([*new, *old]))
    return Comparison(before, after, tuple(_data_set(key, old.get(key), new.get(key)) for key in keys))


def _data_set(key: str, before: DataSet | None, after: DataSet | None) -> DataSetChange:
    shown = after or before
    assert shown is not None
    old = {level.concurrency: level for level in before.levels} if before else {}
    new = {level.concurrency: level for level in after.levels} if after else {}
    names = sorted({*old, *new}, key=lambda name: (isinstance(name, str), name))
    levels = tuple(_level(name, old.get(name), new.get(name)) for name in names)
    return DataSetChange(shown.title, key, before, after, levels)


def _level(concurrency: Concurrency, before: Level | None, after: Level | None) -> LevelChange:
    if before is None or after is None or not before.median_seconds or not after.median_seconds:
        return LevelChange(concurrency, before, after, None, None, "n/a")
    interval = ratio_interval(after, before)
    ratio = after.median_seconds / before.median_seconds
    return LevelChange(concurrency, before, after, ratio, interval, _change(interval))


def _change(interval: Interval | None) -> Change:
    if interval is None:
        return "few samples"
    low, high = interval
    return "faster" if high < 1 else "slower" if low > 1 else "no change"


def cells(level: LevelChange) -> tuple[str, ...]:
    """One row of the table, in the order of `COLUMNS`."""
    before, after = level.before, level.after
    low_high = NOT_AVAILABLE
    if level.interval is not None:
        low, high = map(signed_percent, level.interval)
        low_high = f"{low.removesuffix(' %')} to {high}"
    memory = " → ".join(megabytes(x.peak_bytes if x else None) for x in (before, after))
    return (
        str(level.concurrency),
        _time(before),
        _time(after),
        NOT_AVAILABLE if level.ratio is None else signed_percent(level.ratio),
        low_high,
        memory,
        level.change,
    )


def summary(data_set: DataSetChange) -> list[str]:
    """What changed, in sentences."""
    if data_set.before is None or data_set.after is None:
        return [f"Only the commit {'after' if data_set.before is None else 'before'} has measured this."]
    text = []
    for change in ("slower", "faster"):
        names = [str(level.concurrency) for level in data_set.levels if level.change == change]
        if names:
            text.append(f"{change.capitalize()} at concurrency {', '.join(names)}.")
    if any(level.change == "few samples" for level in data_set.levels):
        text.append("Too few samples to tell a change: it takes three a level (asv run --record-samples).")
    if not text:
        text.append("No change is shown.")
    return text


NOTE = (
    "Change is the time after over the time before. A verdict is given when the 95 % interval leaves out 0 %: by "
    "chance alone one in twenty does. Runs made at different times also differ by what else the machine did meanwhile: "
    "before you act on a change, measure both commits in turns."
)


def signed_percent(ratio: float) -> str:
    """A ratio as a change: 1.08 is +8 %."""
    change = (ratio - 1) * 100
    return f"{change:+.1f} %" if abs(change) < 9.95 else f"{change:+,.0f} %"


def _time(level: Level | None) -> str:
    if level is None:
        return NOT_AVAILABLE
    return significant(level.median_seconds) if level.status == "ok" else level.status
