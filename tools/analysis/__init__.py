"""One data set, or two, and what follows from the numbers; it knows neither asv's files nor any page."""

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
from .verdict import Verdict, judge

__all__ = [
    "Comparison",
    "Concurrency",
    "DataSet",
    "Environment",
    "Kind",
    "Level",
    "Peer",
    "Report",
    "Usage",
    "Verdict",
    "as_peer",
    "compare",
    "is_quick",
    "judge",
    "make_data_set",
    "mean_usage",
    "measured_level",
    "missing_level",
    "summarised_level",
    "title_of",
]
