"""Reports and data sets in a notebook: `%load_ext tools.render.notebook`, then one of them as a cell."""

from html import escape
from typing import Any

from tools.analysis.analysis import Analysed
from tools.analysis.model import DataSet, Environment, Report

from .page import report_page
from .templates import render_html


def load_ipython_extension(shell: Any) -> None:
    html = shell.display_formatter.formatters["text/html"]
    html.for_type(Report, report_html)
    html.for_type(DataSet, lambda one: report_html(Report("", Environment(), (one,))))


def report_html(report: Report) -> str:
    """A report in a frame of its own, so that its style and the notebook's do not meet."""
    page = escape(render_html(report_page(Analysed(report))), quote=True)
    return f'<iframe title="Benchmark report" srcdoc="{page}" width="100%" height="700" frameborder="0"></iframe>'
