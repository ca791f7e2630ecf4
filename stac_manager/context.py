"""What a run carries along: where failures go, where messages go, what other steps have left."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from stac_manager.exceptions import printable


@dataclass(frozen=True, slots=True)
class Failure:
    """One document or item that could not be delivered.

    Attributes:
        source: The file, or the URL without its query. File names are as `os.fsdecode` gives them.
        reason: What was wrong with it, in words.
        line: The line in the file, from 1, where there is one.
    """

    source: str
    reason: str
    line: int | None = None

    def __str__(self) -> str:
        place = self.source if self.line is None else f"{self.source}:{self.line}"
        return printable(f"{place}: {self.reason}")


class FailureCollector:
    """Failures in the order in which they were met."""

    def __init__(self) -> None:
        self._failures: list[Failure] = []

    def add(self, source: str, reason: str, *, line: int | None = None) -> None:
        """Remember that `source` (or one line of it) could not be delivered, and why."""
        self._failures.append(Failure(source, reason, line))

    def get_all(self) -> list[Failure]:
        """Return every failure so far, oldest first, as a list of the caller's own."""
        return list(self._failures)

    def __len__(self) -> int:
        return len(self._failures)


@dataclass(slots=True)
class WorkflowContext:
    """The surroundings of one run.

    Attributes:
        failure_collector: Receives what could not be delivered.
        logger: Receives messages; never headers, tokens or query strings.
        data: Values from other steps. `collection_id` is used where the configuration names none.
    """

    failure_collector: FailureCollector
    logger: logging.Logger
    data: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def create(
        cls,
        *,
        data: dict[str, Any] | None = None,
        logger: logging.Logger | None = None,
        failure_collector: FailureCollector | None = None,
    ) -> WorkflowContext:
        """Make a context; whatever is not given is new and empty."""
        return cls(
            failure_collector=FailureCollector() if failure_collector is None else failure_collector,
            logger=logging.getLogger("stac_manager") if logger is None else logger,
            data={} if data is None else data,
        )
