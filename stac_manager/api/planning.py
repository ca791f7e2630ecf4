"""Whether a search is cut at all, and into which slices at first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from stac_manager.api import first_page
from stac_manager.api.cutting import Cutter, times_of
from stac_manager.api.endpoint import Endpoint, body_of, find_endpoint
from stac_manager.api.fetching import Fetcher
from stac_manager.api.forms import across_antimeridian, found
from stac_manager.api.ownership import Asked, has_null_datetime, time_of
from stac_manager.api.paging import Page
from stac_manager.api.query import MARGIN_SECONDS, NOWHERE, SHORTEST_SECONDS, Bounds, Query, total_order
from stac_manager.api.requests import limit_of
from stac_manager.api.shares import Share
from stac_manager.api.space import SpaceCuts, space_cuts
from stac_manager.api.splitting import Cuts
from stac_manager.api.survey import Survey, null_datetime_search, null_geometry_search, survey
from stac_manager.config import IngestConfig
from stac_manager.exceptions import DataProcessingError
from stac_manager.geojson import first_vertex
from stac_manager.parsing.texts import canonical
from stac_manager.plan import Interval, NoDatetime, NoGeometry, Partition, Whole
from stac_manager.run import owned_tasks
from stac_manager.timestamps import FIRST_SECOND, LAST_SECOND, SECOND
from stac_manager.urls import shown

LONG_FROM_PAGE = 4  # a search without counts is read in sequence until it proves long: until this page

IDS = "Paging sequentially: a search for ids is not split."
TOO_SHORT = "Paging sequentially: the interval is shorter than four seconds."
IGNORES_DATETIME = "Paging sequentially: the server ignores `datetime`."
NOT_BY_TIME = "Paging sequentially: the items share one time, or span most of the search."
TOO_CLOSE = "Paging sequentially: the items are too close in time to split."
IN_ORDER = "Paging sequentially, in the server's order."
NO_SORT = "sortby: the server does not sort (it does not conform to the Sort extension)"
BY_OTHER_TIMES = "Paging sequentially: the server does not find every item by its own time."
NULLS_LOST = (
    "Paging sequentially: a split search could miss items without a datetime, and the server has no filter to find "
    "them. A search with `datetime` is split."
)

UNSEEN = "items without a datetime or a geometry may be missing: the server finds none of them by a search of their own"


@dataclass(frozen=True, slots=True)
class Planned:
    """How a search is read."""

    query: Query
    reason: str | None = None  # why one page after another; None where it is split, empty where that needs no words
    known: Survey | None = None  # what was asked about it, where something was
    later: bool = False  # whether it is cut once it proves long, as nobody knows how long it is
    partitions: Sequence[Partition] = (Whole(),)  # oldest first
    cuts: Cuts | None = None  # cuts them further
    sizes: first_page.Sizes = field(default_factory=first_page.Sizes)  # what they should be like
    failing: bool = False  # whether a page cannot be had: items without a datetime, or a geometry, may be lost anyway
    unseen: bool = False  # whether nobody knows if there are such: its counts do not show it

    @property
    def page(self) -> Page | None:
        """Its first page, where that is there."""
        return self.known.page if self.known is not None and self.known.failed is None else None

    def shares(self, like: Share) -> list[Share]:
        """Its partitions to read, of which one says what their counts do not prove; `like` has what is said of all."""
        first, *others = self.partitions
        doubt = UNSEEN if self.unseen else None
        return [replace(like, partition=first, doubt=doubt), *(replace(like, partition=part) for part in others)]


def why_sequential(config: IngestConfig) -> str | None:
    """Why a search is not split, known before anything is asked: empty where no words are needed, None if it is."""
    few = config.max_items is not None and config.max_items <= first_page.PAGES_IN_SEQUENCE * config.limit
    if config.concurrency == 1 or few:
        return ""
    return why_not_by_time(config)


def why_never_split(config: IngestConfig) -> str | None:
    """Why a search cannot be split in any way."""
    if config.ordered or config.sortby is not None:
        return IN_ORDER
    return None if config.ids is None else IDS


def why_not_by_time(config: IngestConfig) -> str | None:
    """Why a search cannot be split by time, at any concurrency."""
    return why_never_split(config) or (None if Bounds.parse(config.datetime).splittable else TOO_SHORT)


def _is_inside(asked: Asked, member: Any) -> bool:
    """Whether the time of an item is within the search, and plain, but for a range that is turned round."""
    time, clear = time_of(member)
    return (
        time is not None
        and (clear or first_page.is_odd_in_time(member))
        and FIRST_SECOND <= time // SECOND < LAST_SECOND  # an item may lie in the year 10000, in UTC
        and (asked.start is None or time >= asked.start)
        and (asked.end is None or time <= asked.end)
    )


class Planner:
    """Asks a server what there is to be cut, when it is needed."""

    def __init__(self, config: IngestConfig, collection_id: str | None, fetcher: Fetcher) -> None:
        self._client = fetcher.client
        self.config = config
        self._collection_id = collection_id
        self._fetcher = fetcher

    @property
    def body(self) -> dict[str, Any]:
        return body_of(self.config, self._collection_id, self._fetcher.page_size)

    async def query(self, endpoint: Endpoint | None = None) -> Query:
        """Find out where to ask."""
        body, source = self.body, self.config.source
        endpoint = endpoint or await across_antimeridian(self._client, source, body)
        endpoint = endpoint or await find_endpoint(self._client, source, body.get("collections", ()))
        if "sort" not in endpoint.offers and self.config.sortby is not None:
            raise DataProcessingError(f"{shown(source)}: {NO_SORT}")
        if "sort" in endpoint.offers and (self.config.ordered or "sortby" in body):
            self._client.sample = endpoint.request({**body, "limit": 1})  # comes where it is the order that fails
            body["sortby"] = total_order(body.get("sortby"))
        return Query(endpoint, body, Bounds.parse(self.config.datetime))

    async def plan(self, workers: int, parts: Callable[[Page], int], *, blindly: bool = True) -> Planned:
        """Ask what there is, and cut the search into as many `parts` as its first page says, or say why not; `blindly`,
        also one that has no count before it proves long, as parts that are read elsewhere."""
        fetcher, bounds = self._fetcher, Bounds.parse(self.config.datetime)
        endpoint = await across_antimeridian(self._client, self.config.source, self.body)
        known = await survey(self._client, self.config.source, self.body, bounds, endpoint)
        if isinstance(known, Query):
            return Planned(known, "")
        if known.failed is not None:
            return await self.around(known, workers)
        fetcher.sizes.failed(works := limit_of(known.page.first) or fetcher.page_size)
        page = await fetcher.make_sure(known.page.first, known.page, self.config.max_items)
        fetcher.learn(page)
        query = replace(known.query, body={**known.query.body, "limit": min(works, fetcher.page_size)})
        planned = Planned(query, "", replace(known, page=page))
        if page.matched is None and page.following is not None and not blindly:
            return replace(planned, later=True)
        return await self._cut_by_time(planned, parts(page), workers, surely=blindly)

    async def around(self, known: Survey, workers: int) -> Planned:
        """Cut a search of which the first page cannot be had; the error of that is raised if nothing cuts it."""
        self._fetcher.came()
        self._fetcher.learn(known.page)
        around = Planned(known.query, "", known, failing=True)
        parts = max(first_page.parts_for(known.page, workers), 2)
        planned = await self._cut_by_time(around, parts, workers, surely=True)
        planned = planned if planned.cuts is not None else await self.another_way(planned, workers)
        if planned.cuts is None and known.failed is not None:
            raise known.failed
        return planned

    async def _cut_by_time(
        self,
        planned: Planned,
        parts: int,
        workers: int,
        reached: float | None = None,
        *,
        looked: bool = False,
        surely: bool = False,
    ) -> Planned:
        """Cut by time where that works; `looked` where it is known that not all items are alike in time, `surely` where
        nothing finds out later that it does not."""
        known, query = planned.known, planned.query
        assert known is not None
        page = known.page
        cut_off = known.failed or page.doubt is not None or (page.matched or 0) > page.size
        if parts < 2 or (page.following is None and not cut_off):
            return planned
        if not known.honours_datetime or not query.bounds.splittable:
            return replace(planned, reason=TOO_SHORT if known.honours_datetime else IGNORES_DATETIME)
        members = page.objects()
        if not looked and (first_page.ranges_are_long(members, known.extent) or first_page.at_one_instant(members)):
            return replace(planned, reason=NOT_BY_TIME)
        nulls = unseen = False
        if "datetime" not in query.body and (page.matched is None or known.reachable != page.matched):
            without = await null_datetime_search(self._client, query)
            if (unseen := without is None) and not planned.failing:
                return replace(planned, reason=NULLS_LOST)
            nulls = without is not None and without.size > 0
        if not await self._finds_by_time(query, members, nulls=nulls, surely=surely or page.matched is None):
            return replace(planned, reason=BY_OTHER_TIMES)
        cutter = Cutter(query.bounds, first_page.expected(known, members))
        whole, at_first = Interval(None, None, by_start=not nulls), inf if surely else workers
        intervals = cutter.plan(whole, parts, reached, at_first)
        if not intervals:
            return replace(planned, reason=TOO_CLOSE)
        sizes = first_page.Sizes.of(None if known.miscounts else page.matched, parts, workers)
        if page.matched is None:  # nobody knows how many are where
            intervals = [replace(interval, estimate=None) for interval in intervals]
        partitions: list[Partition] = [*intervals, *([NoDatetime()] if nulls else [])]
        return replace(planned, reason=None, partitions=partitions, cuts=cutter, sizes=sizes, unseen=unseen)

    async def _finds_by_time(self, query: Query, members: list[Any], *, nulls: bool, surely: bool) -> bool:
        """Whether an item comes when its own time is asked for, by which it belongs to a partition. Servers may compare
        the middle of a range, find ranges only as a whole, look at another property, or at the text of a time. Asked of
        an item with a range; `surely`, of any, an odd one rather."""
        asked = query.asked
        known = [each for each in members if not (nulls and has_null_datetime(each)) and _is_inside(asked, each)]
        witness = next(filter(first_page.lasts, known), None)
        if witness is None and surely:
            witness = next(filter(first_page.is_odd_in_time, known), known[0] if known else None)
        if witness is None:
            return True
        time = time_of(witness)[0] or 0
        page = await found(self._client, query, Interval(time, time + SECOND), query.body["limit"])
        if page is None or page.following is not None:
            return True
        return canonical(witness.get("id")) in (canonical(each.get("id")) for each in page.objects())

    async def despite_nulls(self, planned: Planned, workers: int) -> Planned:
        """Cut by space what may lose items without a geometry, or by time what would lose those without a datetime, as
        pages that may hold them cannot be had."""
        if planned.known is None or planned.reason != NULLS_LOST:
            return planned
        by_space = await self.another_way(replace(planned, failing=True), workers)
        if by_space.cuts is not None:
            return by_space
        return await self._cut_by_time(by_space, max(first_page.parts_for(planned.known.page, workers), 2), workers)

    async def another_way(self, planned: Planned, workers: int, reached: float | None = None) -> Planned:
        """Cut a search after all while it is read in sequence, or say why not: by time, once it has proved long and the
        items from `reached` on were read, or if they only look alike on its first page; or by space."""
        if planned.later:
            parts = min(workers, first_page.PARTS_WITHOUT_COUNTS)
            planned = await self._cut_by_time(replace(planned, later=False), parts, workers, reached)
        known = planned.known
        if known is None or not planned.reason or planned.query.body.get("intersects") is not None:
            return planned
        members = known.page.objects()
        alike = planned.reason == NOT_BY_TIME and not first_page.ranges_are_long(members, known.extent)
        async with owned_tasks() as tasks:
            by_space = tasks.create_task(self._cut_by_space(planned, workers))
            others = alike and await self._others_than(planned.query, members)
        if others:
            again, parts = replace(planned, reason=""), first_page.parts_for(known.page, workers)
            by_time = await self._cut_by_time(again, parts, workers, looked=True)
            if by_time.cuts is not None:
                return by_time
        return by_space.result()

    async def _others_than(self, query: Query, members: list[Any]) -> bool:
        """Whether there are items before or after those of one instant."""
        time = round(times_of(members)[0] * SECOND)
        gap = (SHORTEST_SECONDS + MARGIN_SECONDS) * SECOND
        around = Interval(None, time - gap), Interval(time + gap, None)
        async with owned_tasks() as tasks:
            asked = [tasks.create_task(self._count(query, each)) for each in around if query.bounds.reach(each)]
        return any(task.result() for task in asked)

    async def _cut_by_space(self, planned: Planned, workers: int) -> Planned:
        """Cut by space where the server filters by bbox and none are missed by that, or none of this page if that is
        enough; items without a geometry apart."""
        assert planned.known is not None
        query, page, members = planned.query, planned.known.page, planned.known.page.objects()
        cuts = SpaceCuts(members, page.matched)
        async with owned_tasks() as tasks:
            without = tasks.create_task(null_geometry_search(self._client, query))
            nowhere = tasks.create_task(self._count(query, Whole(), {"bbox": list(NOWHERE)}))
        nulls, unseen = _counted(without.result()), False
        if not nulls:  # there may be some that the filter does not find
            seen = any(first_vertex(each.get("geometry")) is None for each in members)
            unseen = nulls is None and planned.failing
            nulls = None if seen else 0 if planned.failing else nulls
        parts = max(first_page.tiles_for(page, workers), 2 * planned.failing)
        tiles = cuts.plan(query.body.get("bbox"), parts)
        if len(tiles) < 2 or not space_cuts(page.matched, nowhere.result(), nulls):
            return planned
        partitions: list[Partition] = [*tiles, *([NoGeometry()] if nulls else [])]
        sizes = first_page.Sizes.of(None if planned.known.miscounts else page.matched, parts, workers)
        return replace(planned, reason=None, partitions=partitions, cuts=cuts, sizes=sizes, unseen=unseen)

    async def _count(self, query: Query, partition: Partition, others: Mapping[str, Any] | None = None) -> int | None:
        """How many items a partition has, at least; None where that cannot be told."""
        return _counted(await found(self._client, query, partition, others=others))


def _counted(page: Page | None) -> int | None:
    """How many items a page is the first of, at least."""
    if page is None:
        return None
    empty = not page.size and page.following is None  # whatever it counts
    return page.size if page.matched is None or empty else page.matched
