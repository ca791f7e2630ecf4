"""Where a command's results go, and what is said beside them."""

import re
import tempfile
from pathlib import Path
from typing import Any

import click

from tools.analysis.analysis import Analysed
from tools.analysis.change import Change
from tools.analysis.model import Report
from tools.atomic import write_bytes
from tools.render import json_file, page, plot, templates
from tools.render.change import as_json, change_page

FORMATS = ("terminal", "md", "json")  # of a verdict
FILE, FOLDER = click.Path(dir_okay=False, path_type=Path), click.Path(file_okay=False, path_type=Path)
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Pattern(click.ParamType[str]):
    """A regular expression, as asv takes it: what is none is refused before anything is measured."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            re.compile(value)
        except re.error as error:
            self.fail(f"{value!r} is not a regular expression: {error}", param, ctx)
        return str(value)


def write_report(found: Analysed, form: str, output: Path | None) -> None:
    """Write the report in one form; it is shown on the terminal beside Markdown too."""
    shown = page.report_page(found)
    if form in ("md", "terminal"):
        _show(shown)
    if output is None:
        return
    pictures = [output.with_suffix(suffix) for suffix in (".png", ".svg")] if form == "md" else []
    for picture in pictures:
        plot.draw(found, picture)
    if form == "json":
        text = json_file.as_json(found)
    elif form == "html":
        text = templates.render_html(shown)
    else:
        text = templates.render_markdown(shown, plot=pictures[0].name)
    _write(text, output, *pictures)


def publish(change: Change, form: str, output: Path | None, *reports: Report) -> None:
    """Print a verdict in one of the formats, or write it into a file; with the reports that it compares, if given."""
    if form == "terminal" or (form == "md" and reports):
        _show(change_page(change))
    if form == "terminal":
        return
    if form == "json":
        text = as_json(change, *reports)
    else:
        text = (templates.render_html if form == "html" else templates.render_markdown)(change_page(change, *reports))
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(text, output)


def _show(shown: page.Page) -> None:
    from tools.render import terminal  # when it is needed: rich is slow to import

    terminal.show(shown)


def _write(text: str, output: Path, *others: Path) -> None:
    write_bytes(output, text.encode())
    say(f"Written: {', '.join(map(str, (output, *others)))}")


def check_output(path: Path, suffix: str = ".json") -> None:
    """Find out before a long run that its result cannot be written."""
    if path.suffix != suffix:
        raise click.UsageError(f"--output {path} must end with {suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise click.UsageError(f"--output {path} cannot be written: {error.strerror}") from None


def say(text: str) -> None:
    click.echo(text, err=True)
