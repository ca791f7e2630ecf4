"""Items as JSON on one line: the text that an item was decoded from, where that can be taken as it is.

To make a text anew costs a third of the parsing, and to parse all of an item three times what it takes to check its
text and to read what is asked of it.
"""

from __future__ import annotations

import json
import marshal
import sys
import threading
from typing import Any, NoReturn

import orjson

from stac_manager.protocols import Item

DEEPEST = 5_000
"""More levels than orjson reads (1,024), and than are called before something is written."""
_EXPONENT = orjson.dumps(1e300)[1:-3]
"""Is in every double from 1e16 on that orjson writes: `e+`, or `e`."""
SIGN = _EXPONENT[-1]
"""To look for one byte, given as a number, is much faster."""
_alone = threading.Lock()


class TextItem(dict[str, Any]):
    """An item of which some members are here, and all in its text. It cannot be gone through as if it were whole."""

    __slots__ = ("text",)
    text: bytes

    def _refuse(self, *_: object) -> NoReturn:
        raise TypeError("this item is not all here: only its text is")

    __iter__ = keys = values = items = copy = __or__ = __ror__ = __reduce_ex__ = _refuse


class TextBatch(TextItem):
    """Several plain items, of which only the texts are here, one a line, and their times.

    Attributes:
        count: How many.
        updated: What their properties have of this name.
        datetime: The same.
    """

    __slots__ = ("count", "datetime", "updated")

    def __init__(self, text: bytes, count: int, updated: list[Any], datetime: list[Any]) -> None:
        self.text, self.count, self.updated, self.datetime = text, count, updated, datetime


class Texts:
    """Decodes as `orjson.loads`, and keeps the latest value with its text.

    Attributes:
        alone: Nothing but the texts is wanted, and what `text_items` reads, so that each may be a `TextItem`.
        batches: Several items may come as one `TextBatch`.
    """

    def __init__(self, *, alone: bool = False, batches: bool = False) -> None:
        self.alone, self.batches = alone, batches
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

    def exact(self, value: Any, data: memoryview | bytes) -> Any:
        """Parse JSON as `exact` does: the text is that of the value then."""
        made = exact(value, data)
        if value is self._value:
            self._value = made
        return made

    def text_of(self, item: Item) -> bytes:
        """Return an item as JSON on one line: its own text if it is the value decoded last and stood on one line."""
        if type(item) is TextItem:
            return item.text
        if item is not self._value:
            return text_of(item)
        self._value = None
        text = self._text.strip()
        return text_of(item) if b"\n" in text or b"\r" in text else text


def whole(item: Any) -> Any:
    """Return an item with all its members."""
    return orjson.loads(item.text) if type(item) is TextItem else item


def text_of(item: Item) -> bytes:
    """Return an item as JSON on one line, whatever its values: numbers of any size, and text that is no UTF-8."""
    if type(item) is TextItem:
        return item.text
    try:
        return orjson.dumps(item)
    except TypeError:  # it reads deeper than it writes
        pass
    with _alone:  # Python 3.11 has one limit for all threads: each would put back what another has raised
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, DEEPEST))
        try:
            return json.dumps(item, separators=(",", ":"), allow_nan=False).encode()
        finally:
            sys.setrecursionlimit(limit)


def canonical(value: Any) -> bytes:
    """Write a JSON value in one way, numbers of any length and nested however deep included."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        pass
    try:
        return json.dumps(value, sort_keys=True).encode("utf-8", "surrogatepass")
    except RecursionError:
        return marshal.dumps(value, 2)


def exact(value: Any, data: memoryview | bytes) -> Any:
    """Parse JSON that orjson has parsed to `value` again, with integers of any length."""
    try:
        return json.loads(bytes(data))
    except (RecursionError, ValueError):
        return value


def may_have_large(text: bytes) -> bool:
    """Tell whether JSON that orjson has written may have a double of 1e16 or more."""
    return SIGN in text and _EXPONENT in text
