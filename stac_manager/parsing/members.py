"""The members of a JSON array of any size, one at a time, at the speed of the parser.

No parser that makes dicts fast tells where a value ends. So the end is guessed, by looking for what stands between
two members, and the parser is the proof: a JSON object that parses is whole, because it ends at exactly one place.
Where the guess fails, the standard library's parser finds the end, more slowly.
"""

from __future__ import annotations

import codecs
import json
import re
import sys
from collections.abc import Generator
from contextlib import suppress
from typing import Any, NoReturn

import orjson

from stac_manager.parsing.errors import NOT_UTF8, BrokenMember, BrokenPieceError, NotJSONError, instead, why_not_json
from stac_manager.parsing.guesses import Guess, Links, behind_plain_members
from stac_manager.parsing.numbers import exact_if_large
from stac_manager.parsing.pieces import SHOWN_BYTES, Pause, Whole, in_pieces
from stac_manager.parsing.window import WHITE, Window

GUESSES = 3
TRUNCATED_CHARACTERS = 16
"""An error so close to the end of what was read may only mean that there is more to read."""

BEGINNING_BYTES = 256
MEMBER_BYTES = 1_024
"""How long a value is taken to be at first, where its end has to be found. A larger one is looked at again, doubled."""
FURTHEST_BYTES = 65_536
"""A separator is looked for as far as four times the length of the member before, and this."""
WHOLE_BYTES = 4_194_304
"""A value that is larger is parsed piece by piece."""
MEMBERS_A_TURN = 100
"""After so many members of an object that are passed over, the caller may let others have their turn."""

_BEGINNING = re.compile(rb'\{\s*(?:\}|"[^"\\]*"\s*:(\s*"Feature")?)')
_decoder = json.JSONDecoder(parse_int=float)
"""Finds ends. An int of more than 4,300 digits would be refused."""


def members(window: Window) -> Generator[Any, None, None]:
    """Yield the members of the value that begins at the window's start, parsed, and move the start behind it.

    Members are those of an array, or of each array `features` of an object before which no `type` is "Feature".
    Anything else is yielded as `Whole`. A member that does not parse is a `BrokenMember`.

    Raises:
        NotJSONError: If the value is broken; what precedes the damage has been yielded.
        OSError: If the source cannot be read.
    """
    yield from Reader(window).value()


class Reader:
    """Goes through a window. `at` is the next byte to look at; what is before `window.start` may go."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self.at = window.start
        self._length = MEMBER_BYTES
        self.on_one_line = False
        self.held = False  # whether the latest guess found a member
        self._invalid = False
        self._plain = True

    def fail(self, reason: str) -> NoReturn:
        raise NotJSONError(reason, self._window.line_at(self.at))

    def more(self) -> bool:
        start, found = self._window.start, self._window.more()
        self.at -= start - self._window.start
        return found

    def next_byte(self) -> Generator[Pause, None, bytes]:
        """Return the next byte that is no white space, without moving past it."""
        window = self._window
        while True:
            self.at = window.behind(WHITE, self.at)
            if self.at < window.end:
                return bytes((window.buffer[self.at],))
            if not self.more():
                self.fail("unexpected end of data")
            yield Pause()

    def expect(self, byte: bytes) -> Generator[Pause, None, None]:
        if (yield from self.next_byte()) != byte:
            self.fail(f"{byte.decode()!r} expected")
        self.at += 1

    def value(self, *, alone: bool = True) -> Generator[Any, None, None]:
        """Yield what `members` does; `alone` tells that nothing else is expected behind it."""
        window = self._window
        first = yield from self.next_byte()
        window.start = self.at
        if first == b"[":
            yield from self.array()
        elif first == b"{":
            yield from self.object(alone=alone)
        else:
            yield Whole((yield from self.exact()))
        window.start = self.at

    def object(self, *, alone: bool) -> Generator[Any, None, None]:
        """Yield the members of the arrays `features` of the object that begins here, else the object."""
        kind, links, found, passed = None, None, False, 0
        self.at += 1
        ended = (yield from self.next_byte()) == b"}"
        while not ended:
            if self._pass_plain():
                yield Pause()
            name = yield from self._value(keep=not found)
            yield from self.expect(b":")
            if name == "features" and kind != "Feature" and (yield from self.next_byte()) == b"[":
                found = True
                yield from self.array()
            else:
                yield from self.next_byte()
                value = yield from self._value(keep=not found)
                kind, links = value if name == "type" else kind, value if name == "links" else links
                if kind == "Feature" and not found:
                    self.at = self._window.start
                    yield Whole((yield from self._rest() if alone else self.exact()))
                    return
            passed += 1
            if self._invalid and found:  # else all of it is parsed below, and says the same
                self._invalid = False
                yield Whole(BrokenMember(NOT_UTF8, self._window.line_at(self.at)))
            if not passed % MEMBERS_A_TURN:
                yield Pause()
            ended = (yield from self.next_byte()) != b","
            if not ended:
                self.at += 1
                yield from self.next_byte()
        yield from self.expect(b"}")
        if found:
            yield Links(links)
        elif self.at - self._window.start <= WHOLE_BYTES:
            yield Whole(self._parsed(self._window.start, self.at))
        else:
            self.at = self._window.start
            yield Whole((yield from self.exact()))

    def _pass_plain(self) -> bool:
        """Go behind members that matter to nobody, as many as are easily told; tell whether there were any."""
        end = behind_plain_members(self._window, self.at) if self._plain else None
        self._plain = end is not None
        begin, self.at = self.at, end or self.at
        return self.at > begin

    def array(self) -> Generator[Any, None, None]:
        """Yield the members of the array that begins here, and go behind it."""
        window = self._window
        self.at += 1
        if (yield from self.next_byte()) == b"]":
            self.at += 1
            return
        guess: Guess | None = None
        while True:
            window.start = self.at
            if guess is not None:
                yield from self.guessed(guess)
                guess = guess if self.held else None
                yield from self.next_byte()
            beginning = self.beginning() if guess is None else b""
            yield (yield from self.exact())
            window.start = self.at
            if (yield from self.next_byte()) == b"]":
                self.at += 1
                window.start = self.at
                return
            yield from self.expect(b",")
            yield from self.next_byte()
            if beginning:
                guess = Guess.of(bytes(window.view[window.start : self.at]), beginning, self.on_one_line)

    def exact(self) -> Generator[Pause, None, Any]:
        """Parse a value whose end has to be found, and go behind it."""
        value, self._length, is_final = yield from self._ended()
        begin, self.at = self.at, self.at + self._length
        self.on_one_line = self._window.buffer.find(b"\n", begin, self.at) < 0
        return exact_if_large(value, self._window.view[begin : self.at]) if is_final else self._parsed(begin, self.at)

    def _ended(self) -> Generator[Pause, None, tuple[Any, int, bool]]:
        """Parse the value that begins here, and tell its length and whether it is as the parser has it."""
        found = self._parsed_slowly(WHOLE_BYTES // 8)
        if found is None:
            with suppress(BrokenPieceError):
                return *(yield from in_pieces(self._window, self.more, lambda: self.at)), True
            found = self._parsed_slowly(sys.maxsize)  # says where it is broken
        assert found is not None
        return *found, False

    def _parsed(self, begin: int, end: int) -> Any:
        data = self._window.view[begin:end]
        try:
            return exact_if_large(orjson.loads(data), data)
        except orjson.JSONDecodeError as error:
            return BrokenMember(why_not_json(error, data), self._window.line_at(begin) + error.lineno - 1)

    def _rest(self) -> Generator[Pause, None, Any]:
        """Parse the value that begins here, which is most often all of the document, and go behind it."""
        window = self._window
        while window.end - self.at <= WHOLE_BYTES and self.more():
            pass
        if len(data := window.view[self.at : window.end]) <= WHOLE_BYTES:
            with suppress(orjson.JSONDecodeError):
                value = exact_if_large(orjson.loads(data), data)
                self.at = window.end
                return value
        return (yield from self.exact())

    def _value(self, *, keep: bool) -> Generator[Pause, None, Any]:
        """Parse the value that begins here and go behind it; with `keep`, nothing of the document is used up."""
        if not keep:
            self._window.start = self.at
        value, length, _ = yield from self._ended()
        try:
            codecs.utf_8_decode(self._window.view[self.at : self.at + length], "strict", True)
        except UnicodeDecodeError:
            self._invalid = True
        self.at += length
        return value

    def beginning(self) -> bytes:
        """Return how an object begins, up to the colon behind its first name or "Feature"; nothing for others."""
        window = self._window
        while window.end - self.at < BEGINNING_BYTES and self.more():
            pass
        found = _BEGINNING.match(window.buffer, self.at, min(window.end, self.at + BEGINNING_BYTES))
        return found[0] if found else b""

    def guessed(self, guess: Guess) -> Generator[Any, None, None]:
        """Yield members whose end is where `guess` says, and stop before the first for which that does not work.

        A member with a separator behind it is followed by another one.
        """
        window, loads = self._window, orjson.loads
        needle, separator, back, behind = guess.needle, guess.separator, guess.back, guess.behind
        further = len(separator)
        searched = self.at
        failed, self.held = 0, False
        while failed < GUESSES:
            limit = self.at + min(4 * self._length + FURTHEST_BYTES, WHOLE_BYTES)
            found = window.buffer.find(needle, searched, min(window.end - behind, limit))
            if found < 0:
                distance = max(window.end - behind - len(needle) - self.at, 0)
                if window.end - behind >= limit or not self.more():
                    break
                searched = self.at + distance
                continue
            end = found - back
            try:
                if window.buffer[end : end + further] != separator:
                    break
                data = window.view[self.at : end]
                member = loads(data)
            except orjson.JSONDecodeError:
                failed += 1
                searched = found + 1
                continue
            failed, self.held = 0, True
            self._length = end - self.at
            self.at = window.start = searched = end + further
            yield exact_if_large(member, data)
            del member

    def _parsed_slowly(self, most: int) -> tuple[Any, int] | None:
        """Parse the value that begins here with the standard library, and return it with its length in bytes.

        Begins small and doubles. None for what is no number and does not end within about `most` bytes.
        """
        window, wanted = self._window, MEMBER_BYTES
        while True:
            while window.end - self.at < wanted and self.more():
                pass
            data = bytes(window.view[self.at : min(window.end, self.at + wanted)])
            ended = window.end - self.at < wanted
            text, _ = codecs.utf_8_decode(data, "surrogateescape", ended)
            try:
                value, length = _decoder.raw_decode(text)
            except json.JSONDecodeError as error:
                cut_short = error.pos >= len(text) - TRUNCATED_CHARACTERS or error.msg.startswith("Unterminated")
                if ended or not cut_short:
                    self.at += len(text[: error.pos].encode("utf-8", "surrogateescape"))
                    found = bytes(window.view[self.at : min(window.end, self.at + SHOWN_BYTES)])
                    self.fail(f"{error.msg[:1].lower()}{error.msg[1:]}{instead(found)}")
            except RecursionError:
                self.fail("nested too deeply")
            else:
                if ended or length < len(text):
                    return value, len(text[:length].encode("utf-8", "surrogateescape"))
            wanted *= 2
            if wanted > most and data[:1] in (b"{", b"[", b'"'):
                return None
