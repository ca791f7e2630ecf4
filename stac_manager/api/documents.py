"""The body of an answer -> its document, or the outline of a page: at no size is the event loop held up for long."""

from __future__ import annotations

import asyncio
import re
from time import perf_counter
from typing import Any

import orjson

from stac_manager.api.features import OUTLINE_BYTES, DamagedPageError, Outline
from stac_manager.network.decoding import DECODED_AT_ONCE_BYTES, decoded, in_utf_8
from stac_manager.run import did, light_turn

LARGEST_ALONE_BYTES = 16 * 1_048_576
"""A landing page, with a link to each of its Collections, or a Collection may be so large: few of them are read."""
TURN_SECONDS = 0.02  # after so long with a list of Collections the event loop has its turn
KEPT = ("id", "extent")  # what a search needs to know of a Collection

_LIST = re.compile(rb'"collections"\s*:\s*\[\s*(?=\{)')
_END = re.compile(rb'\]\s*,\s*"|\]\s*\}\s*$')


async def document_of(data: bytes, content_type: str, *, outline: bool) -> Any:
    """Read a body: as an `Outline`, if that is wanted and can be had, or if it is too large to be parsed at once.

    Raises:
        ValueError: If it is no JSON, or too large for what is no page of items nor a list of Collections.
    """
    await light_turn()
    data = in_utf_8(data, content_type)
    did(len(data))
    if outline and (found := Outline.of(data)) is not None:
        return found
    if len(data) <= DECODED_AT_ONCE_BYTES:
        return decoded(data)
    if (listed := await collections_in(data)) is not None:
        return listed
    if (page := await asyncio.to_thread(Outline.scanned, data)) is not None:
        return page
    if not outline and len(data) <= LARGEST_ALONE_BYTES:
        return decoded(data)
    raise ValueError(f"it has {len(data)} bytes, and neither items nor Collections")


async def collections_in(data: bytes) -> dict[str, Any] | None:
    """Read a long list of Collections one by one: parsed, or freed, at once it would hold up the event loop. Id and
    extent are kept of each; None where it is something else."""
    if (found := _LIST.search(data, 0, OUTLINE_BYTES)) is None:
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
