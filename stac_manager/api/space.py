"""Searches cut by space: tiles of longitude and latitude that own the items whose first vertex lies in them.

A vertex lies in every index of a geometry; a corner of a bbox, which may cross the antimeridian, need not. Tiles are
asked for with a hair more around them, and cut along their longer side where the items of a page are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Any

from stac_manager.api.ownership import first_vertex
from stac_manager.plan import Partition, Tile

SMALLEST_DEGREES = 1e-4
WORLD = Tile(-180.0, -90.0, 180.0, 90.0)
Point = tuple[float, float]


def tiles_of(bbox: Sequence[float] | None, points: Sequence[Point], parts: int) -> list[Tile]:
    """Cut the box of a search, or the world, into about so many tiles by where a sample of its items is."""
    found: list[Tile] = []
    boxes = boxes_of(bbox)
    for box in boxes:
        found += cut(box, [point for point in points if _holds(box, point)], max(parts // len(boxes), 1))
    return found


def boxes_of(bbox: Sequence[float] | None) -> list[Tile]:
    """The box of a search as tiles: two of them where it crosses the antimeridian."""
    if bbox is None:
        return [WORLD]
    half = len(bbox) // 2
    west, south, east, north = bbox[0], bbox[1], bbox[half], bbox[half + 1]
    if west <= east:
        return [Tile(west, south, east, north)]
    return [Tile(west, south, 180.0, north), Tile(-180.0, south, east, north)]


def is_outside(boxes: Sequence[Tile], member: Any) -> bool:
    """Whether the first vertex of an item lies in none of the boxes: no tile owns it then, though it may reach in."""
    vertex = first_vertex(member.get("geometry"))
    return vertex is not None and not any(
        box.west <= vertex[0] <= box.east and box.south <= vertex[1] <= box.north for box in boxes
    )


def cut(tile: Tile, points: Sequence[Point], parts: int) -> list[Tile]:
    """Cut a tile into about so many with as many points each (k-d tree, Bentley 1975); in the middle without points."""
    if parts < 2:
        return [replace(tile, estimate=None)]
    halves = _halves(tile, points)
    if halves is None:
        return [replace(tile, estimate=None)]
    found: list[Tile] = []
    shares = (parts // 2, parts - parts // 2)
    for half, share in zip(halves, shares, strict=True):
        found += cut(half, [point for point in points if _holds(half, point)], share)
    return found


def _halves(tile: Tile, points: Sequence[Point]) -> tuple[Tile, Tile] | None:
    wide, high = tile.east - tile.west, tile.north - tile.south
    spreads = [(wide, 0), (high, 1)]
    if len(points) > 1:
        spreads = [(max(p[axis] for p in points) - min(p[axis] for p in points), axis) for _, axis in spreads]
    for _, axis in sorted(spreads, reverse=True):
        low, top = (tile.west, tile.east) if axis == 0 else (tile.south, tile.north)
        values = sorted({point[axis] for point in points})
        edge = values[len(values) // 2] if len(values) > 1 else (low + top) / 2
        if edge - low < SMALLEST_DEGREES or top - edge < SMALLEST_DEGREES:
            edge = (low + top) / 2
        if edge - low < SMALLEST_DEGREES:
            continue
        if axis == 0:
            return replace(tile, east=edge), replace(tile, west=edge)
        return replace(tile, north=edge), replace(tile, south=edge)
    return None


def _holds(tile: Tile, point: Point) -> bool:
    return tile.west <= point[0] < tile.east and tile.south <= point[1] < tile.north


def points_of(members: Sequence[Any]) -> list[Point]:
    """The first vertices of items, as far as they have any."""
    vertices = [first_vertex(member.get("geometry")) for member in members if isinstance(member, dict)]
    return [vertex for vertex in vertices if vertex is not None]


class SpaceCuts:
    """Cuts tiles, by where the items of their first pages are."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._points = list(points)

    def learn(self, partition: Partition, counted: int) -> None:
        """Counts say nothing of where items are."""

    def extrapolate(self, partition: Partition, members: Sequence[Any], left: int) -> bool:
        """Take note of where the items of a page are."""
        self._points += points_of(members)
        return False

    def can_cut(self, partition: Partition) -> bool:
        """Tell whether it is a tile that is not yet the smallest."""
        return (
            isinstance(partition, Tile)
            and max(partition.east - partition.west, partition.north - partition.south) > 4 * SMALLEST_DEGREES
        )

    def cut(self, partition: Partition, parts: int, reached: float | None = None) -> list[Tile]:
        """Cut a tile into about so many of as many items each."""
        assert isinstance(partition, Tile)
        points = [point for point in self._points if _holds(partition, point)]
        found = cut(partition, points, parts)
        each = None if partition.estimate is None else ceil(partition.estimate / parts)
        return [replace(tile, estimate=each) for tile in found] if len(found) > 1 else []
