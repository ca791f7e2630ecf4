"""Items that came for other partitions than own them: is there one that nobody delivered?"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

MOST_STRAYS = 100_000
"""So many items that a partition does not own are remembered, to see whether another one delivers them."""
MOST_OWNED = 2_000_000
"""So many items that were delivered are remembered for it, eight bytes each; nothing is found out about more."""


class Strays:
    """Marks of items that came for others, and of all that those delivered."""

    def __init__(self) -> None:
        self._marks: set[int] = set()
        self._owned: list[array[int]] | None = []
        self._room = MOST_OWNED

    def add(self, mark: int) -> None:
        """Remember an item that came for another partition than owns it."""
        if self._owned is not None and len(self._marks) < MOST_STRAYS:
            self._marks.add(mark)

    def deliver(self, marks: Iterable[int]) -> None:
        """Remember what a partition owned that was read to its end."""
        if self._owned is None:
            return
        each = array("Q", marks)
        self._room -= len(each)
        if self._room < 0:
            self._owned = None
            self._marks.clear()
        else:
            self._owned.append(each)

    @property
    def known(self) -> bool:
        """Whether all that was delivered is remembered."""
        return self._owned is not None

    def lost(self) -> bool:
        """Whether one of them was delivered by nobody, as far as is known."""
        for marks in self._owned or ():
            self._marks.difference_update(marks)
        return bool(self._marks)

    def delivered(self) -> Iterator[int]:
        """Yield the marks of all that was delivered."""
        for marks in self._owned or ():
            yield from marks
