"""A page as Markdown, as HTML, or on a terminal; results as JSON and as a plot."""

from .html import render_html
from .json_file import read, write, write_change
from .markdown import environments_in_markdown, render_markdown
from .page import change_page, report_page
from .plot import draw
from .terminal import show

__all__ = [
    "change_page",
    "draw",
    "environments_in_markdown",
    "read",
    "render_html",
    "render_markdown",
    "report_page",
    "show",
    "write",
    "write_change",
]
