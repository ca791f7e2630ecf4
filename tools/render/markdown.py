"""The report as Markdown."""

from urllib.parse import quote

from tools.analysis import comparison
from tools.analysis.comparison import Comparison, DataSetChange
from tools.analysis.model import DataSet, Report
from tools.analysis.verdict import judge

from .text import COLUMNS, environment_lines, memory_note, peers_note, rows

# "sequential" is the widest word under the first heading; "baseline" fills its cell to the edge.
_WIDTHS = (len("sequential"), *map(len, COLUMNS[1:]))
_MAY_TOUCH_EDGE = 1


def render(report: Report, *, plot: str | None = None) -> str:
    """The whole page; `plot` is the file name of the picture beside it."""
    parts = [_section(data_set) for data_set in report.data_sets]
    if not parts:
        parts = ["No data sets were measured."]
    if plot is not None:
        parts.append(f"![Throughput and speedup against concurrency]({quote(plot)})")
    return "\n\n".join([*parts, "## Environment", _environment(report)]) + "\n"


def render_comparison(found: Comparison) -> str:
    """Two commits side by side: a table for each data set, and both verdicts."""
    parts = [_changes(data_set) for data_set in found.data_sets]
    if not parts:
        parts = ["No data sets were measured."]
    names = [report.environment.commit_short or "?" for report in (found.before, found.after)]
    parts.insert(0, f"# {names[0]} → {names[1]}")
    for name, report in (("before", found.before), ("after", found.after)):
        parts += [f"## Environment {name}", _environment(report)]
    return "\n\n".join([*parts, comparison.NOTE]) + "\n"


def _changes(data_set: DataSetChange) -> str:
    words = [f"- {sentence}" for sentence in comparison.summary(data_set)]
    for name, side in (("Before", data_set.before), ("After", data_set.after)):
        if side is not None:
            verdict = judge(side)
            words.append(f"- {name}: {_inline(verdict.best)}; bottleneck: {_inline(verdict.bottleneck_words)}.")
    lines = [comparison.COLUMNS, *(comparison.cells(level) for level in data_set.levels)]
    return "\n\n".join(
        [f"## {_inline(data_set.title)}", _table(lines, (0,) * len(comparison.COLUMNS)), "\n".join(words)]
    )


def _environment(report: Report) -> str:
    return "\n".join(f"- {name}: {_inline(value)}" for name, value in environment_lines(report))


def _section(data_set: DataSet) -> str:
    verdict = judge(data_set)
    sentences = [*verdict.sentences, *peers_note(data_set)]
    return "\n\n".join(
        [
            f"## {_inline(data_set.title)}",
            _table([COLUMNS, *rows(data_set)], _WIDTHS),
            verdict.best_line,
            _inline(verdict.bottleneck_line),
            "\n".join(f"- {_inline(sentence)}" for sentence in sentences),
            f"Source: {_inline(data_set.source)}. {memory_note(data_set)}",
        ]
    )


def _table(lines: list[tuple[str, ...]], least: tuple[int, ...]) -> str:
    rows = [tuple(_inline(cell).replace("|", r"\|") for cell in row) for row in lines]
    widths = [
        width if longest <= width + _MAY_TOUCH_EDGE else longest
        for width, longest in zip(least, (max(map(len, column)) for column in zip(*rows, strict=True)), strict=True)
    ]
    drawn = [
        "|" + "|".join(f" {cell}".ljust(width + 2) for cell, width in zip(row, widths, strict=True)) + "|"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([drawn[0], rule, *drawn[1:]])


def _inline(text: str) -> str:
    """One line, and no tags: titles and sources may hold names of files."""
    return " ".join(text.split()).replace("<", "&lt;")
