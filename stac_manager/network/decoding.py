"""Bytes -> JSON; what orjson refuses and servers write all the same; where a value ends."""

from __future__ import annotations

import codecs
import gc
import json
import re
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Self

import orjson

from stac_manager.network.bodies import PIECE_BYTES, RefusedBodyError, joined

# orjson parses 80 to 250 MB of items a second and nothing else runs meanwhile: what is larger is parsed item by item.
DECODED_AT_ONCE_BYTES = 3 * 1_048_576

# Stands for bytes that are no text: a code point that is never one (Unicode, 23.7: noncharacters).
NO_TEXT = "\ufdd0"
TOO_LONG = "\ufdd1"  # for an integer with more digits than Python reads
WHY = {NO_TEXT: "a text is not valid UTF-8", TOO_LONG: "a number has too many digits"}
_SYNTAX = b'{"a-+~": ["\\u00e9"], "b&AOk-": 0}'
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([\w.:-]{1,40})', re.IGNORECASE)

# A string with more escapes than that holds up other threads, and ends there to these: nothing is looked at twice.
# Most end at the next quotation mark, which is found ten times as fast.
_STRING = rb'(?:"[^"]*+"(?<!\\")|"(?:[^"\\]++|\\.){0,1000000}+"?+)'
_STRUCTURE = re.compile(rb"%b|[\[{]|([\]}])" % _STRING, re.DOTALL)
_SCALAR = re.compile(rb"%b|[^\s,\]]+" % _STRING, re.DOTALL)
_COMMA = re.compile(rb"\s*,\s*")


class Illegible(str):
    """What stands in place of an item that cannot be read: why."""

    __slots__ = ()

    @classmethod
    def of(cls, item: Any, why: str) -> Self:
        """Say which item it is."""
        name = item.get("id") if isinstance(item, dict) else None
        which = f"item {name.replace(NO_TEXT, '?')!r}: " if isinstance(name, str) else ""
        return cls(f"{which}{why}")


def decoded(data: bytes) -> Any:
    """Parse JSON, or raise ValueError; the garbage collector is off: thousands of new dicts would start it many times.

    What orjson refuses and others write is left to the standard library: `NaN`, a byte order mark, half a surrogate
    pair, control characters in strings, UTF-16. In place of an item with bytes that are no text, or with a number of
    thousands of digits, stands its `Illegible`.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return _loosely_decoded(data)
    finally:
        if collecting:
            gc.enable()


def _loosely_decoded(data: bytes) -> Any:
    try:
        document, illegible = loose_value(data)
        if not illegible:
            return document
        if isinstance(document, list):
            return list(map(_legible, document))
        if not isinstance(document, dict):
            return _legible(document)
        if isinstance(features := document.get("features"), list):
            document["features"] = list(map(_legible, features))
        return document
    except RecursionError:
        raise ValueError("too deeply nested") from None


def loose_value(data: bytes) -> tuple[Any, str]:
    """Parse JSON with the standard library, or raise ValueError; tell why not all of it could be read, if so."""
    text = _text_of(data)
    why = WHY[NO_TEXT] if NO_TEXT in text else ""
    try:
        return json.loads(text, strict=False), why
    except json.JSONDecodeError:
        raise
    except ValueError:
        return json.loads(text, strict=False, parse_int=_integer), why or WHY[TOO_LONG]


def _integer(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return TOO_LONG


def decoded_item(data: bytes | memoryview) -> Any:
    """Parse one item as some servers write it, or say that it is `Illegible`; None where it is none, or not whole."""
    try:
        (item,) = _loosely_decoded(b"[" + data + b"]")
    except ValueError:
        return None
    return item


def _legible(item: Any) -> Any:
    if item == TOO_LONG:
        raise ValueError(WHY[TOO_LONG])
    text = json.dumps(item, ensure_ascii=False)
    return next((Illegible.of(item, why) for mark, why in WHY.items() if mark in text), item)


def _text_of(data: bytes) -> str:
    """Decode a body in the encoding that its first bytes tell, with `NO_TEXT` where UTF-8 is not what it should be."""
    text = data.decode(json.detect_encoding(data), "no-text")
    if "\0" in text:  # nobody writes it, and damage looks like it
        raise ValueError("it has a null character")
    return text


def _marked(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError) or error.encoding != "utf-8":
        raise error
    return NO_TEXT, error.end


codecs.register_error("no-text", _marked)


def in_utf_8(data: bytes, content_type: str) -> bytes:
    """Write a body that is no UTF-8 in it, where its first bytes say that it is UTF-16 or UTF-32, or its Content-Type
    names another charset of which ASCII is a part.

    JSON is UTF-8 and has no charset (RFC 8259, 8.1 and 11): many servers name ISO 8859-1 and write UTF-8 all the same.
    Where the body is no text in that charset either, nothing is changed.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    if b"\0" in data[:4] or data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        with suppress(ValueError):
            return joined(_recoded(data, json.detect_encoding(data)))
    found = _CHARSET.search(content_type)
    if not found:
        return data
    with suppress(LookupError, ValueError):
        if codecs.lookup(found[1]).name != "utf-8" and _SYNTAX.decode(found[1]) == _SYNTAX.decode():
            try:
                deque(_recoded(data, "utf-8"), maxlen=0)
            except UnicodeDecodeError:
                return joined(_recoded(data, found[1]))
    return data


def _recoded(data: bytes, encoding: str) -> Iterator[bytes]:
    """Write a text in UTF-8 a piece at a time, between which other threads have their turn."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for at in range(0, len(data), PIECE_BYTES):
        yield decoder.decode(data[at : at + PIECE_BYTES], at + PIECE_BYTES >= len(data)).encode()


def values(data: bytes, at: int, end: int, most: int) -> Iterator[tuple[int, int]]:
    """Where the values of a list, at most so many, begin and end, if they are values."""
    for _ in range(most):
        stop = _end_of_value(data, at, end)
        yield at, stop
        if (comma := _COMMA.match(data, stop, end)) is None:
            return
        at = comma.end()
    raise RefusedBodyError(f"the answer has more than {most:,} members; it is not read")


def _end_of_value(data: bytes, at: int, end: int) -> int:
    """Where a JSON value ends, if it is one."""
    if data[at : at + 1] not in (b"{", b"["):
        scalar = _SCALAR.match(data, at, end)
        return scalar.end() if scalar else at
    depth = 0
    for found in _STRUCTURE.finditer(data, at, end):
        if found.end() - found.start() == 1:  # and no string
            depth += -1 if found[1] else 1
            if depth == 0:
                return found.end()
    return end
