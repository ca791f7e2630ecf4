"""Bounding boxes: which there are, and which overlap."""

import math
from typing import Any, NamedTuple


class Box(NamedTuple):
    """A bounding box in degrees and metres. West is greater than east where it crosses the antimeridian."""

    west: float
    south: float
    bottom: float
    east: float
    north: float
    top: float


def parse_box(numbers: Any) -> Box:
    """A Box of a GeoJSON bbox of 4 or 6 numbers; one of 4 has every height. Raises ValueError."""
    if not isinstance(numbers, list) or len(numbers) not in (4, 6):
        raise ValueError("must have 4 or 6 numbers")
    if not all(isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in numbers):
        raise ValueError("must have finite numbers only")
    if len(numbers) == 4:
        west, south, east, north = numbers
        return Box(west, south, -math.inf, east, north, math.inf)
    return Box(*numbers)


def overlap(a: Box, b: Box | None) -> bool:
    """Whether two boxes share a point, edges included. A box across the antimeridian is two."""
    if b is None or a.south > b.north or a.north < b.south or a.bottom > b.top or a.top < b.bottom:
        return False
    a_crosses, b_crosses = a.west > a.east, b.west > b.east
    if a_crosses and b_crosses:
        return True
    if a_crosses or b_crosses:
        return a.west <= b.east or a.east >= b.west
    return a.west <= b.east and a.east >= b.west
