"""What is wrong with JSON, and where."""

from __future__ import annotations

import re

import orjson

from stac_manager.context import FailureCollector

MOST_FAILURES = 100_000
"""After so many failures of a document in a row, without an item, it is taken for one that holds none."""
NOT_UTF8 = "a text is not valid UTF-8; convert it, from Latin-1 for example: iconv -f LATIN1 -t UTF-8"
ZEROS = "there are zeros instead, perhaps the file was not written to its end"
_NOT_A_NUMBER = re.compile(rb"[:\[,\s](NaN|-?Infinity)\b")


class NotJSONError(ValueError):
    """The document is broken in this `line`, from 1, and where its next member begins cannot be told."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
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


class HopelessError(Exception):
    """The rest of a document is not worth reading."""


class DocumentFailures(FailureCollector):
    """Hands the failures of a document on, until there are too many `in_a_row`: an item sets that to 0."""

    def __init__(self, failures: FailureCollector) -> None:
        super().__init__()
        self.in_a_row = 0
        self.hopeless = ""  # why no more rows are worth reading, for whoever reads the next ones
        self._to = failures

    def add(self, source: str, reason: str, *, line: int | None = None) -> None:
        self._to.add(source, reason, line=line)
        self.in_a_row += 1
        if self.in_a_row == MOST_FAILURES:
            raise HopelessError(f"{MOST_FAILURES:,} failures in a row and no item")

    def pass_over(self, source: str) -> None:
        self._to.pass_over(source)


class BrokenMember:
    """A member that does not parse, although its end is known."""

    def __init__(self, reason: str, line: int) -> None:
        self.reason = reason
        self.line = line
