"""A page as Markdown, or as HTML: one file, no script, nothing loaded from elsewhere, light and dark, any width."""

import base64
import re
from pathlib import Path
from typing import Any

from tools.analysis.analysis import Analysis
from tools.words import pieces, plain, plural, significant, times

from .page import Page, Row
from .plot import Panel, panel

_SPECIAL = re.compile(r"[\\`*\[\]|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
# What would begin a heading, a list or a quotation, as the last character of a match.
_STARTS_A_BLOCK = re.compile(r"^(\d*)([#+>.)=-])(?=[#=\s]|$)")


def render_markdown(page: Page, *, plot: str | None = None) -> str:
    """The whole page; `plot` is the file name of the picture beside it."""
    return filled(Path(__file__).with_name("page.md.j2"), page=page, plot=plot, table=_table)


def render_html(page: Page) -> str:
    return filled(Path(__file__).with_name("page.html.j2"), page=page, figure_of=_figure)


def filled(template: Path, **content: Any) -> str:
    """A template of HTML, where all is escaped, or of Markdown, where `escaped` says what is."""
    from jinja2 import Environment, StrictUndefined  # when a page is wanted: it is slow to import

    is_html = ".html" in template.suffixes
    environment = Environment(autoescape=is_html, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    own = (plain, pieces, plural, escaped, code)
    environment.filters |= {function.__name__: function for function in own}
    text = environment.from_string(template.read_text(encoding="utf-8")).render(content)
    # What is left out leaves its blank lines.
    return text + "\n" if is_html else re.sub(r"\n{3,}", "\n\n", text.strip()) + "\n"


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


def _table(columns: tuple[str, ...], shown: tuple[Row, ...]) -> str:
    if not shown:
        return ""
    rows = [tuple(map(escaped, cells)) for cells in (columns, *(row.cells for row in shown))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if widths[-1] == len(columns[-1]) + 1:
        widths[-1] -= 1  # "baseline" fills its cell to the edge
    drawn = [
        "|" + "|".join(f" {cell}".ljust(width + 2) for cell, width in zip(row, widths, strict=True)) + "|"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([drawn[0], rule, *drawn[1:]])


def escaped(text: str) -> str:
    """Text that Markdown shows as it is: titles, sources and names come from others."""
    entities = plain(text).replace("&", "&amp;").replace("<", "&lt;")
    return _STARTS_A_BLOCK.sub(r"\1\\\2", _SPECIAL.sub(r"\\\g<0>", entities))


def code(text: str) -> str:
    """A code span, fenced by more backticks than it holds."""
    inner = plain(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", inner)), default=0))
    return f"{fence}{inner}{fence}" if len(fence) == 1 else f"{fence} {inner} {fence}"
