"""A large value, piece by piece: the parser holds up everything else until it returns.

The text is gone through for brackets, commas and strings alone. What stands between two commas, a megabyte or so, is
given to the parser; an object or array that is larger is opened, and its members are gone through in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from typing import Any, NoReturn, Protocol

import orjson

from stac_manager.parsing.errors import (
    BrokenMember,
    BrokenPieceError,
    NotJSONError,
    TooLargeError,
    instead,
    leniently,
    why_not_json,
)

PIECE_BYTES = 1_048_576
MOST_TEXT_BYTES = 67_108_864
TOKENS_A_TURN = 20_000
SHOWN_BYTES = 12
MOST_OPENED = 64
MOST_LEVELS = 1_024  # the parser's own limit

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+'
LEAF = rb'[\[{][^][{}"]*+(?:' + _STRING + rb'"[^][{}"]*+)*+[\]}]'
_BRANCH = rb'[\[{][^][{}"]*+(?:(?:' + _STRING + rb'"|' + LEAF + rb')[^][{}"]*+)*+[\]}]'
# An atomic group: before Python 3.11.5 "(?:...)*+" ends in the middle of what does not match, and not before it.
_SMALL = rb'[^][{}",]*+(?>(?:(?:' + _STRING + rb'"|' + _BRANCH + rb')[^][{}",]*+)*)'
_TOKEN = re.compile(rb"(?:" + _SMALL + rb",){1,500}|" + _SMALL + rb'(?:([][{}])|(")|\Z)', re.DOTALL)
"""Members up to a comma, a bracket (1), the quote of a string that goes on (2), or the end of what is looked at."""
_STRING_ON = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_QUOTE, _BRACE, _COMMA = b'"{,'
_QUOTE_FOUND = 2
_SHORTEST: dict[Any, tuple[bytes, bytes, bytes]] = {dict: (b"{", b'"":0', b"}"), list: (b"[", b"0", b"]")}
"""How each kind begins, a member of it, and how it ends."""


class Stretch(Protocol):
    """Bytes of a source: what is there is before `end`."""

    view: memoryview
    end: int

    @property
    def buffer(self) -> bytes | bytearray:
        """The same as `view`."""
        ...

    def line_at(self, position: int) -> int:
        """Return the number of the line that holds a byte."""
        ...


class Pause:
    """Comes in place of a member where much was passed over: others can have their turn."""


class Whole:
    """A value that is no array and no object with an array `features`: it is its own only member."""

    def __init__(self, value: Any) -> None:
        self.value = value


def in_pieces(
    window: Stretch, more: Callable[[], bool], at: Callable[[], int], loosely: Callable[[bytes], Any] | None = None
) -> Generator[Pause, None, tuple[Any, int]]:
    """Parse the object, array or text that begins at byte `at()` of a window, and return it with its length.

    Args:
        more: Reads further; `at()` and the window's bytes may have moved then.
        loosely: Parses what orjson refuses; None where that breaks the value.

    Raises:
        NotJSONError: If it is broken.
        BrokenPieceError: The same, where somebody else has to find out where.
        OSError, TooLargeError: As `more`.
    """
    try:
        if window.buffer[at()] == _QUOTE:
            return (yield from _text(window, more, at))
        return (yield from _in_pieces(window, more, at, loosely))
    except BrokenPieceError as error:
        if error.place is None:
            raise
        place = at() + error.place
        shown = instead(bytes(window.view[place : min(place + SHOWN_BYTES, window.end)]))
        raise NotJSONError(f"{error.said[:1].lower()}{error.said[1:]}{shown}", window.line_at(place)) from None


def _in_pieces(
    window: Stretch, more: Callable[[], bool], at: Callable[[], int], loosely: Callable[[bytes], Any] | None
) -> Generator[Pause, None, tuple[Any, int]]:
    value = _Building(_emptied(window.view[at()]), loosely)
    scanned = 1
    while True:
        begin, data = at(), window.view[at() : window.end]
        stop = min(window.end, begin + scanned + PIECE_BYTES)
        within = False
        for count, found in enumerate(_TOKEN.finditer(window.buffer, begin + scanned, stop), 1):
            scanned = found.end() - begin
            if within := found.lastindex == _QUOTE_FOUND:
                break
            if found.lastindex or data[scanned - 1] == _COMMA:
                value.take(data, scanned)
            if value.length and value.broken is not None:
                reason, place, line = value.broken
                return BrokenMember(reason, window.line_at(begin + place) + line - 1), value.length
            if value.length:
                return value.whole, value.length
            if count == TOKENS_A_TURN:
                break
        else:
            scanned = stop - begin
        if within and not (scanned := (yield from _behind_text(window, more, at, scanned))):
            value.cut_off(window.view[at() : window.end])
        if at() + scanned >= window.end and not more():
            value.cut_off(window.view[at() : window.end])
        yield Pause()


def _text(window: Stretch, more: Callable[[], bool], at: Callable[[], int]) -> Generator[Pause, None, tuple[Any, int]]:
    if not (length := (yield from _behind_text(window, more, at, 1))):
        raise BrokenPieceError(0, "Unterminated string starting at")
    with window.view[at() : at() + length] as data:
        return _parsed(data), length


def _behind_text(
    window: Stretch, more: Callable[[], bool], at: Callable[[], int], scanned: int
) -> Generator[Pause, None, int]:
    """Return where a text of which so much was seen ends, behind its quotation mark; 0 where it does not."""
    begun = scanned
    while scanned - begun <= MOST_TEXT_BYTES:
        stop = min(window.end, at() + scanned + PIECE_BYTES)
        rest = _STRING_ON.match(window.buffer, at() + scanned, stop)
        assert rest is not None  # it may be empty
        scanned = rest.end() - at()
        if at() + scanned < window.end and window.buffer[at() + scanned] == _QUOTE:
            return scanned + 1
        if stop == window.end and not more():
            return 0
        yield Pause()
    raise TooLargeError(f"a text is larger than {MOST_TEXT_BYTES >> 20} MB")


class _Building:
    """A value of which a part was seen. Places are counted from its first byte.

    Attributes:
        whole: The value, when it is whole.
        length: Of its text, then.
    """

    def __init__(self, empty: Any, loosely: Callable[[bytes], Any] | None) -> None:
        self._loosely = loosely
        self.whole: Any = None
        self.length = 0
        self._opened: list[tuple[Any, Any]] = [(empty, None)]
        """The objects and arrays whose members are gone through, each with its name in the one before."""
        self._mark = 1
        """What is before it was parsed."""
        self._levels = [[0, -1]]
        """Where the innermost of these, and those within it that are not, begin, and where their last comma is."""
        self._ended = False
        """The member behind the mark is parsed: a comma or the end must follow."""
        self.broken: tuple[str, int, int] | None = None
        """Why the parser refuses a piece that the standard library takes, where it begins, and in which line of it."""
        self._comma = False
        """There is a comma before the mark: a member must follow."""

    def take(self, data: memoryview, end: int) -> None:
        """Take a comma or bracket that ends here, and parse what stands before it once that is a piece."""
        begin, byte = end - 1, data[end - 1 : end].tobytes()
        if byte == b",":
            if self._ended and len(self._levels) == 1:
                self._add(data, self._mark + data[self._mark : end].tobytes().index(b","))
            self._levels[-1][1] = begin
        elif byte in b"[{":
            self._levels.append([begin, -1])
            if len(self._levels) > MOST_LEVELS:
                raise BrokenPieceError
        elif len(self._levels) > 1:
            self._levels.pop()
        else:
            self._close(data, begin, byte)
        while not self._ended and self._opened and end - self._mark > PIECE_BYTES:
            if self._levels[0][1] >= self._mark:
                self._add(data, self._levels[0][1])
            elif len(self._levels) > 1:
                self._open(data, self._levels[1][0])
            else:
                break  # one text or number

    def _add(self, data: memoryview, end: int, *, last: bool = False) -> None:
        """Add the members before a comma, or the last ones."""
        text, container = data[self._mark : end], self._opened[-1][0]
        opening, member, closing = _SHORTEST[type(container)]
        if self._ended:
            if text.tobytes().strip(b" \t\r\n"):
                _refuse(self._mark, opening + member, text.tobytes())
        else:
            try:
                found = self._parsed(b"".join((opening, text, closing)))
            except BrokenPieceError:
                _refuse(self._mark, opening, data[self._mark : end + 1].tobytes())
            if not found and (self._comma or not last):
                before = opening + (member + b"," if self._comma else b"")
                _refuse(self._mark, before, data[self._mark : end + 1].tobytes())
            (container.update if isinstance(container, dict) else container.extend)(found)
        self._mark, self._ended, self._comma = end + 1, False, True

    def _parsed(self, text: bytes) -> Any:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            found = self._loosely(text) if self._loosely else leniently(text)
            if self.broken is None and self._loosely is None:
                self.broken = why_not_json(error, memoryview(text)), self._mark, error.lineno
            return found

    def cut_off(self, data: memoryview) -> NoReturn:
        """Say where the last member breaks off."""
        if not self._ended:
            try:
                leniently((b"{" if isinstance(self._opened[-1][0], dict) else b"[") + data[self._mark :].tobytes())
            except BrokenPieceError as error:
                if error.place is not None:
                    raise BrokenPieceError(self._mark - 1 + error.place, error.said) from None
        elif not data[self._mark :].tobytes().strip():
            raise BrokenPieceError(len(data), "Expecting ',' delimiter")
        raise BrokenPieceError

    def _open(self, data: memoryview, begin: int) -> None:
        """Go through the members of the object or array that begins here, and is large."""
        text, container = data[self._mark : begin].tobytes(), self._opened[-1][0]
        names = list(_parsed(b"{%b[]}" % text if isinstance(container, dict) else b"[%b[]]" % text))
        if len(names) != 1 or len(self._opened) == MOST_OPENED:
            raise BrokenPieceError
        self._opened.append((_emptied(data[begin]), names[0]))
        self._levels.pop(0)
        self._mark, self._comma = begin + 1, False

    def _close(self, data: memoryview, begin: int, byte: bytes) -> None:
        """End the innermost object or array that is gone through."""
        self._add(data, begin, last=True)
        container, name = self._opened.pop()
        opening, member, closing = _SHORTEST[type(container)]
        if byte != closing:
            _refuse(begin, opening + (member if container else b""), byte)
        if not self._opened:
            self.whole, self.length = container, begin + 1
            return
        above = self._opened[-1][0]
        if isinstance(above, dict):
            above[name] = container
        else:
            above.append(container)
        self._levels[0] = [begin, -1]
        self._ended = True


def _refuse(place: int, before: bytes, behind: bytes) -> NoReturn:
    """Say what is wrong with what stands at a place, which would be so behind something shorter, too."""
    try:
        leniently(before + behind)
    except BrokenPieceError as error:
        if error.place is not None:
            raise BrokenPieceError(place + error.place - len(before), error.said) from None
    raise BrokenPieceError


def _emptied(bracket: int) -> Any:
    return {} if bracket == _BRACE else []


def _parsed(text: bytes | memoryview) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BrokenPieceError from None
