"""Whether a search is cut at all, and into which slices at first."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, inf
from time import time

from stac_manager.api.cutting import Cutter
from stac_manager.api.density import Density
from stac_manager.api.http import Client
from stac_manager.api.paging import Page
from stac_manager.api.query import Bounds, Query
from stac_manager.api.splitting import Sizes, times_on
from stac_manager.api.survey import Survey, null_datetime_search
from stac_manager.config import IngestConfig
from stac_manager.plan import Interval, NoDatetime, Partition
from stac_manager.timestamps import YEAR_SECONDS

# Counts that cannot be right make no plan that is too long to make.
MOST_SLICES_A_WORKER = 8
# Without counts: slices for each worker.
BLIND_SLICES = 4
# Slices of a page or two should rather hold a bit less than a page than a bit more.
FULLEST_SMALL_SLICE = 0.85

IDS = "One request after another: a search for ids is not split."
TOO_SHORT = "One request after another: a search in less than four seconds is not split."
IGNORES_DATETIME = "One request after another: the server does not show that it heeds datetime."
TOO_CLOSE = "One request after another: the items are too close in time to be split."
IN_ORDER = "One request after another: in the server's own order."
NULLS_LOST = (
    "One request after another: items without a datetime may be lost in a split search, and the server offers no "
    "filter to find them. A search with a datetime is split."
)


@dataclass(slots=True)
class Planned:
    """How a search is read.

    Attributes:
        reason: Why it is read one page after another; None where it is split, empty where that needs no words.
        partitions: What it is cut into, oldest first.
        cutter: Cuts them further.
        sizes: What they should be like.
    """

    reason: str | None
    partitions: list[Partition] = field(default_factory=list)
    cutter: Cutter | None = None
    sizes: Sizes = field(default_factory=Sizes)


def why_sequential(config: IngestConfig) -> str | None:
    """Why a search is not split, known before anything is asked: empty where no words are needed, None if it is."""
    if config.concurrency == 1 or (config.max_items or config.limit + 1) <= config.limit:
        return ""
    if config.ordered:
        return IN_ORDER
    if config.ids is not None:
        return IDS
    return None if Bounds.parse(config.datetime).splittable else TOO_SHORT


async def plan_partitions(client: Client, query: Query, known: Survey, parts: int, workers: int) -> Planned:
    """Cut a search into about so many partitions, or say why not."""
    page, bounds = known.page, query.bounds
    if not page.size or (page.following is None and not _is_cut_off(page)):
        return Planned("")
    if not known.honours_datetime:
        return Planned(IGNORES_DATETIME)
    nulls = False
    if "datetime" not in query.body and (page.matched is None or known.reachable != page.matched):
        found = await null_datetime_search(client, query)
        if found is None:
            return Planned(NULLS_LOST)
        nulls = found.size > 0
    cutter = Cutter(bounds, _expected(known, bounds))
    intervals = cutter.plan(Interval(None, None, by_start=not nulls), parts)
    if not intervals:
        return Planned(TOO_CLOSE)
    sizes = Sizes(page.matched / parts if page.matched is not None else inf, workers, page.matched)
    return Planned(None, [*intervals, *([NoDatetime()] if nulls else [])], cutter, sizes)


def _is_cut_off(page: Page) -> bool:
    return page.doubt is not None or (page.matched is not None and page.matched > page.size)


def parts_for(page: Page, workers: int) -> int:
    """How many partitions keep so many workers busy."""
    if not page.size:
        return 1
    if page.matched is None:
        return BLIND_SLICES * workers if page.following else BLIND_SLICES
    pages_in_all = page.matched / page.size
    each = pages_in_all / workers
    each = each if each > 2 else max(each, FULLEST_SMALL_SLICE)
    return min(ceil(pages_in_all / each), MOST_SLICES_A_WORKER * workers)


def _expected(known: Survey, bounds: Bounds) -> Density:
    """What is known of the times of the items before the first slice is read."""
    if known.histogram is not None:
        return known.histogram
    times = times_on(known.page)
    low, high = known.extent
    if high is None:
        high = max(times, default=time()) + 1
    if low is None:
        low = min(times, default=high) - YEAR_SECONDS
    low = low if bounds.low is None else max(low, bounds.low)
    high = high if bounds.high is None else min(high, bounds.high)
    if low >= high:  # the Collections say that there is nothing here, but there is
        low = bounds.low if bounds.low is not None else high - YEAR_SECONDS
        high = bounds.high if bounds.high is not None else max(low, high) + YEAR_SECONDS
    return Density.even(low, high, float(known.page.matched or 1_000))
