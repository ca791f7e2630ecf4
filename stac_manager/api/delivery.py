"""In which order slices are asked for and their pages are delivered: as they come, or newest first."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from stac_manager.api.cursor import Cursor
from stac_manager.api.paging import Page


class Delivery(Protocol):
    """The slices that are being read, and their pages that wait for the consumer."""

    @property
    def waiting(self) -> int:
        """How many pages wait."""
        ...

    @property
    def items_waiting(self) -> int:
        """How many members those pages have."""
        ...

    def add(self, cursors: Iterable[Cursor], *, instead_of: Cursor | None = None) -> None:
        """Take slices in, the newest first; in place of another one if that is given."""
        ...

    def remove(self, cursor: Cursor) -> None:
        """Forget a slice that is finished, or that others replace, and the pages of it that wait."""
        ...

    def discard_pages(self, cursor: Cursor) -> None:
        """Forget the pages of a slice that wait."""
        ...

    def put(self, cursor: Cursor, page: Page) -> None:
        """Take in a page that has come."""
        ...

    def take(self) -> tuple[Cursor, Page] | None:
        """Hand out the page to deliver next, if it has come."""
        ...

    def cursors(self) -> Iterable[Cursor]:
        """Every slice that is not finished."""
        ...

    def next_to_ask(self, page_size: int) -> Cursor | None:
        """Choose the slice of which to fetch a page next."""
        ...

    def is_urgent(self, cursor: Cursor) -> bool:
        """Tell whether nothing can be delivered before the next page of this slice."""
        ...


class AsTheyCome:
    """Pages are delivered as they come; the slice with the most work left is asked first, so that all end together."""

    def __init__(self) -> None:
        self._cursors: set[Cursor] = set()
        self._pages: deque[tuple[Cursor, Page]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._pages)

    @property
    def items_waiting(self) -> int:
        return sum(page.size for _, page in self._pages)

    def add(self, cursors: Iterable[Cursor], *, instead_of: Cursor | None = None) -> None:
        if instead_of is not None:
            self.remove(instead_of)
        self._cursors.update(cursors)

    def remove(self, cursor: Cursor) -> None:
        self._cursors.discard(cursor)
        self.discard_pages(cursor)

    def discard_pages(self, cursor: Cursor) -> None:
        if any(owner is cursor for owner, _ in self._pages):
            self._pages = deque((owner, page) for owner, page in self._pages if owner is not cursor)

    def put(self, cursor: Cursor, page: Page) -> None:
        self._pages.append((cursor, page))

    def take(self) -> tuple[Cursor, Page] | None:
        return self._pages.popleft() if self._pages else None

    def cursors(self) -> Iterable[Cursor]:
        return list(self._cursors)

    def next_to_ask(self, page_size: int) -> Cursor | None:
        askable = (cursor for cursor in self._cursors if cursor.askable)
        return max(askable, key=lambda cursor: cursor.pages_left(page_size), default=None)

    def is_urgent(self, cursor: Cursor) -> bool:
        return False


class NewestFirst:
    """Slices are delivered one after another, and asked for in the same order, as far ahead as there is room."""

    def __init__(self) -> None:
        self._line: deque[tuple[Cursor, deque[Page]]] = deque()
        self._waiting = 0

    @property
    def waiting(self) -> int:
        return self._waiting

    @property
    def items_waiting(self) -> int:
        return sum(page.size for _, pages in self._line for page in pages)

    def add(self, cursors: Iterable[Cursor], *, instead_of: Cursor | None = None) -> None:
        new: list[tuple[Cursor, deque[Page]]] = [(cursor, deque()) for cursor in cursors]
        if instead_of is None:
            self._line.extend(new)
            return
        self.discard_pages(instead_of)
        line: deque[tuple[Cursor, deque[Page]]] = deque()
        for entry in self._line:
            line.extend(new if entry[0] is instead_of else [entry])
        self._line = line

    def remove(self, cursor: Cursor) -> None:
        self.discard_pages(cursor)
        self._line = deque(entry for entry in self._line if entry[0] is not cursor)

    def discard_pages(self, cursor: Cursor) -> None:
        for owner, pages in self._line:
            if owner is cursor:
                self._waiting -= len(pages)
                pages.clear()

    def put(self, cursor: Cursor, page: Page) -> None:
        next(pages for owner, pages in self._line if owner is cursor).append(page)
        self._waiting += 1

    def take(self) -> tuple[Cursor, Page] | None:
        if not self._line or not self._line[0][1]:
            return None
        cursor, pages = self._line[0]
        self._waiting -= 1
        return cursor, pages.popleft()

    def cursors(self) -> Iterable[Cursor]:
        return [cursor for cursor, _ in self._line]

    def next_to_ask(self, page_size: int) -> Cursor | None:
        return next((cursor for cursor, _ in self._line if cursor.askable), None)

    def is_urgent(self, cursor: Cursor) -> bool:
        return self._line[0][0] is cursor and not self._line[0][1]
