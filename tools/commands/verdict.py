"""A verdict, printed or written: what `compare` and `regressions` share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tools.analysis.change import Change

FORMATS = ("terminal", "md", "json")


def publish(change: Change, form: str, output: Path | None) -> None:
    """Print the verdict in one of the formats, or write it into a file."""
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
        click.echo(f"Written: {output}", err=True)
