"""Every item and Collection, and which of them a search finds."""

import itertools
import operator
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache

from .items import EPOCH, Bytes, Item, Json, overlap
from .search import Filters

CACHED_SEARCHES = 256


class Catalog:
    """Every item, newest first, and what the items say of their Collections, by id."""

    def __init__(self, items: list[Item]) -> None:
        by_collection: dict[str, list[Item]] = {}
        for item in items:
            by_collection.setdefault(item.collection, []).append(item)
        self.collections = {id_: _derived(id_, found) for id_, found in sorted(by_collection.items())}
        ordered = sorted(items, key=lambda item: (item.start, item.id, item.collection), reverse=True)
        self._bytes = memoryview(b",".join(item.raw for item in ordered))
        self._starts = [0, *itertools.accumulate(len(item.raw) + 1 for item in ordered)]
        # The items refer to these bytes, so that what they were read from can go.
        self.items = [replace(item, raw=self.features((place,))) for place, item in enumerate(ordered)]
        # For each position the latest end from there on. It never rises, which makes ends searchable by bisection.
        ends = itertools.accumulate((item.end for item in reversed(self.items)), max)
        self.latest_ends = list(ends)[::-1]
        self.find = lru_cache(maxsize=CACHED_SEARCHES)(self._find)

    def features(self, positions: Sequence[int]) -> Bytes:
        """Items, with commas between them. Those of neighbours are a piece of all, which nobody has to copy."""
        if positions and positions[-1] - positions[0] == len(positions) - 1:
            return self._bytes[self._starts[positions[0]] : self._starts[positions[-1] + 1] - 1]
        return b",".join(self.items[position].raw for position in positions)

    def _find(self, filters: Filters) -> Sequence[int]:
        """The positions of the items that fulfil every filter, in order."""
        first, last = 0, len(self.items)
        if filters.end is not None:
            first = bisect_left(self.items, -filters.end, key=lambda item: -item.start)
        if filters.start is not None:
            last = bisect_left(self.latest_ends, -filters.start + 1, key=operator.neg)
        positions = range(first, last)
        if filters == Filters(end=filters.end):
            return positions
        return array("I", (position for position in positions if _fulfils(self.items[position], filters)))


def _fulfils(item: Item, filters: Filters) -> bool:
    """Whether an item fulfils every filter but the end of the time."""
    return (
        (filters.start is None or item.end >= filters.start)
        and (filters.ids is None or item.id in filters.ids)
        and (filters.collections is None or item.collection in filters.collections)
        and (filters.bbox is None or overlap(filters.bbox, item.bbox))
        and not (filters.no_geometry and item.bbox)
        and (filters.area is None or item.touches(filters.area))
    )


def _derived(id_: str, items: Sequence[Item]) -> Json:
    """A STAC 1.1.0 Collection (but for its links) that says what the items do."""
    boxes = [item.bbox for item in items if item.bbox]
    bounds = [-180.0, -90.0, 180.0, 90.0]
    if boxes:
        bounds[1], bounds[3] = min(box.south for box in boxes), max(box.north for box in boxes)
        if not any(box.west > box.east for box in boxes):  # across the antimeridian: all the way round
            bounds[0], bounds[2] = min(box.west for box in boxes), max(box.east for box in boxes)
    edges = (min(item.start for item in items), max(item.end for item in items))
    interval = [(EPOCH + timedelta(microseconds=edge)).isoformat().replace("+00:00", "Z") for edge in edges]
    return {
        "type": "Collection",
        "stac_version": "1.1.0",
        "id": id_,
        "title": id_,
        "description": f"The {len(items)} items of {id_} in this API.",
        "license": "other",
        "extent": {"spatial": {"bbox": [bounds]}, "temporal": {"interval": [interval]}},
    }
