"""Where things are on the globe: boxes of searches and of Items, the coordinates of GeoJSON geometries. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

HALF_TURN = 180.0
NUMBERS = (int, float)


class Box(NamedTuple):
    """A box in degrees that does not cross the antimeridian, closed at every side."""

    west: float
    south: float
    east: float
    north: float


WORLD = Box(-HALF_TURN, -90.0, HALF_TURN, 90.0)


def boxes_of(bbox: Sequence[float] | None) -> tuple[Box, ...]:
    """Return the box of a `bbox` of four or six numbers, the two of one that crosses the antimeridian (RFC 7946), or
    the world."""
    if bbox is None:
        return (WORLD,)
    half = len(bbox) // 2
    west, south, east, north = bbox[0], bbox[1], bbox[half], bbox[half + 1]
    if west <= east:
        return (Box(west, south, east, north),)
    return Box(west, south, HALF_TURN, north), Box(-HALF_TURN, south, east, north)


def ring_of(box: Box) -> list[list[float]]:
    """The corners of a box as a ring of a GeoJSON polygon."""
    west, south, east, north = box
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def area_across(bbox: Sequence[float] | None) -> dict[str, Any] | None:
    """A `bbox` as the area that it is, if it crosses the antimeridian and has no heights."""
    boxes = boxes_of(bbox)
    if len(boxes) < 2 or (bbox and len(bbox) > 4):
        return None
    return {"type": "MultiPolygon", "coordinates": [[ring_of(box)] for box in boxes]}


def band_around(bbox: Sequence[float] | None) -> list[float] | None:
    """The box between the same latitudes all around the globe, for a `bbox` that crosses the antimeridian."""
    if not bbox or len(boxes_of(bbox)) < 2:
        return None
    half = len(bbox) // 2
    return [-180.0, *bbox[1:half], 180.0, *bbox[half + 1 :]]


def first_vertex(geometry: Any) -> tuple[float, float] | None:
    """Longitude (-180 to 180) and latitude of the first position of a GeoJSON geometry; None if it has none."""
    for _ in range(10):
        if isinstance(geometry, dict):
            geometry = geometry.get("coordinates") or geometry.get("geometries")
        elif isinstance(geometry, list) and geometry and isinstance(geometry[0], list | dict):
            geometry = geometry[0]
        else:
            break
    if not isinstance(geometry, list) or len(geometry) < 2:
        return None
    x, y = geometry[:2]
    if not all(isinstance(each, int | float) and not isinstance(each, bool) and abs(each) < 1e6 for each in (x, y)):
        return None
    return ((x + 180) % 360 - 180 if not -180 <= x <= 180 else x), min(max(y, -90.0), 90.0)


def box_around(geometry: Any) -> tuple[float, ...] | None:
    """The box around a GeoJSON geometry; None where it may cross the antimeridian."""
    box = extent(geometry)
    return box if box and box[0] >= -180 and box[2] <= 180 and box[2] - box[0] <= 180 else None


def extent(geometry: Any) -> tuple[float, float, float, float] | None:
    """The least and the largest coordinates of a GeoJSON geometry, however deeply nested; None where it has none."""
    xs: list[float] = []
    ys: list[float] = []
    waiting: list[Any] = [geometry]
    while waiting:
        each = waiting.pop()
        if type(each) is dict:
            waiting += [each.get("coordinates"), each.get("geometries")]
        elif type(each) is list and len(each) > 1 and type(each[0]) in NUMBERS and type(each[1]) in NUMBERS:
            xs.append(each[0])
            ys.append(each[1])
        elif type(each) is list:
            waiting += each
    return (min(xs), min(ys), max(xs), max(ys)) if xs else None
