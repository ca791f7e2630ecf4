"""What is counted and remembered while a partition of a search is read."""

from __future__ import annotations

from dataclasses import dataclass, field

from stac_manager.api.requests import Request
from stac_manager.api.seen import Seen
from stac_manager.exceptions import DataProcessingError


@dataclass(slots=True)
class Tally:
    """What is counted while a partition is read.

    Attributes:
        fetched: Pages that came; `read` of them were delivered.
        members: Members of those that came.
        items: Items delivered.
        duplicates: Members that came again, here or where a share was read before.
        foreign: Members that belong to other partitions.
        left_out: Members that do not meet the conditions of the search.
        near: Those of the page at hand that hardly miss them, and came over a link.
        failed: Members that are no items.
        skipped: Members that cannot be had.
        twice: Those that came again on one and the same page: the server has them twice, and counts them so.
        short: Pages that are not as large as this server's get.
    """

    fetched: int = 0
    read: int = 0
    members: int = 0
    items: int = 0
    duplicates: int = 0
    foreign: int = 0
    left_out: int = 0
    near: int = 0
    failed: int = 0
    skipped: int = 0
    twice: int = 0
    short: int = 0


@dataclass(slots=True)
class Memory:
    """What a reading remembers: marks of its own items, of others, of its pages and of its requests.

    Attributes:
        new_on_page: New members of the page at hand.
        stale: Pages in a row without a new member, `empty` without any.
        last_was_full: Whether the latest page was as large as this server's pages get.
        unnamed: Why members cannot be had behind which nothing has come yet: they may be behind the last.
        counts: What its pages said that there is; `counting`, whether their links count.
        anew: Whether it was begun once more, over what came already: over `again` members of that, from here on.
    """

    own: Seen = field(default_factory=Seen)
    others: Seen = field(default_factory=Seen)
    pages: set[int] = field(default_factory=set)
    asked: set[int] = field(default_factory=set)
    new_on_page: int = 0
    stale: int = 0
    empty: int = 0
    last_was_full: bool = False
    unnamed: list[str] = field(default_factory=list)
    counts: set[int] = field(default_factory=set)
    counting: bool = False
    anew: bool = False
    again: int = 0

    def is_new(self, mark: int, *, own: bool) -> bool:
        """Tell whether a member has not come before in this reading, and remember it."""
        new = (self.own if own else self.others).add(mark)
        self.new_on_page += new
        return new

    @property
    def different(self) -> int:
        return len(self.own) + len(self.others)


@dataclass(slots=True)
class Ending:
    """Why the end of a partition cannot be believed.

    Attributes:
        problem: That, in words.
        doubtful: Whether it is no more than a doubt: nothing shows that items are missing; without one, of a count.
        error: What went wrong with a page, so that others may help.
        shifted: Why pages may have moved while they were read.
        elsewhere: What went wrong at the address that the landing page names, before another one was tried.
        refused: The request for the page that cannot be had.
    """

    problem: str | None = None
    doubtful: bool = False
    error: str | None = None
    shifted: str | None = None
    elsewhere: DataProcessingError | None = None
    refused: Request | None = None
