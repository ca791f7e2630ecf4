"""The report on a terminal: the same table, the same words."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tools.analysis import comparison
from tools.analysis.comparison import Comparison
from tools.analysis.model import DataSet, Report
from tools.analysis.verdict import judge

from .text import COLUMNS, environment_lines, memory_note, peers_note, rows

_STATUS_STYLES = {"ok": "", "n/a": "dim", "failed": "red"}
_CHANGE_STYLES = {"faster": "green", "slower": "red", "no change": "", "few samples": "dim", "n/a": "dim"}


def show(report: Report, console: Console | None = None) -> None:
    """Write the report for people: colour on a terminal only, readable in 80 columns."""
    console = console or Console()
    if not report.data_sets:
        console.print("No data sets were measured.")
    for data_set in report.data_sets:
        _show_data_set(console, data_set)
    _show_environment(console, "Environment", report)


def show_comparison(found: Comparison, console: Console | None = None) -> None:
    """Write two commits side by side."""
    console = console or Console()
    for data_set in found.data_sets:
        console.print(Text(data_set.title, style="bold"))
        lines = [comparison.cells(level) for level in data_set.levels]
        styles = [_CHANGE_STYLES[level.change] for level in data_set.levels]
        console.print(_table(comparison.COLUMNS, lines, styles))
        for sentence in comparison.summary(data_set):
            console.print(Text(sentence))
        console.print()
    _show_environment(console, "Environment before", found.before)
    _show_environment(console, "Environment after", found.after)
    console.print(Text(comparison.NOTE, style="dim"))


def _show_environment(console: Console, title: str, report: Report) -> None:
    console.print(Text(title, style="bold"))
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in environment_lines(report):
        facts.add_row(Text(name), Text(value))
    console.print(Padding(facts, (0, 0, 0, 2)))


def _show_data_set(console: Console, data_set: DataSet) -> None:
    verdict = judge(data_set)
    console.print(Text(data_set.title, style="bold"))
    statuses = [*(level.status for level in data_set.levels), *(peer.status for peer in data_set.peers)]
    styles = [_STATUS_STYLES[status] for status in statuses]
    console.print(_table(COLUMNS, rows(data_set), styles))
    console.print(Text.assemble(("Best Performance", "bold"), ": ", verdict.best))
    console.print(Text.assemble(("Bottleneck", "bold"), verdict.bottleneck_line.removeprefix("**Bottleneck**")))
    for sentence in (*verdict.sentences, *peers_note(data_set)):
        console.print(Text(sentence))
    console.print(Text(f"Source: {data_set.source}. {memory_note(data_set)}", style="dim"))
    console.print()


def _table(headings: Sequence[str], lines: Sequence[tuple[str, ...]], styles: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=True)
    for place, heading in enumerate(headings):
        # The unit goes under the name, so that six columns fit into 80.
        table.add_column(Text(heading.replace(" (", "\n(")), justify="left" if place == 0 else "right", no_wrap=True)
    for line, style in zip(lines, styles, strict=True):
        table.add_row(*(Text(cell) for cell in line), style=style)
    return table
