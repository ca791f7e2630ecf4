"""The bytes of all items in the order of the catalog, so that a page is a piece of them and nobody has to copy it."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from .formats import Bytes


class Store:
    def __init__(self, items: Sequence[Bytes]) -> None:
        self._bytes = memoryview(b",".join(items))
        self._starts = [0, *accumulate(len(item) + 1 for item in items)]

    def __getitem__(self, position: int) -> memoryview:
        """One item."""
        return self._piece(range(position, position + 1))

    def features(self, positions: Sequence[int]) -> Bytes:
        """Items with commas between them, as they stand in a FeatureCollection. Neighbours are not copied."""
        pieces = [self._piece(run) for run in _runs(positions)]
        return pieces[0] if len(pieces) == 1 else b",".join(pieces)

    def _piece(self, run: range) -> memoryview:
        return self._bytes[self._starts[run.start] : self._starts[run.stop] - 1]


def _runs(positions: Sequence[int]) -> Iterator[range]:
    """Ascending positions as ranges of neighbours."""
    first = 0
    for index in range(1, len(positions) + 1):
        if index == len(positions) or positions[index] != positions[index - 1] + 1:
            yield range(positions[first], positions[index - 1] + 1)
            first = index
