"""What is wrong with JSON, and where."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

import orjson

NOT_UTF8 = "a text is not valid UTF-8; convert it, from Latin-1 for example: iconv -f LATIN1 -t UTF-8"
ZEROS = "there are zeros instead, perhaps the file was not written to its end"
_decoder = json.JSONDecoder(parse_int=float)
_NOT_A_NUMBER = re.compile(rb"[:\[,\s](NaN|-?Infinity)\b")


class NotJSONError(ValueError):
    """The document is broken in this `line`, from 1, and where its next member begins cannot be told."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.line = line


class TooLargeError(ValueError):
    """A value does not fit into memory as a whole."""


class BrokenPieceError(Exception):
    """The value is broken, or is not whole: who reads it another way says where.

    Attributes:
        place: How far from the first byte of the value, where that is known.
        said: What is wrong there.
    """

    def __init__(self, place: int | None = None, said: str = "") -> None:
        super().__init__(said)
        self.place, self.said = place, said


class BrokenMember:
    """A member that does not parse, although its end is known."""

    def __init__(self, reason: str, line: int) -> None:
        self.reason = reason
        self.line = line


def why_not_json(error: orjson.JSONDecodeError, data: memoryview) -> str:
    """Put into words why `data` are not JSON."""
    found = _NOT_A_NUMBER.search(data)
    if found:
        return f"{found[1].decode()} is not a number in JSON"
    if data and not bytes(data).strip(b"\0"):
        return ZEROS
    return NOT_UTF8 if error.msg.startswith("str is not valid UTF-8") else error.msg


def instead(found: bytes) -> str:
    """Tell what stands where a value should, as the end of a sentence."""
    if not found:
        return ""
    return f", not {found.decode(errors='backslashreplace')!r}" if found.strip(b"\0") else f": {ZEROS}"


def leniently(text: bytes) -> Any:
    """Parse what is JSON but for numbers that it does not have, and text that is no UTF-8."""
    decoded, _ = codecs.utf_8_decode(text, "surrogateescape", True)
    try:
        value, length = _decoder.raw_decode(decoded)
    except json.JSONDecodeError as error:
        place = len(decoded[: error.pos].encode("utf-8", "surrogateescape"))
        raise BrokenPieceError(place, error.msg) from None
    except RecursionError:
        raise BrokenPieceError from None
    if length < len(decoded):
        raise BrokenPieceError
    return value
