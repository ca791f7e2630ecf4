"""What an item starts from: its place in the profile, its time, its own random numbers; and outlines made of these."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypeVar

Json: TypeAlias = dict[str, Any]
Ring: TypeAlias = list[list[float]]
T = TypeVar("T")

_SEED_STRIDE = 7_919  # Another seed starts at another place.


class Draw:
    """Random numbers that are the same on every Python version."""

    def __init__(self, seed: int) -> None:
        source = random.Random(seed)
        self.share = source.random
        self.bits = source.getrandbits

    def real(self, low: float, high: float) -> float:
        """A number in [low, high) with all its digits."""
        return low + (high - low) * self.share()

    def rounded(self, low: float, high: float, digits: int) -> float:
        """A number in [low, high] with at most `digits` decimals."""
        return round(low + (high - low) * self.share(), digits)

    def integer(self, low: int, high: int, divisor: int = 1) -> int:
        """An integer in [low, high), divided."""
        return (low + int((high - low) * self.share())) // divisor

    def pick(self, choices: Sequence[T]) -> T:
        """One of `choices`."""
        return choices[int(len(choices) * self.share())]

    def later(self, time: datetime, low: int, high: int) -> datetime:
        """A time in [low, high) seconds after another."""
        return time + timedelta(seconds=self.integer(low, high))

    def milliseconds(self, time: datetime) -> str:
        """A time as RFC 3339, with milliseconds of its own."""
        return f"{time:%Y-%m-%dT%H:%M:%S}.{self.integer(0, 1000):03d}Z"


@dataclass(frozen=True)
class Scene:
    """What one item starts from: which one it is, when it was, and its own random numbers."""

    index: int
    seed: int
    time: datetime
    """The instant, or the start of the interval; in UTC."""
    datetime_properties: Json
    """`datetime`, and `start_datetime` and `end_datetime` of interval items."""
    draw: Draw

    def place(self, places: int, stride: int) -> tuple[int, int]:
        """A place below `places` and the round: no place comes twice in a round.

        `stride` must have no common factor with `places`; it spreads neighbours in the index over the Earth.
        """
        turn, step = divmod(self.index, places)
        return (step * stride + self.seed * _SEED_STRIDE) % places, turn


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
