"""What a search is cut into.

Slices are closed intervals that share their edges, cut at whole seconds: `[t0,t1] [t1,t2] ...`. Whatever property a
server matches, at whatever precision, every item is then in at least one slice. An item can only be in two when its
time, or an end of its range, lies within a second of an edge, or its range crosses one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stac_manager.api.instants import format_edge, parse_instant

EDGE_SECONDS = 1
# Less is not worth cutting.
SHORTEST_SECONDS = 4


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
        return bool(self.high_text) and (
            self.low is None or self.high is None or self.high - self.low >= SHORTEST_SECONDS
        )


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


def key_of(item: Mapping[str, Any]) -> str:
    """What makes an item one: its collection and its id."""
    return f"{item.get('collection')}\n{item['id']}"


@dataclass(slots=True)
class Memory:
    """The items that may come again from another slice: those near an edge, not the whole search."""

    _seen: set[int] = field(default_factory=set)

    def is_new(self, mark: int, piece: Slice, times: tuple[float, float] | None) -> bool:
        """Tell whether an item has not come before, and remember its hash where it may come again."""
        if mark in self._seen:
            return False
        if not piece.holds_alone(times):
            self._seen.add(mark)
        return True
