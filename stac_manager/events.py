"""What happens during a fetch, as values: for logs and for metrics.

`WorkflowContext` sends each event to its logger, and to `on_event` where one is given. Nothing in an event is secret:
addresses come without their query, and what a server said without the credentials that it may have quoted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from stac_manager.report import PartitionReport


@dataclass(frozen=True, slots=True)
class Retry:
    """A request is sent again.

    Attributes:
        reason: What failed, with method and address.
        attempt: How often it was sent before, from 1.
        wait_seconds: The pause before it is sent.
    """

    level: ClassVar[int] = logging.INFO
    reason: str
    attempt: int
    wait_seconds: float

    def __str__(self) -> str:
        return f"retry {self.attempt} in {self.wait_seconds:.1f} s: {self.reason}"


@dataclass(frozen=True, slots=True)
class Pause:
    """The server refused, or says that it would: no request is sent for a while.

    Attributes:
        seconds: How long.
        reason: Why.
    """

    level: ClassVar[int] = logging.WARNING
    seconds: float
    reason: str = "the server refuses requests"

    def __str__(self) -> str:
        return f"{self.reason}: all pause for {self.seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class Split:
    """A partition is read as smaller ones.

    Attributes:
        key: Of the partition.
        parts: Keys of those that replace it.
    """

    level: ClassVar[int] = logging.DEBUG
    key: str
    parts: tuple[str, ...]

    def __str__(self) -> str:
        return f"partition {self.key[:8]} is split into {len(self.parts)}"


@dataclass(frozen=True, slots=True)
class Fallback:
    """The source is read in another way than the fastest, or in part.

    Attributes:
        note: How and why, as in `stats.notes`.
    """

    level: ClassVar[int] = logging.INFO
    note: str

    def __str__(self) -> str:
        return self.note


@dataclass(frozen=True, slots=True)
class PartitionDone:
    """A partition was read to its end.

    Attributes:
        report: What came of it.
    """

    level: ClassVar[int] = logging.DEBUG
    report: PartitionReport

    def __str__(self) -> str:
        report = self.report
        problem = f"; {report.problem}" if report.problem else ""
        return f"partition {report.key[:8]} is read: {report.items} items, {report.pages} pages{problem}"


Event: TypeAlias = Retry | Pause | Split | Fallback | PartitionDone
