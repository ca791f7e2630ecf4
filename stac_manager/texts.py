"""Items as JSON on one line: the text that an item was decoded from, where that can be taken as it is.

To make a text anew costs a third of the parsing.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from stac_manager.protocols import Item


class Texts:
    """Decodes as `orjson.loads`, and keeps the latest value with its text."""

    def __init__(self) -> None:
        self._text = b""
        self._value: Any = None

    def loads(self, data: Any) -> Any:
        """Parse JSON.

        Raises:
            orjson.JSONDecodeError: If it is none.
        """
        text = bytes(data)  # the buffer behind `data` is used again
        value = orjson.loads(text)
        self._text, self._value = text, value
        return value

    def text_of(self, item: Item) -> bytes:
        """Return an item as JSON on one line: its own text if it is the value decoded last and stood on one line."""
        if item is not self._value:
            return text_of(item)
        self._value = None
        text = self._text.strip()
        return text_of(item) if b"\n" in text or b"\r" in text else text


def text_of(item: Item) -> bytes:
    """Return an item as JSON on one line, whatever its values: numbers of any size, and text that is no UTF-8."""
    try:
        return orjson.dumps(item)
    except TypeError:
        return json.dumps(item, separators=(",", ":"), allow_nan=False).encode()
