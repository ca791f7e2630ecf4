"""asv's results, and those of single runs, as one model and several pages."""

from .asv_results import read_report, read_reports
from .comparison import Comparison, compare
from .errors import ReportError
from .html import render_comparison_html, render_html
from .json_file import read, write, write_comparison
from .markdown import render, render_comparison
from .model import (
    DataSet,
    Environment,
    Level,
    Peer,
    Report,
    Usage,
    as_peer,
    is_quick,
    make_data_set,
    mean_usage,
    measured_level,
    missing_level,
    summarised_level,
    title_of,
)
from .plot import draw, draw_speedups
from .terminal import show, show_comparison
from .verdict import Verdict, judge

__all__ = [
    "Comparison",
    "DataSet",
    "Environment",
    "Level",
    "Peer",
    "Report",
    "ReportError",
    "Usage",
    "Verdict",
    "as_peer",
    "compare",
    "draw",
    "draw_speedups",
    "is_quick",
    "judge",
    "make_data_set",
    "mean_usage",
    "measured_level",
    "missing_level",
    "read",
    "read_report",
    "read_reports",
    "render",
    "render_comparison",
    "render_comparison_html",
    "render_html",
    "show",
    "show_comparison",
    "summarised_level",
    "title_of",
    "write",
    "write_comparison",
]
