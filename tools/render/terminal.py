"""A page on a terminal: the same table, the same words, without the details."""

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tools.words import plain

from .page import COLUMNS, Page, Section

_STYLES = {"failed": "red", "n/a": "dim"}


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
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=True)
    for place, heading in enumerate(COLUMNS):
        # The unit goes under the name, so that six columns fit into 80.
        table.add_column(Text(heading.replace(" (", "\n(")), justify="left" if place == 0 else "right", no_wrap=True)
    for row in section.rows:
        table.add_row(*(Text(plain(cell)) for cell in row.cells), style=_STYLES.get(row.style, ""))
    console.print(table)
    for line in section.lines:
        console.print(Text.assemble((line.label, "bold"), f": {plain(line.text)}{':' if line.command else ''}"))
        if line.command:
            # Not broken by line breaks of its own, so that it can be copied.
            console.print(Text(plain(line.command)), soft_wrap=True)
    console.print()
