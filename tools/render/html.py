"""A page as one HTML file: no script, nothing loaded from elsewhere, light and dark, wide and narrow."""

from __future__ import annotations

import base64
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from tools.analysis.analysis import Analysis
from tools.words import pieces, plain, significant, times

from .page import Page
from .plot import Panel, panel

if TYPE_CHECKING:
    from jinja2 import Environment


def render_html(page: Page) -> str:
    """The whole page."""
    template = _environment().get_template("page.html.j2")
    return template.render(page=page, figure_of=_figure) + "\n"


@functools.cache
def _environment() -> Environment:
    # Loaded when a page is wanted: it is slow to import.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = plain
    environment.filters["pieces"] = pieces
    return environment


def _figure(analysis: Analysis, which: Panel) -> dict[str, str]:
    values = [
        f"{significant(level.throughput) + ' items/s' if which == 'throughput' else times(level.speedup)} "
        f"at {level.concurrency}"
        for level in analysis.data_set.measured
        if (level.throughput if which == "throughput" else level.speedup)
    ]
    return {
        "alt": f"{which.capitalize()} against concurrency: {', '.join(values) or 'n/a'}",
        "light": _address(panel(analysis, which)),
        "dark": _address(panel(analysis, which, dark=True)),
    }


def _address(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
