"""A page on a terminal: the same table, the same words, without the details."""

from collections.abc import Collection

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tools.words import plain

from .page import COLUMNS, Page, Section

_STYLES = {"failed": "red", "n/a": "dim"}
_LEFT_OUT = ((), ("Memory (MB)",), ("Memory (MB)", "Strategy"), ("Memory (MB)", "Strategy", "Throughput (items/s)"))
"""The columns that a narrow terminal goes without: a number that is cut off would be another number."""


def show(page: Page, console: Console | None = None) -> None:
    """Write the page for people: colour on a terminal only, readable in 80 columns."""
    console = console or Console()
    if not page.sections:
        console.print("No data sets were measured.")
    for section in page.sections:
        _show_section(console, section)
    for name, facts in page.environments:
        console.print(Text(name, style="bold"))
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for key, value in facts:
            grid.add_row(Text(key), Text(plain(value)))
        console.print(Padding(grid, (0, 0, 0, 2)))


def _show_section(console: Console, section: Section) -> None:
    console.print(Text(plain(section.title), style="bold"))
    tables = [_table(section, left_out) for left_out in _LEFT_OUT]
    unbounded = console.options.update(max_width=10_000)
    fitting = (table for table in tables if console.measure(table, options=unbounded).maximum <= console.width)
    console.print(next(fitting, tables[-1]))
    for line in section.lines:
        console.print(Text.assemble((line.label, "bold"), f": {plain(line.text)}{':' if line.command else ''}"))
        if line.command:
            # Not broken by line breaks of its own, so that it can be copied.
            console.print(Text(plain(line.command)), soft_wrap=True)
    console.print()


def _table(section: Section, left_out: Collection[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=True)
    places = [place for place, heading in enumerate(COLUMNS) if heading not in left_out]
    for place in places:
        # The unit goes under the name, so that six columns fit into 80.
        heading = Text(COLUMNS[place].replace(" (", "\n("))
        table.add_column(heading, justify="left" if place == 0 else "right", no_wrap=True)
    for row in section.rows:
        cells = (Text(plain(row.cells[place])) for place in places)
        table.add_row(*cells, style=_STYLES.get(row.style, ""))
    return table
