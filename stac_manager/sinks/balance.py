"""Partitions of files cut finer for several workers, so that none of them waits long for the last one.

The first ones are as large as the plan has them. The fewer items are left, the smaller they are ("guided
self-scheduling", Polychronopoulos and Kuck 1987): what a worker waits for the others at the end is one small partition,
and there are few in all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate, pairwise

from stac_manager.plan import Documents, Lines, Partition, Plan, RowGroups
from stac_manager.urls import is_remote

PARTITIONS_LEFT = 4
"""Of what is left, a partition holds no more than this part of a worker's share."""
LEAST_ITEMS = 250
"""Partitions are not cut into smaller ones than this, but for a rest: each is synced by itself. For half the time that
this many take, a worker waits at the end."""


def balanced(plan: Plan, workers: int) -> Plan:
    """Return the plan with partitions that get smaller towards its end, for several workers."""
    if workers == 1:
        return plan
    left = sum(partition.estimate or 0 for partition in plan)
    partitions: list[Partition] = []
    for partition in plan:
        partitions += _cut(partition, left, workers * PARTITIONS_LEFT)
        left -= partition.estimate or 0
    return replace(plan, partitions=tuple(partitions))


def _sizes(items: int, left: int, shares: int) -> Iterator[int]:
    """Divide items, the first of those that are left, into pieces that get smaller."""
    while items > 0:
        size = max(left // shares, LEAST_ITEMS)
        if items - size < LEAST_ITEMS // 2:
            size = items
        yield size
        items -= size
        left -= size


def _cut(partition: Partition, left: int, shares: int) -> Iterator[Partition]:
    """Cut a partition of files; a search is divided by the server's counts."""
    estimate = partition.estimate or 0
    if isinstance(partition, Documents):
        first, stop = 0, len(partition.documents)
    elif isinstance(partition, Lines):
        first, stop = partition.start, partition.stop
    elif isinstance(partition, RowGroups):
        first, stop = partition.first, partition.stop
    else:
        first = stop = 0
    ends = accumulate(_sizes(estimate, left, shares))
    edges = sorted({first, *(first + (stop - first) * end // estimate for end in ends)})
    if isinstance(partition, Lines) and len(edges) > 2:
        edges = [first, *_between_values(partition.document.path, edges[1:-1]), stop]
    if len(edges) < 3:
        yield partition
        return
    for low, high in pairwise(edges):
        share = estimate * (high - low) // (stop - first)
        if isinstance(partition, Documents):
            yield Documents(partition.documents[low:high], estimate=share)
        elif isinstance(partition, Lines):
            yield Lines(partition.document, low, high, estimate=share)
        elif isinstance(partition, RowGroups):
            yield RowGroups(partition.document, low, high, estimate=share)


def _between_values(path: str, edges: list[int]) -> list[int]:
    """Return those of some places in a file of lines which are in no value that several lines hold.

    Far away there are none: to look would take a megabyte before each.
    """
    if is_remote(path):
        return []
    from stac_manager.files.cutting import between_values
    from stac_manager.files.file_source import reader_of
    from stac_manager.files.opening import open_file

    try:
        with open(open_file(path), "rb", buffering=0) as file:
            return list(between_values(reader_of(file.fileno()), edges))
    except OSError:
        return []  # reading says why
