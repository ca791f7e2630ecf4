"""Searches cut by space: tiles of longitude and latitude that own the items whose first vertex lies in them.

A vertex lies in every index of a geometry; a corner of a bbox, which may cross the antimeridian, need not. Tiles are
asked for with a hair more around them, and cut along their longer side where the items of a page are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Any

from stac_manager.geojson import boxes_of, first_vertex
from stac_manager.plan import Partition, Tile

SMALLEST_DEGREES = 1e-4
ELSEWHERE = 0.2  # so large a share of the items that nobody has seen is taken to be spread evenly
UNDIMINISHED = 0.9  # a part with this share of what was cut holds all of it: one may, where all lies in one place
FEWEST_POINTS = 8  # fewer tell nothing of where the others are
Point = tuple[float, float]


def is_outside(bbox: Sequence[float] | None, member: Any) -> bool:
    """Whether the first vertex of an item lies outside of the box of a search: no tile owns it."""
    vertex = first_vertex(member.get("geometry"))
    return vertex is not None and not any(
        box.west <= vertex[0] <= box.east and box.south <= vertex[1] <= box.north for box in boxes_of(bbox)
    )


def cut(tile: Tile, points: Sequence[Point], parts: int, even: float = ELSEWHERE) -> list[Tile]:
    """Cut a tile into about so many with as many items each (k-d tree, Bentley 1975). A page is a poor sample: servers
    order by an id or a grid, in which neighbours are near each other. So a share `even` of the items is taken to be
    spread evenly, and only the rest to be where those of the sample are."""
    halves = _halves(tile, points, parts // 2 / parts, even if points else 1.0) if parts > 1 else None
    if halves is None:
        return [replace(tile, estimate=None)]
    found: list[Tile] = []
    for half, share in zip(halves, (parts // 2, parts - parts // 2), strict=True):
        inside = [point for point in points if _holds(half, point)]
        evenly = even * _area(half) / _area(tile)
        there = (1 - even) * len(inside) / len(points) if points else 0.0
        here = evenly + there  # nothing, where all items are in the other half
        found += cut(half, inside, share, evenly / here if here else 1.0)
    return found


def _halves(tile: Tile, points: Sequence[Point], share: float, even: float) -> tuple[Tile, Tile] | None:
    """Two tiles, of which the first has about so large a share of the items, cut across where they are spread most."""
    sides = (tile.west, tile.east), (tile.south, tile.north)
    values = [sorted(point[axis] for point in points) for axis in (0, 1)]
    spreads = [
        (_place(values[axis], *sides[axis], even, 0.75) - _place(values[axis], *sides[axis], even, 0.25), axis)
        for axis in (0, 1)
    ]
    for _, axis in sorted(spreads, reverse=True):
        low, high = sides[axis]
        edge = _place(values[axis], low, high, even, share)
        if edge - low < SMALLEST_DEGREES or high - edge < SMALLEST_DEGREES:
            edge = (low + high) / 2
        if edge - low < SMALLEST_DEGREES:
            continue
        if axis == 0:
            return replace(tile, east=edge), replace(tile, west=edge)
        return replace(tile, north=edge), replace(tile, south=edge)
    return None


def _place(values: Sequence[float], low: float, high: float, even: float, share: float) -> float:
    """Where a share of the items is below, if an `even` share of them is spread evenly, the rest at the values."""
    each = (1 - even) / max(len(values), 1)
    below, place = 0.0, low
    for value in (*values, high):
        further = even * (value - place) / (high - low)
        if below + further >= share:
            return place + (share - below) * (high - low) / even
        below, place = below + further + each, value
        if below >= share:
            return place - SMALLEST_DEGREES  # not through the corners of others in the same row of a grid
    return high


def _area(tile: Tile) -> float:
    return (tile.east - tile.west) * (tile.north - tile.south)


def _holds(tile: Tile, point: Point) -> bool:
    return tile.west <= point[0] < tile.east and tile.south <= point[1] < tile.north


def points_of(members: Sequence[Any]) -> list[Point]:
    """The first vertices of items, as far as they have any."""
    vertices = [first_vertex(member.get("geometry")) for member in members if isinstance(member, dict)]
    return [vertex for vertex in vertices if vertex is not None]


def space_cuts(counted: int | None, nowhere: int | None, nulls: int | None) -> bool:
    """Whether a search of `counted` items can be cut by space: `nowhere` are found where there is hardly anything,
    `nulls` are without a geometry; None each where that cannot be told."""
    if nowhere is None or (counted is None and nulls is None):
        return False
    return nowhere <= (0 if counted is None else counted // 2)


class SpaceCuts:
    """Cuts tiles, by where the items of their first pages are: `members` are those of the search of `counted` items."""

    def __init__(self, members: Sequence[Any], counted: int | None = None) -> None:
        self._points = points_of(members)
        self._whole = counted
        self._counted: dict[Partition, int] = {}
        self._cut_from: dict[Partition, int] = {}  # how many items that held of which a tile is a part
        self._piled: set[Partition] = set()

    def plan(self, bbox: Sequence[float] | None, parts: int) -> list[Tile]:
        """Cut the box of a search, or the world, into about so many tiles."""
        boxes = boxes_of(bbox)
        return [tile for box in boxes for tile in self._cut(Tile(*box), max(parts // len(boxes), 1))]

    def learn(self, partition: Partition, counted: int) -> None:
        """Take note of how many items a tile holds."""
        self._counted[partition] = counted

    def extrapolate(self, partition: Partition, members: Sequence[Any], left: int) -> None:
        """Take note of where the items of a page are: no cut divides those that are all in one place."""
        points = points_of(members)
        self._points += points
        before = self._cut_from.get(partition, self._whole)
        undiminished = before is not None and self._counted.get(partition, 0) >= UNDIMINISHED * before
        if undiminished and are_in_one_place(points):
            self._piled.add(partition)

    def can_cut(self, partition: Partition) -> bool:
        """Tell whether it is a tile that is not yet the smallest, and not one heap of items."""
        if not isinstance(partition, Tile) or partition in self._piled:
            return False
        return max(partition.east - partition.west, partition.north - partition.south) > 4 * SMALLEST_DEGREES

    def cut(self, partition: Partition, parts: int, reached: float | None = None) -> list[Tile]:
        """Cut a tile into about so many of as many items each."""
        assert isinstance(partition, Tile)
        if partition in self._piled:
            return []
        found = self._cut(partition, parts)
        each = None if partition.estimate is None else ceil(partition.estimate / parts)
        tiles = [replace(tile, estimate=each) for tile in found] if len(found) > 1 else []
        if (counted := self._counted.get(partition)) is not None:
            self._cut_from |= dict.fromkeys(tiles, counted)
        return tiles

    def _cut(self, tile: Tile, parts: int) -> list[Tile]:
        points = [point for point in self._points if _holds(tile, point)]
        counted = self._counted.get(tile)
        unseen = 1.0 if not counted else max(1 - len(points) / counted, 0.0)
        return cut(tile, points, parts, ELSEWHERE * unseen)


def are_in_one_place(points: Sequence[Point]) -> bool:
    """Whether no cut comes between points."""
    spans = (max(axis) - min(axis) for axis in zip(*points, strict=True))
    return len(points) >= FEWEST_POINTS and all(span < SMALLEST_DEGREES for span in spans)
