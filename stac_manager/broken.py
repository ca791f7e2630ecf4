"""What is wrong with JSON, and where."""

from __future__ import annotations

import re

import orjson

NOT_UTF8 = "a text is not valid UTF-8; convert it, from Latin-1 for example: iconv -f LATIN1 -t UTF-8"
ZEROS = "there are zeros instead, perhaps the file was not written to its end"
_NOT_A_NUMBER = re.compile(rb"[:\[,\s](NaN|-?Infinity)\b")


class NotJSONError(ValueError):
    """The document is broken in this `line`, from 1, and where its next member begins cannot be told."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.line = line


class TooLargeError(ValueError):
    """A value does not fit into memory as a whole."""


class BrokenMember:
    """A member that does not parse, although its end is known."""

    def __init__(self, reason: str, line: int) -> None:
        self.reason = reason
        self.line = line


def why_not_json(error: orjson.JSONDecodeError, data: memoryview) -> str:
    """Put into words why `data` are not JSON."""
    found = _NOT_A_NUMBER.search(data)
    if found:
        return f"{found[1].decode()} is no number that JSON has"
    if data and not bytes(data).strip(b"\0"):
        return ZEROS
    return NOT_UTF8 if error.msg.startswith("str is not valid UTF-8") else error.msg


def instead(found: bytes) -> str:
    """Tell what stands where a value should, as the end of a sentence."""
    if not found:
        return ""
    return f", not {found!r}" if found.strip(b"\0") else f": {ZEROS}"
