"""The context of a run: where failures go, where messages go, values from other steps."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stac_manager.events import Event
from stac_manager.exceptions import printable
from stac_manager.next_pages import Pages


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


FAILURES_KEPT = 1_000
"""This many failures are kept, and after them the first of each kind, up to as many kinds."""
KIND_CHARACTERS = 200
_VARIABLE = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")


class FailureCollector:
    """Failures in the order in which they occurred: all are counted, the first thousand and one of each kind are kept.

    Attributes:
        catalogs: Catalogs and Collections that stood where items were looked for. They are no failures.
        first_catalog: Where the first of them is.
    """

    def __init__(self) -> None:
        self.catalogs = 0
        self.first_catalog = ""
        self._count = 0
        self._kept: list[Failure] = []
        self._kinds: set[str] = set()
        self._latest: str | None = None

    def add(self, source: str, reason: str, *, line: int | None = None) -> None:
        """Count that `source` (or one line of it) could not be delivered, and remember why."""
        self._count += 1
        known = len(self._kinds) > FAILURES_KEPT or self._is_known(reason)
        if known and self._count > FAILURES_KEPT:
            return
        self._kept.append(Failure(source, reason, line))

    def pass_over(self, source: str) -> None:
        """Count a Catalog or Collection in place of an item."""
        self.first_catalog = self.first_catalog or source
        self.catalogs += 1

    def turn_page(self, source: str, following: str) -> None:
        """Take note of a page of Items, and of the address of the next one that it names; nothing for the last."""

    def _is_known(self, reason: str) -> bool:
        """Tell whether a reason differs from earlier ones in numbers and quoted text alone."""
        if reason == self._latest:
            return True
        self._latest = reason
        kind = _VARIABLE.sub("?", reason[:KIND_CHARACTERS])
        known = kind in self._kinds
        self._kinds.add(kind)
        return known

    def get_all(self) -> list[Failure]:
        """Return the failures that were kept, oldest first, as a list of the caller's own. `len()` counts all."""
        return list(self._kept)

    def __len__(self) -> int:
        return self._count


class OwnFailures(FailureCollector):
    """Hands failures on, and knows those of one fetch or partition; others may add to the same collector meanwhile."""

    def __init__(self, failures: FailureCollector) -> None:
        super().__init__()
        self._to = failures
        self.pages = Pages()

    def add(self, source: str, reason: str, *, line: int | None = None) -> None:
        super().add(source, reason, line=line)
        self._to.add(source, reason, line=line)

    def turn_page(self, source: str, following: str) -> None:
        self.pages.add(source, following)


@dataclass(slots=True)
class WorkflowContext:
    """What a run is given.

    Attributes:
        failure_collector: Receives what could not be delivered.
        logger: Receives the events of a fetch, once each: a pause as a warning, a retry or a fallback as info, a split
            or a partition that is done as debug. Never headers, tokens or query strings.
        on_event: Receives the same as values, for metrics; what it raises ends the fetch.
        data: Values from other steps. `collection_id` is used where the configuration names none.
    """

    failure_collector: FailureCollector
    logger: logging.Logger
    data: dict[str, Any] = field(default_factory=dict)
    on_event: Callable[[Event], None] | None = None

    @classmethod
    def create(
        cls,
        *,
        data: dict[str, Any] | None = None,
        logger: logging.Logger | None = None,
        failure_collector: FailureCollector | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> WorkflowContext:
        """Make a context; what is not given is new and empty, the logger "stac_manager"."""
        return cls(
            failure_collector=FailureCollector() if failure_collector is None else failure_collector,
            logger=logging.getLogger("stac_manager") if logger is None else logger,
            data={} if data is None else data,
            on_event=on_event,
        )

    def tell(self, event: Event) -> None:
        """Send an event to the logger, and to `on_event`."""
        self.logger.log(event.level, "%s", event)
        if self.on_event is not None:
            self.on_event(event)
