"""A page as Markdown."""

import re
from urllib.parse import quote

from tools.analysis.analysis import Line
from tools.words import plain

from .page import COLUMNS, Facts, Page, Section

# "sequential" is the widest word under the first heading; "baseline" fills its cell to the edge.
_WIDTHS = (len("sequential"), *map(len, COLUMNS[1:]))
_MAY_TOUCH_EDGE = 1
_SPECIAL = re.compile(r"[\\`*\[\]|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
# What would begin a heading, a list or a quotation, as the last character of a match.
_STARTS_A_BLOCK = re.compile(r"^(\d*)([#+>.)=-])(?=[#=\s]|$)")


def render_markdown(page: Page, *, plot: str | None = None) -> str:
    """The whole page; `plot` is the file name of the picture beside it."""
    parts = [*map(_section, page.sections)] or ["No data sets were measured."]
    if plot is not None:
        parts.append(f"![Throughput and speedup against concurrency]({quote(plot)})")
    return "\n\n".join([*parts, *map(facts, page.environments)]) + "\n"


def facts(environment: tuple[str, Facts]) -> str:
    name, known = environment
    return f"## {name}\n\n" + "\n".join(f"- {key}: {escaped(value)}" for key, value in known)


def _section(section: Section) -> str:
    table = _table([COLUMNS, *(row.cells for row in section.rows)])
    details = [f"- {escaped(text)}" for text in section.details]
    block = ["<details>\n<summary>Details</summary>", "\n".join(details), "</details>"] if details else []
    return "\n\n".join([f"## {escaped(section.title)}", table, *map(_line, section.lines), *block])


def _line(line: Line) -> str:
    return f"**{line.label}**: {escaped(line.text)}{f': {code(line.command)}' if line.command else ''}"


def _table(lines: list[tuple[str, ...]]) -> str:
    rows = [tuple(escaped(cell) for cell in row) for row in lines]
    longest = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths = [x if most <= x + _MAY_TOUCH_EDGE else most for x, most in zip(_WIDTHS, longest, strict=True)]
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
