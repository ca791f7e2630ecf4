"""asv's results, and those of single runs, as one model and several pages."""

from .asv_results import read_report, read_reports
from .errors import ReportError
from .json_file import read, write
from .markdown import render
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
from .plot import draw
from .terminal import show
from .verdict import Verdict, judge

__all__ = [
    "DataSet",
    "Environment",
    "Level",
    "Peer",
    "Report",
    "ReportError",
    "Usage",
    "Verdict",
    "as_peer",
    "draw",
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
    "show",
    "summarised_level",
    "title_of",
    "write",
]
