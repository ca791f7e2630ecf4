"""What one run of one way delivered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from stac_manager.stats import IngestStats


@dataclass
class Outcome:
    """Counts of one run.

    Attributes:
        items: Items that came out. They are dropped at once.
        failures: Documents that could not be delivered.
        refusals: Answers 429 and 503.
        stats: What the package itself counts; None for other ways.
    """

    items: int = 0
    failures: int = 0
    refusals: int = 0
    stats: IngestStats | None = None


Way: TypeAlias = Callable[[str], Outcome]
"""Takes every item of a source: a folder, a glob of Parquet files, or the address of an API."""
