"""Every item and Collection, and which of them a search finds."""

import itertools
import math
import operator
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache

import orjson

from .items import EPOCH, Box, Bytes, Item, Json, overlap
from .search import Filters, Search, shape_of

CACHED_SEARCHES = 256


@dataclass(frozen=True, slots=True)
class Page:
    """The positions of one page, how many the search has in all, and the token of the next page if there is one."""

    positions: Sequence[int]
    matched: int
    token: str | None


class Catalog:
    """Every item, newest first, and what the items say of their Collections, by id."""

    def __init__(self, items: list[Item]) -> None:
        by_collection: dict[str, list[Item]] = {}
        for item in items:
            by_collection.setdefault(item.collection, []).append(item)
        self.collections = {id_: _derived(id_, found) for id_, found in sorted(by_collection.items())}
        ordered = sorted(items, key=lambda item: (item.start, item.id, item.collection), reverse=True)
        self.store = Store([item.raw for item in ordered])
        # The items refer to the bytes in the store, so that what they were read from can go.
        self.items = [replace(item, raw=self.store[position]) for position, item in enumerate(ordered)]
        # For each position the latest end from there on. It never rises, which makes ends searchable by bisection.
        ends = itertools.accumulate((item.end for item in reversed(self.items)), max)
        self.latest_ends = list(ends)[::-1]
        self.by_id: dict[str, list[int]] = {}
        for position, item in enumerate(self.items):
            self.by_id.setdefault(item.id, []).append(position)
        self.find = lru_cache(maxsize=CACHED_SEARCHES)(self._find)

    def get(self, collection: str, id_: str) -> Item | None:
        its_items = (self.items[position] for position in self.by_id.get(id_, []))
        return next((item for item in its_items if item.collection == collection), None)

    def page(self, search: Search) -> Page:
        """The items of a search from its offset on, as many as its limit says."""
        positions = self.find(search.filters)
        end = search.offset + search.limit
        token = f"{end}-{search.filters.checksum}" if end < len(positions) else None
        return Page(positions[search.offset : end], len(positions), token)

    def _find(self, filters: Filters) -> Sequence[int]:
        """The positions of the items that fulfil every filter, in order."""
        first, last = 0, len(self.items)
        if filters.end is not None:
            first = bisect_left(self.items, -filters.end, key=lambda item: -item.start)
        if filters.start is not None:
            last = bisect_left(self.latest_ends, -filters.start + 1, key=operator.neg)
        positions: Sequence[int] = range(first, last)
        if filters.ids is not None:
            found = sorted(position for id_ in filters.ids for position in self.by_id.get(id_, []))
            positions = [position for position in found if first <= position < last]
        if filters.start is not None:
            positions = [p for p in positions if self.items[p].end >= filters.start]
        if filters.collections is not None and not self.collections.keys() <= set(filters.collections):
            wanted = frozenset(filters.collections)
            positions = [p for p in positions if self.items[p].collection in wanted]
        if filters.bbox is not None:
            positions = [p for p in positions if overlap(filters.bbox, self.items[p].bbox)]
        if filters.no_geometry:
            positions = [p for p in positions if self.items[p].bbox is None]
        if filters.intersects is not None:
            positions = self._intersecting(filters.intersects, positions)
        return positions if isinstance(positions, range) else array("I", positions)

    def _intersecting(self, geojson: bytes, positions: Sequence[int]) -> list[int]:
        searched = shape_of(geojson)
        west, south, east, north = searched.bounds
        bounds = Box(west, south, -math.inf, east, north, math.inf)
        near = (p for p in positions if overlap(bounds, self.items[p].bbox))
        return [p for p in near if searched.intersects(shape_of(_geometry(self.items[p])))]


class Store:
    """The bytes of all items in the order of the catalog: a page is a piece of them, which nobody has to copy."""

    def __init__(self, items: Sequence[Bytes]) -> None:
        self._bytes = memoryview(b",".join(items))
        self._starts = [0, *itertools.accumulate(len(item) + 1 for item in items)]

    def __getitem__(self, position: int) -> memoryview:
        """One item."""
        return self._piece(range(position, position + 1))

    def features(self, positions: Sequence[int]) -> Bytes:
        """Items with commas between them, as they stand in a FeatureCollection. Neighbours are not copied."""
        pieces = [self._piece(run) for run in _runs(positions)]
        return pieces[0] if len(pieces) == 1 else b",".join(pieces)

    def _piece(self, run: range) -> memoryview:
        return self._bytes[self._starts[run.start] : self._starts[run.stop] - 1]


def _runs(positions: Sequence[int]) -> Iterator[range]:
    """Ascending positions as ranges of neighbours."""
    first = 0
    for index in range(1, len(positions) + 1):
        if index == len(positions) or positions[index] != positions[index - 1] + 1:
            yield range(positions[first], positions[index - 1] + 1)
            first = index


def _derived(id_: str, items: Sequence[Item]) -> Json:
    """A STAC 1.1.0 Collection (but for its links) that says what the items do."""
    boxes = [item.bbox for item in items if item.bbox]
    bounds = [-180.0, -90.0, 180.0, 90.0]
    if boxes:
        bounds[1], bounds[3] = min(box.south for box in boxes), max(box.north for box in boxes)
        if not any(box.west > box.east for box in boxes):  # across the antimeridian: all the way round
            bounds[0], bounds[2] = min(box.west for box in boxes), max(box.east for box in boxes)
    edges = (min(item.start for item in items), max(item.end for item in items))
    interval = [(EPOCH + timedelta(microseconds=edge // 1000)).isoformat().replace("+00:00", "Z") for edge in edges]
    return {
        "type": "Collection",
        "stac_version": "1.1.0",
        "id": id_,
        "title": id_,
        "description": f"The {len(items)} items of {id_} in this API.",
        "license": "other",
        "extent": {"spatial": {"bbox": [bounds]}, "temporal": {"interval": [interval]}},
    }


def _geometry(item: Item) -> bytes:
    return orjson.dumps(orjson.loads(item.raw)["geometry"])
