"""Whether a search is cut at all, and into which slices at first."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf
from time import time
from typing import Any

from stac_manager.api.cutting import Cutter
from stac_manager.api.density import Density
from stac_manager.api.http import Client, Request
from stac_manager.api.instants import YEAR_SECONDS, times_of
from stac_manager.api.ordering import NewestFirstOrder
from stac_manager.api.paging import Page
from stac_manager.api.slicing import Bounds, Slice
from stac_manager.api.survey import Survey, null_datetime_search
from stac_manager.config import IngestConfig

ITEMS_A_SLICE = 4_000
# In order: small slices, so that what is read ahead is what comes next.
PAGES_A_SLICE_IN_ORDER = 3
# Without counts: slices for each worker.
BLIND_SLICES = 4
# Slices of a page or two should rather hold a bit less than a page than a bit more.
FULLEST_SMALL_SLICE = 0.85

IDS = "One request after another: a search for ids is not split."
TOO_SHORT = "One request after another: a search in less than four seconds is not split."
IGNORES_DATETIME = "One request after another: the server does not show that it heeds datetime."
TOO_CLOSE = "One request after another: the items are too close in time to be split."
NOT_IN_ORDER = "One request after another: the first page does not show that the server sorts newest first."
NULLS_IN_ORDER = "One request after another: items without a datetime have no place in a split search in order."
NULLS_LOST = (
    "One request after another: items without a datetime may be lost in a split search, and the server offers no "
    "filter to find them. A search with a datetime is split."
)


@dataclass(slots=True)
class Plan:
    """How a search is read.

    Attributes:
        reason: Why it is read one page after another; None where it is split, empty where that needs no words.
        pieces: The slices, newest last.
        cutter: Cuts them further.
        items_a_slice: How many items a slice should hold.
        complement: The search for items without a datetime, where it is needed.
        order: Follows the order, where that is asked for.
    """

    reason: str | None
    pieces: list[Slice]
    cutter: Cutter
    items_a_slice: float = inf
    complement: Request | None = None
    order: NewestFirstOrder | None = None


def why_sequential(config: IngestConfig) -> str | None:
    """Why a search is not split, known before anything is asked: empty where no words are needed, None if it is."""
    if config.concurrency == 1 or (config.max_items or config.limit + 1) <= config.limit:
        return ""
    if config.ids is not None:
        return IDS
    return None if Bounds.parse(config.datetime).splittable else TOO_SHORT


async def plan(client: Client, config: IngestConfig, body: dict[str, Any], known: Survey, workers: int) -> Plan:
    """Cut a search into slices, or say why not."""
    page, bounds = known.page, Bounds.parse(config.datetime)
    cutter = Cutter(bounds, _expected(known, bounds))
    sequential = Plan("", [], cutter)
    if not page.size or (page.following is None and not _is_cut_off(page)):
        return sequential
    if not known.honours_datetime:
        return _because(sequential, IGNORES_DATETIME)
    order = None
    if config.ordered:
        order = NewestFirstOrder.of(list(page.features()))
        if order is None:
            return _because(sequential, NOT_IN_ORDER)
    complement = None
    if config.datetime is None and (page.matched is None or known.reachable != page.matched):
        nulls = await null_datetime_search(client, known.endpoint, body)
        if nulls is None:
            return _because(sequential, NULLS_LOST)
        if nulls[1].size:
            complement = nulls[0]
            if config.ordered:
                return _because(sequential, NULLS_IN_ORDER)
    parts = _parts(page, workers, config)
    pieces = cutter.plan(bounds.whole, parts)
    if not pieces:
        return _because(sequential, TOO_CLOSE)
    items_a_slice = page.matched / parts if page.matched is not None else inf
    return Plan(None, pieces, cutter, items_a_slice, complement, order)


def _because(sequential: Plan, reason: str) -> Plan:
    sequential.reason = reason
    return sequential


def _is_cut_off(page: Page) -> bool:
    return page.doubt is not None or (page.matched is not None and page.matched > page.size)


def _parts(page: Page, workers: int, config: IngestConfig) -> int:
    if page.matched is None:
        return BLIND_SLICES * workers if page.following else BLIND_SLICES
    pages_in_all = page.matched / page.size
    each = pages_in_all / workers
    each = each if each > 2 else max(each, FULLEST_SMALL_SLICE)
    each = min(each, PAGES_A_SLICE_IN_ORDER if config.ordered else max(ITEMS_A_SLICE / page.size, 1))
    return ceil(pages_in_all / each)


def _expected(known: Survey, bounds: Bounds) -> Density:
    """What is known of the times of the items before the first slice is read."""
    if known.histogram is not None:
        return known.histogram
    times = [pair for item in known.page.features() if isinstance(item, dict) and (pair := times_of(item))]
    low, high = known.extent
    if high is None:
        high = max((latest for _, latest in times), default=time()) + 1
    if low is None:
        low = min((earliest for earliest, _ in times), default=high) - YEAR_SECONDS
    low = low if bounds.low is None else max(low, bounds.low)
    high = high if bounds.high is None else min(high, bounds.high)
    if low >= high:  # the Collections say that there is nothing here, but there is
        low = bounds.low if bounds.low is not None else high - YEAR_SECONDS
        high = bounds.high if bounds.high is not None else max(low, high) + YEAR_SECONDS
    return Density.even(low, high, float(known.page.matched or 1_000))
