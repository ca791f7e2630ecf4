"""The verdict as Markdown, as JSON and on a terminal: the same rows, the same words."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .model import Judgement, Row
from .words import name_of, percent, quantity

COLUMNS = ("Benchmark", "Before", "Now", "Change", "95 % interval", "Verdict")
TERMINAL_COLUMNS = ("Benchmark", "Before", "Now", "Change", "Verdict")
_STYLES = {"regression": "bold red", "improvement": "green", "unstable": "yellow", "not enough data": "dim"}
_LOUD = ("regression", "improvement", "unstable")
_QUANTITY_WIDTH = 12
# So many rows without a verdict hide those with one on a terminal.
_MANY = 10


def as_markdown(judgement: Judgement) -> str:
    """The whole page, fit for an issue or a comment: what changed first, the rest folded away."""
    parts = [f"## {_cell(title(judgement))}", summary(judgement)]
    loud = [row for row in judgement.rows if row.status in _LOUD]
    quiet = [row for row in judgement.rows if row.status not in _LOUD]
    if loud:
        parts += [_table(loud), "\n".join(f"- `{row.name}`: {_cell(sentence(row))}" for row in loud)]
    if quiet:
        rows = "\n".join(f"- `{row.name}`: {_cell(sentence(row))}" for row in quiet)
        parts += [f"<details><summary>{_counted(quiet)}</summary>", _table(quiet), rows, "</details>"]
    return "\n\n".join(parts) + "\n"


def as_json(judgement: Judgement) -> str:
    """Every field, and what follows from them."""
    content = {
        "status": judgement.status,
        "exit_code": judgement.exit_code,
        "summary": summary(judgement),
        "guilty": judgement.guilty,
        **asdict(judgement),
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def show(judgement: Judgement, console: Console | None = None) -> None:
    """Write it for people: colour on a terminal only."""
    console = console or Console()
    console.print(Text(title(judgement), style="bold"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in TERMINAL_COLUMNS:
        is_number = heading in ("Before", "Now", "Change")
        # Long units are folded: or they leave the names a syllable a line.
        width = _QUANTITY_WIDTH if heading in ("Before", "Now") else None
        justify: Literal["left", "right"] = "right" if is_number else "left"
        table.add_column(heading, justify=justify, no_wrap=heading == "Change", overflow="fold", max_width=width)
    judged = [row for row in judgement.rows if row.status != "not enough data"]
    left_out = len(judgement.rows) - len(judged)
    shown = judged if judged and left_out > _MANY else judgement.rows
    for row in shown:
        _, before, now, change, _, status = cells(row)
        line = (row.short_name, before, now, change, status)
        table.add_row(*map(Text, line), style=_STYLES.get(row.status, ""))
    console.print(table)
    if len(shown) < len(judgement.rows):
        console.print(Text(f"Left out: {left_out} with not enough data; the other formats have them.", style="dim"))
    for row in judgement.rows:
        if row.status in _LOUD:
            console.print(Text.assemble((row.name, "bold"), f": {sentence(row)}."))
    console.print(Text(summary(judgement), style="bold"))


def title(judgement: Judgement) -> str:
    """What was compared."""
    against = "the commits before it" if judgement.base is None else name_of(judgement.base)
    return f"{name_of(judgement.commit)} against {against}, on {judgement.machine}"


def summary(judgement: Judgement) -> str:
    """The answer in one sentence."""
    counts = _counted(judgement.rows) or "nothing was measured"
    if judgement.status == "regression":
        guilty = ", ".join(map(name_of, judgement.guilty))
        return f"Regression{f' since {guilty}' if guilty else ''}: {counts}."
    if judgement.exit_code == 0:
        return f"No regression: {counts}."
    return f"This cannot be judged: {counts}."


def sentence(row: Row) -> str:
    """The evidence, and who brought it."""
    since = f" since {name_of(row.guilty)}" if row.guilty else ""
    return f"{row.status}{since}: {row.evidence}"


def cells(row: Row) -> tuple[str, ...]:
    """One row of the table, in the order of `COLUMNS`."""
    interval = "" if row.low is None or row.high is None else f"{_change(row.low)} to {_change(row.high)}"
    ratio = "" if row.ratio is None else _change(row.ratio)
    return (row.name, quantity(row.base, row.unit), quantity(row.head, row.unit), ratio, interval, row.status)


def _change(ratio: float) -> str:
    return percent(ratio - 1, sign=True)


def _counted(rows: Sequence[Row]) -> str:
    return ", ".join(f"{count} {status}" for status, count in Counter(row.status for row in rows).items())


def _table(rows: Sequence[Row]) -> str:
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---|--:|--:|--:|--:|---|"]
    lines += ["| " + " | ".join(_cell(cell).replace("|", r"\|") for cell in cells(row)) + " |" for row in rows]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;")
