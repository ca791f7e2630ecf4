"""A page on a terminal: the same table, the same words, without the details."""

import re
import shutil
import textwrap
from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tools.words import pieces, plain

from .page import Page, Row, Section

_STYLES = {"failed": "red", "slower": "bold red", "faster": "green", "noisy": "yellow", "n/a": "dim"}
_EXPENDABLE = ("95 % interval", "Memory (MB)", "Strategy", "Throughput (items/s)", "Before", "Now")
"""What a narrow terminal goes without, one after the other: a number that is cut off would be another number."""
_WITH_UNITS, _QUANTITY_WIDTH = ("Before", "Now"), 14  # longer ones go without their unit: the sentence has it
_NAME_WIDTH, _LEAST_NAME_WIDTH = 24, 10
_MANY, _MANY_WITHOUT_VALUE = 40, 10  # more rows without a change, or without a value, would hide the others


def show(page: Page, console: Console | None = None) -> None:
    """Write the page for people: colour on a terminal only, readable in 80 columns."""
    width, height = shutil.get_terminal_size()  # of a dumb terminal, too, which rich takes for 80 wide
    console = console or Console(width=width, height=height)
    if not page.sections:
        console.print("No data sets were measured.")
    for section in page.sections:
        _show_section(console, section)
    for name, facts in page.environments:
        console.print(Text(f"\n{name}", style="bold"))
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for key, value in facts:
            grid.add_row(Text(key), Text(plain(value)))
        console.print(Padding(grid, (0, 0, 0, 2)))


def _show_section(console: Console, section: Section) -> None:
    console.print(Text(_broken(plain(section.title), console.width), style="bold"))
    counts = Counter(row.cells[-1] for row in section.folded)
    most = dict.fromkeys(counts, _MANY)
    if len(counts) > 1 or section.rows:
        most["not enough data"] = _MANY_WITHOUT_VALUE
    left_out = {verdict: count for verdict, count in counts.items() if count > most[verdict]}
    shown = (*section.rows, *(row for row in section.folded if row.cells[-1] not in left_out))
    if shown:
        console.print(_table(section.columns, shown, console.width))
    if left_out:
        words = ", ".join(f"{count:,} {verdict}" for verdict, count in left_out.items())
        console.print(Text(f"Left out: {words}; the other formats have them.", style="dim"))
    for line in section.lines:
        label = "\n".join(wrapped(plain(line.label), console.width))
        label += ": " if label else ""
        text = f"{plain(line.text)}{':' if line.command else ''}"
        text = _broken(text, console.width, len(label.rpartition("\n")[2]))
        console.print(Text.assemble((label, "bold"), text))
        if line.command:
            # Not broken by line breaks of its own, so that it can be copied.
            console.print(Text(plain(line.command)), soft_wrap=True)
    if section.summary:
        console.print(Text(_broken(section.summary, console.width), style="bold"))


def _broken(text: str, width: int, start: int = 0) -> str:
    """A sentence that begins so far from the edge, in lines that leave a number with its sign of per cent."""
    whole = re.sub(r"(?<=\d) (?=%)", "\N{NO-BREAK SPACE}", text)
    if start and start + cell_len(whole.partition(" ")[0]) > width:
        return f"\n{_broken(text, width)}"
    lines = textwrap.wrap(whole, width, initial_indent=" " * start, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)[start:].replace("\N{NO-BREAK SPACE}", " ")


def _table(columns: Sequence[str], rows: Sequence[Row], width: int) -> Table:
    """As many columns as there is room for; what is in the first one is a name, which may take several lines."""
    every = []
    for row in rows:
        cells = zip(columns, (row.short or row.cells[0], *row.cells[1:]), strict=True)
        short = (x.partition(" ")[0] if name in _WITH_UNITS and len(x) > _QUANTITY_WIDTH else x for name, x in cells)
        every.append(list(map(plain, short)))
    headings = [heading.replace(" (", "\n(") for heading in columns]  # so that six columns fit into 80
    widths = [
        max(map(cell_len, (*heading.split("\n"), *column)))
        for heading, column in zip(headings, zip(*every, strict=True), strict=True)
    ]
    places = list(range(len(columns)))
    for expendable in ("", *_EXPENDABLE):
        if expendable in columns:
            places.remove(columns.index(expendable))
        room = width - sum(widths[place] + 3 for place in places[1:]) - 2
        if room >= min(widths[places[0]], _NAME_WIDTH):
            break
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place in places:
        table.add_column(Text(headings[place]), justify="left" if place == places[0] else "right", no_wrap=True)
    for row, texts in zip(rows, every, strict=True):
        name = "\n".join(wrapped(texts[places[0]], max(room, _LEAST_NAME_WIDTH)))
        table.add_row(Text(name), *(Text(texts[place]) for place in places[1:]), style=_STYLES.get(row.style, ""))
    return table


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
