"""A plan by time of which each partition holds about as many items, by the server's counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from stac_manager.api.forms import found
from stac_manager.api.http import Client
from stac_manager.api.planning import Planned
from stac_manager.api.shares import begin_of, joined
from stac_manager.api.splitting import OVERSIZE
from stac_manager.plan import Interval, Partition
from stac_manager.run import owned_tasks

MOST_PARTITIONS = 2_000
SEARCHES_A_PARTITION, SPARE_SEARCHES = 4, 100
"""So many searches are sent for each partition that is wanted, and in all, to find where the items are."""
SAMPLE_ITEMS = 10  # with so many items a search shows how close together they are
SAME_AGAIN = 2  # parts that count so many times what they are parts of are not counted and cut again


async def counted_in_parts(client: Client, planned: Planned, partition_items: int) -> list[Partition]:
    """Ask how many items each interval holds, and cut the crowded ones again where their newest items show that the
    others are, as long as that is worth its searches.

    Raises:
        DataProcessingError: If the server stops answering, as it does once a token has expired.
    """
    assert planned.cuts is not None
    cutter, to_count = planned.cuts, list(planned.partitions)
    whole = planned.page.matched if planned.page else None
    done: list[Partition] = []
    left = SEARCHES_A_PARTITION * len(to_count) + SPARE_SEARCHES
    while to_count:
        left -= len(to_count)
        async with owned_tasks() as tasks:
            asked = [tasks.create_task(found(client, planned.query, each, SAMPLE_ITEMS)) for each in to_count]
        pages = [task.result() for task in asked]
        if client.sample is not None and all(page is None for page in pages):
            await client.send(client.sample)  # which tells why, where nothing is answered any more
        if whole is not None and sum((page and page.matched) or 0 for page in pages) > SAME_AGAIN * whole:
            break  # whatever is cut, the counts stay
        crowded: list[Partition] = []
        whole = 0
        for partition, page in zip(to_count, pages, strict=True):
            count = None if page is None else page.matched
            smaller: Sequence[Partition] = ()
            if page is not None and count is not None and isinstance(partition, Interval):
                cutter.learn(partition, count)
                parts = min(ceil(count / partition_items), left - len(crowded), MOST_PARTITIONS - len(done))
                if parts > 1 and count > OVERSIZE * partition_items and cutter.can_cut(partition):
                    cutter.extrapolate(partition, page.objects(), count - page.size)
                    smaller = cutter.cut(partition, parts)
            crowded += smaller
            whole += count or 0 if smaller else 0
            done += [] if smaller else [replace(partition, estimate=count)]
        to_count = crowded
    return joined(sorted([*done, *to_count], key=begin_of), partition_items)
