"""What came of one partition: a value that travels back from whoever has read it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

SHIFTED = "items came or went while pages were read: the server's count changed"
UNSTEADY = "the server counts otherwise on most of its pages"


def shift_of(counts: Collection[int], pages: int) -> str:
    """What these counts of so many pages show: that they change with what is there, or that they mean nothing."""
    return UNSTEADY if 2 * len(counts) > pages and len(counts) > 2 else SHIFTED


@dataclass(frozen=True, slots=True)
class PartitionReport:
    """What came of one partition.

    Attributes:
        key: Of the partition.
        items: Items that it owns and that were delivered.
        seen: Members that came, those of other partitions and repeated ones included.
        duplicates: Members that came again and were left out.
        foreign: Members outside of what was asked for, which no partition owns.
        twice: Items that the server has twice, and counts so.
        left_out: Members that do not meet the conditions of the search, which some servers ignore.
        counted: The server's own number of items for this partition, None where it gives none.
        pages: Pages, or documents, that were read.
        requests: Requests sent.
        failed: Members and documents that could not be delivered; the failure collector names them.
        catalogs: Catalogs and Collections that stood where items were looked for.
        next_pages: Pages that documents name as their next ones and that were not read with it, as `following.Named`.
        last_pages: Documents that name none.
        timeless: Items of files that `datetime` leaves out since their time is missing or not understood.
        problem: Why it is not proved to be whole, in words; None where nothing speaks against it.
        doubtful: Digests of items of which the owner cannot be told, and that were not delivered here; who merges
            looks whether they were delivered elsewhere.
        settled: Digests of such items that were delivered here.
        doubtful_end: Whether `problem` is only that the end cannot be believed, and not that items are missing.
        contradicts: Whether its count alone says so: its pages came to their end, and none of them shows a gap.
        shifted: Why pages may have moved while they were read, in words: no count proves anything then.
        datetime: The interval of time that it is limited to, as a search has it; None where it is not.
        place: What it is called in messages, where that is not its interval.
    """

    key: str
    items: int = 0
    seen: int = 0
    duplicates: int = 0
    foreign: int = 0
    twice: int = 0
    left_out: int = 0
    counted: int | None = None
    pages: int = 0
    requests: int = 0
    failed: int = 0
    catalogs: int = 0
    next_pages: tuple[tuple[str, ...], ...] = ()
    last_pages: int = 0
    timeless: int = 0
    problem: str | None = None
    doubtful: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    doubtful_end: bool = False
    contradicts: bool = False
    shifted: str | None = None
    datetime: str | None = None
    place: str | None = None

    @property
    def name(self) -> str:
        """What the partition is called in messages."""
        return self.place or f"datetime {self.datetime or 'any'}"

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object; `PartitionReport(**document)` is the way back."""
        return {**asdict(self), "doubtful": list(self.doubtful), "settled": list(self.settled)}
