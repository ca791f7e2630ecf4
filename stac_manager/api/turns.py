"""Whose turn it is: the consumer's, the event loop's, or the server's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from stac_manager.protocols import Item
from stac_manager.stats import ApiStats

TURN_SECONDS = 0.03
"""After so long with the items of one page the event loop has its turn."""


def for_a_while(first: Item, items: Iterator[Item]) -> Iterator[Item]:
    """Give items until a turn is over."""
    until = perf_counter() + TURN_SECONDS
    yield first
    del first
    for item in items:
        yield item
        del item
        if perf_counter() > until:
            return


@contextmanager
def waiting(stats: ApiStats) -> Iterator[None]:
    """Add up the time in which there is nothing to do but to wait for the server."""
    started, decoding = perf_counter(), stats.seconds_decoding
    yield
    decoded = stats.seconds_decoding - decoding
    stats.seconds_waiting += perf_counter() - started - decoded
