"""Which commits are measured: the new ones, and on demand some of the old ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise


def new_commits(line: Sequence[str], measured: Collection[str]) -> list[str]:
    """The commits after the newest measured one, oldest first; the newest alone where nothing was measured yet."""
    for place in range(len(line) - 1, -1, -1):
        if line[place] in measured:
            return list(line[place + 1 :])
    return list(line[-1:])


def backfill(line: Sequence[str], measured: Collection[str], count: int) -> list[str]:
    """Up to `count` unmeasured commits, each from the middle of what is then the widest gap, oldest first.

    The first commit of the line comes first of all; so every step halves a gap, and a range in which something
    changed gets narrower from run to run.
    """
    known = {place for place, commit in enumerate(line) if commit in measured}
    chosen: list[int] = []
    while len(chosen) < count and len(known) < len(line):
        place = 0 if 0 not in known else _middle_of_widest_gap(sorted({*known, len(line)}))
        known.add(place)
        chosen.append(place)
    return [line[place] for place in sorted(chosen)]


def _middle_of_widest_gap(known: Sequence[int]) -> int:
    _, start, end = max((end - start, start, end) for start, end in pairwise(known))
    return (start + end) // 2
