"""Which items came before: eight bytes an item, for as long as a partition is read."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

SMALL = 4_096
BUCKETS = 4_096
MARK_BYTES = 8
"""Of the 16 of a digest: among ten million items two are mistaken for one with a chance of 3 in a million."""


def identity_of(item: Mapping[str, Any]) -> bytes:
    """What makes an item one: its collection and its id; all of it where it names no collection, as ids are unique
    within a Collection only (STAC, item-spec)."""
    collection = item.get("collection")
    if isinstance(collection, str):
        return f"{collection}\n{item['id']}".encode("utf-8", "surrogatepass")
    return canonical({name: value for name, value in item.items() if name != "links"})


def canonical(value: Any) -> bytes:
    """Write a JSON value in one way, numbers of any length included."""
    return json.dumps(value, sort_keys=True).encode("utf-8", "surrogatepass")


def digest_of(item: Mapping[str, Any]) -> str:
    """The digest of an item as reports have it."""
    return blake2b(identity_of(item), digest_size=16).hexdigest()


def mark_of(identity: bytes) -> int:
    """What is remembered of an item or a page."""
    return int.from_bytes(blake2b(identity, digest_size=MARK_BYTES).digest(), "big")


class Seen:
    """A set of marks: a plain one while it is small, sorted arrays from then on."""

    def __init__(self) -> None:
        self._few: set[int] | None = set()
        self._buckets: list[array[int]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, mark: int) -> bool:
        if self._few is not None:
            return mark in self._few
        bucket = self._buckets[mark >> 52]
        place = bisect_left(bucket, mark)
        return place < len(bucket) and bucket[place] == mark

    def __iter__(self) -> Iterator[int]:
        if self._few is not None:
            yield from self._few
        for bucket in self._buckets:
            yield from bucket

    def add(self, mark: int) -> bool:
        """Remember a mark, and tell whether it is new."""
        if self._few is not None:
            self._few.add(mark)
            if len(self._few) == self._count:
                return False
            self._count += 1
            if self._count > SMALL:
                self._spread()
            return True
        bucket = self._buckets[mark >> 52]
        place = bisect_left(bucket, mark)
        if place < len(bucket) and bucket[place] == mark:
            return False
        bucket.insert(place, mark)
        self._count += 1
        return True

    def copy(self) -> Seen:
        """A set of the same marks."""
        other = Seen()
        for mark in self:
            other.add(mark)
        return other

    def _spread(self) -> None:
        assert self._few is not None
        self._buckets = [array("Q") for _ in range(BUCKETS)]
        for mark in sorted(self._few):
            self._buckets[mark >> 52].append(mark)
        self._few = None
