"""How many items there are at which times, as far as is known, and where that says a search should be cut."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor
from typing import Any

from stac_manager.api.query import Bounds
from stac_manager.plan import Interval
from stac_manager.timestamps import FIRST_SECOND, LAST_SECOND, SECOND, YEAR_SECONDS, seconds


@dataclass(slots=True)
class Density:
    """How many items there are at which times, as far as is known: constant between `times`. A hint, never a bound."""

    times: list[float]
    weights: list[float]  # of the stretch that begins at the time of the same index; one less than times

    @classmethod
    def even(cls, low: float, high: float, weight: float) -> Density:
        return cls([low, max(high, low + 1)], [max(weight, 1e-9)])

    @property
    def low(self) -> float:
        return self.times[0]

    @property
    def high(self) -> float:
        return self.times[-1]

    def weight(self, low: float, high: float) -> float:
        """How many items are between two times."""
        total = 0.0
        first = max(bisect_right(self.times, low) - 1, 0)
        for index in range(first, len(self.weights)):
            start, end = self.times[index], self.times[index + 1]
            if start >= high:
                break
            share = min(end, high) - max(start, low)
            if share > 0:
                total += self.weights[index] * share / (end - start)
        return total

    def set_weight(self, low: float, high: float, weight: float) -> None:
        """Learn how many items are between two times; their shape in between stays."""
        if high <= low:
            return
        self._cut_at(low)
        self._cut_at(high)
        first, last = bisect_left(self.times, low), bisect_left(self.times, high)
        known = sum(self.weights[first:last])
        span = self.times[last] - self.times[first]
        for index in range(first, last):
            share = (
                self.weights[index] / known
                if known > 1e-6
                else (self.times[index + 1] - self.times[index]) / span
            )  # fmt: skip
            self.weights[index] = weight * share

    def _cut_at(self, time: float) -> None:
        if time < self.low:
            self.times.insert(0, time)
            self.weights.insert(0, 0.0)
        elif time > self.high:
            self.times.append(time)
            self.weights.append(0.0)
        index = bisect_left(self.times, time)
        if self.times[index] != time:
            start, end = self.times[index - 1], self.times[index]
            whole = self.weights[index - 1]
            before = whole * (time - start) / (end - start)
            self.times.insert(index, time)
            self.weights[index - 1] = before
            self.weights.insert(index, whole - before)

    def edges(self, low: float, high: float, parts: int) -> list[int]:
        """Whole seconds strictly between two times that cut what is between them into parts of equal weight."""
        weight = self.weight(low, high)
        points = [low, *(time for time in self.times if low < time < high), high]
        found: list[int] = []
        # A little weight everywhere: a stretch believed empty is not cut into nothing.
        floor_weight = 0.02 * max(weight, 1e-6) / (high - low)
        done, wanted = 0.0, 1
        total = weight + floor_weight * (high - low)
        for start, end in pairwise(points):
            here = self.weight(start, end) + floor_weight * (end - start)
            while wanted < parts and done + here >= total * wanted / parts:
                edge = round(start + (end - start) * (total * wanted / parts - done) / here)
                if low < edge < high and (not found or edge > found[-1]):
                    found.append(edge)
                wanted += 1
            done += here
        return found


def stretch(piece: Interval, bounds: Bounds, density: Density) -> tuple[float, float]:
    """The times between which a slice can be cut: its edges, else the user's bounds, else what the density tells."""
    start = None if piece.start is None else piece.start // SECOND
    end = None if piece.end is None else piece.end // SECOND
    low: float | None = start
    if low is None:
        low = None if bounds.low is None else ceil(bounds.low)
        if low is None or (end is not None and low < density.low < end):
            low = floor(density.low)
    high: float | None = end
    if high is None:
        high = None if bounds.high is None else floor(bounds.high)
        if high is None or (high > density.high > low):
            high = ceil(density.high)
    # The density knows nothing out here: look ever further beyond.
    if high <= low + 1 and start is None and bounds.low is None:
        low = max(high - max(YEAR_SECONDS, density.high - density.low), FIRST_SECOND)
    if high <= low + 1 and end is None and bounds.high is None:
        high = min(low + max(YEAR_SECONDS, density.high - density.low), LAST_SECOND)
    return low, high


def extent_of(collections: Iterable[Any]) -> tuple[float | None, float | None]:
    """The first and last second of the temporal extents of Collections; None where one is open or not to be read."""
    starts: list[float | None] = []
    ends: list[float | None] = []
    for collection in collections:
        try:
            start, end = collection["extent"]["temporal"]["interval"][0]
        except (KeyError, IndexError, TypeError, ValueError):
            continue
        starts.append(seconds(start))
        ends.append(seconds(end))
    first = min((start for start in starts if start is not None), default=None)
    last = None if None in ends else max((end for end in ends if end is not None), default=None)
    return first, last


def histogram_of(document: Mapping[str, Any]) -> Density | None:
    """Read a `datetime_frequency` aggregation (STAC API Aggregation extension)."""
    aggregations = document.get("aggregations")
    for aggregation in aggregations if isinstance(aggregations, list) else ():
        if not isinstance(aggregation, dict) or aggregation.get("name") != "datetime_frequency":
            continue
        buckets: list[tuple[float, float]] = []
        given = aggregation.get("buckets")
        for bucket in given if isinstance(given, list) else ():
            start = seconds(bucket.get("key")) if isinstance(bucket, dict) else None
            frequency = bucket.get("frequency") if isinstance(bucket, dict) else None
            if start is not None and isinstance(frequency, int | float) and frequency >= 0:
                buckets.append((start, float(frequency)))
        buckets.sort()
        if len(buckets) < 2:
            return None
        times = [start for start, _ in buckets]
        widths = sorted(after - before for before, after in pairwise(times))
        last = times[-1] + max(widths[len(widths) // 2], 1.0)
        if widths[0] <= 0:
            return None
        return Density([*times, last], [frequency for _, frequency in buckets])
    return None
