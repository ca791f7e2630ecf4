"""A Change as Markdown, as JSON and on a terminal: the same rows, the same words, which are its own."""

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
from tools.analysis.verdicts import Row, counted
from tools.words import pieces, plural

from .markdown import code, escaped
from .page import CHANGE_COLUMNS

_STYLES = {"regression": "bold red", "improvement": "green", "unstable": "yellow", "not enough data": "dim"}
_QUANTITY_WIDTH = 14
_LEAST_NAME_WIDTH = 24
# So many rows without a verdict hide those with one on a terminal.
_MANY = 10


def as_markdown(change: Change) -> str:
    """The whole page, fit for an issue or a comment: what changed first, the rest folded away."""
    parts = [f"## {escaped(change.title)}", escaped(change.summary)]
    if change.loud:
        parts += [_table(change.loud), _list(change.loud)]
    if change.quiet:
        folded = f"<details><summary>{counted(change.quiet)}</summary>"
        parts += [folded, _table(change.quiet), _list(change.quiet), "</details>"]
    if change.notes:
        parts.append("\n".join(f"- {escaped(note)}" for note in change.notes))
    return "\n\n".join(parts) + "\n"


def as_dict(change: Change) -> dict[str, Any]:
    """Every field, and what follows from them."""
    rows = []
    for row in change.rows:
        fields = asdict(row)
        series = fields.pop("series")
        del fields["label"]  # part of the name
        rows.append({"name": row.name, **series, **fields, "params": dict(row.series.params), "sentence": row.sentence})
    return {
        "status": change.status,
        "exit_code": change.exit_code,
        "summary": change.summary,
        "guilty": change.guilty,
        "machine": change.machine,
        "commit": change.commit,
        "base": change.base,
        "rows": rows,
        "notes": change.notes,
    }


def as_json(change: Change) -> str:
    return json.dumps(as_dict(change), indent=2, allow_nan=False) + "\n"


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
         *(_short(row.cells[place]) for place in (1, 2)), row.cells[3], row.cells[5])
        for row in rows
    ]  # fmt: skip
    headings = [CHANGE_COLUMNS[place] for place in (0, 1, 2, 3, 5)]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    name_width = max(_LEAST_NAME_WIDTH, width - sum(widths[1:]) - 3 * len(widths))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, heading in enumerate(headings):
        justify: Literal["left", "right"] = "right" if place in (1, 2, 3) else "left"
        table.add_column(heading, justify=justify, no_wrap=place in (0, 3))
    for row, (name, *others) in zip(rows, cells, strict=True):
        lines = "\n".join(wrapped(name, name_width))
        table.add_row(*map(Text, (lines, *others)), style=_STYLES.get(row.status, ""))
    return table


def _short(value: str) -> str:
    """A value, without its unit where that leaves no room: the sentence has it."""
    return value if len(value) <= _QUANTITY_WIDTH else value.partition(" ")[0]


def _list(rows: Sequence[Row]) -> str:
    return "\n".join(f"- {code(row.name)}: {escaped(row.sentence)}" for row in rows)


def _table(rows: Sequence[Row]) -> str:
    lines = ["| " + " | ".join(CHANGE_COLUMNS) + " |", "|---|--:|--:|--:|--:|---|"]
    return "\n".join([*lines, *("| " + " | ".join(map(escaped, row.cells)) + " |" for row in rows)])
