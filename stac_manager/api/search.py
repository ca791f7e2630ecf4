"""One search of a STAC API: its items and the proof that none is missing, its plan, and one partition of it.

A search is cut into partitions (`planning`), of which several are read at once (`run`); what a page holds is delivered
by the partition that owns it (`ledger`), and compared with what the server counted."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from math import ceil, inf
from time import time
from typing import Any

from yarl import URL

from stac_manager.api import forms
from stac_manager.api.counting import MOST_PARTITIONS, counted_in_parts
from stac_manager.api.cutting import Cutter, Density
from stac_manager.api.endpoint import Endpoint
from stac_manager.api.execution import Search
from stac_manager.api.fetching import Fetcher
from stac_manager.api.first_page import Sizes, parts_for
from stac_manager.api.heeded import UNSORTED, Watch
from stac_manager.api.http import Client
from stac_manager.api.ledger import Ledger
from stac_manager.api.paging import Page
from stac_manager.api.planning import Planned, Planner, why_never_split, why_not_by_time, why_sequential
from stac_manager.api.query import Bounds, Query
from stac_manager.api.survey import ignored, is_unknown
from stac_manager.completeness import Completeness, combine
from stac_manager.config import IngestConfig
from stac_manager.context import FailureCollector
from stac_manager.exceptions import DataProcessingError
from stac_manager.generators import owned_context, owning
from stac_manager.limiter import Limiter, limiter
from stac_manager.network.connection import Connection
from stac_manager.network.pool import Pool
from stac_manager.network.redaction import RedactingFailures, redact
from stac_manager.network.retrying import SearchEndsError
from stac_manager.network.secrets import LEFT_OUT
from stac_manager.parsing.text_items import TextItemReader
from stac_manager.parsing.texts import Texts
from stac_manager.plan import Interval, Partition, Plan, Whole
from stac_manager.reader import Done, Parts
from stac_manager.stats import ApiStats
from stac_manager.timestamps import SECOND, YEAR_SECONDS
from stac_manager.urls import shown

BLIND_PARTITIONS = 16  # without counts nobody knows how many are right


class Endpoints:
    """Where searches are answered, as the partitions that were read have found: the next ones ask there, and may go on
    where one was let in."""

    def __init__(self) -> None:
        self._by_collections: dict[tuple[str, ...], Endpoint] = {}
        self.let_in: set[URL] = set()
        self._posted = False  # whether Items were had by POST

    async def query(self, planner: Planner) -> Query:
        """What is asked, at an endpoint that is known, or that the landing page names."""
        query = await planner.query(self._by_collections.get(tuple(planner.body.get("collections", ()))))
        self.keep(query)
        return query

    def keep(self, query: Query) -> None:
        """Take note of where a search is answered."""
        self._by_collections[tuple(query.body.get("collections", ()))] = query.endpoint

    def learn(self, query: Query, found: Endpoint, *, posted: bool) -> None:
        """Take note of where a partition was answered, and how: the landing page may say where nobody answers, or name
        a method that is refused; but not where Items of it were had by that, as they were `posted`."""
        self._posted |= posted
        post = found.post or (query.endpoint.post and self._posted)
        self.keep(replace(query, endpoint=replace(query.endpoint, search=found.search, post=post)))


@dataclass(frozen=True, slots=True)
class Session:
    """What a search goes through: the connection, how much of it is used at once, its pages, its plan."""

    level: Limiter
    fetcher: Fetcher
    planner: Planner

    def search(self, planned: Planned, ledger: Ledger) -> Search:
        """A search that goes another way where there is one, but for a partition of a plan, or if it is never split."""
        never = ledger.claims.alone is not None or why_never_split(self.planner.config) is not None
        return Search(planned, self.fetcher, ledger, self.level, None if never else self.planner)

    def discreet(self, failures: FailureCollector) -> FailureCollector:
        """Hand failures on without credentials, which the server may repeat in its items."""
        return RedactingFailures(failures, lambda: self.fetcher.client.wire.credentials.hidden, "the search")


@owned_context
async def opened(
    config: IngestConfig,
    collection_id: str | None,
    stats: ApiStats,
    pool: Pool | None = None,
    let_in: set[URL] | None = None,
) -> AsyncGenerator[Session, None]:
    """Open a session with the server of a search; an error in it says in `stats` that the search is incomplete."""
    level = limiter(config.concurrency)
    stats.concurrency = level.level
    async with Client(config.source, config.headers, stats, level, Connection.of(config), pool, let_in) as client:
        fetcher = Fetcher(client, config.source, min(config.limit, config.max_items or config.limit))
        try:
            yield Session(level, fetcher, Planner(config, collection_id, fetcher))
        except (SearchEndsError, DataProcessingError) as error:
            redact(error, client.wire.credentials.hidden, LEFT_OUT)
            stats.completeness.status, stats.completeness.problems = "incomplete", [str(error)]
            if isinstance(error, DataProcessingError):
                raise
            raise DataProcessingError(str(error)) from None


async def search(
    config: IngestConfig,
    collection_id: str | None,
    failures: FailureCollector,
    stats: ApiStats,
    texts: Texts | None = None,
) -> Parts:
    """Search the API at `config.source` and yield the items of each page; `texts` as in `read`."""
    async with opened(config, collection_id, stats) as session:
        with stats.waiting():
            planned = await _planned(config, session, stats, blindly=False)
        stats.notes += planned.query.unpromised
        failures = session.discreet(failures)
        ledger = Ledger(stats, failures, planned.query.asked, config.max_items, loads=_loads(texts))
        run = session.search(planned, ledger)
        watch = Watch(config.ids, planned.query.body.get("sortby", ()))
        async with owning(run.parts()) as parts:
            async for part in parts:
                yield watch.over(part)
        ledger.conclude(run.ways.note)
        client, query, found = session.fetcher.client, run.query, stats.completeness.items
        if not found and ledger.totals.left_out and stats.completeness.pages == 1:
            await _ask_again(client, query, stats.completeness)
        if (config.ordered and "sortby" not in query.body) or not watch.in_order:
            stats.notes.append(UNSORTED)
        if ledger.left != 0:
            stats.notes += filter(None, [watch.note()])
            for name in watch.missing if not query.endpoint.post else ():
                if "," in name:
                    why = f"id {name!r} has a comma, which the server's GET takes for two ids"
                    failures.add("the search", why)
                    stats.completeness.status = "incomplete"
                    stats.completeness.problems.append(why)
        stats.notes += await _misunderstood(client, query, collection_id, found=found > 0)


async def _ask_again(client: Client, query: Query, proof: Completeness) -> None:
    """Doubt a count that nothing met but what was not asked for, if there is another one once nothing else is asked:
    some servers mix up what they answer to several requests at once (eodag)."""
    page = await forms.found(client, query, Whole(), query.body["limit"])
    if proof.status == "complete" and page is not None and page.matched != proof.counted:
        proof.status, proof.problems = "unverified", [f"the server counts {page.matched} items when it is asked again"]


async def _misunderstood(client: Client, query: Query, collection_id: str | None, *, found: bool) -> list[str]:
    """Say what the server does not know, or does not heed, of what it is asked."""
    if not found:
        is_named = await is_unknown(client, query.endpoint, collection_id)
        return [f"The server has no Collection {collection_id!r}."] if is_named else []
    names = await ignored(client, query)
    return [f"The server ignores `{name}`: it finds items for one that none can meet." for name in names]


async def _planned(config: IngestConfig, session: Session, stats: ApiStats, *, blindly: bool) -> Planned:
    """Divide a search among those who read it here, if it can be; `blindly` as in `Planner.plan`."""
    workers, most, reason = session.level.planned, session.level.ceiling, why_sequential(config)
    if reason is not None:
        return Planned(await session.planner.query(), reason)
    planned = await session.planner.plan(workers, lambda page: parts_for(page, workers, most), blindly=blindly)
    stats.completeness.counted = planned.page.matched if planned.page else None
    # What is known has its first page, and that is large.
    return planned if planned.cuts is None else replace(planned, known=None)


async def plan(config: IngestConfig, collection_id: str | None, partition_items: int) -> Plan:
    """Divide a search into partitions of about so many items."""
    reason = why_not_by_time(config)
    if reason:
        return Plan(shown(config.source), "whole", (Whole(),), notes=(reason,))
    async with opened(replace(config, max_items=None), collection_id, ApiStats()) as session:
        planned = await session.planner.plan(session.level.planned, lambda page: _parts(page, partition_items))
        counted = planned.page.matched if planned.page else None
        client, found = session.fetcher.client, planned.page is None or planned.page.size > 0
        notes = (*planned.query.unpromised, *await _misunderstood(client, planned.query, collection_id, found=found))
        if planned.cuts is None or len(planned.partitions) < 2:
            notes = (planned.reason, *notes) if planned.reason else notes
            return Plan(shown(config.source), "whole", (Whole(estimate=counted),), counted, notes)
        partitions = planned.partitions
        if counted is not None:
            partitions = await counted_in_parts(client, planned, partition_items)
    return Plan(shown(config.source), "time", tuple(partitions), counted, notes)


def _parts(page: Page, partition_items: int) -> int:
    if page.matched is None:
        return BLIND_PARTITIONS
    return min(ceil(page.matched / partition_items), MOST_PARTITIONS)


async def read(
    partition: Partition,
    config: IngestConfig,
    collection_id: str | None,
    failures: FailureCollector,
    stats: ApiStats,
    texts: Texts,
    endpoints: Endpoints,
    pool: Pool | None,
    done: Done,
) -> Parts:
    """Yield the items that a partition owns, in parts, and call `done` with the report after the last. `texts` keeps
    the text of the latest item, where nothing else is wanted; `endpoints` where searches are answered, also for the
    partitions that follow, and `pool` the connections to there."""
    async with opened(replace(config, max_items=None), collection_id, stats, pool, endpoints.let_in) as session:
        workers, whole = session.level.planned, isinstance(partition, Whole)
        planned = (
            await _planned(config, session, stats, blindly=True)
            if whole
            else _divided(partition, await endpoints.query(session.planner), workers, config.limit)
        )
        query = planned.query
        failures = session.discreet(failures)
        ledger = Ledger(stats, failures, query.asked, None, alone=None if whole else partition, loads=_loads(texts))
        run = session.search(planned, ledger)
        async with owning(run.parts()) as parts:
            async for part in parts:
                yield part
        if session.fetcher.any_came:
            endpoints.learn(query, run.query.endpoint, posted=session.fetcher.client.posted)
    proof = stats.completeness
    report = combine(
        partition.key,
        proof.partitions,
        items=proof.items,
        twice=len(ledger.twice),
        left_out=ledger.totals.left_out,
        failed=ledger.totals.failed,
        pages=proof.pages,
        requests=stats.requests,
        doubtful=tuple(ledger.claims.doubtful),
        settled=tuple(ledger.claims.settled),
        datetime=query.datetime(partition),
        place=query.place(partition),
        duplicates=proof.duplicates_removed,
    )
    done(report)


def _loads(texts: Texts | None) -> Callable[[Any], Any] | None:
    return TextItemReader(texts, ("geometry", "properties")).loads if texts is not None and texts.alone else None


def _divided(partition: Partition, query: Query, workers: int, page_size: int) -> Planned:
    """Divide a partition among those who read it here."""
    if not isinstance(partition, Interval):
        return Planned(query, partitions=[partition])
    cutter = Cutter(query.bounds, _even(partition, query.bounds))
    size = inf if partition.estimate is None else max(partition.estimate / workers, page_size)
    planned = Planned(query, partitions=[partition], cuts=cutter, sizes=Sizes(size, workers, partition.estimate))
    if not partition.estimate or workers == 1:
        return planned
    return replace(planned, partitions=cutter.cut(partition, ceil(partition.estimate / size)) or [partition])


def _even(partition: Interval, bounds: Bounds) -> Density:
    """What is known of the times in a partition before it is read: next to nothing."""
    high = bounds.high if partition.end is None else partition.end / SECOND
    low = bounds.low if partition.start is None else partition.start / SECOND
    high = max(time(), (low or 0) + YEAR_SECONDS) if high is None else high
    return Density.even(high - YEAR_SECONDS if low is None else low, high, float(partition.estimate or 1_000))
