"""Whether a document is a Catalog or Collection, which leads to items, or holds items itself."""

from __future__ import annotations

import io
import json
import os
import re
from contextlib import closing, suppress
from typing import Any

import orjson

from stac_manager.files.compression import Unpacked
from stac_manager.files.formats import BOM, HEAD_BYTES, LOCAL_ENTRIES, magic, why_not_text
from stac_manager.files.opening import open_file
from stac_manager.parsing.errors import NOT_UTF8
from stac_manager.parsing.items import is_catalog
from stac_manager.parsing.window import DamagedError, Window

PEEK_BYTES = 1_048_576
"""A single JSON file up to this size is parsed to see whether it is a Catalog, a Collection or items."""
BEGINS_AS_ITEMS = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:\[|\{\s*"type"\s*:\s*"Feature)')
_TYPE_OF_CATALOG = re.compile(rb'"type"\s*:\s*"(?:Catalog|Collection)"')
MOST_CATALOG_BYTES = 134_217_728
"""A Catalog or Collection may unpack to so much, on disk and far away."""


def load(path: str) -> Any:
    """Read a JSON document, compressed or not.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no JSON, or too large.
    """
    with open(open_file(path), "rb") as file:
        return parsed(unpacked(file.read(MOST_CATALOG_BYTES + 1)))


def unpacked(data: bytes) -> bytes:
    """Return a document that may be compressed as text.

    Raises:
        ValueError: If it is damaged or too large.
    """
    kind = magic(data[:4])
    if kind == "gzip" or kind == "zstd":
        with closing(Window(Unpacked(io.BytesIO(data), kind))) as window:
            while window.end <= MOST_CATALOG_BYTES and window.more():
                pass
            if window.damage is not None:
                window.damage.__traceback__ = None  # it would keep what was read, and itself
                raise DamagedError(str(window.damage))
            data = bytes(window.view[: window.end])
    if len(data) > MOST_CATALOG_BYTES:
        raise ValueError(f"larger than {MOST_CATALOG_BYTES >> 20} MB")
    return data


def parsed(data: bytes) -> Any:
    """Parse a JSON document. In a Catalog or Collection, whose links alone are used, a number may be NaN.

    Raises:
        ValueError: If it is no JSON.
    """
    data = data.removeprefix(BOM)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        with suppress(ValueError, RecursionError):
            if is_catalog(found := json.loads(data.decode())):
                return found
        reason = NOT_UTF8 if error.msg.startswith("str is not valid UTF-8") else str(error)  # which has the document
        raise ValueError(why_not_text(data[:HEAD_BYTES]) or f"not JSON: {reason}") from None


def is_entry_point(path: str) -> bool:
    """Tell whether a file with the name of an entry point is one; people give that name to files of items, too.

    A large or damaged file is judged by its beginning. One that cannot be read counts as an entry point: following it
    says why.
    """
    if os.path.basename(path) not in LOCAL_ENTRIES:
        return False
    if not os.path.isfile(path):
        return True
    try:
        with open(open_file(path), "rb") as file:
            head = file.read(PEEK_BYTES)
        if len(head) == PEEK_BYTES:
            return not begins_as_items(head)
        if b"Feature" not in head and magic(head) is None and not head.lstrip().startswith(b"["):
            return True  # of 60,000 Collections none is parsed here
        document = parsed(unpacked(head))
    except OSError:
        return True
    except ValueError:
        return not begins_as_items(head)
    return not is_of_items(document)


def begins_as_items(head: bytes) -> bool:
    """Tell of a document by its beginning, compressed or not, whether it holds items: one, an array, or one a line."""
    text = beginning(head)
    if BEGINS_AS_ITEMS.match(text):
        return True
    line, newline, _ = text.removeprefix(BOM).lstrip().partition(b"\n")
    with suppress(ValueError):
        return bool(newline) and is_of_items(orjson.loads(line))
    return False


def beginning(head: bytes) -> bytes:
    """Return how a document begins of which this is the head, compressed or not."""
    kind = magic(head)
    if kind != "gzip" and kind != "zstd":
        return head
    with closing(Window(Unpacked(io.BytesIO(head), kind))) as window:
        window.more()
        return bytes(window.view[: window.end])


def is_of_items(document: object) -> bool:
    """Tell whether parsed JSON with the name of an entry point holds items."""
    return isinstance(document, list) or (
        isinstance(document, dict) and document.get("type") in ("Feature", "FeatureCollection")
    )


def is_likely_catalog(path: str) -> bool:
    """Tell of a large file by its beginning whether it may be a Catalog or Collection.

    Raises:
        OSError: If it cannot be read.
    """
    with open(open_file(path), "rb") as file:
        head = file.read(PEEK_BYTES)
    return BEGINS_AS_ITEMS.match(head) is None and _TYPE_OF_CATALOG.search(head) is not None
