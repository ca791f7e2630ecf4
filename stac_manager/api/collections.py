"""A long list of Collections, read one by one: parsed, or freed, at once it would hold up the event loop."""

from __future__ import annotations

import asyncio
import re
from time import perf_counter
from typing import Any

import orjson

from stac_manager.api.decoding import DECODED_AT_ONCE_BYTES
from stac_manager.api.features import OUTLINE_BYTES, DamagedPageError, Outline

TURN_SECONDS = 0.02
"""After so long the event loop has its turn."""
KEPT = ("id", "extent")
"""What a search needs to know of a Collection."""

_LIST = re.compile(rb'"collections"\s*:\s*\[\s*(?=\{)')
_END = re.compile(rb'\]\s*,\s*"|\]\s*\}\s*$')


async def collections_in(data: bytes) -> dict[str, Any] | None:
    """Read a document that is too large to be parsed at once as a list of Collections, of which id and extent are kept.

    Returns:
        None where it is small, or something else.
    """
    if len(data) <= DECODED_AT_ONCE_BYTES or (found := _LIST.search(data, 0, OUTLINE_BYTES)) is None:
        return None
    begin = found.end()
    for end in (match.start() for match in _END.finditer(data, max(len(data) - OUTLINE_BYTES, begin))):
        try:
            document = orjson.loads(data[:begin] + data[end:])
        except orjson.JSONDecodeError:
            continue
        if not isinstance(document, dict) or document.get("collections") != []:  # another list, within a member
            return None
        try:
            return {**document, "collections": await _kept(Outline({}, data, begin, end))}
        except DamagedPageError:
            return None
    return None


async def _kept(listed: Outline) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    until = perf_counter() + TURN_SECONDS
    for each in listed.features():
        if isinstance(each, dict):
            kept.append({name: each[name] for name in KEPT if name in each})
        if perf_counter() >= until:
            await asyncio.sleep(0)
            until = perf_counter() + TURN_SECONDS
    return kept
