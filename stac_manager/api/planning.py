"""Whether a search is cut at all, and into which slices at first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import ceil, inf
from time import time
from typing import Any

from stac_manager.api.cutting import Cutter
from stac_manager.api.density import Density
from stac_manager.api.endpoint import body_of, find_endpoint
from stac_manager.api.fetching import Fetcher
from stac_manager.api.http import Client
from stac_manager.api.paging import Page, limit_of
from stac_manager.api.query import Bounds, Query
from stac_manager.api.splitting import Cuts, Sizes, times_on
from stac_manager.api.survey import Survey, null_datetime_search, survey
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
        query: What is asked.
        reason: Why it is read one page after another; None where it is split, empty where that needs no words.
        page: Its first page, where that is there.
        partitions: What it is cut into, oldest first.
        cuts: Cuts them further.
        sizes: What they should be like.
    """

    query: Query
    reason: str | None = None
    page: Page | None = None
    partitions: list[Partition] = field(default_factory=list)
    cuts: Cuts | None = None
    sizes: Sizes = field(default_factory=Sizes)


def why_sequential(config: IngestConfig) -> str | None:
    """Why a search is not split, known before anything is asked: empty where no words are needed, None if it is."""
    if config.concurrency == 1 or (config.max_items or config.limit + 1) <= config.limit:
        return ""
    return why_never_split(config)


def why_never_split(config: IngestConfig) -> str | None:
    """Why a search cannot be split, at any concurrency."""
    if config.ordered:
        return IN_ORDER
    if config.ids is not None:
        return IDS
    return None if Bounds.parse(config.datetime).splittable else TOO_SHORT


class Planner:
    """Asks a server what there is to be cut, when it is needed."""

    def __init__(self, client: Client, config: IngestConfig, collection_id: str | None, fetcher: Fetcher) -> None:
        self._client = client
        self._config = config
        self._collection_id = collection_id
        self._fetcher = fetcher

    @property
    def body(self) -> dict[str, Any]:
        return body_of(self._config, self._collection_id, self._fetcher.page_size)

    async def query(self) -> Query:
        """Find out where to ask."""
        endpoint = await find_endpoint(self._client, self._config.source, self._collection_id)
        return Query(endpoint, self.body, Bounds.parse(self._config.datetime))

    async def plan(self, workers: int, at_once: int, parts: Callable[[Page], int]) -> Planned:
        """Ask what there is, and cut the search into about so many partitions, or say why not.

        Raises:
            DataProcessingError: If the server cannot be reached, offers no search, or refuses this one.
        """
        body, fetcher = self.body, self._fetcher
        known = await survey(self._client, self._config.source, body, at_once=at_once)
        works = limit_of(known.first) or fetcher.page_size
        fetcher.shrink(works)
        page = await fetcher.make_sure(known.first, known.first, known.page, self._config.max_items)
        fetcher.learn(page)
        bounds = Bounds.parse(self._config.datetime)
        if known.closed_only:
            bounds = bounds.closed
        known.page = page
        query = Query(known.endpoint, {**body, "limit": works}, bounds)
        return await self._cut_by_time(Planned(query, "", page), known, parts(page), workers)

    async def _cut_by_time(self, planned: Planned, known: Survey, parts: int, workers: int) -> Planned:
        page, query = known.page, planned.query
        if page.following is None and not _is_cut_off(page):
            return planned
        if not known.honours_datetime:
            return replace(planned, reason=IGNORES_DATETIME)
        nulls = False
        if "datetime" not in query.body and (page.matched is None or known.reachable != page.matched):
            found = await null_datetime_search(self._client, query)
            if found is None:
                return replace(planned, reason=NULLS_LOST)
            nulls = found.size > 0
        cutter = Cutter(query.bounds, _expected(known, query.bounds))
        intervals = cutter.plan(Interval(None, None, by_start=not nulls), parts)
        if not intervals:
            return replace(planned, reason=TOO_CLOSE)
        sizes = Sizes(page.matched / parts if page.matched is not None else inf, workers, page.matched)
        partitions: list[Partition] = [*intervals, *([NoDatetime()] if nulls else [])]
        return replace(planned, reason=None, partitions=partitions, cuts=cutter, sizes=sizes)


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
