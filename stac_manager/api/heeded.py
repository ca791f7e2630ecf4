"""What the items of a search show of its conditions: which ids came, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Any

from stac_manager.api.ownership import NUMBERS
from stac_manager.protocols import Item
from stac_manager.timestamps import SECOND, nanoseconds
from stac_manager.words import many

UNSORTED = "The server does not sort this search: its Items come in its own order."
MOST_NAMED = 5  # ids in a note


class Watch:
    """Watches the items of a search go by: the ids and the keys of the order that were asked for."""

    def __init__(self, ids: Iterable[str] | None, keys: Sequence[Mapping[str, str]]) -> None:
        self._asked = dict.fromkeys(ids or ())
        self.missing = dict(self._asked)  # of which no item came
        self._path = keys[0]["field"].split(".") if keys else []
        self._sign = -1 if keys and keys[0]["direction"] == "desc" else 1
        self._latest: float | None = None
        self.in_order = True

    def over(self, part: Iterable[Item]) -> Iterable[Item]:
        """The items of a part, looked at as they are taken."""
        return self._looking(part) if self._asked or self._path else part

    def _looking(self, part: Iterable[Item]) -> Iterator[Item]:
        for item in part:
            self.missing.pop(item.get("id", ""), None)
            if self._path and self.in_order and (value := _comparable(item, self._path)) is not None:
                value *= self._sign
                self.in_order = self._latest is None or value >= self._latest
                self._latest = value
            yield item

    def note(self) -> str | None:
        """Say of which ids no item came."""
        if not self.missing:
            return None
        named = ", ".join(map(repr, [*self.missing][:MOST_NAMED])) + (", ..." if len(self.missing) > MOST_NAMED else "")
        return f"No Item came for {len(self.missing)} of {many(len(self._asked), 'id')}: {named}."


def _comparable(item: Any, path: Sequence[str]) -> float | None:
    """A number, or a time in whole seconds, that items are sorted by; None of what each server sorts in its own way:
    ranges (PgSTAC by their start, whatever `datetime` says), other zones than UTC, which may be sorted as text."""
    properties = item.get("properties")
    if path[-1] == "datetime" and isinstance(properties, dict) and properties.get("start_datetime"):
        return None
    for name in path if path[0] == "properties" or path[0] in item else ("properties", *path):
        item = item.get(name) if isinstance(item, dict) else None
    if type(item) in NUMBERS:
        return item if abs(item) < inf else None
    time = nanoseconds(item) if isinstance(item, str) and item.endswith(("Z", "+00:00")) else None
    return None if time is None else time // SECOND
