"""The body of an answer -> its document, or the outline of a page: at no size is the event loop held up for long."""

from __future__ import annotations

import asyncio
from typing import Any

from stac_manager.api.collections import collections_in
from stac_manager.api.decoding import DECODED_AT_ONCE_BYTES, decoded, in_utf_8
from stac_manager.api.features import Outline

LARGEST_ALONE_BYTES = 16 * 1_048_576
"""A landing page, with a link to each of its Collections, or a Collection may be so large: few of them are read."""


async def document_of(data: bytes, content_type: str, *, outline: bool) -> Any:
    """Read a body: as an `Outline`, if that is wanted and can be had, or if it is too large to be parsed at once.

    Raises:
        ValueError: If it is no JSON, or too large for what is no page of items nor a list of Collections.
    """
    data = in_utf_8(data, content_type)
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
