"""Measuring what a user names: a process for each level, runs in turns, until enough is known or the time is spent."""

from .ad_hoc import Request, measure
from .schedule import Rules

__all__ = ["Request", "Rules", "measure"]
