"""Where to cut a search, and what to remember at the edges so that no item comes twice.

Slices are closed intervals that share their edges, cut at whole seconds: `[t0,t1] [t1,t2] ...`. Whatever property a
server matches, at whatever precision, every item is then in at least one slice. An item can only be in two when its
time, or an end of its range, lies within a second of an edge, or its range crosses one.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil, floor
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
# Elasticsearch and stac-fastapi keep times as nanoseconds since 1970 in 64 bits.
FAR_FUTURE = "2200-01-01T00:00:00.000Z"
EDGE_SECONDS = 1
YEAR_SECONDS = 365 * 86_400
FIRST_SECOND = -62_135_596_800  # year 1
LAST_SECOND = 253_402_300_799  # year 9999


def parse_instant(text: object) -> float | None:
    """Seconds since 1970 of an RFC 3339 date-time, to a few microseconds; None if it is none."""
    found = _INSTANT.fullmatch(text) if isinstance(text, str) else None
    if not found:
        return None
    year, month, day, hour, minute, second = map(int, found.group(1, 2, 3, 4, 5, 6))
    try:
        moment = datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        return None
    seconds = (moment - _EPOCH).total_seconds() + second
    if found[7]:
        seconds += float(f"0.{found[7]}")
    if found[8]:
        offset = int(found[9]) * 3_600 + int(found[10]) * 60
        seconds += -offset if found[8] == "+" else offset
    return seconds


def format_edge(second: int) -> str:
    """Write an edge with its fraction: some servers round a missing one up."""
    return f"{(_EPOCH + timedelta(seconds=second)).strftime('%Y-%m-%dT%H:%M:%S').rjust(19, '0')}.000Z"


def times_of(item: Mapping[str, Any]) -> tuple[float, float] | None:
    """The earliest and latest of an item's times; None if one cannot be read or `datetime` is null or missing."""
    properties = item.get("properties")
    if not isinstance(properties, dict):
        return None
    if (earliest := parse_instant(properties.get("datetime"))) is None:
        return None
    latest = earliest
    for name in ("start_datetime", "end_datetime"):
        if properties.get(name) is not None:
            if (moment := parse_instant(properties[name])) is None:
                return None
            earliest, latest = min(earliest, moment), max(latest, moment)
    return earliest, latest


def key_of(item: Mapping[str, Any]) -> str:
    """What makes an item one: its collection and its id."""
    return f"{item.get('collection')}\n{item['id']}"


@dataclass(slots=True)
class Slice:
    """A part of a search. `low` and `high` are edges in seconds since 1970; None: the search's own bound.

    Attributes:
        low: The edge at its beginning, if it has one.
        high: The edge at its end, if it has one.
        low_text: What is sent for its beginning: the edge, the user's own text, or `..`.
        high_text: What is sent for its end.
        check: Items that came before from the same stretch of time, to be left out.
        depth: How often it was cut out of a larger one because something was wrong with that.
        estimate: How many items are expected.
    """

    low: int | None
    high: int | None
    low_text: str
    high_text: str
    check: frozenset[int] = frozenset()
    depth: int = 0
    estimate: float = 0.0

    @property
    def datetime(self) -> str | None:
        if self.low_text == self.high_text == "..":
            return None
        return self.low_text if not self.high_text else f"{self.low_text}/{self.high_text}"

    def holds_alone(self, times: tuple[float, float] | None) -> bool:
        """Tell whether an item with these times can be in no other slice."""
        return (
            times is not None
            and (self.low is None or times[0] > self.low + EDGE_SECONDS)
            and (self.high is None or times[1] < self.high - EDGE_SECONDS)
        )

    def is_far_from(self, times: tuple[float, float] | None) -> bool:
        """Tell whether no server that looks at datetime would find an item with these times here."""
        return times is not None and (
            (self.low is not None and times[1] < self.low - EDGE_SECONDS)
            or (self.high is not None and times[0] > self.high + EDGE_SECONDS)
        )

    def cut(self, edges: Iterable[int], check: frozenset[int], depth: int) -> list[Slice]:
        """Cut at `edges`, ascending and strictly inside."""
        lows: list[int | None] = [self.low]
        low_texts = [self.low_text]
        for edge in edges:
            lows.append(edge)
            low_texts.append(format_edge(edge))
        return [
            Slice(low, high, low_text, high_text, check, depth)
            for low, high, low_text, high_text in zip(
                lows, [*lows[1:], self.high], low_texts, [*low_texts[1:], self.high_text], strict=True
            )
        ]


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


@dataclass(slots=True)
class Bounds:
    """The interval of the user: what is sent, and the whole seconds between which a cut makes sense."""

    low_text: str
    high_text: str
    low: float | None
    high: float | None

    @classmethod
    def parse(cls, interval: str | None) -> Bounds:
        """Read an option `datetime` that was validated before."""
        if interval is None:
            return cls("..", "..", None, None)
        if "/" not in interval:
            instant = parse_instant(interval)
            return cls(interval, "", instant, instant)
        low_text, high_text = interval.split("/")
        return cls(low_text, high_text, parse_instant(low_text), parse_instant(high_text))

    @property
    def whole(self) -> Slice:
        return Slice(None, None, self.low_text, self.high_text)

    @property
    def splittable(self) -> bool:
        return bool(self.high_text) and (self.low is None or self.high is None or self.high - self.low >= 4)


def stretch(piece: Slice, bounds: Bounds, density: Density) -> tuple[float, float]:
    """The times between which a slice can be cut: its edges, else the user's bounds, else what the density tells."""
    low: float | None = piece.low
    if low is None:
        low = None if bounds.low is None else ceil(bounds.low)
        if low is None or (piece.high is not None and low < density.low < piece.high):
            low = floor(density.low)
    high: float | None = piece.high
    if high is None:
        high = None if bounds.high is None else floor(bounds.high)
        if high is None or (high > density.high > low):
            high = ceil(density.high)
    # The density knows nothing out here: look ever further beyond.
    if high <= low + 1 and piece.low is None and bounds.low is None:
        low = max(high - max(YEAR_SECONDS, density.high - density.low), FIRST_SECOND)
    if high <= low + 1 and piece.high is None and bounds.high is None:
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
        starts.append(parse_instant(start))
        ends.append(parse_instant(end))
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
        for bucket in aggregation.get("buckets") or ():
            start = parse_instant(bucket.get("key")) if isinstance(bucket, dict) else None
            frequency = bucket.get("frequency") if isinstance(bucket, dict) else None
            if start is not None and isinstance(frequency, int | float):
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


@dataclass(slots=True)
class Memory:
    """The items that may come again. Holds those near an edge, not the whole search.

    Attributes:
        everything: Remember every item, until it is known that the server honours datetime.
    """

    everything: bool = False
    _seen: set[str] = field(default_factory=set)

    def is_new(self, item: Mapping[str, Any], piece: Slice, times: tuple[float, float] | None) -> bool:
        """Tell whether an item has not come before, and remember it where it may come again."""
        alone = piece.holds_alone(times)
        key = key_of(item)
        if key in self._seen or (piece.check and hash(key) in piece.check):
            return False
        if not alone or self.everything:
            self._seen.add(key)
        return True

    def __len__(self) -> int:
        return len(self._seen)
