"""The report as a picture: throughput and speedup against concurrency, one row a data set, or one panel by itself."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tools.analysis.analysis import Analysed, Analysis
from tools.analysis.model import DataSet, Level
from tools.analysis.scaling import ScalingLaw
from tools.atomic import write_bytes
from tools.words import clipped, plain, significant, times, workers

from .page import where_and_when

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_QUIET = "#666666"
_FAINT, _BAND = "#2222221F", "#22222210"  # see-through: a page may be dark, and inverts them
# Of Okabe and Ito's palette, which colour-blind readers can tell apart.
_THROUGHPUT, _SPEEDUP, _RECOMMENDED, _PEER = "#0072B2", "#D55E00", "#009E73", "#8A5A83"
STYLE = Path(__file__).with_name("plot.mplstyle")
_WIDTH_INCHES = 10.0
_ROW_INCHES = 3.7
_FOOT_INCHES = 0.6
_DPI = 150
_PANEL_INCHES = (5.0, 3.5)
_POINTS_PER_STEP = 12
_LINE_OF_TEXT = 0.055  # a name beside a panel, as a share of its height
_STRIP = 0.13  # the strip of samples beside its median, in inches
_MOST_VALUES = 15  # that stand beside each other in a panel
_LINE_LENGTH = 52  # of the names of levels below a panel, in characters
_ROOM_BELOW = 0.2  # the lowest speedup, as a share of the logarithmic axis: its value stands there
_ROOM_FOR_VALUE = 0.08  # left of the first level, as a share of the others' places: its value stands there
# An interval is drawn this many times further than the samples go; beyond that an arrow shows that it goes on.
_FURTHEST_BAR = 2.0
_FOOT = "Large points: medians; small points: every sample; bars: quartiles (throughput), 95 % interval (speedup)"
Panel = Literal["throughput", "speedup"]


@dataclass(frozen=True)
class _Point:
    """A level with a value: where it stands, its samples, and the ends of its bar."""

    place: int
    level: Level
    value: float
    samples: tuple[float, ...]
    bar: tuple[float, float]

    @property
    def drawn_bar(self) -> tuple[float, float]:
        """Of a bar without end, a part."""
        points = (self.value, *self.samples)
        return max(self.bar[0], min(points) / _FURTHEST_BAR), min(self.bar[1], max(points) * _FURTHEST_BAR)

    @property
    def extent(self) -> tuple[float, float]:
        drawn = (self.value, *self.samples, *self.drawn_bar)
        return min(drawn), max(drawn)


def draw(found: Analysed, path: Path) -> None:
    """Draw the report as PNG or SVG, by the suffix of `path`. Raises ReportError: the place cannot be written."""
    size = (_WIDTH_INCHES, _ROW_INCHES * max(1, len(found.analyses)) + _FOOT_INCHES)
    write_bytes(path, picture(size, path.suffix[1:], "white", lambda figure: _fill(figure, found)))


def panel(analysis: Analysis, which: Panel) -> bytes:
    """One panel of one data set as SVG, on the background of the page."""
    return picture(_PANEL_INCHES, "svg", "none", lambda figure: _panel(figure.subplots(), analysis, which))


def picture(size: tuple[float, float], kind: str, background: str, fill: Callable[[Figure], None]) -> bytes:
    # Loaded when a picture is wanted: it is slow to import.
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    content = io.BytesIO()
    with rc_context(fname=STYLE), warnings.catch_warnings():
        # A box in the title for a script that the font lacks; the tables have it.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        fill(figure)
        metadata = {"Date": None} if kind == "svg" else None
        figure.savefig(content, format=kind, dpi=_DPI, facecolor=background, metadata=metadata)
    return content.getvalue()


def _fill(figure: Figure, found: Analysed) -> None:
    if not found.analyses:
        figure.text(0.5, 0.5, "No data sets were measured.", ha="center", color=_QUIET)
        return
    rows = figure.subfigures(len(found.analyses), 1, squeeze=False)
    for row, analysis in zip(rows[:, 0], found.analyses, strict=True):
        quick = " (quick run)" if analysis.data_set.is_quick else ""
        title = f"{clipped(plain(analysis.data_set.title), 80)}{quick}"
        row.suptitle(title, x=0.012, ha="left", fontsize=13, fontweight="bold")
        left, right = row.subplots(1, 2)
        _panel(left, analysis, "throughput")
        _panel(right, analysis, "speedup")
    foot = f"{plain(where_and_when(found.report))}\n{_FOOT}"
    figure.supxlabel(foot, x=0.012, ha="left", fontsize=8, color=_QUIET)


def _panel(axes: Axes, analysis: Analysis, which: Panel) -> None:
    data_set, is_rate = analysis.data_set, which == "throughput"
    points = list(_points(data_set, which))
    axes.set_ylabel("Throughput (items/s)" if is_rate else "Speedup against 1 worker")
    _frame(axes, data_set, points)
    if points:
        (_scale_rates if is_rate else _scale_speedups)(axes, analysis, points)
        _draw_points(axes, points, analysis, which)
        return
    why = "no level has a throughput" if is_rate else data_set.speedup_missing_because
    axes.set_yticks([])
    axes.text(0.5, 0.92, f"n/a: {why}", transform=axes.transAxes, ha="center", va="center", color=_QUIET)


def _points(data_set: DataSet, which: Panel) -> Iterator[_Point]:
    for place, level in enumerate(data_set.levels):
        value, median = level.throughput if which == "throughput" else level.speedup, level.median_seconds
        if value and median is not None:
            slow, *samples, fast = (
                value * median / each
                for each in (level.q75_seconds or median, *level.samples, level.q25_seconds or median)
            )
            bar = (slow, fast) if which == "throughput" else level.speedup_interval or (value, value)
            yield _Point(place, level, value, tuple(samples), bar)


def _scale_rates(axes: Axes, analysis: Analysis, points: list[_Point]) -> None:
    data_set = analysis.data_set
    if analysis.law and data_set.items:
        _law(axes, data_set, analysis.law)
    peers = sorted((x.throughput, str(x.concurrency)) for x in data_set.peers if x.throughput is not None)
    top = max(axes.dataLim.y1, *(point.extent[1] for point in points), *(rate for rate, _ in peers)) * 1.15
    axes.set_ylim(0, top)
    _peers(axes, peers, top)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if top >= 10 else f"{value:g}")


def _scale_speedups(axes: Axes, analysis: Analysis, points: list[_Point]) -> None:
    levels, ceiling = analysis.data_set.levels, analysis.ceiling
    numbers = [(place, x.concurrency) for place, x in enumerate(levels) if isinstance(x.concurrency, int)]
    axes.set_yscale("log", base=2, subs=[])
    dashes = (0, (4, 3))
    if len(numbers) > 1:
        axes.plot(*zip(*numbers, strict=True), color=_QUIET, linestyle=dashes, linewidth=1.3, label="ideal", zorder=1)
    if ceiling is not None and ceiling < max(number for _, number in numbers):
        axes.axhline(ceiling, color=_QUIET, linestyle=":", linewidth=1.5, zorder=1, label="ceiling")
    # The ideal line rises above the points, so the space below is free for their values.
    least, most = min(1.0, *(x.extent[0] for x in points)), max(2.0, axes.dataLim.y1, *(x.extent[1] for x in points))
    axes.set_ylim(least / max(1.8, (most / least) ** _ROOM_BELOW), most * 1.3)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}x")


def _law(axes: Axes, data_set: DataSet, law: ScalingLaw) -> None:
    """The fitted curve; between two levels the axis is logarithmic, so that even distances are even factors."""
    import numpy as np

    numbers = [level.concurrency for level in data_set.levels if isinstance(level.concurrency, int)]
    places = np.linspace(0, len(numbers) - 1, _POINTS_PER_STEP * len(numbers))
    counts = np.exp(np.interp(places, range(len(numbers)), np.log(numbers)))
    rates = [law.throughput(count) for count in counts]
    axes.plot(places, rates, color=_QUIET, linestyle=":", linewidth=1.5, label="scalability law", zorder=1)


def _peers(axes: Axes, peers: list[tuple[float, str]], top: float) -> None:
    """Each peer as a line across; its name at the right end, or above it where others are as fast."""
    free = 0.0
    for throughput, name in peers:
        axes.axhline(throughput, color=_PEER, linewidth=1, zorder=1)
        height = max(throughput / top, free)
        free = height + _LINE_OF_TEXT
        named = axes.annotate(clipped(plain(name), 20), (1, height), (3, 0), "axes fraction", "offset points")
        named.set(va="center", color=_PEER, fontsize=8)


def _frame(axes: Axes, data_set: DataSet, points: list[_Point]) -> None:
    """The measured levels at even distances; one without a time keeps its place and says so."""
    filled = [point.place for point in points]
    names = [clipped(plain(str(level.concurrency)), 12).replace(" ", "\n", 1) for level in data_set.levels]
    lines = [line for name in names for line in name.split("\n")]
    is_crowded = any(len(names) * (len(line) + 1) > _LINE_LENGTH for line in lines)
    axes.set_xlabel("Concurrency (workers)")
    axes.set_xlim(-max(0.5, _ROOM_FOR_VALUE * len(names)), max(1, len(names)) - 0.5)
    axes.set_xticks(range(len(names)), names)
    if is_crowded:
        axes.set_xticks(range(len(names)), [name.replace("\n", " ") for name in names], rotation=90)
    axes.grid(axis="y", color=_FAINT, linewidth=0.8)
    axes.tick_params(length=3)
    for place, level in enumerate(data_set.levels):
        if place not in filled and level.status != "ok":
            color = _SPEEDUP if level.status == "failed" else _QUIET
            axes.axvspan(place - 0.3, place + 0.3, color=_BAND, zorder=0)
            said = axes.text(place, 0.5, level.status, transform=axes.get_xaxis_transform(), rotation=90, color=color)
            said.set(ha="center", va="center")


def _draw_points(axes: Axes, points: list[_Point], analysis: Analysis, which: Panel) -> None:
    """The points with their values, the recommended one in a ring, and a line through the numbers; it breaks where a
    level has no time."""
    color = _THROUGHPUT if which == "throughput" else _SPEEDUP
    # So that values do not touch: smaller, and of many not every one.
    count = len(analysis.data_set.levels)
    size, step = max(6.0, min(9.0, 90 / count)), -(-count // _MOST_VALUES)
    for point in points:
        _draw_point(axes, point, color)
        if point.place % step == 0 or point.level is analysis.default:
            _draw_value(axes, point, which, size)
        if point.level is analysis.default:
            (ring,) = axes.plot([point.place], [point.value], "o", markersize=14, markerfacecolor="none", zorder=4)
            ring.set(markeredgecolor=_RECOMMENDED, markeredgewidth=1.8)
            ring.set_label(f"recommended: {workers(point.level.concurrency)}")
    for left, right in pairwise(point for point in points if isinstance(point.level.concurrency, int)):
        if right.place == left.place + 1:
            axes.plot([left.place, right.place], [left.value, right.value], color=color, linewidth=2, zorder=2)
    if axes.get_legend_handles_labels()[1]:
        legend = axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=9, markerscale=0.65)
        legend.set_frame_on(False)


def _draw_point(axes: Axes, point: _Point, color: str) -> None:
    """The median with its bar, which ends inside of the axes, and every sample beside it."""
    from matplotlib.transforms import ScaledTranslation

    if point.bar[0] < point.bar[1]:
        axes.vlines(point.place, *point.drawn_bar, color=color, linewidth=1.4, zorder=3)
        for end, drawn, arrow in zip(point.bar, point.drawn_bar, "v^", strict=True):
            marker = "_" if drawn == end else arrow
            axes.plot([point.place], [drawn], marker=marker, color=color, markersize=7, zorder=3)
    marker = "D" if isinstance(point.level.concurrency, str) else "o"
    axes.plot([point.place], [point.value], marker=marker, color=color, markersize=6, zorder=3)
    beside = axes.transData + ScaledTranslation(_STRIP, 0, axes.figure.dpi_scale_trans)
    places = [point.place] * len(point.samples)
    axes.scatter(places, point.samples, s=9, color=color, alpha=0.5, linewidths=0, zorder=3, transform=beside)


def _draw_value(axes: Axes, point: _Point, which: Panel, size: float) -> None:
    """The value above the bar of a throughput and below that of a speedup, to the left of the samples."""
    from matplotlib.patheffects import withStroke

    if which == "throughput":
        factor, unit = (1e6, "M") if point.value >= 1e6 else (1e3, "k") if point.value >= 1e4 else (1.0, "")
        text, end = f"{significant(point.value / factor)}{unit}", max(point.value, point.drawn_bar[1])
        offset, aligned = (5, 8), "bottom"
    else:
        text, end, offset, aligned = times(point.value), min(point.value, point.drawn_bar[0]), (5, -13), "top"
    said = axes.annotate(text, (point.place, end), offset, textcoords="offset points", zorder=5)
    said.set(ha="right", va=aligned, fontsize=size)
    said.set_path_effects([withStroke(linewidth=3, foreground="white")])  # readable where it crosses a line
