"""Partitions of files cut finer for several workers, so that none of them waits long for the last one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, pairwise

from stac_manager.plan import Documents, Lines, Partition, Plan, RowGroups

PARTITIONS_A_WORKER = 8
LEAST_ITEMS = 1_000
"""Partitions are not cut into smaller ones than this: each is synced by itself."""


def balanced(plan: Plan, workers: int) -> Plan:
    """Return the plan with so many partitions that each of several workers has about `PARTITIONS_A_WORKER`."""
    items = sum(partition.estimate or 0 for partition in plan)
    if workers == 1 or not items:
        return plan
    most = max(items / (workers * PARTITIONS_A_WORKER), LEAST_ITEMS)
    return replace(plan, partitions=tuple(chain.from_iterable(_cut(partition, most) for partition in plan)))


def _cut(partition: Partition, most: float) -> Iterator[Partition]:
    """Cut a partition of files into equal pieces of about `most` items; a search is divided by the server's counts."""
    estimate = partition.estimate or 0
    pieces = round(estimate / most)
    if isinstance(partition, Documents):
        first, stop = 0, len(partition.documents)
    elif isinstance(partition, Lines):
        first, stop = partition.start, partition.stop
    elif isinstance(partition, RowGroups):
        first, stop = partition.first, partition.stop
    else:
        pieces = first = stop = 0
    pieces = min(pieces, stop - first)
    if pieces < 2:
        yield partition
        return
    edges = [first + (stop - first) * index // pieces for index in range(pieces + 1)]
    for low, high in pairwise(edges):
        share = estimate * (high - low) // (stop - first)
        if isinstance(partition, Documents):
            yield Documents(partition.documents[low:high], estimate=share)
        elif isinstance(partition, Lines):
            yield Lines(partition.document, low, high, estimate=share)
        elif isinstance(partition, RowGroups):
            yield RowGroups(partition.document, low, high, estimate=share)
