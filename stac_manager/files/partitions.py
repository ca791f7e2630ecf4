"""Plans of files, and the reading of one partition of them."""

from __future__ import annotations

from stac_manager.config import IngestConfig
from stac_manager.context import FailureCollector
from stac_manager.plan import Partition, Plan
from stac_manager.reader import Done, Parts
from stac_manager.stats import FileStats


async def plan(config: IngestConfig, collection_id: str | None, partition_items: int) -> Plan:
    """Divide the source into partitions of about so many items."""
    raise NotImplementedError


def read(
    partition: Partition,
    config: IngestConfig,
    collection_id: str | None,
    failures: FailureCollector,
    stats: FileStats,
    done: Done,
) -> Parts:
    """Yield the items that a partition owns, in parts, and call `done` with the report after the last."""
    raise NotImplementedError
