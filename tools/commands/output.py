"""Where a command's results go, and what is said beside them."""

import re
import tempfile
from pathlib import Path
from typing import Any

import click

from tools import render
from tools.analysis.analysis import Analysed
from tools.analysis.change import Change
from tools.analysis.model import Report
from tools.atomic import write_bytes
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
    page = render.report_page(found)
    if form in ("md", "terminal"):
        render.show(page)
    if output is None:
        return
    if form == "json":
        render.write(found, output)
        say(f"Written: {output}")
        return
    plots = [output.with_suffix(suffix) for suffix in (".png", ".svg")] if form == "md" else []
    for plot in plots:
        render.draw(found, plot)
    _write(render.render_markdown(page, plot=plots[0].name) if plots else render.render_html(page), output, *plots)


def publish(change: Change, form: str, output: Path | None, *reports: Report) -> None:
    """Print a verdict in one of the formats, or write it into a file; with the reports that it compares, if given."""
    if form == "terminal" or (form == "md" and reports):
        render.show(change_page(change))
    if form == "terminal":
        return
    if form == "json":
        page = as_json(change, *reports)
    else:
        page = (render.render_html if form == "html" else render.render_markdown)(change_page(change, *reports))
    if output is None:
        click.echo(page, nl=False)
    else:
        _write(page, output)


def _write(page: str, output: Path, *others: Path) -> None:
    write_bytes(output, page.encode())
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
