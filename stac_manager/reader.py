"""One partition of a plan -> its items and a report, in any process that has the configuration."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from math import inf
from time import perf_counter
from typing import TypeAlias

from stac_manager.generators import owning
from stac_manager.parsing.texts import Texts, text_of
from stac_manager.plan import Partition
from stac_manager.protocols import Item
from stac_manager.report import PartitionReport
from stac_manager.stats import IngestStats, Told

Parts: TypeAlias = AsyncGenerator[Iterable[Item], None]
"""Items in parts, as documents and pages hold them. Take all of one part before the next."""
Modifier: TypeAlias = Callable[[Item], Item | None]
"""Changes an item in place, or returns the one to deliver."""
Done: TypeAlias = Callable[[PartitionReport], None]
"""Called once with the report, after the last part."""


class PartitionReader:
    """Reads one partition, once: `async for item in reader`, or `async for part in reader.parts()`.

    Args:
        partition: What to read.
        start: Begins to read; it calls what it is given with the report, at the end.
        stats: What `start` counts in it.
        modifier: Changes each item before it is delivered.
        texts: Knows the texts of items, where they are delivered as the source has them.
    """

    def __init__(
        self,
        partition: Partition,
        start: Callable[[Done], Parts],
        stats: IngestStats,
        modifier: Modifier | None = None,
        texts: Texts | None = None,
    ) -> None:
        self.partition = partition
        self.stats = stats
        self._start = start
        self._modifier = modifier
        self._report: PartitionReport | None = None
        self.text_of: Callable[[Item], bytes] = text_of if texts is None or modifier is not None else texts.text_of
        """Makes an item JSON on one line, at less cost for the one that was delivered last."""

    @property
    def report(self) -> PartitionReport:
        """What came of it. Of a partition that was not read to its end, the report says that.

        The digests in it tell items apart; none of them is kept for an item whose owner is clear.
        """
        unread = PartitionReport(self.partition.key, items=self.stats.items, problem="not read to its end")
        return self._report or unread

    async def parts(self) -> Parts:
        """Yield the items that this partition owns, in parts.

        Raises:
            ConfigurationError: If the source is not what the partition was made of.
            DataProcessingError: If nothing of it can be read.
        """
        started = perf_counter()
        told = Told(self.stats)
        try:
            async with owning(self._start(self._done)) as parts:
                async for part in parts:
                    yield part if self._modifier is None else modified(part, self._modifier)
                    told.tell_what_is_new()
        finally:
            self.stats.seconds = perf_counter() - started
            told.tell_what_is_new()

    async def __aiter__(self) -> AsyncIterator[Item]:
        async with owning(self.parts()) as parts:
            async for part in parts:
                for item in part:
                    yield item

    def _done(self, report: PartitionReport) -> None:
        self._report = report


def counted(part: Iterable[Item | None], stats: IngestStats, seconds: float = inf) -> Iterator[Item]:
    """Count the items of a part as they are taken, and the time in which the consumer has them; after so many seconds,
    or behind a None, the rest is left."""
    clock = perf_counter
    until = clock() + seconds
    for item in part:
        if item is None:
            return
        stats.items += 1
        handed_over = clock()
        yield item
        del item
        now = clock()
        stats.seconds_consumer += now - handed_over
        if now > until:
            return


def modified(part: Iterable[Item], modifier: Modifier) -> Iterator[Item]:
    """Let `modifier` change the items of a part as they are taken. What it raises ends the fetch: it is the user's."""
    for item in part:
        changed = modifier(item)
        yield item if changed is None else changed
