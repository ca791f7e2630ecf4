"""Features too large to be parsed at once: piece by piece, with turns for others in between."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Any

from stac_manager.network.decoding import Illegible, loose_value
from stac_manager.parsing.errors import BrokenPieceError
from stac_manager.parsing.pieces import Pause, in_pieces

LARGE_BYTES = 2_097_152
"""A feature that is larger is parsed piece by piece."""


class _Body:
    """The bytes of an answer up to some place, all of which are there."""

    def __init__(self, data: bytes, end: int) -> None:
        self.buffer, self.view, self.end = data, memoryview(data), end

    def line_at(self, _: int) -> int:
        return 1


def large_value(data: bytes, at: int, end: int) -> Generator[Pause, None, tuple[Any, int] | None]:
    """Parse the object or array that begins here, as `decoded_item` does, and return it with the place where it ends;
    None where it is none, or none that is read so."""
    illegible = ""

    def loosely(piece: bytes) -> Any:
        nonlocal illegible
        value, why = loose_value(piece)
        illegible = illegible or why
        return value

    if data[at : at + 1] not in (b"{", b"["):
        return None
    try:
        value, length = yield from in_pieces(_Body(data, end), lambda: False, lambda: at, loosely)
    except (ValueError, RecursionError, BrokenPieceError):
        return None
    return (Illegible.of(value, illegible) if illegible else value), at + length


def without_pauses(members: Iterable[Any]) -> Iterator[Any]:
    """Leave out each `Pause`."""
    return (member for member in members if type(member) is not Pause)
