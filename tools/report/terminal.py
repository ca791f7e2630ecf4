"""The report on a terminal: the same table, the same words."""

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .model import DataSet, Level, Report
from .text import COLUMNS, cells, environment_lines, memory_note
from .verdict import judge

_STATUS_STYLES = {"ok": "", "n/a": "dim", "failed": "red"}


def show(report: Report, console: Console | None = None) -> None:
    """Write the report for people: colour on a terminal only, readable in 80 columns."""
    console = console or Console()
    if not report.data_sets:
        console.print("No data sets were measured.")
    for data_set in report.data_sets:
        _show_data_set(console, data_set)
    console.print(Text("Environment", style="bold"))
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in environment_lines(report):
        facts.add_row(Text(name), Text(value))
    console.print(Padding(facts, (0, 0, 0, 2)))


def _show_data_set(console: Console, data_set: DataSet) -> None:
    verdict = judge(data_set)
    console.print(Text(data_set.title, style="bold"))
    console.print(_table(data_set.levels))
    console.print(Text.assemble(("Best Performance", "bold"), ": ", verdict.best))
    for sentence in verdict.sentences:
        console.print(Text(sentence))
    console.print(Text(f"Source: {data_set.source}. {memory_note(data_set)}", style="dim"))
    console.print()


def _table(levels: tuple[Level, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=True)
    for place, heading in enumerate(COLUMNS):
        # The unit goes under the name, so that six columns fit into 80.
        table.add_column(Text(heading.replace(" (", "\n(")), justify="left" if place == 0 else "right", no_wrap=True)
    for level in levels:
        table.add_row(*(Text(cell) for cell in cells(level)), style=_STATUS_STYLES[level.status])
    return table
