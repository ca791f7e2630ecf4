"""Where a command's results go, and what is said beside them."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tools.analysis.analysis import Analysed
    from tools.analysis.change import Change

FORMATS = ("terminal", "md", "json")
"""Of a verdict."""


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
    from tools import render
    from tools.atomic import write_bytes

    written = [output]
    page = render.report_page(found)
    if form in ("md", "terminal"):
        render.show(page)
    if output is None:
        return
    if form == "md":
        plots = [output.with_suffix(suffix) for suffix in (".png", ".svg")]
        for plot in plots:
            render.draw(found, plot)
        write_bytes(output, render.render_markdown(page, plot=plots[0].name).encode())
        written += plots
    elif form == "html":
        write_bytes(output, render.render_html(page).encode())
    else:
        render.write(found, output)
    say(f"Written: {', '.join(map(str, written))}")


def publish(change: Change, form: str, output: Path | None) -> None:
    """Print a verdict in one of the formats, or write it into a file."""
    from tools.atomic import write_bytes
    from tools.render import change as pages

    if form == "terminal":
        if output is not None:
            raise click.UsageError("--output needs --format md or --format json")
        pages.show(change)
        return
    page = pages.as_markdown(change) if form == "md" else pages.as_json(change)
    if output is None:
        click.echo(page, nl=False)
    else:
        write_bytes(output, page.encode())
        say(f"Written: {output}")


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
    """Tell the user, beside the results."""
    click.echo(text, err=True)
