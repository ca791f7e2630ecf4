"""The outlines of scenes, tiles and photographs."""

from __future__ import annotations

from typing import TypeAlias

from .scene import Draw

Ring: TypeAlias = list[list[float]]


def degrees_wide(degrees: float, latitude: float) -> float:
    """The width in longitude of what is `degrees` wide at the equator: about degrees / cos(latitude)."""
    away = abs(latitude) / 90
    return degrees / (1 - 0.85 * away * away)


def rectangle(west: float, south: float, east: float, north: float) -> Ring:
    return [[east, south], [east, north], [west, north], [west, south], [east, south]]


def tilted_ring(draw: Draw, west: float, south: float, width: float, height: float) -> Ring:
    """The footprint of a satellite scene: a parallelogram that leans, counter-clockwise."""
    lean, fall = draw.real(0.15, 0.25) * width, draw.real(0.15, 0.25) * height
    first = [west, south + fall]
    return [
        first,
        [west + width - lean, south],
        [west + width, south + height - fall],
        [west + lean, south + height],
        [*first],
    ]


def swath_ring(draw: Draw, west: float, south: float, width: float, height: float) -> Ring:
    """A tile, whole or cut by the edge of a swath: 5 to 34 positions, counter-clockwise."""
    east, north = min(west + width, 180.0), south + height
    east -= draw.real(0, 0.001)
    ring = [
        [west, south + draw.real(0, 0.001)],
        [east, south + draw.real(0, 0.001)],
        [east - draw.real(0, 0.01), north],
        [west + draw.real(0, 0.01), north - draw.real(0, 0.001)],
    ]
    if draw.share() < 0.4:
        cuts = draw.integer(2, 31)
        lean = draw.real(0.2, 0.8) * (east - west)
        step = 1 / cuts
        ring[3][0] = west + lean
        for cut in range(1, cuts):
            part = 1 - cut * step
            ring.append([west + lean * part + draw.real(0, 0.002), south + 0.001 + (height - 0.002) * part])
    ring.append([*ring[0]])
    return ring


def bbox(ring: Ring) -> list[float]:
    longitudes, latitudes = [x for x, _ in ring], [y for _, y in ring]
    return [min(longitudes), min(latitudes), max(longitudes), max(latitudes)]
