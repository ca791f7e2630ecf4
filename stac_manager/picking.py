"""Items of which a sink wants the text, and little beside it: simdjson checks all of the text and makes that little.

simdjson refuses what orjson refuses, and more: integers of more than 64 bits, and another level. It differs in two
places: it passes over a byte order mark, and finds the first of two members of a name, where orjson has the last.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from stac_manager.checks import ITEM_MEMBERS
from stac_manager.items import PATH_OF_TIME, is_plain_item
from stac_manager.texts import Texts, Thin, may_have_large

READ = ("type", "stac_version", "id", "collection", "properties")
"""What makes an item and tells it from others, and what marks and the times of partitions are taken from."""
MOST_BYTES = 1_048_576
"""The parser keeps several times the largest text that it has met, so a larger one is not for it."""
LEAST_BYTES = 4_096
LEAST_SHARE = 2.5
"""It pays for texts of this length and so many times that of what is read: simdjson makes dicts slowly."""
DOCUMENTS_PASSED = 100
"""So many documents are parsed whole after one for which it did not pay."""
_WHITE = b" \t\r\n"
_NEVER = frozenset(("features", PATH_OF_TIME))
"""What has one of these may be no item."""


class ThinReader:
    """Reads as `Texts.loads`, but makes thin items where that is clear and pays.

    Args:
        texts: Reads the rest.
        names: Members that are read beside `READ`.
    """

    def __init__(self, texts: Texts, names: Iterable[str]) -> None:
        self._texts = texts
        self._names = frozenset((*READ, *names))
        self._passed_over = frozenset(ITEM_MEMBERS) - self._names
        self._passing = 0
        self._parse: Any = None
        if (simdjson := _simdjson()) is not None:
            self._parse = simdjson.Parser(MOST_BYTES).parse
            self._object, self._array = simdjson.Object, simdjson.Array
            self._geometries = (self._object, type(None))

    def loads(self, data: Any) -> Any:
        """Parse JSON.

        Raises:
            orjson.JSONDecodeError: If it is none.
        """
        if not LEAST_BYTES <= len(data) <= MOST_BYTES or self._parse is None:
            return self._texts.loads(data)
        if self._passing:
            self._passing -= 1
            return self._texts.loads(data)
        text = bytes(data).strip(_WHITE)
        if text[:1] != b"{" or b"\n" in text or b"\r" in text:
            return self._texts.loads(data)
        if (found := self._read(text)) is not None:
            return Thin.of(found, text)
        value = self._texts.loads(data)
        self._passing = DOCUMENTS_PASSED
        return value

    def _read(self, text: bytes) -> dict[str, Any] | None:
        """Return what is read of an item; None where it is none, only orjson can tell, or this does not pay."""
        picked: dict[str, Any] = {}
        try:
            found = self._parse(text)
            names = list(found)
            if not _NEVER.isdisjoint(names) or len(set(names)) != len(names):
                return None
            if "geometry" in names and type(found["geometry"]) not in self._geometries:
                return None
            for name in names:
                if name in self._passed_over:
                    continue
                if "\0" in name or type(value := found[name]) is float:  # which may have been an integer
                    return None
                if name in self._names:
                    if type(value) is self._object:
                        value = value.as_dict()
                    elif type(value) is self._array:
                        value = value.as_list()
                    picked[name] = value
            made = orjson.dumps(picked)
        except (ValueError, TypeError, RuntimeError):  # also where another thread was stopped here with its document
            return None
        if len(text) < LEAST_BYTES + LEAST_SHARE * len(made) or may_have_large(made):
            return None
        return picked if is_plain_item(picked) else None


def _simdjson() -> Any:
    """Return the module, None where it is not installed: it has no wheel for some interpreters."""
    try:
        import simdjson
    except (ImportError, RuntimeError):  # which it makes of an ImportError
        return None
    return simdjson
