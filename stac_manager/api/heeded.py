"""What the items of a search show of its conditions: whether the server heeds them, which ids came, in which order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Any

from stac_manager.api.ownership import ROUNDED, Asked, collection_of
from stac_manager.api.paging import Page
from stac_manager.api.reading import LOST, Reading
from stac_manager.geojson import NUMBERS
from stac_manager.protocols import Item
from stac_manager.timestamps import SECOND, nanoseconds
from stac_manager.words import many

UNSORTED = "The server does not sort this search: its Items come in its own order."
MOST_NAMED = 5  # ids in a note


class Conditions:
    """What the user asked for, and whether the server heeds it."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.heeded = True  # as far as was seen, in no wider sense
        self._collections_heeded: bool | None = None  # None while that was no question

    def are_met(self, reading: Reading, item: Mapping[str, Any]) -> bool:
        """Whether the user asked for an item. What is not meant in the answer to a request with all
        conditions shows that the server ignores one, or reads it in a wider sense. Links may lose conditions."""
        if self.asked.means(item):
            return True
        if reading.tally.read == 0 or reading.keeps_conditions:
            self.heeded = False
        elif self.heeded and not self.asked.means(item, margin=ROUNDED):
            reading.end(LOST)
        return False

    def other_collections(self, reading: Reading, page: Page) -> set[str]:
        """The Collections of the answer to a request of our own where none of them was asked for. Either Collections
        go by other names, or the server ignores which are asked for: `take_for` says which."""
        asked = self.asked.collections
        if asked is None or reading.tally.read or self._collections_heeded is False:
            return set()
        if not page.size or collection_of(page.first_member()) in asked:
            return set()
        names = {name for member in page.objects() if (name := collection_of(member)) is not None}
        return names if names.isdisjoint(asked) and len(names) <= len(asked) else set()

    def take_for(self, names: set[str], *, heeds: bool) -> list[str]:
        """Take other names for the Collections asked for, if the server heeds those at all; give notes."""
        known, self._collections_heeded = self._collections_heeded, heeds
        came, asked = (", ".join(map(repr, sorted(each))) for each in (names, self.asked.collections or ()))
        if heeds:
            self.asked = self.asked.also(names)
        if known is not None:
            return []
        if heeds:
            return [f"Items of the Collection {came} came for {asked}: taken for the same."]
        return [f"The server ignores `collections`: items of {came} came for {asked}."]


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
