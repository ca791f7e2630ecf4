"""When the items of a search are, as far as is known, and where that says to cut it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from math import ceil, floor, inf, isinf
from typing import Any

from stac_manager.api.ownership import time_of
from stac_manager.api.query import MARGIN_SECONDS, Bounds
from stac_manager.plan import Interval, Partition
from stac_manager.timestamps import FIRST_SECOND, LAST_SECOND, SECOND, YEAR_SECONDS

FEWEST_TIMES = 8  # fewer times than this tell nothing of how close items are
# A run of items is as close together as its last quarter while its mean gap is within this factor.
SAME_DENSITY = 1.5
LESS_FOR_LAST = 0.6  # of many more parts than workers, the last ones hold so much less than the first
AWAY = MARGIN_SECONDS + 1  # so many seconds from a heap of items an interval does not have them as foreign ones
# Nanoseconds since 1970 in 64 bits: from 1677 to 2262. What lies beyond belongs to the first and last interval.
FARTHEST_EDGE = 9_223_372_036


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
        first, last = max(bisect_right(self.times, low) - 1, 0), bisect_left(self.times, high)
        stretches = zip(
            self.times[first:last], self.times[first + 1 : last + 1], self.weights[first:last], strict=False
        )
        return sum(each * max(min(end, high) - max(start, low), 0) / (end - start) for start, end, each in stretches)

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
            evenly = (self.times[index + 1] - self.times[index]) / span
            self.weights[index] = weight * (self.weights[index] / known if known > 1e-6 else evenly)

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

    def edges(self, low: float, high: float, parts: int, workers: float = inf) -> list[int]:
        """Whole seconds strictly between two times that cut what is between them into parts of equal weight, but for
        those that are begun once there are more `workers`: they hold less, as they should end with the others."""
        sizes = [1 - LESS_FOR_LAST * max(part - workers, 0) / parts for part in range(parts)]
        weight = self.weight(low, high)
        points = [low, *(time for time in self.times if low < time < high), high]
        found: list[int] = []
        # A little weight everywhere: a stretch believed empty is not cut into nothing.
        floor_weight = 0.02 * max(weight, 1e-6) / (high - low)
        done, total = 0.0, weight + floor_weight * (high - low)
        wanted = [total * so_far / sum(sizes) for so_far in accumulate(sizes[:-1])]
        for start, end in pairwise(points):
            here = self.weight(start, end) + floor_weight * (end - start)
            while wanted and done + here >= wanted[0]:
                edge = round(start + (end - start) * (wanted.pop(0) - done) / here)
                if low < edge < high and (not found or edge > found[-1]):
                    found.append(edge)
            done += here
        return found


class Cutter:
    """Cuts the slices of one search, and learns from the server's counts."""

    def __init__(self, bounds: Bounds, density: Density) -> None:
        self._bounds = bounds
        self._density = density
        self._heaps: set[int] = set()  # seconds with more than a page

    def pile(self, second: float) -> None:
        """Take note that there is more than a page at one second: what is cut near it has all of that again."""
        self._heaps.add(floor(second))

    def learn(self, piece: Partition, counted: int) -> None:
        """Take note of how many items an interval holds."""
        assert isinstance(piece, Interval)
        self._density.set_weight(*self._stretch(piece), counted)

    def extrapolate(self, piece: Partition, members: Sequence[Any], left: int) -> None:
        """Learn from the first page of a slice, newest first, that the `left` items of the slice are behind its end, as
        close together as there where that is a burst: cutting by counts alone takes some rounds to find one."""
        times = times_of(members)
        if len(times) < FEWEST_TIMES or any(later < earlier for later, earlier in pairwise(times)):
            return
        assert isinstance(piece, Interval)
        low, high = self._stretch(piece)
        end, count = times[-1], len(times) // 4
        at_second = Counter(map(floor, times))
        at_end = at_second.pop(floor(end))
        if at_end >= min(count + 1, FEWEST_TIMES) or at_end > 2 * max(at_second.values(), default=1):
            self.pile(end)
            count = min(count, at_end - 1)
        gap = (times[-1 - count] - end) / count
        while 2 * count < len(times) and (times[-1 - 2 * count] - end) / (2 * count) <= SAME_DENSITY * gap:
            count *= 2
            gap = (times[-1 - count] - end) / count
        begins = piece.start is not None or self._bounds.low is not None
        if not (low <= end if begins else low < end) or end >= high + 1:
            return
        behind = left if begins and end < low + 1 else 0  # nothing is left but what is there
        end = low if behind else min(end, high - 1.0)  # of a heap at the end, that is the second before
        after = floor(end) + 1.0
        self._density.set_weight(end, high, len(times))
        if after < high:
            self._density.set_weight(end, after, at_end + behind)
            self._density.set_weight(after, high, len(times) - at_end)
        begin = max(end - max(gap * left, 1.0), FIRST_SECOND)
        if low < begin and 2 * (end - begin) <= end - low:
            self._density.set_weight(low, begin, 0)
        elif low < begin or begins:
            begin = low
        self._density.set_weight(begin, end, 0)  # so that they are spread evenly
        self._density.set_weight(begin, end, left)

    def can_cut(self, piece: Partition) -> bool:
        """Tell whether it is an interval of two seconds or more, and not one heap."""
        if not isinstance(piece, Interval):
            return False
        low, high = self._stretch(piece)
        return high - low >= 2 and not any(low >= heap - AWAY and high <= heap + 1 + AWAY for heap in self._heaps)

    def plan(self, whole: Interval, parts: int, reached: float | None = None, workers: float = inf) -> list[Interval]:
        """Cut a search into about so many intervals of as many items each, or fewer beyond so many `workers`, oldest
        first. What has been read of it, from the second `reached` on, is one of them."""
        low, high = self._stretch(whole)
        return self._cut_at(whole, self._edges(low, high, parts, reached, workers))

    def _edges(self, low: float, high: float, parts: int, reached: float | None, workers: float = inf) -> set[int]:
        if reached is None or isinf(reached) or not low + 1 < (edge := floor(reached) - AWAY) < high:
            return set(self._density.edges(low, high, parts, workers))  # there may be more than a page at that second
        return {edge, *self._density.edges(low, edge, parts - 1)}

    def cut(self, piece: Partition, parts: int, reached: float | None = None) -> list[Interval]:
        """Cut an interval likewise; none where it cannot be cut."""
        assert isinstance(piece, Interval)
        low, high = self._stretch(piece)
        edges = self._edges(low, high, parts, reached) if high > low else set()
        # What lies outside of all that is known is looked at by itself.
        if piece.start is None and self._bounds.low is None:
            edges.add(int(low) + 1)
        if piece.end is None and self._bounds.high is None:
            edges.add(int(high) - 1)
        return self._cut_at(piece, edges)

    def halve(self, piece: Partition) -> list[Interval]:
        """Cut an interval in the middle, wherever its items are believed to be."""
        assert isinstance(piece, Interval)
        return self._cut_at(piece, {int(sum(self._stretch(piece))) // 2})

    def cut_out(self, piece: Partition, ended: float) -> list[Interval]:
        """Cut an interval around what is behind a page, newest first, that ended at a second: it is a heap if there is
        nothing around that."""
        assert isinstance(piece, Interval)
        if found := self._cut_at(piece, {floor(ended) - AWAY, floor(ended) + 1 + AWAY}):
            return found
        self.pile(ended)
        return [piece]

    def _cut_at(self, piece: Interval, edges: set[int]) -> list[Interval]:
        beside = (self._beside(edge, piece) for edge in edges)
        inside = sorted({edge * SECOND for edge in beside if self._is_inside(edge, piece)})
        if not inside:
            return []
        parts = (
            replace(piece, start=start, end=end)
            for start, end in zip([piece.start, *inside], [*inside, piece.end], strict=True)
        )
        return [replace(part, estimate=round(self._density.weight(*self._stretch(part)))) for part in parts]

    def _beside(self, edge: int, piece: Interval) -> int:
        """An edge, or one near it that has no heap within the second that is asked for around it, inside if one is."""
        for heap in self._heaps:
            if heap - AWAY < edge < heap + 1 + AWAY:
                places = sorted((heap - AWAY, heap + 1 + AWAY), reverse=edge > heap)
                return next((place for place in places if self._is_inside(place, piece)), places[0])
        return edge

    def _is_inside(self, edge: int, piece: Interval) -> bool:
        start, end = piece.start, piece.end
        return (
            abs(edge) <= FARTHEST_EDGE
            and (start is None or edge * SECOND > start)
            and (end is None or edge * SECOND < end)
            and (self._bounds.low is None or edge > self._bounds.low)
            and (self._bounds.high is None or edge < self._bounds.high)
        )

    def _stretch(self, piece: Interval) -> tuple[float, float]:
        """The times between which a slice can be cut: its edges, the user's bounds, or what the density tells."""
        bounds, density = self._bounds, self._density
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
        # The density knows nothing out here: look beyond, twice as far each time.
        if high <= low + 1 and start is None and bounds.low is None:
            low = max(high - max(YEAR_SECONDS, density.high - density.low, density.low - high), FIRST_SECOND)
        if high <= low + 1 and end is None and bounds.high is None:
            high = min(low + max(YEAR_SECONDS, density.high - density.low, low - density.high), LAST_SECOND)
        return low, high


def times_of(members: Sequence[Any]) -> list[float]:
    """The times of items in seconds, as far as they can be read."""
    times = [time_of(member)[0] for member in members]
    return [time / SECOND for time in times if time is not None]
