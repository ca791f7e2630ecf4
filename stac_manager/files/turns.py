"""Documents to items, in turns of a few milliseconds: between them the event loop does other things."""

from __future__ import annotations

import re
import sys
import urllib.parse
from collections.abc import Generator, Iterator
from math import inf
from time import perf_counter
from typing import Literal

import orjson

from stac_manager.context import FailureCollector
from stac_manager.files.content import ParquetFoundError, items_of
from stac_manager.files.filtering.filters import Filters
from stac_manager.files.formats import HIVE, Document
from stac_manager.files.opening import TOO_MANY_OPEN
from stac_manager.files.readahead import Content, ReadAhead
from stac_manager.parsing.items import is_plain_item
from stac_manager.parsing.numbers import has_large_number
from stac_manager.parsing.texts import TextBatch, whole
from stac_manager.protocols import Item
from stac_manager.stats import FileStats

TURN_SECONDS = 0.005
"""Other tasks of the event loop get their turn after so long."""

_HIVE = re.compile(r"(?:^|[/\\])collection=([^/\\]+)[/\\]")
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


class Turns:
    """Turns documents into items. `take` goes on where the turn before it ended.

    Attributes:
        document: The one at hand.
        left: What is left to the caller when a turn ends: nothing more to do at the `end`; the document at hand, a
            `parquet` file that is read in batches; or to wait where it was `refused`, since too many are open: it is
            read again in the next turn.
    """

    def __init__(
        self,
        reader: ReadAhead,
        filters: Filters,
        max_items: int | None,
        failures: FailureCollector,
        stats: FileStats,
    ) -> None:
        self._reader = reader
        self._documents = iter(reader)
        self._filters = filters
        self._max_items = sys.maxsize if max_items is None else max_items
        self._failures = failures
        self._stats = stats
        self._current: Iterator[Item | None] | None = None
        self.document: Document | None = None
        self.left: Literal["end", "parquet", "refused"] | None = None

    def take(self) -> Generator[Item, None, None]:
        """Yield items until it is the event loop's turn, and count them and the time in which the consumer has them."""
        stats, reader, filters, most = self._stats, self._reader, self._filters, self._max_items
        documents, matches = self._documents, filters.matches if filters else None
        decode, clock = filters.decode, perf_counter
        loads = decode.loads
        keep = filters.keep
        started = clock()
        turn = started + TURN_SECONDS
        if self._current is not None:
            yield from self._of_current(turn)
            started = clock()
        while started < turn and stats.items < most:
            if reader.threads is not None and reader.pending is not None:
                return
            found = next(documents, None)
            if found is None:
                self.left = "end"
                return
            document, content = found
            stats.documents += 1
            done = clock()
            stats.seconds_reading += done - started
            if type(content) is memoryview and document.format == "json" and HIVE not in document.path:
                # Nearly every document is one item: the shortest way for it.
                try:
                    item = loads(content)
                except orjson.JSONDecodeError:
                    item = None
                if is_plain_item(item):
                    if has_large_number(item):
                        (item,) = decode.kept([decode.exact(item, content)])
                    if matches is not None and not matches(item):
                        started = clock()
                        continue
                    if keep is not None:
                        item = keep(item)
                    stats.items += 1
                    handed_over = clock()
                    stats.seconds_decoding += handed_over - done
                    yield item
                    del item
                    started = clock()
                    stats.seconds_consumer += started - handed_over
                    continue
                del item
            if not self._begin(document, content):
                return
            if self._current is not None:
                yield from self._of_current(turn)
            started = clock()

    def take_all(self, batch: Iterator[Item | None]) -> Generator[Item, None, None]:
        """Yield the items of a batch as `take` does, all of them."""
        self._current = batch
        return self._of_current(inf)

    def _begin(self, document: Document, content: Content) -> bool:
        """Make what decodes a document; False where that is for the caller."""
        self.document = document
        if content is None:
            self.left = "parquet"
            return False
        if isinstance(content, OSError):
            if content.errno in TOO_MANY_OPEN:
                self._stats.documents -= 1
                self._reader.put_back(document)
                self.left = "refused"
                return False
            self._failures.add(document.path, f"cannot be read: {content.strerror or content}")
            return True
        try:
            self._current = iter(items_of(content, document, self._failures, self._filters.decode))
        except ParquetFoundError:
            self.left = "parquet"
            return False
        return True

    def _of_current(self, turn: float) -> Generator[Item, None, None]:
        """Yield items of the document at hand, until there are none or it is the event loop's turn."""
        stats, clock, filters, most = self._stats, perf_counter, self._filters, self._max_items
        assert self._current is not None
        assert self.document is not None
        keep, matches = filters.keep, filters.matches if filters else None
        given = collection_of_path(self.document.path)
        started = clock()
        reading = stats.seconds_reading
        for item in self._current:
            if item is not None and given is not None and item.get("collection") is None:
                item = {**whole(item), "collection": given}  # not in place: the item is no longer what its text says
            if item is None or (matches is not None and not matches(item)):
                if clock() >= turn:
                    return
                continue
            if keep is not None:
                item = keep(item)
            stats.items += item.count if type(item) is TextBatch else 1
            handed_over = clock()
            stats.seconds_decoding += handed_over - started - (stats.seconds_reading - reading)
            yield item
            del item
            started = clock()
            stats.seconds_consumer += started - handed_over
            reading = stats.seconds_reading
            if started >= turn or stats.items >= most:
                return
        self._current = None

    def close(self) -> None:
        """Close the document at hand."""
        if isinstance(self._current, Generator):
            self._current.close()


def collection_of_path(path: str) -> str | None:
    """Return the collection that a hive partition (`.../collection=NAME/...`) gives to the items in it."""
    found = _HIVE.search(path)
    name = urllib.parse.unquote(found[1]) if found else _HIVE_NULL
    return None if name == _HIVE_NULL else name
