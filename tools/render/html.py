"""A page as one HTML file: no script, nothing loaded from elsewhere, light and dark, wide and narrow."""

import base64
from pathlib import Path

from tools.analysis.analysis import Analysis
from tools.words import pieces, plain, significant, times

from .page import Page
from .plot import Panel, panel

TEMPLATE = Path(__file__).with_name("page.html.j2")


def render_html(page: Page) -> str:
    # Loaded when a page is wanted: it is slow to import.
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"plain": plain, "pieces": pieces}
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(page=page, figure_of=_figure) + "\n"


def _figure(analysis: Analysis, which: Panel) -> dict[str, str]:
    is_rate, levels = which == "throughput", analysis.data_set.measured
    rates = [f"{significant(x.throughput)} items/s at {x.concurrency}" for x in levels if x.throughput]
    speedups = [f"{times(x.speedup)} at {x.concurrency}" for x in levels if x.speedup]
    shown = ", ".join(rates if is_rate else speedups)
    drawn = base64.b64encode(panel(analysis, which)).decode()
    return {
        "alt": f"{which.capitalize()} against concurrency: {shown or 'n/a'}",
        "address": f"data:image/svg+xml;base64,{drawn}",
    }
