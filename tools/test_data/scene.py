"""What an item starts from: its place in the profile, its time, its own random numbers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

Json: TypeAlias = dict[str, Any]
T = TypeVar("T")

_SEED_STRIDE = 7_919  # Another seed starts at another place.


class Draw:
    """Random numbers that are the same on every Python version."""

    def __init__(self, seed: int) -> None:
        source = random.Random(seed)
        self.share = source.random
        self._bits = source.getrandbits

    def real(self, low: float, high: float) -> float:
        """A number in [low, high) with all its digits."""
        return low + (high - low) * self.share()

    def rounded(self, low: float, high: float, digits: int) -> float:
        """A number in [low, high] with at most `digits` decimals."""
        return round(low + (high - low) * self.share(), digits)

    def integer(self, low: int, high: int) -> int:
        """An integer in [low, high)."""
        return low + int((high - low) * self.share())

    def pick(self, choices: Sequence[T]) -> T:
        """One of `choices`."""
        return choices[int(len(choices) * self.share())]

    def hex(self, digits: int) -> str:
        """`digits` hexadecimal digits."""
        return f"{self._bits(4 * digits):0{digits}x}"


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
