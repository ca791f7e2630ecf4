"""The report as Markdown."""

from urllib.parse import quote

from .model import DataSet, Report
from .text import COLUMNS, cells, environment_lines, memory_note
from .verdict import judge

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
    environment = "\n".join(f"- {name}: {_inline(value)}" for name, value in environment_lines(report))
    return "\n\n".join([*parts, "## Environment", environment]) + "\n"


def _section(data_set: DataSet) -> str:
    verdict = judge(data_set)
    return "\n\n".join(
        [
            f"## {_inline(data_set.title)}",
            _table([COLUMNS, *(cells(level) for level in data_set.levels)]),
            verdict.best_line,
            "\n".join(f"- {_inline(sentence)}" for sentence in verdict.sentences),
            f"Source: {_inline(data_set.source)}. {memory_note(data_set)}",
        ]
    )


def _table(rows: list[tuple[str, ...]]) -> str:
    rows = [tuple(_inline(cell).replace("|", r"\|") for cell in row) for row in rows]
    widths = [
        width if longest <= width + _MAY_TOUCH_EDGE else longest
        for width, longest in zip(_WIDTHS, (max(map(len, column)) for column in zip(*rows, strict=True)), strict=True)
    ]
    lines = [
        "|" + "|".join(f" {cell}".ljust(width + 2) for cell, width in zip(row, widths, strict=True)) + "|"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def _inline(text: str) -> str:
    """One line, and no tags: titles and sources may hold names of files."""
    return " ".join(text.split()).replace("<", "&lt;")
