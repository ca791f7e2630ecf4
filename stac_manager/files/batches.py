"""Lines of which a sink wants no more than the texts, checked and passed on together: none is made an object.

simdjson reads them as one array, and refuses what orjson refuses (`parsing.text_items`). msgspec finds in each what
makes an item of it, and its times; it alone would let pass a number beyond a double, or text that is no UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec

from stac_manager.files.document_failures import DocumentFailures
from stac_manager.parsing import text_items
from stac_manager.parsing.items import TIME_PATH
from stac_manager.parsing.texts import TextBatch
from stac_manager.parsing.window import Window

BATCH_BYTES = 65_536
"""A batch is no longer: memory for more is fetched from the system anew each time."""
MOST_LINE_BYTES = 8_192
"""Longer lines are read faster one by one."""
WINDOWS_PASSED = 16
"""So many windows are read line by line behind one in which not all lines are plain items."""
_BEGIN, _END = b"{}"


class _Object(msgspec.Struct, gc=False):
    pass


class _Times(msgspec.Struct, gc=False):
    updated: Any = None
    datetime: Any = None


class _PlainItem(msgspec.Struct, gc=False):
    """What `is_plain_item` asks for."""

    type: Literal["Feature"]
    id: Annotated[str, msgspec.Meta(min_length=1)]
    stac_version: str
    properties: _Times | None = None
    geometry: _Object | None = None
    features: msgspec.UnsetType = msgspec.UNSET
    time: msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name=TIME_PATH)


class BatchReader:
    """Takes the lines that are in a window as a batch, where each is a plain item."""

    def __init__(self) -> None:
        module = text_items.simdjson_module()
        self._parse: Any = module and module.Parser().parse
        self._decode = msgspec.json.Decoder(_PlainItem).decode_lines
        self._passing = 0

    def take(self, window: Window, failures: DocumentFailures) -> Iterator[TextBatch]:
        """Yield batches and go behind them, up to where lines are to be read one by one."""
        if self._parse is None:
            return
        if self._passing:
            self._passing -= 1
            return
        while (batch := self._next(window)) is not None:
            failures.in_a_row = 0
            yield batch

    def _next(self, window: Window) -> TextBatch | None:
        buffer, begin = window.buffer, window.start
        end = buffer.rfind(b"\n", begin, min(window.end, begin + BATCH_BYTES))
        if not 0 <= buffer.find(b"\n", begin, max(end, begin)) - begin <= MOST_LINE_BYTES:
            return None
        batch = self._batch(bytes(window.view[begin:end]))
        if batch is None:
            self._passing = WINDOWS_PASSED
        else:
            window.pass_lines(end, batch.count)
        return batch

    def _batch(self, text: bytes) -> TextBatch | None:
        count = _objects_in(text)
        try:
            # Each line is a value: a line break within one is a comma here and white space there, and one is no JSON.
            if not count or len(self._parse(b"".join((b"[", text.replace(b"\n", b","), b"]")))) != count:
                return None
            items = self._decode(text)
        except (ValueError, RuntimeError, msgspec.MsgspecError):
            return None
        found = [item.properties for item in items if item.properties is not None]
        return TextBatch(text, count, [each.updated for each in found], [each.datetime for each in found])


def _objects_in(text: bytes) -> int:
    """Return how many lines there are, 0 unless each begins and ends as an object, without white space around it."""
    if text[0] != _BEGIN or text[-1] != _END or b"\r" in text:
        return 0
    count, at, find = 1, -1, text.find
    while (at := find(b"\n", at + 1)) >= 0:
        if text[at - 1] != _END or text[at + 1] != _BEGIN:
            return 0
        count += 1
    return count
