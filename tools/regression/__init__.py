"""Did a commit make it slower? asv's results -> verdicts with their evidence."""

from .judging import judge, judge_rounds
from .model import Judgement, RegressionError, Row, Status
from .pages import as_json, as_markdown, show

__all__ = ["Judgement", "RegressionError", "Row", "Status", "as_json", "as_markdown", "judge", "judge_rounds", "show"]
