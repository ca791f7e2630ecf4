"""A page as Markdown."""

import re
from urllib.parse import quote

from tools.analysis.analysis import Line
from tools.words import plain

from .page import Facts, Page, Row, Section

_SPECIAL = re.compile(r"[\\`*\[\]|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
# What would begin a heading, a list or a quotation, as the last character of a match.
_STARTS_A_BLOCK = re.compile(r"^(\d*)([#+>.)=-])(?=[#=\s]|$)")


def render_markdown(page: Page, *, plot: str | None = None) -> str:
    """The whole page; `plot` is the file name of the picture beside it."""
    parts = [*map(_section, page.sections)] or ["No data sets were measured."]
    if plot is not None:
        parts.append(f"![Throughput and speedup against concurrency]({quote(plot)})")
    return "\n\n".join([*parts, *map(_facts, page.environments)]) + "\n"


def _facts(environment: tuple[str, Facts]) -> str:
    name, known = environment
    return f"## {name}\n\n" + "\n".join(f"- {key}: {escaped(value)}" for key, value in known)


def _section(section: Section) -> str:
    parts = [f"## {escaped(section.title)}", escaped(section.summary), _table(section.columns, section.rows)]
    parts += map(_line, section.lines)
    if section.details:
        details = "\n".join(f"- {escaped(text)}" for text in section.details)
        folded = _table(section.columns, section.folded)
        parts += ["<details>\n<summary>Details</summary>", folded, details, "</details>"]
    return "\n\n".join(filter(None, parts))


def _line(line: Line) -> str:
    label = f"**{escaped(line.label)}**: " if line.label else ""
    return f"{label}{escaped(line.text)}{f': {code(line.command)}' if line.command else ''}"


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
