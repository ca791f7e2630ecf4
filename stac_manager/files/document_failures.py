"""When the rest of a document is not worth reading."""

from __future__ import annotations

from stac_manager.context import FailureCollector

MOST_FAILURES = 100_000
"""After so many failures of a document in a row, without an item, it is taken for one that holds none."""


class HopelessError(Exception):
    """The rest of a document is not worth reading."""


class DocumentFailures(FailureCollector):
    """Hands the failures of a document on, until there are too many `in_a_row`: an item sets that to 0."""

    def __init__(self, failures: FailureCollector) -> None:
        super().__init__()
        self.in_a_row = 0
        self.hopeless = ""  # why no more rows are worth reading, for whoever reads the next ones
        self._to = failures

    def add(self, source: str, reason: str, *, line: int | None = None) -> None:
        self._to.add(source, reason, line=line)
        self.in_a_row += 1
        if self.in_a_row == MOST_FAILURES:
            raise HopelessError(f"{MOST_FAILURES:,} failures in a row and no item")

    def pass_over(self, source: str) -> None:
        self._to.pass_over(source)

    def turn_page(self, source: str, following: str) -> None:
        self._to.turn_page(source, following)
