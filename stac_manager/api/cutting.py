"""Cutting slices, by what has been learned of when items are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from stac_manager.api.density import Density, stretch
from stac_manager.api.instants import FIRST_SECOND
from stac_manager.api.slicing import Bounds, Slice

# Fewer times than this tell nothing of how close items are.
FEWEST_TIMES = 8
# A run of items is as close together as its last quarter while its mean gap is within this factor.
SAME_DENSITY = 1.5
# A burst is in no more than this share of a slice.
BURST_SHARE = 0.125


class Cutter:
    """Cuts the slices of one search, and learns from the server's counts."""

    def __init__(self, bounds: Bounds, density: Density) -> None:
        self._bounds = bounds
        self._density = density

    def learn(self, piece: Slice, counted: int) -> None:
        """Take note of how many items a slice holds."""
        self._density.set_weight(*self._stretch(piece), counted)

    def extrapolate(self, piece: Slice, times: Sequence[float], left: int) -> bool:
        """Learn from the first page of a slice, newest first, that the `left` items of the slice are behind its end.

        They are taken for as close together as the end of that page where that is a burst. Cutting by counts alone
        takes some rounds to find one.

        Returns:
            Whether the items turned out to be a burst, in a small part of the slice.
        """
        if len(times) < FEWEST_TIMES or any(later < earlier for later, earlier in pairwise(times)):
            return False
        low, high = self._stretch(piece)
        end, count = times[-1], len(times) // 4
        gap = (times[-1 - count] - end) / count
        while 2 * count < len(times) and (times[-1 - 2 * count] - end) / (2 * count) <= SAME_DENSITY * gap:
            count *= 2
            gap = (times[-1 - count] - end) / count
        begin = max(end - max(gap * left, 1.0), FIRST_SECOND)
        if not low < end < high:
            return False
        self._density.set_weight(end, high, len(times))
        if low < begin and 2 * (end - begin) <= end - low:
            self._density.set_weight(low, begin, 0)
        elif low < begin or piece.low is not None or self._bounds.low is not None:
            begin = low
        self._density.set_weight(begin, end, 0)  # so that they are spread evenly
        self._density.set_weight(begin, end, left)
        return end - begin <= BURST_SHARE * (high - low)

    def can_cut(self, piece: Slice) -> bool:
        low, high = self._stretch(piece)
        return high - low >= 2

    def plan(self, whole: Slice, parts: int) -> list[Slice]:
        """Cut a search into about so many slices of as many items each, newest last."""
        low, high = self._stretch(whole)
        return self._cut_at(whole, set(self._density.edges(low, high, parts)), frozenset(), 0)

    def cut(self, piece: Slice, parts: int, *, check: frozenset[int], depth: int) -> list[Slice]:
        """Cut a slice likewise; none where it cannot be cut. Its items in `check` were delivered before."""
        low, high = self._stretch(piece)
        edges = set(self._density.edges(low, high, parts)) if high > low else set()
        # What lies outside of all that is known is looked at by itself.
        if piece.low is None and self._bounds.low is None:
            edges.add(int(low) + 1)
        if piece.high is None and self._bounds.high is None:
            edges.add(int(high) - 1)
        return self._cut_at(piece, edges, check, depth)

    def _cut_at(self, piece: Slice, edges: set[int], check: frozenset[int], depth: int) -> list[Slice]:
        inside = sorted(edge for edge in edges if self._is_inside(edge, piece))
        if not inside:
            return []
        pieces = piece.cut(inside, check, depth)
        for part in pieces:
            part.estimate = self._density.weight(*self._stretch(part))
        return pieces

    def _is_inside(self, edge: int, piece: Slice) -> bool:
        lows = [low for low in (piece.low, self._bounds.low) if low is not None]
        highs = [high for high in (piece.high, self._bounds.high) if high is not None]
        return all(edge > low for low in lows) and all(edge < high for high in highs)

    def _stretch(self, piece: Slice) -> tuple[float, float]:
        return stretch(piece, self._bounds, self._density)
