"""One data set, or two, and what follows from the numbers; it knows neither asv's files nor any page."""

from .analysis import Analysed, Analysis, Findings, Line, analyse, analyse_report
from .comparison import Comparison, compare
from .model import (
    Concurrency,
    DataSet,
    Environment,
    Kind,
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

__all__ = [
    "Analysed",
    "Analysis",
    "Comparison",
    "Concurrency",
    "DataSet",
    "Environment",
    "Findings",
    "Kind",
    "Level",
    "Line",
    "Peer",
    "Report",
    "Usage",
    "analyse",
    "analyse_report",
    "as_peer",
    "compare",
    "is_quick",
    "make_data_set",
    "mean_usage",
    "measured_level",
    "missing_level",
    "summarised_level",
    "title_of",
]
