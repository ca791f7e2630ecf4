"""What is sent to a server, as a value; the same for pages of another size, or for another page where links count.

Only numbers under names that are known to count are believed, and only where the second link shows by how much they
grow. Tokens, cursors and `search_after` are opaque, whatever they look like (STAC API, item-search, paging).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import orjson
from yarl import URL

from stac_manager.network.exchange import Request as Request
from stac_manager.parsing.texts import canonical

COUNTING = ("offset", "_o", "skip", "page", "startIndex", "startindex", "start")
"""`offset`: pygeoapi, stac-fastapi-geoparquet; `_o`: datacube-explorer; `skip`: rustac; `startIndex`: OGC servers."""
NO_PAGES = {*COUNTING, "limit", "ids", "collections", "datetime", "from", "startRecord", "resultOffset"} - {"page"}
"""Names of numbers that count items, or nothing."""
LARGEST_NUMBER = 10**12
LARGE_PAGE = 50  # of so many Items one more is no more than 2 %
_NUMBER = re.compile(r"\d{1,12}")
_NUMBER_IN_QUERY = re.compile(rf"(?<=[?&])({'|'.join(COUNTING)})=(\d{{1,12}})(?=&|$)", re.ASCII)


def mark_of_request(request: Request) -> int:
    """Return a number that is the same for the same request; a `next` link may tell its pages apart by a header."""
    return hash((request.method, request.url, canonical(request.body), tuple(request.headers.items())))


def as_query(value: Any) -> str:
    """Write a member as a query parameter (STAC API, item-search): lists with commas, objects as JSON, no exponents."""
    if isinstance(value, dict) and isinstance(value.get("include"), list):  # of the Fields extension
        value = value["include"]
    if isinstance(value, list) and value and isinstance(value[0], dict):  # of the Sort extension
        value = [f"{'-' if key['direction'] == 'desc' else '+'}{key['field']}" for key in value]
    if isinstance(value, list):
        return ",".join(format(Decimal(str(each)), "f") if isinstance(each, float) else str(each) for each in value)
    return orjson.dumps(value).decode() if isinstance(value, dict) else str(value)


def members_of(request: Request) -> Mapping[str, Any]:
    """What a request says, by name: in its body, else in its address."""
    return URL(request.url, encoded=True).query if request.body is None else request.body


def with_limit(request: Request, limit: int) -> Request | None:
    """Return the request for a page of another size; None where the request does not say its size, or counts pages,
    which mean other items once they are smaller: so may a link that has a number under any name."""
    members = members_of(request)
    numbers = (name for name, each in members.items() if isinstance(each, str | int) and _NUMBER.fullmatch(str(each)))
    counts_pages = request.given_by is not None and not NO_PAGES.issuperset(numbers)
    if counts_pages or "limit" not in members or "page" in members:
        return None
    return with_number(request, "limit", limit)


def with_page_of(request: Request, limit: int, came: int) -> Request | None:
    """Return the request for what begins behind `came` items where its number counts pages, of another size: no more
    than `limit`, and so many that whole pages lie before it. None where its number is something else."""
    numbers, size = numbers_of(request), limit_of(request)
    if list(numbers) != ["page"] or not size or not came or came % size:
        return None
    origin = numbers["page"] - came // size
    if origin not in (0, 1):  # pages were short, or came before
        return None
    fitting = next(each for each in range(limit, 0, -1) if came % each == 0)
    return with_number(with_number(request, "limit", fitting), "page", came // fitting + origin)


def limit_of(request: Request) -> int | None:
    """The size of page that a request asks for, where it says so."""
    if request.body is not None:
        limit = request.body.get("limit")
        return limit if type(limit) is int and 0 < limit < LARGEST_NUMBER else None
    found = re.search(r"[?&]limit=(\d{1,9})(?!\d)", request.url, re.ASCII)
    return int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class Counter:
    """How the links of a search count."""

    request: Request  # for one of its pages
    parameter: str  # the name of the number
    step: int  # by which it grows a page
    origin: int  # its value on the page number 0
    size: int  # Items of a page

    def page(self, number: int) -> Request:
        """Build the request for a page, from 0."""
        return with_number(self.request, self.parameter, self.origin + number * self.step)

    def counts(self, request: Request) -> bool:
        """Whether a request differs from others of the search in this number only, and in the size of its page."""
        size = limit_of(self.request)
        other = with_number(request, self.parameter, numbers_of(self.request)[self.parameter])
        return other == self.request or (size is not None and with_number(other, "limit", size) == self.request)

    def leads_back(self, request: Request, sent: Request) -> bool:
        """Whether a request differs from one that was sent in this number only, which is none or not larger."""
        same = _without(request, self.parameter) == _without(sent, self.parameter)
        return same and self.place(request) <= self.place(sent)

    def place(self, request: Request) -> tuple[int, int]:
        """The page in which a request begins, and how far behind its beginning."""
        value = numbers_of(request).get(self.parameter, self.origin) - self.origin
        items = 1 if self.step == self.size else min(limit_of(request) or self.size, self.size)
        return divmod(value * items, self.size)

    def rest(self, request: Request) -> Request | None:
        """The request for the rest of the page in which one begins, or for as much of that as can be asked for; None
        where it begins with a page."""
        page, behind = self.place(request)
        left = self.size - behind
        rest = with_limit(request, left) or with_page_of(request, left, page * self.size + behind)
        return rest if behind else None


def counter_of(second: Request, third: Request, page_size: int, number: int = 2) -> Counter | None:
    """Read from the links to the second and to the third page how they count; None where they do not, plainly. With a
    `number` they lead to the page of that number and to the one after it, from 1."""
    before, after = numbers_of(second), numbers_of(third)
    grown = [name for name in before if name in after and after[name] != before[name]]
    if len(grown) != 1 or with_number(second, grown[0], after[grown[0]]) != third:
        return None
    return _counter(second, grown[0], after[grown[0]] - before[grown[0]], page_size, number)


def counter_of_sizes(second: Request, of_one: Request, page_size: int) -> Counter | None:
    """Read the same from the links to the second pages of two searches, one of `page_size` and one of one item a page;
    None where they differ in more than the sizes, the times asked for, and one number that follows the size."""
    numbers, other = numbers_of(second), numbers_of(of_one)
    names = [name for name in numbers if name in other and numbers[name] - other[name] == page_size - 1 > 0]
    if len(names) != 1 or _without(second, names[0]) != _without(of_one, names[0]):
        return None
    return _counter(second, names[0], page_size, page_size, 2)


def _counter(request: Request, name: str, step: int, page_size: int, number: int) -> Counter | None:
    """The counter of a request for the page of a `number`: items are counted from 0 or 1, and pages under few names."""
    origin = numbers_of(request)[name] - (number - 1) * step
    counts = step == page_size or (step == 1 and name in ("page", "_o"))
    known = counts and origin in (0, 1, 2 if step > 1 else 1)
    return Counter(request, name, step, origin, page_size) if known else None


def _without(request: Request, number: str) -> tuple[Any, ...]:
    """A request but for a number, its size and the times asked for."""
    url = URL(request.url, encoded=True)
    members = ((request.body or {}).items(), url.query.items())
    rest = ({name: value for name, value in each if name not in (number, "limit", "datetime")} for each in members)
    return request.method, url.with_query(None), *rest


def numbers_of(request: Request) -> Mapping[str, int]:
    """The numbers of a request that may count, by name."""
    found = {name: int(value) for name, value in _NUMBER_IN_QUERY.findall(request.url)}
    for name in COUNTING:
        value: Any = (request.body or {}).get(name)
        if type(value) is int and 0 <= value < LARGEST_NUMBER:
            found[name] = value
    return found


def with_number(request: Request, name: str, value: int) -> Request:
    """The same request with another number; an address is not written anew, but for the digits."""
    if request.body is not None and name in request.body:
        return replace(request, body={**request.body, name: value})
    return replace(request, url=re.sub(rf"(?<=[?&]){name}=\d+", f"{name}={value}", request.url))


def one_back(request: Request, came: int, origins: Sequence[int] = (0, 1)) -> Request | None:
    """The request for as large a page from the Item before it on, behind `came` others, where its number counts Items
    and it is large; None of others."""
    numbers = dict(numbers_of(request))
    name, number = numbers.popitem() if len(numbers) == 1 else ("page", 0)
    if name == "page" or (limit_of(request) or 0) < LARGE_PAGE or came < 1 or number - came not in origins:
        return None
    return with_number(request, name, number - 1)


def is_behind(request: Request, other: Request) -> bool:
    """Whether no number of a request is as small as that of another one."""
    numbers = numbers_of(other)
    return all(number > numbers.get(name, -1) for name, number in numbers_of(request).items())


def page_after(request: Request) -> Request | None:
    """The request for the page after one that is asked for by its number; None of others."""
    number = numbers_of(request).get("page")
    return None if number is None else with_number(request, "page", number + 1)


def item_after(request: Request) -> Request | None:
    """The request for what is behind the first item of a page, where its number counts items; None of others."""
    if limit_of(request) == 1 and "page" in numbers_of(request):
        return page_after(request)
    numbers = {name: number for name, number in numbers_of(request).items() if name != "page"}
    if len(numbers) != 1:
        return None
    name, number = numbers.popitem()
    return with_number(request, name, number + 1)
