"""A Change in every form: the same rows, the same words, which are its own."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tools.analysis.change import Change
from tools.analysis.model import Report
from tools.analysis.verdicts import Row, counted
from tools.analysis.words import Line
from tools.words import pieces, plural

from . import page
from .html import render_html
from .json_file import report_content
from .markdown import code, escaped, facts

CHANGE_COLUMNS = ("Benchmark", "Before", "Now", "Change", "95 % interval", "Verdict")
_STYLES = {"regression": "bold red", "improvement": "green", "unstable": "yellow", "not enough data": "dim"}
_QUANTITY_WIDTH = 14
_LEAST_NAME_WIDTH = 24
_NARROW = 60
_MANY = 10  # so many rows without a verdict hide those with one on a terminal


def as_markdown(change: Change, *reports: Report) -> str:
    """The whole page, fit for an issue or a comment: what changed first, the rest folded away."""
    parts = [f"## {escaped(change.title)}", escaped(change.summary)]
    if change.loud:
        parts += _table_and_sentences(change.loud)
    if change.quiet:
        folded = f"<details><summary>{counted(change.quiet)}</summary>"
        parts += [folded, *_table_and_sentences(change.quiet), "</details>"]
    if change.notes:
        parts.append("\n".join(f"- {escaped(note)}" for note in change.notes))
    return "\n\n".join([*parts, *map(facts, _environments(reports))]) + "\n"


def _table_and_sentences(rows: Sequence[Row]) -> list[str]:
    table = ["| " + " | ".join(map(escaped, cells)) + " |" for cells in (CHANGE_COLUMNS, *(row.cells for row in rows))]
    table.insert(1, "|---|--:|--:|--:|--:|---|")
    return ["\n".join(table), "\n".join(f"- {code(row.name)}: {escaped(row.sentence)}" for row in rows)]


def as_html(change: Change, *reports: Report) -> str:
    styles = {"regression": "slower", "improvement": "faster", "not enough data": "n/a"}
    section = page.Section(
        change.summary,
        CHANGE_COLUMNS,
        tuple(page.Row(row.cells, styles.get(row.status, "")) for row in change.rows),
        tuple(Line(row.name, row.sentence) for row in change.loud) + tuple(Line("", f"{x}.") for x in change.notes),
        tuple(f"{row.name}: {row.sentence}" for row in change.quiet),
    )
    subtitle = "Ingestion benchmark, two commits side by side"
    return render_html(page.Page(change.title, subtitle, (section,), _environments(reports)))


def _environments(reports: Sequence[Report]) -> tuple[tuple[str, page.Facts], ...]:
    names = ("Environment before", "Environment after")
    return tuple((name, page.environment_facts(report)) for name, report in zip(names, reports, strict=False))


def as_json(change: Change, *reports: Report) -> str:
    """Every field, and what follows from them; with the report before and the one after, if they are given."""
    names = ("status", "exit_code", "summary", "guilty", "machine", "commit", "base", "notes")
    content: dict[str, Any] = {name: getattr(change, name) for name in names}
    content["rows"] = [
        {
            "name": row.name,
            **asdict(row.series),
            **{name: value for name, value in asdict(row).items() if name not in ("series", "label")},
            "params": dict(row.series.params),
            "sentence": row.sentence,
        }
        for row in change.rows
    ]
    if reports:
        before, after = map(report_content, reports)
        content = {"before": before, "after": after, "change": content}
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def show(change: Change, console: Console | None = None) -> None:
    """Write it for people: colour on a terminal only, readable in 80 columns."""
    console = console or Console()
    console.print(Text(change.title, style="bold"))
    judged = [row for row in change.rows if row.status != "not enough data"]
    left_out = len(change.rows) - len(judged)
    shown = judged if judged and left_out > _MANY else change.rows
    if shown:
        console.print(_terminal_table(shown, console.width))
    if len(shown) < len(change.rows):
        console.print(Text(f"Left out: {left_out} with not enough data; the other formats have them.", style="dim"))
    for row in change.loud:
        console.print(Text.assemble(("\n".join(wrapped(row.name, console.width)), "bold"), f": {row.sentence}."))
    missing = Counter(row.evidence for row in change.rows if row.status == "not enough data")
    for evidence, count in missing.items():
        console.print(Text(f"{plural(count, 'row')} not judged: {evidence}."))
    for note in change.notes:
        console.print(Text(f"Note: {note}."))
    console.print(Text(change.summary, style="bold"))


def wrapped(name: str, width: int) -> list[str]:
    """A name in lines of at most `width`, broken after a dot, a bracket, a comma, an underscore; a word that is longer
    than a line, wherever that ends."""
    lines = [""]
    for piece in pieces(name):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
        while len(lines[-1].rstrip()) > width:
            lines[-1:] = lines[-1][:width], lines[-1][width:]
    return [line.rstrip() for line in lines]


def _terminal_table(rows: Sequence[Row], width: int) -> Table:
    names = Counter(row.short_name for row in rows)
    cells = [
        (row.short_name if names[row.short_name] == 1 else row.name,
         # A value goes without its unit where that leaves no room: the sentence has it.
         *(cell if len(cell) <= _QUANTITY_WIDTH else cell.partition(" ")[0] for cell in row.cells[1:3]),
         row.cells[3], row.cells[5])
        for row in rows
    ]  # fmt: skip
    headings = [CHANGE_COLUMNS[place] for place in (0, 1, 2, 3, 5)]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    # The values before and now are left out where there is no room for them.
    places = (0, 3, 4) if width < _NARROW else (0, 1, 2, 3, 4)
    others = sum(widths[place] for place in places[1:]) + 3 * len(places)
    name_width = max(_LEAST_NAME_WIDTH if width >= _NARROW else 10, width - others)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place in places:
        justify: Literal["left", "right"] = "right" if place in (1, 2, 3) else "left"
        table.add_column(headings[place], justify=justify, no_wrap=place in (0, 3))
    for row, (name, *values) in zip(rows, cells, strict=True):
        shown = ("\n".join(wrapped(name, name_width)), *values)
        table.add_row(*(Text(shown[place]) for place in places), style=_STYLES.get(row.status, ""))
    return table
