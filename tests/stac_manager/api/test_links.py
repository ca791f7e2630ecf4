"""Which next links count, and which are opaque."""

from dataclasses import replace
from typing import Any

import pytest
from yarl import URL as Address

from stac_manager.api.by_number import Frontier
from stac_manager.api.next_links import at_search, with_conditions
from stac_manager.api.requests import (
    Request,
    counter_of,
    counter_of_sizes,
    one_back,
    page_after,
    with_limit,
    with_page_of,
)
from stac_manager.network.links import linked

URL = "http://host/search?limit=10"


def get(query: str) -> Request:
    return Request("GET", f"{URL}&{query}")


def post(**members: Any) -> Request:
    return Request("POST", "http://host/search", {"limit": 10, **members})


@pytest.mark.parametrize(
    ("second", "third", "tenth"),
    [
        (get("offset=10"), get("offset=20"), get("offset=100")),
        (get("_o=10&x=1"), get("_o=20&x=1"), get("_o=100&x=1")),
        (get("page=2"), get("page=3"), get("page=11")),
        (get("page=1"), get("page=2"), get("page=10")),
        (post(skip=10), post(skip=20), post(skip=100)),
        (get("startIndex=11"), get("startIndex=21"), get("startIndex=101")),
        (get("token=10"), get("token=20"), None),
        (get("token=next:a10"), get("token=next:a20"), None),
        (get("search_after=10"), get("search_after=20"), None),
        (get("offset=10"), get("offset=25"), None),
        (get("offset=10&t=a"), get("offset=20&t=b"), None),
        (get("offset=10"), get("offset=10"), None),
        (post(skip=10, token="a"), post(skip=20, token="b"), None),
        (get("page=7"), get("page=8"), None),  # no beginning at 0 or 1
        (get("offset=1"), get("offset=2"), None),  # not pages
    ],
)
def test_counter(second: Request, third: Request, tenth: Request | None) -> None:
    counter = counter_of(second, third, 10)
    assert (None if counter is None else counter.page(10)) == tenth


@pytest.mark.parametrize(
    ("second", "of_one", "tenth"),
    [
        (post(skip=10), post(limit=1, datetime="../2200-01-01T00:00:00Z", skip=1), post(skip=100)),
        (get("offset=10"), Request("GET", "http://host/search?limit=1&datetime=..&offset=1"), get("offset=100")),
        (get("startIndex=11"), Request("GET", "http://host/search?startIndex=2&limit=1"), get("startIndex=101")),
        (get("page=2"), Request("GET", "http://host/search?limit=1&page=2"), None),  # or a token, the same for all
        (get("offset=10"), Request("GET", "http://host/search?limit=1&offset=10"), None),
        (get("offset=15"), Request("GET", "http://host/search?limit=1&offset=6"), None),  # no beginning at 0 or 1
        (get("offset=10"), Request("GET", "http://host/other?limit=1&offset=1"), None),
        (get("offset=10&t=a"), Request("GET", "http://host/search?limit=1&offset=1&t=b"), None),
        (post(skip=10, token="a"), post(limit=1, skip=1, token="b"), None),
        (post(skip=10), Request("GET", "http://host/search?limit=1&skip=1"), None),
        (post(token="a"), post(limit=1, token="b"), None),
    ],
)
def test_counter_of_pages_of_two_sizes(second: Request, of_one: Request, tenth: Request | None) -> None:
    counter = counter_of_sizes(second, of_one, 10)
    assert (None if counter is None else counter.page(10)) == tenth


@pytest.mark.parametrize(
    ("query", "resized"),
    [
        ("", True),
        ("offset=10", True),
        ("token=next:a10", True),
        ("datetime=2020", True),
        ("page=2", False),
        ("p=2", False),
        ("pageNumber=2", False),
    ],
)
def test_a_link_that_may_count_pages_is_for_no_other_size(query: str, resized: bool) -> None:
    for request in (get(query), post(**dict(each.split("=") for each in filter(None, [query])))):
        link = replace(request, given_by="http://host/search")
        assert (with_limit(link, 5) is not None) is resized


def test_the_place_of_a_page_and_the_page_after_it() -> None:
    counter = counter_of(get("startIndex=11"), get("startIndex=21"), 10)
    assert counter is not None
    assert [counter.place(get(f"startIndex={number}")) for number in (31, 36)] == [(3, 0), (3, 5)]
    assert page_after(get("page=3")) == get("page=4")
    assert page_after(get("offset=30")) is None


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ('/search?token=[1, "ü"]', 'http://host/search?token=[1,%20"%C3%BC"]'),
        (" ?token=a%20b\n", "http://host/stac/search?token=a%20b"),
        ("//other/x?a=%2Fb", "http://other/x?a=%2Fb"),
        ("?token=a&amp;limit=2&amp;filter-lang=x", "http://host/stac/search?token=a&limit=2&filter-lang=x"),
        ("?token=R&amp;D&amp;", "http://host/stac/search?token=R&amp;D&amp;"),
    ],
)
def test_links_are_made_fit_to_be_sent_and_else_left_alone(href: str, url: str) -> None:
    assert str(linked(Address("http://host/stac/search"), href)) == url


@pytest.mark.parametrize(
    ("link", "lost"),
    [
        ("search?page=2&limit=10", True),
        ("v1/search?startIndex=10&f=json", True),
        ("search?page=2&bbox=1,2,3,4", False),  # a link that says what it is of has what it needs
        ("search?start=WyJpdGVtIl0=&limit=10", False),  # a token
        ("search?limit=10", False),
        ("search/8d3f?page=2", False),  # a search that the server keeps
    ],
)
def test_conditions_are_added_to_links_that_only_count(link: str, lost: bool) -> None:
    found = with_conditions(Request("GET", f"http://host/{link}"), post(collections=["a", "b"]))
    assert (found and found.url) == (f"http://host/{link}&collections=a,b" if lost else None)


@pytest.mark.parametrize(("counted", "pages"), [(95, 10), (100, 10), (101, 11), (20, 2), (2_003, 201)])
def test_counted_pages_are_handed_out_once(counted: int, pages: int) -> None:
    counter = counter_of(get("offset=10"), get("offset=20"), 10)
    assert counter is not None
    frontier = Frontier(counter, 2, counted, 3)
    taken = []
    while (part := frontier.take()) is not None:
        assert part.stop is not None
        taken += range(part.first, part.stop)
    assert sorted(taken) == list(range(2, pages))
    ahead = taken[taken.index(pages - 1) :] if taken else []  # what is beyond it is looked at beside the others
    assert len(ahead) == min(len(taken), 9)


SEARCH = "https://host/stac/search"


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("http://inner:8080/search?token=a%2Fb", f"{SEARCH}?token=a%2Fb"),
        ("https://host/search?token=a#more", f"{SEARCH}?token=a"),
        (f"{SEARCH}?token=a", None),
        ("https://host/search/2", None),  # the path tells the page
    ],
)
def test_a_link_that_leads_elsewhere_at_the_address_of_the_search(link: str, url: str | None) -> None:
    found = at_search(Request("GET", link, headers={"X": "1"}, given_by=link), Request("GET", f"{SEARCH}?limit=10"))
    assert found == (None if url is None else Request("GET", url))


@pytest.mark.parametrize(
    ("base", "href", "url"),
    [
        ("https://host/search", "http://host/search?a=%2F", "https://host/search?a=%2F"),
        ("https://host:8443/search", "http://host/b", "https://host:8443/b"),
        ("https://host/search", "http://host:8080/b", "https://host:8080/b"),
        ("https://host/search", "http://other/b", "http://other/b"),
        ("http://host/search", "https://host/b", "https://host/b"),
    ],
)
def test_what_came_over_https_goes_on_over_https(base: str, href: str, url: str) -> None:
    assert str(linked(Address(base), href)) == url


@pytest.mark.parametrize(
    ("body", "limit", "came", "smaller"),
    [
        ({"limit": 10, "page": 6}, 5, 50, {"limit": 5, "page": 11}),  # pages are counted from 1
        ({"limit": 10, "page": 5}, 5, 50, {"limit": 5, "page": 10}),  # or from 0
        ({"limit": 25, "page": 5}, 12, 100, {"limit": 10, "page": 11}),  # 12 do not divide 100
        ({"limit": 1, "page": 54}, 10, 53, {"limit": 1, "page": 54}),
        ({"limit": 9, "page": 8}, 10, 63, {"limit": 9, "page": 8}),
        ({"limit": 10, "page": 6}, 5, 40, None),  # a page is missing
        ({"limit": 10, "page": 6}, 5, 47, None),  # pages were short
        ({"limit": 10, "page": 6}, 5, 110, None),
        ({"limit": 10, "offset": 50}, 5, 50, None),
        ({"page": 6}, 5, 50, None),
    ],
)
def test_smaller_pages_from_the_middle_of_a_search(
    body: dict[str, Any], limit: int, came: int, smaller: dict[str, Any] | None
) -> None:
    found = with_page_of(Request("POST", "http://host/search", body), limit, came)
    assert (found and found.body) == smaller


@pytest.mark.parametrize(
    ("asked", "came", "sent"),
    [
        ("offset=100&limit=100", 100, "offset=99&limit=100"),
        ("startIndex=51&limit=50", 50, "startIndex=50&limit=50"),
        ("offset=49&limit=49", 49, None),  # so small that one Item more a page is much
        ("_o=1&limit=100", 100, None),  # it counts pages
        ("page=1&limit=1", 1, None),
        ("offset=100&limit=100", 60, None),  # pages are short, or links skip some
        ("offset=100&page=1&limit=100", 100, None),
        ("offset=100", 100, None),
        ("token=100&limit=100", 100, None),
        ("offset=0&limit=10", 0, None),
    ],
)
def test_a_page_is_asked_for_with_the_item_before_it_where_its_number_counts_items(
    asked: str, came: int, sent: str | None
) -> None:
    back = one_back(Request("GET", f"http://host/search?{asked}"), came)
    assert back == (None if sent is None else Request("GET", f"http://host/search?{sent}"))
