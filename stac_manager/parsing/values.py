"""The members of values that follow each other, at the speed of the parser: `members`, from value to value."""

from __future__ import annotations

import re
from collections.abc import Generator
from functools import cache
from typing import Any

from stac_manager.parsing.guesses import Guess
from stac_manager.parsing.members import Reader
from stac_manager.parsing.pieces import Pause, Whole
from stac_manager.parsing.window import WINDOW_BYTES, Window

_BETWEEN = b" \t\r\n,\x1e\xef\xbb\xbf"
"""May stand between values, also the byte order marks of files that were put together."""
MOST_DEPTH = 16
"""Arrays of pages of features, arrays of arrays: containers within containers are looked into so deep."""


def members_of_values(window: Window, stop: bytes = b"") -> Generator[tuple[int, Any], None, None]:
    """Yield the members of all values that follow each other, each with its number in its value, or that of the value.

    They end before a byte `stop` between two values, or with the window.

    Raises:
        NotJSONError, OSError: As `members`.
    """
    reader = Reader(window)
    if not (yield from _another(reader, window, stop)):
        reader.fail("it holds no value")
    guess: Guess | None = None
    beginning, number = b"", 0
    while not number or (yield from _another(reader, window, stop)):
        if beginning:
            guess = Guess.of(bytes(window.view[window.start : reader.at]), beginning, reader.on_one_line)
        window.start = reader.at
        if guess is not None:
            for member in reader.guessed(guess):
                yield number, Whole(member)
                number += 1
            guess = guess if reader.held else None
            if not (yield from _another(reader, window, stop)):
                return
        beginning = reader.beginning() if guess is None else b""
        index = 0
        for member in reader.value(alone=not number):
            yield number if isinstance(member, Whole) else index, member
            index += not isinstance(member, Pause)
        if not index:  # an empty array
            yield 0, Pause()
        number += 1


def _another(reader: Reader, window: Window, stop: bytes) -> Generator[tuple[int, Pause], None, bool]:
    """Go behind what may stand between values, and tell whether there is more before a byte `stop`."""
    while (at := window.behind(_run_between(stop), reader.at)) == window.end:
        reader.at = at
        if at - window.start > WINDOW_BYTES:
            window.start = at
            yield 0, Pause()
        if not reader.more():
            return False
    reader.at = at
    return window.buffer[at] not in stop


@cache
def _run_between(stop: bytes) -> re.Pattern[bytes]:
    return re.compile(b"[%b]*" % re.escape(_BETWEEN.translate(None, stop)))


def members_of(value: object, depth: int) -> list[Any] | None:
    """Return the members of a document's array, or of an array `features` before which no `type` is "Feature"."""
    if depth == MOST_DEPTH or not isinstance(value, list | dict):
        return None
    if isinstance(value, list):
        return value
    features = value.get("features")
    if not isinstance(features, list):
        return None
    names = list(value)
    if value.get("type") == "Feature" and names.index("type") < names.index("features"):
        return None
    return features
