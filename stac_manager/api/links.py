"""Links that count: where one number in a `next` link says which page it leads to, pages can be asked for directly.

Only numbers under names that are known to count are believed, and only where the second link shows by how much they
grow. Tokens, cursors and `search_after` are opaque, whatever they look like (STAC API, item-search, paging).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from stac_manager.api.requests import Request
from stac_manager.plan import Pages

COUNTING = ("offset", "_o", "skip", "page", "startIndex", "startindex", "start")
"""`offset`: pygeoapi, stac-fastapi-geoparquet; `_o`: datacube-explorer; `skip`: rustac; `startIndex`: OGC servers."""
LARGEST_NUMBER = 10**12
SHARES_A_WORKER = 8

_IN_QUERY = re.compile(rf"(?<=[?&])({'|'.join(COUNTING)})=(\d{{1,12}})(?=&|$)")


@dataclass(frozen=True, slots=True)
class Counter:
    """How the links of a search count.

    Attributes:
        request: A request for one of its pages.
        parameter: The name of the number.
        step: By how much it grows a page.
        origin: Its value on the page number 0.
    """

    request: Request
    parameter: str
    step: int
    origin: int

    def page(self, number: int) -> Request:
        """Build the request for a page, from 0."""
        return with_number(self.request, self.parameter, self.origin + number * self.step)

    def place(self, request: Request) -> tuple[int, int]:
        """The page in which a request begins, and how far behind its beginning."""
        value = numbers_of(request).get(self.parameter, self.origin)
        return divmod(value - self.origin, self.step)


def counter_of(second: Request, third: Request, page_size: int, number: int = 2) -> Counter | None:
    """Read from the links to the second and to the third page how they count; None where they do not, plainly.

    With a `number` they lead to the page of that number and to the one after it, from 1.
    """
    before, after = numbers_of(second), numbers_of(third)
    grown = [name for name in before if name in after and after[name] != before[name]]
    if len(grown) != 1:
        return None
    name = grown[0]
    step = after[name] - before[name]
    if step not in (page_size, 1) or with_number(second, name, after[name]) != third:
        return None
    origin = before[name] - (number - 1) * step
    if step == 1 and page_size > 1:
        return Counter(second, name, step, origin) if name in ("page", "_o") and origin in (0, 1) else None
    return Counter(second, name, step, origin) if origin in (0, 1) else None


def numbers_of(request: Request) -> Mapping[str, int]:
    """The numbers of a request that may count, by name."""
    found = {name: int(value) for name, value in _IN_QUERY.findall(request.url)}
    for name in COUNTING:
        value: Any = (request.body or {}).get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST_NUMBER:
            found[name] = value
    return found


def with_number(request: Request, name: str, value: int) -> Request:
    """The same request with another number; an address is not written anew, but for the digits."""
    if request.body is not None and name in request.body:
        return replace(request, body={**request.body, name: value})
    return replace(request, url=re.sub(rf"(?<=[?&]){name}=\d+", f"{name}={value}", request.url))


def page_after(request: Request) -> Request | None:
    """The request for the page after one that is asked for by its number; None of others."""
    number = numbers_of(request).get("page")
    return None if number is None else with_number(request, "page", number + 1)


def item_after(request: Request) -> Request | None:
    """The request for what is behind the first item of a page, where its number counts items; None of others."""
    numbers = {name: number for name, number in numbers_of(request).items() if name != "page"}
    if len(numbers) != 1:
        return None
    name, number = numbers.popitem()
    return with_number(request, name, number + 1)


class Frontier:
    """Hands out the pages of a search whose links count, in order, a few at a time.

    Attributes:
        next_page: The first page that was not handed out.
        end: The number after that of the last page; None until it came. Pages before it may still be on their way.
        last: The number of pages by the server's count; None without one.
    """

    def __init__(self, counter: Counter, page_size: int, next_page: int, counted: int | None) -> None:
        self.counter = counter
        self.next_page = next_page
        self.end: int | None = None
        self._page_size = page_size
        self.last = None if counted is None else -(-counted // page_size)

    def end_at(self, number: int) -> None:
        """Take note that there is no page of this number."""
        self.end = number if self.end is None else min(self.end, number)

    def take(self, workers: int) -> Pages | None:
        """Hand out the next pages: several where there are many, so that their number stays small."""
        if self.end is not None or (self.last is not None and self.next_page >= self.last):
            return None
        first = self.next_page
        left = first if self.last is None else self.last - first
        self.next_page = first + max(left // (SHARES_A_WORKER * workers), 1)
        if self.last is not None:
            self.next_page = min(self.next_page, self.last)
        counter = self.counter
        return Pages(first, self.next_page, self._page_size, counter.parameter, counter.step, counter.origin)
