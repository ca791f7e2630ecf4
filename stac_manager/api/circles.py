"""Whether the pages of a search lead in a circle, or nowhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from stac_manager.api.requests import Request, mark_of_request

LOOP = "the server's next link leads back to a page already read"
REPEAT = "the server repeats a page"
CIRCLES = (LOOP, REPEAT)
STALE_PAGES = 20
EMPTY_PAGES = 5  # so many empty pages in a row are the end where there is no count
STALE = f"{STALE_PAGES} pages in a row held nothing new"


@dataclass(slots=True)
class Circles:
    """Marks of the requests for pages and of the pages themselves, and how long nothing new came."""

    asked: set[int] = field(default_factory=set)
    pages: set[int] = field(default_factory=set)
    empty: int = 0  # pages in a row without any member
    stale: int = 0  # pages in a row without a new member
    fresh: int = 0  # pages with one
    again: int = 0  # so many members are still to come once more, as it was begun anew

    def accept(self, request: Request, size: int) -> None:
        """Take note of a page that has come for a request."""
        self.asked.add(mark_of_request(request))
        self.empty = 0 if size else self.empty + 1

    def lead_back_to(self, request: Request) -> bool:
        """Whether a request is one of those whose pages came."""
        return mark_of_request(request) in self.asked

    def finish_page(self, different: frozenset[int], members: int, new: int) -> str | None:
        """Take note of so many members of a page, of which so many are new; say why none should follow."""
        self.stale = 0 if new or self.again > 0 else self.stale + 1
        self.fresh += new > 0
        self.again -= members
        mark = hash(different)
        repeats = members > 0 and mark in self.pages
        self.pages.add(mark)
        return REPEAT if repeats else STALE if self.stale >= STALE_PAGES else None

    def begin_anew(self, came: int) -> None:
        """Forget the pages, of which so many members came: they come once more."""
        self.asked.clear()
        self.pages.clear()
        self.again = came
