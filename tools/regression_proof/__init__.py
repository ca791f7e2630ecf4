"""Does the judging keep what it promises? Faults whose size is known, measured and judged as users do it."""

from .experiments import EXPERIMENTS, SAME, SAME_REPETITIONS, Experiment
from .page import as_markdown
from .record import BASE, Record

__all__ = ["BASE", "EXPERIMENTS", "SAME", "SAME_REPETITIONS", "Experiment", "Record", "as_markdown"]
