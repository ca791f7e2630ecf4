"""How far the reading of one slice has come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from stac_manager.api.http import Request
from stac_manager.api.paging import Page, identity_of
from stac_manager.api.slicing import Slice

# A slice remembers its own items up to this number, so that it can be read again or cut while it is read.
ITEMS_REMEMBERED = 5_000

LOOP = "the server's next link leads back to a page already read"
REPEAT = "the server repeats a page"


@dataclass(slots=True, eq=False)
class Cursor:
    """A slice, the request for its next page, and what came of it so far.

    Attributes:
        piece: The slice.
        first: The request for its first page.
        following: The request for its next page; None once there is none.
        complement: Whether it is the search for items without a datetime.
        counted: The server's own number of items, None where it gives none.
        pages: Pages fetched; `processed` of them were delivered.
        members: Members of those pages, whatever they are.
        received: Different items delivered, or left out because another slice delivered them.
        invalid: Members that were no items.
        in_flight: Whether a page is being fetched.
        dropped: Whether other slices are read in its place.
        problem: Why its end cannot be believed.
        ids: Hashes of its items while they are few; None afterwards: then it cannot be read again.
    """

    piece: Slice
    first: Request
    following: Request | None
    complement: bool = False
    counted: int | None = None
    pages: int = 0
    processed: int = 0
    members: int = 0
    received: int = 0
    invalid: int = 0
    in_flight: bool = False
    dropped: bool = False
    last_was_full: bool = False
    problem: str | None = None
    ids: set[int] | None = field(default_factory=set)
    _previous: frozenset[int] = frozenset()
    _marks: set[int] = field(default_factory=set)
    _asked: set[int] = field(default_factory=set)

    @property
    def askable(self) -> bool:
        return self.following is not None and not self.in_flight

    @property
    def done(self) -> bool:
        """Whether every page has come and was delivered."""
        return self.following is None and not self.in_flight and self.processed == self.pages

    def pages_left(self, page_size: int) -> float:
        """How many pages are still to be fetched; without a count, as many as were."""
        if self.following is None:
            return 0
        if self.counted is not None and self.pages:
            return max(self.counted - self.members, 1) / page_size
        return max(self.pages, self.piece.estimate / page_size)

    def next_page_items(self, page_size: int) -> float:
        """How many items its next page should hold."""
        if self.counted is not None and self.pages:
            return min(max(self.counted - self.members, 0), page_size)
        return min(self.piece.estimate or page_size, page_size)

    def accept(self, page: Page) -> None:
        """Take note of a page that has come, and of the request for the one after it."""
        self.pages += 1
        self.members += page.size
        if self.counted is None:  # some servers count on some pages only
            self.counted = page.matched
        self._asked.add(hash(identity_of(self.following or self.first)))
        self.following = page.following
        if page.following is not None and hash(identity_of(page.following)) in self._asked:
            self.end(LOOP)
        elif page.doubt and self.counted is None:
            self.problem = page.doubt

    def is_repeated(self, mark: int) -> bool:
        """Tell whether an item came before in this slice, as far as that is remembered, and remember it."""
        if mark in self._previous:
            return True
        if self.ids is not None:
            known = len(self.ids)
            self.ids.add(mark)
            return len(self.ids) == known
        return False

    def finish_page(self, marks: Iterable[int]) -> None:
        """Remember a page that was delivered; the same page again is the end of what the server has to say."""
        self.processed += 1
        page = frozenset(marks)
        self._previous = page
        if page and hash(page) in self._marks:
            self.end(REPEAT)
        self._marks.add(hash(page))
        if self.ids is not None and len(self.ids) > ITEMS_REMEMBERED:
            self.ids = None

    def end(self, problem: str) -> None:
        self.problem = self.problem or problem
        self.following = None


def neighbours(cursors: Iterable[Cursor]) -> list[list[Cursor]]:
    """Group slices of which each begins where the one before it ends, oldest first; those that stand alone are left
    out."""
    groups: list[list[Cursor]] = []
    for cursor in sorted(cursors, key=lambda each: -inf if each.piece.low is None else each.piece.low):
        before = groups[-1][-1].piece.high if groups else None
        if before is not None and before == cursor.piece.low:
            groups[-1].append(cursor)
        else:
            groups.append([cursor])
    return [group for group in groups if len(group) > 1]
