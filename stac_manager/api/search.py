"""One search of a STAC API -> its items, a page at a time, and the proof that none is missing.

A search is cut into partitions (`planning`), of which several are read at once (`run`); what a page holds is delivered
by the partition that owns it (`ledger`), and compared with what the server counted. Where cutting does not work, it is
read one page after another: as one partition.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from stac_manager.api import page_sizes
from stac_manager.api.execution import Search
from stac_manager.api.fetching import Fetcher
from stac_manager.api.first_page import parts_for
from stac_manager.api.http import Client
from stac_manager.api.ledger import Ledger
from stac_manager.api.planning import Planned, Planner, why_never_split, why_sequential
from stac_manager.api.retrying import SearchEndsError
from stac_manager.api.survey import is_unknown
from stac_manager.config import IngestConfig
from stac_manager.context import FailureCollector
from stac_manager.exceptions import DataProcessingError
from stac_manager.limiter import Limiter, limiter
from stac_manager.network.connection import Connection
from stac_manager.owning import owning
from stac_manager.reader import Parts
from stac_manager.stats import ApiStats


@dataclass(frozen=True, slots=True)
class Session:
    """What a search goes through: the connection, how much of it is used at once, its pages, its plan."""

    level: Limiter
    fetcher: Fetcher
    planner: Planner


@asynccontextmanager
async def opened(config: IngestConfig, collection_id: str | None, stats: ApiStats) -> AsyncIterator[Session]:
    """Open a session with the server of a search.

    Raises:
        DataProcessingError: If nothing more can be had of the server.
    """
    level = limiter(config.concurrency)
    stats.concurrency = level.level
    async with Client(config.source, config.headers, stats, level, Connection.of(config)) as client:
        page_size = min(page_sizes.working(config.source, config.limit), config.max_items or config.limit)
        fetcher = Fetcher(client, config.source, page_size)
        try:
            yield Session(level, fetcher, Planner(config, collection_id, fetcher))
        except SearchEndsError as error:
            raise DataProcessingError(str(error)) from error


async def search(config: IngestConfig, collection_id: str | None, failures: FailureCollector, stats: ApiStats) -> Parts:
    """Search the API at `config.source` and yield the items of each page.

    Raises:
        DataProcessingError: If the server cannot be reached, refuses, or answers nonsense.
    """
    async with opened(config, collection_id, stats) as session:
        level, planner = session.level, session.planner
        reason = why_sequential(config)
        with stats.waiting():
            planned = (
                await planner.plan(level.planned, lambda page: parts_for(page, level.planned), blindly=False)
                if reason is None
                else Planned(await planner.query(), reason)
            )
        stats.completeness.counted = planned.page.matched if planned.page else None
        if planned.cuts is not None:
            planned = replace(planned, known=None)  # which has its first page, and that is large
        ledger = Ledger(stats, failures, planned.query.asked, config.max_items)
        run = Search(
            planned, session.fetcher, ledger, level, stats, planner if why_never_split(config) is None else None
        )
        async with owning(run.parts()) as parts:
            async for part in parts:
                yield part
        ledger.conclude(run.ways.note)
        if not stats.completeness.items and await is_unknown(
            session.fetcher.client, planned.query.endpoint, collection_id
        ):
            stats.notes.append(f"The server has no Collection {collection_id!r}.")
