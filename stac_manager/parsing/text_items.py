"""Items of which a sink wants the text, and little beside it: simdjson checks all of the text and makes that little.

simdjson refuses what orjson refuses, and more: integers of more than 64 bits, and another level. It differs in two
places: it passes over a byte order mark, and finds the first of two members of a name, where orjson has the last.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from stac_manager.parsing.items import TIME_PATH, is_plain_item
from stac_manager.parsing.texts import TextItem, Texts

READ = ("type", "stac_version", "id", "collection")
"""What makes an item and tells it from others."""
TIMES = ("datetime", "updated")
"""What watermarks are taken from: all that is read of `properties`, unless those are wanted as a whole."""
MOST_BYTES = 1_048_576
"""The parser keeps several times the largest text that it has met, so a larger one is not for it."""
LEAST_BYTES = 2_048
"""It pays for texts of this length."""
LEAST_BYTES_OF_MORE = 4_096
LEAST_SHARE = 2.5
"""Where more is wanted, it pays for texts of this length and so many times that of what is read: simdjson makes dicts
slowly."""
DOCUMENTS_PASSED = 100
"""So many documents are parsed whole after one for which it did not pay."""
_WHITE = b" \t\r\n"
_NEVER = frozenset(("features", TIME_PATH))
"""What has these may be no item."""


class TextItemReader:
    """Reads as `Texts.loads`, but makes a `TextItem` where that is clear and pays.

    Args:
        texts: Reads the rest.
        names: Members that are read beside `READ` and, of `properties`, `TIMES`.
    """

    def __init__(self, texts: Texts, names: Iterable[str]) -> None:
        self._texts = texts
        self._wanted = frozenset((*READ, *names))
        self._least = LEAST_BYTES if self._wanted.issubset(READ) else LEAST_BYTES_OF_MORE
        self._names: tuple[str, ...] = ()  # of the latest item, and nearly always of the next one
        self._read: tuple[str, ...] = ()  # those of them that are wanted
        self._times_there: tuple[str, ...] = ()  # TIMES, where the latest item has all of them
        self._passing = 0
        self._parse: Any = None
        if (simdjson := simdjson_module()) is not None:
            self._parse = simdjson.Parser(MOST_BYTES).parse
            self._object, self._array = simdjson.Object, simdjson.Array

    def loads(self, data: Any) -> Any:
        """Parse JSON.

        Raises:
            orjson.JSONDecodeError: If it is none.
        """
        if not self._least <= len(data) <= MOST_BYTES or self._parse is None:
            return self._texts.loads(data)
        if self._passing:
            self._passing -= 1
            return self._texts.loads(data)
        text = bytes(data).strip(_WHITE)
        if text[:1] != b"{" or b"\n" in text or b"\r" in text:
            return self._texts.loads(data)
        try:
            item = self._item(text)
        except (ValueError, TypeError, RuntimeError):  # also where another thread was stopped here with its document
            item = None
        if item is not None and is_plain_item(item):
            return item
        value = self._texts.loads(data)
        self._passing = DOCUMENTS_PASSED
        return value

    def _item(self, text: bytes) -> TextItem | None:
        """Return what may be an item; None where it is none, only orjson can tell, or this does not pay."""
        members = self._parse(text)
        names = tuple(members)
        if names != self._names and not self._take(names):
            return None
        item = TextItem()
        item.text = text
        for name in self._read:
            value = members[name]
            item[name] = value if type(value) is str else self._made(value)
        if "geometry" not in item and "geometry" in names:
            geometry = members["geometry"]
            if geometry is not None and type(geometry) is not self._object:
                return None
        if "properties" not in item and "properties" in names:
            properties = members["properties"]
            item["properties"] = self._times(properties) if type(properties) is self._object else properties
        if self._least > LEAST_BYTES and len(text) < self._least + LEAST_SHARE * len(orjson.dumps(item)):
            return None
        return item

    def _take(self, names: tuple[str, ...]) -> bool:
        """Settle which members are read of items with these; False where each is not there once, or they tell none."""
        if len(set(names)) != len(names) or not _NEVER.isdisjoint(names):
            return False
        read = tuple(name for name in names if name in self._wanted)
        if any("\0" in name for name in read):
            return False
        self._names, self._read = names, read
        return True

    def _times(self, properties: Any) -> dict[str, Any]:
        found = {}
        try:
            for name in self._times_there:
                value = properties[name]
                found[name] = value if type(value) is str else self._made(value)
        except KeyError:  # which costs more than to list the names
            self._times_there = ()
        if len(found) == len(TIMES):
            return found
        names = frozenset(properties)
        self._times_there = TIMES if names.issuperset(TIMES) else ()
        return {name: self._made(properties[name]) for name in TIMES if name in names}

    def _made(self, value: Any) -> Any:
        if type(value) is self._object:
            return value.as_dict()
        return value.as_list() if type(value) is self._array else value


def simdjson_module() -> Any:
    """Return the module, None where it is not installed: it has no wheel for some interpreters."""
    try:
        import simdjson
    except (ImportError, RuntimeError):  # which it makes of an ImportError
        return None
    return simdjson
