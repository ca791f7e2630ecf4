"""What is remembered of items: which came before, who delivers those with an unclear owner, whether one was left to
nobody."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from typing import Any
from zlib import compress, decompress

from stac_manager.api.ownership import time_of
from stac_manager.api.requests import Request
from stac_manager.parsing.texts import canonical, whole
from stac_manager.plan import Interval, Partition, is_within

MEAN_BUCKET = 128
"""So many marks take 9 to 11 bytes each, and as much time as fewer would."""
MARK_BYTES = 8
"""Of the 16 of a digest: among ten million items two are mistaken for one with a chance of 3 in a million."""
LEAST_SHIFT = 8 * MARK_BYTES - 16  # more buckets than these would hold up the event loop as they are divided
MOST_IDS = 5_000  # in one request
MOST_STRAYS = 100_000
"""So many items that a partition does not own are remembered, to see whether another one delivers them."""
MOST_OWNED = 2_000_000
"""So many items that were delivered are remembered for it; nothing is found out about more."""


def identity_of(item: Mapping[str, Any]) -> bytes:
    """What makes an item one: its collection and its id; all of it where it names no collection, as ids are unique
    within a Collection only (STAC, item-spec)."""
    collection = item.get("collection")
    if isinstance(collection, str):
        return f"{collection}\n{item['id']}".encode("utf-8", "surrogatepass")
    return canonical({name: value for name, value in whole(item).items() if name != "links"})


_number = int.from_bytes


def mark_of(identity: bytes) -> int:
    """What is remembered of an item or a page."""
    return _number(blake2b(identity, digest_size=MARK_BYTES).digest(), "big")


def marked(member: Any) -> tuple[int, bool]:
    """What is remembered of a member, and whether it is an item; with `fields` all but the id may be left out."""
    if isinstance(member, dict) and member.get("type", "Feature") == "Feature":
        name = member.get("id")
        if isinstance(name, str) and name:
            return mark_of(identity_of(member)), True
    return mark_of(canonical(member)), False


class Seen:
    """A set of marks: sorted arrays, each of those that begin with the same bits, which become more as it grows. A set
    of Python's takes ten times as much."""

    def __init__(self, marks: Iterable[int] = ()) -> None:
        self._buckets = [array("Q")]
        self._shift = 8 * MARK_BYTES  # what is left of a mark is the place of its bucket
        self._count = 0
        for mark in marks:
            self.add(mark)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, mark: int) -> bool:
        bucket = self._buckets[mark >> self._shift]
        place = bisect_left(bucket, mark)
        return place < len(bucket) and bucket[place] == mark

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(self._buckets)

    def add(self, mark: int) -> bool:
        """Remember a mark, and tell whether it is new."""
        bucket = self._buckets[mark >> self._shift]
        place = bisect_left(bucket, mark)  # for both: this is done for each item
        if place < len(bucket) and bucket[place] == mark:
            return False
        bucket.insert(place, mark)
        self._count += 1
        if self._count > MEAN_BUCKET * len(self._buckets) and self._shift > LEAST_SHIFT:
            self._halve()
        return True

    def _halve(self) -> None:
        """Divide each bucket by one more bit."""
        self._shift -= 1
        halves: list[array[int]] = []
        for number, bucket in enumerate(self._buckets):
            middle = bisect_left(bucket, 2 * number + 1 << self._shift)
            halves += bucket[:middle], bucket[middle:]
        self._buckets = halves


@dataclass(frozen=True, slots=True)
class Sample:
    """Marks of what was found where items would be that lie beyond the last page; `whole`: that is all there is, None
    where the server failed to say."""

    marks: Seen
    whole: bool | None


class Claims:
    """Items with an unclear owner; `alone` is the one partition that is read here, None in one run over all."""

    def __init__(self, alone: Partition | None) -> None:
        self.alone = alone
        self.delivered: Seen | None = None  # where the items alone do not tell which partition they come from
        self.by_number = False  # whether those are pages that were asked for by their numbers
        self.unproved = False  # whether Items that came or went may have moved pages, and none of them shows it
        self.pages: list[tuple[Request, bytes]] = []  # these, with the ids of their Items
        self.ends: set[int] = set()  # marks of what precedes ranges of pages, where it did not come yet
        self.claimed = Seen()  # marks of those that were delivered
        self.doubtful: dict[str, None] = {}  # digests of those that were left to others
        self.settled: dict[str, None] = {}  # and of those that were delivered, where others may have seen them

    def belongs_here(self, member: Any, mark: int, *, item: bool) -> bool:
        """Whether no partition that is read elsewhere delivers a member."""
        if self.alone is None:
            return True
        here = _points_to(member, self.alone)
        digest = blake2b(identity_of(member), digest_size=16).hexdigest() if item else f"{mark:032x}"
        (self.settled if here else self.doubtful)[digest] = None
        return here

    def hold(self, request: Request, ids: set[str]) -> None:
        """Remember a page that may have moved."""
        self.pages.append((request, compress(json.dumps([*ids]).encode(), 1)))

    def ids_of(self, page: int) -> set[str]:
        """The ids of the Items of a page."""
        return {*json.loads(decompress(self.pages[page][1]))}

    def parts(self) -> Iterator[list[str]]:
        """Give the ids of all, of half of the pages each time, or of fewer."""
        count, at_once = len(self.pages), max(MOST_IDS // len(self.ids_of(len(self.pages) // 2)), 1)
        step = min(-(-count // 2), at_once)
        for at in range(0, count, step):
            yield sorted(set[str]().union(*map(self.ids_of, range(at, min(at + step, count)))))

    def is_first(self, mark: int, *, unclear: bool) -> bool:
        """Whether no other partition that is read here has delivered an item, where several may; it is remembered."""
        if unclear and not self.claimed.add(mark):
            return False
        return self.delivered is None or self.delivered.add(mark)


def _points_to(member: Any, partition: Partition) -> bool:
    """Whether a partition is the one that delivers an item with an unclear owner, of all those of a plan."""
    if not isinstance(partition, Interval):
        return True
    time = time_of(member)[0] if isinstance(member, dict) else None
    return partition.start is None if time is None else is_within(time, partition.start, partition.end)


class Strays:
    """Marks of items that came for others, and of all that those delivered."""

    def __init__(self) -> None:
        self._marks: set[int] = set()
        self._owned: list[Seen] = []
        self._room = MOST_OWNED

    def add(self, mark: int) -> None:
        """Remember an item that came for another partition than owns it."""
        if self.known and len(self._marks) < MOST_STRAYS:
            self._marks.add(mark)

    def deliver(self, marks: Seen) -> None:
        """Remember what a partition owned that was read to its end."""
        self._owned.append(marks)
        self._room -= len(marks)
        if not self.known:
            self._owned.clear()
            self._marks.clear()

    @property
    def known(self) -> bool:
        """Whether all that was delivered is remembered."""
        return self._room >= 0

    def lost(self) -> bool:
        """Whether one of them was delivered by nobody, as far as is known."""
        self._marks.difference_update(self.delivered())
        return bool(self._marks)

    def delivered(self) -> Iterator[int]:
        """Give the marks of all that was delivered."""
        return chain.from_iterable(self._owned)
