"""Whether a geometry intersects a bounding box, exactly: what a search with `bbox` asks (STAC API, item-search)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from stac_manager.geojson import HALF_TURN, Box, boxes_of


def item_matches(item: Mapping[str, Any], wanted: Sequence[Box], heights: tuple[float, float] | None) -> bool:
    """Tell whether an item's geometry intersects one of the boxes, and its heights, where it has any, the heights.

    The item's `bbox` decides where it can: outside is outside. An item without a geometry is nowhere.
    """
    geometry = item.get("geometry")
    if not isinstance(geometry, Mapping):
        return False
    bbox: Any = item.get("bbox")
    if not _is_bbox(bbox):
        return any(intersects(geometry, box) for box in wanted)
    if heights is not None and len(bbox) == 6 and (bbox[2] > heights[1] or bbox[5] < heights[0]):
        return False
    own = boxes_of(bbox)
    near = [box for box in wanted if any(_overlap(box, each) for each in own)]
    if not near:
        return False
    if len(own) == 2 and _is_wide(geometry):
        return True  # crosses the antimeridian in one piece, against RFC 7946: only its bbox says where it is
    return any(intersects(geometry, box) for box in near)


def intersects(geometry: Mapping[str, Any], box: Box) -> bool:
    """Tell whether a GeoJSON geometry and a box have a point in common; what is no geometry has none."""
    try:
        return _intersects(geometry, box)
    except (TypeError, ValueError, KeyError, IndexError, RecursionError):
        return False


def _intersects(geometry: Mapping[str, Any], box: Box) -> bool:
    kind = geometry["type"]
    if kind == "GeometryCollection":
        return any(_intersects(each, box) for each in geometry["geometries"])
    coordinates = geometry["coordinates"]
    if kind == "Point":
        return bool(coordinates) and _holds(box, coordinates)
    if kind == "MultiPoint":
        return any(_holds(box, point) for point in coordinates)
    if kind == "LineString":
        return _line_meets(coordinates, box)
    if kind == "MultiLineString":
        return any(_line_meets(line, box) for line in coordinates)
    if kind == "Polygon":
        return _polygon_meets(coordinates, box)
    return kind == "MultiPolygon" and any(_polygon_meets(polygon, box) for polygon in coordinates)


def _polygon_meets(rings: Sequence[Sequence[Sequence[float]]], box: Box) -> bool:
    """An edge meets the box, or the box lies within the outer ring and in no hole."""
    if any(_line_meets(ring, box) for ring in rings):
        return True
    corner = (box.west, box.south)
    return bool(rings) and _within(corner, rings[0]) and not any(_within(corner, hole) for hole in rings[1:])


def _line_meets(line: Sequence[Sequence[float]], box: Box) -> bool:
    return any(_holds(box, point) for point in line) or any(_segment_meets(a, b, box) for a, b in pairwise(line))


def _segment_meets(a: Sequence[float], b: Sequence[float], box: Box) -> bool:
    """Clip the segment to the box (Liang and Barsky, 1984)."""
    first, last = 0.0, 1.0
    for start, end, low, high in ((a[0], b[0], box.west, box.east), (a[1], b[1], box.south, box.north)):
        step = end - start
        if step == 0:
            if start < low or start > high:
                return False
            continue
        enters, leaves = sorted(((low - start) / step, (high - start) / step))
        first, last = max(first, enters), min(last, leaves)
        if first > last:
            return False
    return True


def _within(point: tuple[float, float], ring: Sequence[Sequence[float]]) -> bool:
    """Count the edges east of the point: it is inside if they are odd."""
    x, y = point
    inside = False
    for a, b in pairwise(ring):
        if (a[1] > y) != (b[1] > y) and x < (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) + a[0]:
            inside = not inside
    return inside


def _holds(box: Box, point: Sequence[float]) -> bool:
    return box.west <= point[0] <= box.east and box.south <= point[1] <= box.north


def _overlap(a: Box, b: Box) -> bool:
    return a.west <= b.east and b.west <= a.east and a.south <= b.north and b.south <= a.north


def _is_bbox(bbox: Any) -> bool:
    return isinstance(bbox, list) and len(bbox) in (4, 6) and all(type(edge) in (int, float) for edge in bbox)


def _is_wide(geometry: Mapping[str, Any]) -> bool:
    """Tell whether an edge goes around more than half of the globe."""
    return any(abs(a[0] - b[0]) > HALF_TURN for line in _lines(geometry.get("coordinates")) for a, b in pairwise(line))


def _lines(coordinates: Any) -> Iterator[list[Any]]:
    """Yield the lists of positions at any depth of coordinates."""
    if not isinstance(coordinates, list) or not coordinates or not isinstance(coordinates[0], list):
        return
    if coordinates[0] and _are_numbers(coordinates[0]):
        yield [position for position in coordinates if isinstance(position, list) and _are_numbers(position[:2])]
    else:
        for part in coordinates:
            yield from _lines(part)


def _are_numbers(values: Iterable[Any]) -> bool:
    return all(type(value) in (int, float) for value in values)
