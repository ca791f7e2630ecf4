"""Where a command's results go, and what is said beside them."""

import re
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import click

from tools.analysis.analysis import Analysed
from tools.analysis.change import Change
from tools.analysis.model import Report
from tools.atomic import write_bytes
from tools.render.json_file import as_json, change_as_json
from tools.render.page import Page, change_page, report_page
from tools.render.plot import draw
from tools.render.templates import render_html, render_markdown

FORMATS = ("terminal", "md", "json")  # of a verdict
FILE, FOLDER = click.Path(dir_okay=False, path_type=Path), click.Path(file_okay=False, path_type=Path)
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def amount(text: str) -> float:
    """A number, of which "nan" is none."""
    with suppress(ValueError):
        if (number := float(text)) >= 0:
            return number
    raise click.BadParameter(f"{text!r} is not a number from 0 up")


def pattern(text: str) -> str:
    """A regular expression, as asv takes it: what is none is refused before anything is measured."""
    try:
        re.compile(text)
    except re.error as error:
        raise click.BadParameter(f"{text!r} is not a regular expression: {error}") from None
    return text


def write_report(found: Analysed, form: str, output: Path | None) -> None:
    """Write the report in one form; it is shown on the terminal beside Markdown too."""
    shown = report_page(found)
    if form in ("md", "terminal"):
        _show(shown)
    if output is not None:
        pictures = [output.with_suffix(suffix) for suffix in (".png", ".svg")] if form == "md" else []
        for picture in pictures:
            draw(found, picture)
        _write(_text(form, shown, lambda: as_json(found), *pictures[:1]), output, *pictures)


def publish(change: Change, form: str, output: Path | None, *reports: Report) -> None:
    """Print a verdict in one of the formats, or write it into a file; with the reports that it compares, if given."""
    if form == "terminal" or (form == "md" and reports):
        _show(change_page(change))
    if form != "terminal":
        text = _text(form, change_page(change, *reports), lambda: change_as_json(change, *reports))
        _write(text, output) if output else click.echo(text, nl=False)


def _show(page: Page) -> None:
    from tools.render import terminal  # when it is needed: rich is slow to import

    terminal.show(page)


def _text(form: str, page: Page, in_json: Callable[[], str], picture: Path | None = None) -> str:
    if form == "json":
        return in_json()
    return render_html(page) if form == "html" else render_markdown(page, plot=picture.name if picture else None)


def _write(text: str, output: Path, *others: Path) -> None:
    write_bytes(output, text.encode())
    say(f"Written: {', '.join(map(str, (output, *others)))}")


def check_output(path: Path, suffix: str = ".json", *, others: Sequence[str | None] = ()) -> None:
    """Find out before a long run that its result cannot be written; `others` are what another --format ends with."""
    if path.suffix != suffix:
        hint = f", or give --format {path.suffix[1:]}" if path.suffix in others else ""
        raise click.UsageError(f"--output {path} must end with {suffix}{hint}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise click.UsageError(f"--output {path} cannot be written: {error.strerror}") from None


def say(text: str) -> None:
    click.echo(text, err=True)
