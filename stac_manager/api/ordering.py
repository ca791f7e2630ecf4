"""Whether the slices of a search, one after another, give the server's own order."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any

from stac_manager.api.instants import parse_instant
from stac_manager.api.slicing import Slice, key_of
from stac_manager.protocols import Item

# Servers sort by milliseconds, and keep the order of what is closer to themselves.
PRECISION_SECONDS = 0.001
# So many different times in falling order on the first page are no accident (one in 40,000).
TIMES_IN_ORDER = 8
SORT_KEYS = ("datetime", "start_datetime")


class NewestFirstOrder:
    """Follows what is delivered, and finds out where it cannot be the order of the server.

    Attributes:
        delivered: A hash of every item delivered, in that order.
    """

    def __init__(self, sort_key: str, first_page: Iterable[Item]) -> None:
        self._sort_key = sort_key
        self._expected = [hash(key_of(item)) for item in first_page]
        self._last = float("inf")
        self._later: set[int] = set()
        self._later_times: list[tuple[float, int]] = []
        self.delivered = array("q")

    @classmethod
    def of(cls, first_page: list[Any]) -> NewestFirstOrder | None:
        """Read from its first page what the server sorts by; None where that is not newest first, or not plain."""
        for name in SORT_KEYS:
            times = [_sorted_time(item, name) for item in first_page]
            steps = [None if after is None or before is None else before - after for before, after in pairwise(times)]
            falling = [step is not None and step > PRECISION_SECONDS for step in steps]
            if sum(falling) >= TIMES_IN_ORDER - 1 and all(s is not None and s >= -PRECISION_SECONDS for s in steps):
                return cls(name, first_page)
        return None

    def comes_later(self, item: Item, mark: int, piece: Slice) -> bool:
        """Tell whether an item of this slice has its place in an older one, where it will come again."""
        time = _sorted_time(item, self._sort_key)
        if time is None or piece.low is None or time >= piece.low - PRECISION_SECONDS:
            return False
        if mark not in self._later:
            self._later.add(mark)
            heappush(self._later_times, (-time, mark))
        return True

    def accepts(self, item: Item, mark: int) -> bool:
        """Tell whether an item can be the next one, and remember it if so."""
        time = _sorted_time(item, self._sort_key)
        place = len(self.delivered)
        self._later.discard(mark)
        while self._later_times and self._later_times[0][1] not in self._later:
            heappop(self._later_times)
        if (
            time is None
            or time > self._last + PRECISION_SECONDS
            or (self._later_times and -self._later_times[0][0] > time + PRECISION_SECONDS)
            or (place < len(self._expected) and self._expected[place] != mark)
        ):
            return False
        self._last = time
        self.delivered.append(mark)
        return True

    @property
    def is_whole(self) -> bool:
        """Whether every item that was put off has come."""
        return not self._later


class Retrace:
    """Reads over what was delivered before, when a search is read from its beginning once more."""

    def __init__(self, delivered: array[int]) -> None:
        self._delivered = delivered
        self._place = 0
        self._out_of_place: set[int] = set()
        self.in_order = True
        """Whether what was delivered is what the server begins with."""

    def was_delivered(self, mark: int) -> bool:
        if self._place < len(self._delivered):
            if self._delivered[self._place] == mark:
                self._place += 1
                return True
            self.in_order = False
            self._out_of_place.update(self._delivered[self._place :])
            self._place = len(self._delivered)
        if mark in self._out_of_place:
            self._out_of_place.discard(mark)
            return True
        return False


def _sorted_time(item: Any, name: str) -> float | None:
    """The time of an item that a server sorts by: `start_datetime` where it looks at ranges, else `datetime`."""
    properties = item.get("properties") if isinstance(item, dict) else None
    if not isinstance(properties, dict):
        return None
    if name == "start_datetime" and properties.get("end_datetime") and properties.get("start_datetime"):
        return parse_instant(properties["start_datetime"])
    return parse_instant(properties.get("datetime"))
