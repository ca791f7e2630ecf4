"""Whether a document holds a value a line, and values that several hold. Looks, and uses white space up alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import orjson

from stac_manager.files.formats import RECORD_SEPARATOR, Document
from stac_manager.parsing.errors import BrokenMember, NotJSONError
from stac_manager.parsing.items import is_plain_item
from stac_manager.parsing.members import members
from stac_manager.parsing.pieces import Pause, Whole
from stac_manager.parsing.window import WHITE, Window

AROUND_VALUES = b" \t\r\n\x1e"
LONG_LINE_BYTES = 1_048_576
"""A longer line is read member by member, and is never in memory as a whole."""
FIRST_VALUE_BYTES = 1_048_576
"""So far a value in a file of lines is followed when it does not end with its line."""
TAIL_BYTES = 64
"""So many bytes at the end of a line nearly always tell how it ends."""
LINES_LOOKED_AT = 8
"""Behind a broken first line, so many lines are looked at for an item."""
_PART = re.compile(r"part-|\d+(?:_\d+)*(?:\.gz|\.zst)?\Z", re.ASCII)
"""How the parts of a table are called that are written at once, by Spark and Hive."""


def first_byte(window: Window) -> int | None:
    """Return the first byte that is no white space, None where there is none."""
    at = window.start
    while (at := window.behind(WHITE, at)) == window.end:
        at -= window.start
        if not window.more():
            return None
    return window.buffer[at]


def pass_white(window: Window) -> Iterator[None]:
    """Use up the white space that a document begins with, however much it is."""
    while (at := window.behind(WHITE, window.start)) == window.end:
        window.start = at
        if not look_further(window):
            return
        yield None


def has_lines(window: Window, document: Document) -> bool:
    """Tell whether a document holds a value a line, and no record separators.

    A file that is called so does, unless its first value ends on a later line. Another one does where its first line
    is an object or array and something follows, and where that line is broken and the second one is an item. An
    empty part (`part-00001`, as Spark writes them) has no line.
    """
    if first_byte(window) == RECORD_SEPARATOR:
        return False
    end = _end_of_first_line(window)
    if end is None:
        is_part = _PART.match(document.path.rpartition("/")[2]) is not None
        return document.format == "ndjson" or (is_part and first_byte(window) is None)
    line = bytes(window.view[window.start : end])
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        value = between_commas(line)
        if not value:
            if document.format != "ndjson" and not _is_item_behind(line, window, end):
                return False
            return not _parses_over_lines(window)
    return document.format == "ndjson" or (isinstance(value, dict | list) and _something_follows(window, end))


def between_commas(line: bytes | bytearray) -> list[Any] | None:
    """Return the values on a line of what is nearly an array: values with a comma between, before or behind them."""
    line = line.strip(AROUND_VALUES).removeprefix(b",").removesuffix(b",")
    with suppress(orjson.JSONDecodeError):
        found: list[Any] = orjson.loads(b"[" + line + b"]")
        return found
    return None


def _end_of_first_line(window: Window) -> int | None:
    """Return where the first line with something on it ends; None where it is the last or a very long one."""
    if first_byte(window) is None:
        return None
    begin = window.behind(WHITE, window.start) - window.start
    while (found := window.buffer.find(b"\n", window.start + begin, window.end)) < 0:
        if window.end - window.start - begin > LONG_LINE_BYTES or not look_further(window):
            return None
    return found


def begins_over_lines(line: bytes | bytearray) -> bool:
    """Tell whether a line that does not parse begins an object or array, and ends where pretty-printing breaks one."""
    return line.lstrip()[:1] in (b"{", b"[") and _goes_on(line) and not between_commas(line)


def last_beginning_over_lines(data: bytearray) -> int | None:
    """Return where, in bytes that end with a line, the last one begins that may be the first of several of a value.

    They may begin within a line.
    """
    end = len(data)
    while begin := data.rfind(b"\n", 0, end) + 1:
        tail = data[max(begin, end - TAIL_BYTES) : end].rstrip()
        if (not tail or _goes_on(tail)) and begins_over_lines(data[begin:end]):
            return begin
        end = begin - 1
    return 0 if _goes_on(data[:end]) else None


def _goes_on(line: bytes | bytearray) -> bool:
    return line.rstrip()[-1:] in (b"[", b"{", b",", b":")


def _is_item_behind(line: bytes, window: Window, end: int) -> bool:
    """Tell whether a line that does not parse, and is no part of a container, is followed soon by an item."""
    if _goes_on(line):
        return False
    begin = end + 1 - window.start
    for _ in range(LINES_LOOKED_AT):
        while (found := window.buffer.find(b"\n", window.start + begin, window.end)) < 0:
            if window.end - window.start - begin > LONG_LINE_BYTES or not look_further(window):
                found = window.end
                break
        try:
            if is_plain_item(orjson.loads(window.view[window.start + begin : found])):
                return True
        except orjson.JSONDecodeError:
            pass
        begin = found + 1 - window.start
        if window.start + begin >= window.end:
            return False
    return False


def _parses_over_lines(window: Window) -> bool:
    """Tell whether an object or array that several lines hold begins here."""
    data = _looked_ahead(window)
    if data.lstrip()[:1] not in (b"{", b"["):
        return False
    value = Window(data=data)
    found = (each for each in members(value) if not isinstance(each, Pause))
    try:
        first = next(found)
        if not isinstance(first, Whole):
            return True
        next(found, None)  # goes behind the value
    except (NotJSONError, StopIteration):
        return False
    return not isinstance(first.value, BrokenMember) and b"\n" in data[: value.start]


def length_over_lines(window: Window) -> int:
    """Return how long the object or array is that begins here and is whole only with further lines, 0 for none."""
    value = Window(data=_looked_ahead(window))
    try:
        for member in members(value):
            if isinstance(member.value if isinstance(member, Whole) else member, BrokenMember):
                return 0
    except NotJSONError:
        return 0
    return value.start


def _looked_ahead(window: Window) -> bytes:
    while window.end - window.start < FIRST_VALUE_BYTES and look_further(window):
        pass
    return bytes(window.view[window.start : min(window.end, window.start + FIRST_VALUE_BYTES)])


def _something_follows(window: Window, end: int) -> bool:
    length = end - window.start
    while not window.view[window.start + length : window.end].tobytes().strip():
        if window.end - window.start - length > FIRST_VALUE_BYTES:
            return True  # so much white space is not held to look behind it
        if not look_further(window):
            return False
    return True


def look_further(window: Window) -> bool:
    """Look further; damage is the end here, and is met again by who reads."""
    try:
        return window.more()
    except (OSError, ValueError):
        return False
