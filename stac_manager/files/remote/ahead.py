"""What a walk through a catalog has asked for before it is its turn, within a bound in bytes."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from stac_manager.files.remote.catalogs import Link
from stac_manager.files.remote.fetched import Fetched
from stac_manager.stats import FileStats

AHEAD_BYTES = 33_554_432
"""What is fetched and waits for the consumer takes no more, and one document."""
MOST_AHEAD_BYTES = 134_217_728
"""With what is on its way, and turns out larger than expected, it takes no more."""
AHEAD_DOCUMENTS = 1_024


class PostponedError(Exception):
    """There is no room for a document before its turn."""


@dataclass(eq=False)
class Branch:
    """The links of one catalog."""

    links: Sequence[Link]
    place: tuple[int, ...]
    url: str = ""
    size: int = 0
    started: int = 0
    delivered: int = 0


@dataclass(eq=False)
class Load:
    """A document that is on its way or waits."""

    task: asyncio.Task[None] | None = None
    result: Fetched | Branch | str | None = None  # or what went wrong
    size: int = 0
    arriving: int = 0  # bytes of it so far, packed and unpacked
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Unstarted:
    """The links of all branches that nobody has asked for yet, in order."""

    def __init__(self) -> None:
        self._branches: list[tuple[tuple[int, ...], int, Branch]] = []  # each with the place of its next link
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._branches)

    def push(self, branch: Branch) -> None:
        """Add a branch, if it has any."""
        if branch.started < len(branch.links):
            self._count += 1
            heapq.heappush(self._branches, ((*branch.place, branch.started), self._count, branch))

    def pop(self) -> tuple[Link, tuple[int, ...]]:
        """Take the first link, and its place."""
        place, _, branch = heapq.heappop(self._branches)
        link = branch.links[branch.started]
        branch.started = max(branch.started + 1, branch.delivered)
        self.push(branch)
        return link, place


@dataclass(eq=False)
class Ahead:
    """What was asked for and was not delivered yet."""

    loads: dict[str, Load] = field(default_factory=dict)  # by their URLs
    running: int = 0  # so many of them
    waiting_bytes: int = 0  # of what has come
    arriving: int = 0  # bytes of what is on its way
    wanted: Load | None = None  # the consumer waits for it, or has it
    large: int = 0  # bytes that came, unpacked

    def has_room(self, stats: FileStats) -> bool:
        """Whether there is room for one more, if documents are as large as they were in the mean."""
        mean = max(stats.bytes, self.large) / stats.documents if stats.documents else 0
        expected = max(self.running * mean, self.arriving)
        return self.waiting_bytes + expected < AHEAD_BYTES and len(self.loads) < AHEAD_DOCUMENTS

    async def take(self, load: Load, count: int) -> None:
        """Count bytes of a document that arrives, or is unpacked.

        Raises:
            PostponedError: If there is no room for them, and it is not the one that is waited for.
        """
        load.arriving += count
        self.arriving += count
        if self.waiting_bytes + self.arriving > MOST_AHEAD_BYTES and load is not self.wanted:
            raise PostponedError

    def ended(self, load: Load) -> None:
        """A document has come, or does not."""
        self.running -= 1
        self.arriving -= load.arriving
        self.large += load.arriving
