"""A report as Markdown, HTML, JSON, a plot, or on a terminal."""

from .html import render_comparison_html, render_html
from .json_file import read, write, write_comparison
from .markdown import render, render_comparison
from .plot import draw
from .terminal import show, show_comparison

__all__ = [
    "draw",
    "read",
    "render",
    "render_comparison",
    "render_comparison_html",
    "render_html",
    "show",
    "show_comparison",
    "write",
    "write_comparison",
]
