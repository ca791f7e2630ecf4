"""The report as a picture: throughput and speedup against concurrency, one row a data set, or one panel by itself."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tools.analysis.model import DataSet, Level, Report, is_quick
from tools.analysis.scaling import ScalingLaw
from tools.analysis.verdict import Verdict, judge
from tools.atomic import write_bytes
from tools.errors import ReportError
from tools.words import significant, times, workers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg")
_WIDTH_INCHES = 10.0
_ROW_INCHES = 3.7
_FOOT_INCHES = 0.5
_DPI = 150
_PANEL_INCHES = (5.0, 3.5)
_POINTS_PER_STEP = 12
# A name beside a panel, as a share of its height.
_LINE_OF_TEXT = 0.055
_POINTS_AND_BARS = "points: medians; bars: quartiles of the throughput, 95 % interval of the speedup"
# Okabe and Ito's, without the yellow that is too pale on white.


@dataclass(frozen=True)
class _Theme:
    """Colours; the data are in Okabe and Ito's palette, which colour-blind readers can tell apart."""

    background: str
    ink: str
    quiet: str
    faint: str
    band: str
    throughput: str
    speedup: str
    recommended: str
    peer: str

    @property
    def style(self) -> Any:
        return {
            "font.size": 9.5,
            "text.color": self.ink,
            "axes.edgecolor": self.quiet,
            "axes.facecolor": self.background,
            "axes.labelcolor": self.ink,
            "xtick.color": self.ink,
            "ytick.color": self.ink,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.axisbelow": True,
            "figure.constrained_layout.w_pad": 0.12,
            "figure.constrained_layout.h_pad": 0.08,
            "svg.hashsalt": "report",
            # Titles hold names of files, in which a dollar sign is a dollar sign.
            "text.parse_math": False,
        }


_LIGHT = _Theme("white", "#222222", "#666666", "#E4E4E4", "#F1F1F1", "#0072B2", "#D55E00", "#009E73", "#8A5A83")
_DARK = _Theme("#16181D", "#E6E6E6", "#A0A4AB", "#2C3038", "#22252C", "#56B4E9", "#E69F00", "#2FCB9C", "#CC99C4")

Panel = Literal["throughput", "speedup"]


def draw(report: Report, path: Path) -> None:
    """Draw the report as PNG or SVG, by the suffix of `path`.

    Raises:
        ReportError: the suffix is neither, or the place cannot be written.
    """
    kind = _kind_of(path)
    # Loaded when a picture is wanted: it is slow to import.
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_LIGHT.style):
        rows = max(1, len(report.data_sets))
        figure = Figure(figsize=(_WIDTH_INCHES, _ROW_INCHES * rows + _FOOT_INCHES), layout="constrained")
        _fill(figure, report, _LIGHT)
        content = _saved(figure, kind, _LIGHT)
    write_bytes(path, content)


def panel(data_set: DataSet, which: Panel, *, dark: bool = False) -> bytes:
    """One panel of one data set as SVG, for a page with a light or a dark background."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    theme = _DARK if dark else _LIGHT
    with rc_context(theme.style):
        figure = Figure(figsize=_PANEL_INCHES, layout="constrained")
        axes = figure.subplots()
        (_throughput if which == "throughput" else _speedup)(axes, data_set, judge(data_set), theme)
        return _saved(figure, "svg", theme)


def _kind_of(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ReportError(f"{path} is neither .png nor .svg, the two kinds of picture there are.")
    return suffix[1:]


def _saved(figure: Figure, kind: str, theme: _Theme) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    content = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else None
    figure.savefig(content, format=kind, dpi=_DPI, facecolor=theme.background, metadata=metadata)
    return content.getvalue()


def _fill(figure: Figure, report: Report, theme: _Theme) -> None:
    if not report.data_sets:
        figure.text(0.5, 0.5, "No data sets were measured.", ha="center", color=theme.quiet)
        return
    rows = figure.subfigures(len(report.data_sets), 1, squeeze=False)
    for row, data_set in zip(rows[:, 0], report.data_sets, strict=True):
        verdict = judge(data_set)
        row.suptitle(_title(data_set), x=0.012, ha="left", fontsize=13, fontweight="bold")
        left, right = row.subplots(1, 2)
        _throughput(left, data_set, verdict, theme)
        _speedup(right, data_set, verdict, theme)
    figure.supxlabel(_foot(report, _POINTS_AND_BARS), x=0.012, ha="left", fontsize=8, color=theme.quiet)


def _title(data_set: DataSet) -> str:
    return _clipped(data_set.title) + (" (quick run)" if is_quick([data_set]) else "")


def _clipped(title: str, longest: int = 80) -> str:
    return title if len(title) <= longest else f"{title[: longest - 3]}..."


def _foot(report: Report, points: str) -> str:
    where = report.environment
    facts = [
        f"commit {where.commit_short}" if where.commit_short else "",
        where.cpu or "",
        f"{where.cores} cores" if where.cores else "",
        f"Python {where.python}" if where.python else "",
        points,
    ]
    return "  ·  ".join(fact for fact in facts if fact)


def _throughput(axes: Axes, data_set: DataSet, verdict: Verdict, theme: _Theme) -> None:
    axes.set_ylabel("Throughput (items/s)")
    points = [
        (place, level, level.throughput, level.items)
        for place, level in enumerate(data_set.levels)
        if level.throughput is not None
    ]
    _frame(axes, data_set, [place for place, *_ in points], theme)
    if not points:
        _explain(axes, "n/a: no level has a throughput", theme)
        return
    for place, level, value, items in points:
        low = value if not items or level.q75_seconds is None else items / level.q75_seconds
        high = value if not items or level.q25_seconds is None else items / level.q25_seconds
        _point(axes, place, level, value, (low, high), theme.throughput)
        _label(axes, place, max(value, high), significant(value), theme)
    _join(axes, [(place, level, value) for place, level, value, _ in points], theme.throughput)
    if isinstance(verdict.law, ScalingLaw) and data_set.items:
        _law(axes, data_set, verdict.law, theme)
    _peers(axes, data_set, theme)
    top = max(axes.dataLim.y1, *(value for _, _, value, _ in points))
    axes.set_ylim(0, top * 1.15)
    _name_peers(axes, data_set, theme)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if top >= 10 else f"{value:g}")
    _mark_recommended(axes, [(place, level, value) for place, level, value, _ in points], verdict, theme)


def _speedup(axes: Axes, data_set: DataSet, verdict: Verdict, theme: _Theme) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    axes.set_ylabel("Speedup against 1 worker")
    points = [(place, level, level.speedup) for place, level in enumerate(data_set.levels) if level.speedup is not None]
    _frame(axes, data_set, [place for place, *_ in points], theme)
    if not points:
        _explain(axes, f"n/a: {data_set.speedup_missing_because}", theme)
        return
    numbers = [(place, x.concurrency) for place, x in enumerate(data_set.levels) if isinstance(x.concurrency, int)]
    axes.set_yscale("log", base=2)
    axes.plot(
        *zip(*numbers, strict=True), color=theme.quiet, linestyle=(0, (4, 3)), linewidth=1.3, label="ideal", zorder=1
    )
    largest = max(number for _, number in numbers)
    if verdict.ceiling is not None and verdict.ceiling < largest:
        axes.axhline(verdict.ceiling, color=theme.quiet, linestyle=":", linewidth=1.5, zorder=1, label="ceiling")
    for place, level, value in points:
        is_base = level is data_set.baseline
        _point(axes, place, level, value, level.speedup_interval or (value, value), theme.speedup)
        # The ideal line rises above the points, so the space below is free.
        lowest = min(value, (level.speedup_interval or (value,))[0])
        _label(axes, place, lowest, "baseline" if is_base else times(value), theme, below=True)
    _join(axes, points, theme.speedup)
    low_end = min(axes.dataLim.y0, 1.0)
    high_end = max(axes.dataLim.y1, 2.0)
    axes.set_ylim(low_end / 1.8, high_end * 1.3)
    ticks = [2.0**power for power in range(-10, 20) if low_end / 1.8 <= 2.0**power <= high_end * 1.3]
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}x")
    _mark_recommended(axes, points, verdict, theme)


def _law(axes: Axes, data_set: DataSet, law: ScalingLaw, theme: _Theme) -> None:
    """The fitted curve; between two levels the axis is logarithmic, so that even distances are even factors."""
    numbers = [(place, x.concurrency) for place, x in enumerate(data_set.levels) if isinstance(x.concurrency, int)]
    places: list[float] = []
    values: list[float] = []
    for (left, few), (right, many) in pairwise(numbers):
        for step in range(_POINTS_PER_STEP + 1):
            share = step / _POINTS_PER_STEP
            places.append(left + share * (right - left))
            values.append(law.throughput(math.exp((1 - share) * math.log(few) + share * math.log(many))))
    axes.plot(places, values, color=theme.quiet, linestyle=":", linewidth=1.5, label="scalability law", zorder=1)


def _peers(axes: Axes, data_set: DataSet, theme: _Theme) -> None:
    """Each peer as a line across."""
    for peer in data_set.peers:
        if peer.throughput is not None:
            axes.axhline(peer.throughput, color=theme.peer, linewidth=1, zorder=1)


def _name_peers(axes: Axes, data_set: DataSet, theme: _Theme) -> None:
    """The name of each peer at the right end of its line, or above it where others are as fast."""
    top = axes.get_ylim()[1]
    free = 0.0
    for throughput, name in sorted((x.throughput, x.name) for x in data_set.peers if x.throughput is not None):
        height = max(throughput / top, free)
        free = height + _LINE_OF_TEXT
        axes.annotate(
            _clipped(name, 20),
            (1, height),
            xycoords="axes fraction",
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            color=theme.peer,
            fontsize=8,
        )


def _frame(axes: Axes, data_set: DataSet, filled: list[int], theme: _Theme) -> None:
    """The measured levels at even distances; one without a time keeps its place and says so."""
    axes.set_xlabel("Concurrency (workers)")
    axes.set_xlim(-0.5, max(1, len(data_set.levels)) - 0.5)
    axes.set_xticks(range(len(data_set.levels)), [_clipped(str(level.concurrency), 12) for level in data_set.levels])
    axes.grid(axis="y", color=theme.faint, linewidth=0.8)
    axes.tick_params(length=3)
    for place, level in enumerate(data_set.levels):
        if place in filled or level.status == "ok":
            continue
        axes.axvspan(place - 0.3, place + 0.3, color=theme.band, zorder=0)
        axes.text(
            place,
            0.5,
            level.status,
            transform=axes.get_xaxis_transform(),
            rotation=90,
            ha="center",
            va="center",
            color=theme.speedup if level.status == "failed" else theme.quiet,
        )


def _explain(axes: Axes, text: str, theme: _Theme) -> None:
    axes.set_yticks([])
    axes.text(0.5, 0.92, text, transform=axes.transAxes, ha="center", va="center", color=theme.quiet)


def _point(axes: Axes, place: int, level: Level, value: float, bar: tuple[float, float], color: str) -> None:
    low, high = bar
    axes.errorbar(
        [place],
        [value],
        yerr=None if low == high else [[max(0.0, value - low)], [max(0.0, high - value)]],
        fmt="D" if isinstance(level.concurrency, str) else "o",
        color=color,
        markersize=6,
        capsize=4,
        elinewidth=1.4,
        zorder=3,
    )


def _join(axes: Axes, points: list[tuple[int, Level, float]], color: str) -> None:
    """A line through the numbers; it breaks where a level has no time, and leaves out what is no number."""
    runs: list[list[tuple[int, float]]] = [[]]
    for place, level, value in points:
        if isinstance(level.concurrency, str):
            continue
        if runs[-1] and place != runs[-1][-1][0] + 1:
            runs.append([])
        runs[-1].append((place, value))
    for run in runs:
        if len(run) > 1:
            axes.plot(*zip(*run, strict=True), color=color, linewidth=2, zorder=2)


def _label(axes: Axes, place: int, value: float, text: str, theme: _Theme, *, below: bool = False) -> None:
    from matplotlib.patheffects import withStroke

    axes.annotate(
        text,
        (place, value),
        xytext=(0, -10 if below else 10),
        textcoords="offset points",
        ha="center",
        va="top" if below else "bottom",
        fontsize=9,
        # Readable where it crosses a line.
        path_effects=[withStroke(linewidth=3, foreground=theme.background)],
        zorder=5,
    )


def _mark_recommended(axes: Axes, points: list[tuple[int, Level, float]], verdict: Verdict, theme: _Theme) -> None:
    for place, level, value in points:
        if level.concurrency == verdict.recommended:
            axes.plot(
                [place],
                [value],
                marker="o",
                markersize=14,
                markerfacecolor="none",
                markeredgecolor=theme.recommended,
                markeredgewidth=1.8,
                linestyle="none",
                label=f"recommended: {workers(level.concurrency)}",
                zorder=4,
            )
    if axes.get_legend_handles_labels()[1]:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=3,
            frameon=False,
            fontsize=9,
            markerscale=0.65,
            handletextpad=0.4,
            borderaxespad=0.1,
        )
