"""The `next` link of a page -> the request for the page after it (STAC API, item-search, paging)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import orjson
from yarl import URL

from stac_manager.api.http import Answer
from stac_manager.api.requests import Request, as_query, limit_of, members_of, numbers_of, with_number
from stac_manager.exceptions import DataProcessingError
from stac_manager.network.exchange import json_of
from stac_manager.network.links import linked
from stac_manager.urls import shown

# Headers that say how a request travels: not for a link to set. After `Expect` a body waits for the server.
OF_THE_CONNECTION = ("accept-encoding", "connection", "content-encoding", "content-length", "expect", "host", "te",
                     "trailer", "transfer-encoding", "upgrade")  # fmt: skip
CONDITIONS = ("collections", "ids", "bbox", "intersects", "datetime", "query", "filter", "filter-lang", "sortby")
LONG_ADDRESS = 2_000  # characters: web servers take 2,048 to 16,000
TOKENS_IN = ("search:metadata", "context")  # where STAC API 0.8 and 0.9 have the token of the next page

_NEXT_IN_HEADER = re.compile(r"""<([^<>]*)>(?=[^<]*;\s*rel\s*=\s*(?:"next"|'next'|next\b))""", re.IGNORECASE)


class LinkError(DataProcessingError):
    """A next link that leads to no request."""


def next_request(answer: Answer, first: Request) -> Request | None:
    """Build the request for the page after `answer`, or None after the last; a link that is none is a `LinkError`.

    The rules of the specification: the method is GET unless the link says otherwise, also after a POST; `href` is
    opaque and relative to the address of the answer; `headers` are sent; the body is the link's own, or with
    `merge` the first request's with the link's laid over it. Where the link counts, conditions that the first request
    has and the link has not are lost, and sent all the same. Franklin calls a link GET that has all in its body. A link
    to a larger page than was asked for (GEODES) would skip items where it counts pages.
    """
    link = _next_link(answer, first.method)
    if link is None or link.get("href", link) in (None, ""):
        return _by_token(answer, first)
    if not isinstance(href := link.get("href"), str):
        raise LinkError(f"{shown(answer.url)}: the server's next link has no href")
    link_headers, body = _member(link, "headers"), _member(link, "body")
    if not isinstance(link_headers, dict) or not isinstance(body, dict):
        raise LinkError(f"{shown(answer.url)}: headers or body of the server's next link are not a JSON object")
    body = {name: value for name, value in body.items() if value is not None}  # as servers write what is not given
    try:
        url, _ = str(linked(answer.url, href)), json_of(shown(answer.url), body)
    except DataProcessingError as error:
        raise LinkError(str(error)) from None
    own = (each for each in link_headers.items() if not isinstance(each[1], dict | list))
    headers = {name: str(value) for name, value in own if name.lower() not in OF_THE_CONNECTION}
    says_all = first.method == "POST" and bool(body) and "?" not in url
    if _method(link) == "POST" or says_all:
        body = {**(first.body or {}), **body} if link.get("merge") else body
        request = Request("POST", url, body, headers, str(answer.url))
    else:
        request = Request("GET", url, headers=headers, given_by=str(answer.url))
    if request.body is None or numbers_of(request):  # a number says nothing of the search, as a token may
        request = with_conditions(request, first) or request
    limit, asked = limit_of(request), limit_of(first)
    return with_number(request, "limit", asked) if limit and asked and limit > asked else request


def _by_token(answer: Answer, first: Request) -> Request | None:
    """What older servers have instead of a link: a value for the parameter `next`."""
    members = [answer.document.get(name) for name in TOKENS_IN]
    token = next((each["next"] for each in members if isinstance(each, dict) and each.get("next")), None)
    if not isinstance(token, str | int) or not answer.size:
        return None
    if first.body is not None:
        return replace(first, body={**first.body, "next": token})
    return replace(first, url=str(URL(first.url, encoded=True).update_query(next=str(token))))


def at_search(request: Request, first: Request) -> Request | None:
    """The same page at the address of the search itself, for links that lead elsewhere: behind a proxy a server may
    not know its own host, port or path; in a body as the search was, if its address may be too long (CMR-STAC). None
    where the link leads there, or has nothing but its path to tell pages apart."""
    place, target = URL(first.url, encoded=True).with_query(None), URL(request.url, encoded=True)
    if first.body is not None and request.method == "GET" and len(request.url) > LONG_ADDRESS:
        return replace(first, body={**target.query, **first.body})
    if target.with_query(None).with_fragment(None) == place or not (target.raw_query_string or request.body):
        return None
    url = f"{place}?{target.raw_query_string}" if target.raw_query_string else str(place)
    return replace(request, url=url, headers={}, given_by=None)


def with_conditions(request: Request, first: Request) -> Request | None:
    """The same page with the conditions of the search that its link has lost; None where it has them all, or its
    address is opaque: it has another path than the search, or something else than counts and sizes."""
    lost = {name: value for name, value in members_of(first).items() if name in CONDITIONS}
    if request.body is not None:
        lost = {name: value for name, value in lost.items() if name not in request.body}
        return replace(request, body={**lost, **request.body}) if lost else None
    url, counted = URL(request.url, encoded=True), numbers_of(request)
    opaque = any(name not in (*counted, "limit", "f") for name in url.query)
    if opaque or not lost or not counted or url.name != URL(first.url, encoded=True).name:
        return None
    return replace(request, url=str(url.extend_query({name: as_query(value) for name, value in lost.items()})))


def keeps_conditions(request: Request, first: Request) -> bool:
    """Whether a link shows every condition of the search."""
    return {*members_of(first)} & {*CONDITIONS} <= {*members_of(request)}


def keeps_collections(following: Request, first: Request) -> bool:
    """Whether a link leaves the Collections of the search as they are, or is opaque; servers that read one after
    another name those that are left."""
    left = members_of(following).get("collections")
    return left is None or left == members_of(first).get("collections")


def _next_link(answer: Answer, method: str) -> dict[str, Any] | None:
    """The link in the document, else that of the header `Link` (RFC 8288), as servers of OGC API Features have it. Of
    several, one for each method or format, that for the method of the search, and none to a web page."""
    if following := [link for link in answer.links if _is_next(link.get("rel"))]:
        return max(following, key=lambda link: ("html" not in str(link.get("type")), _method(link) == method))
    return {"href": found[1]} if (found := _NEXT_IN_HEADER.search(answer.link)) else None


def _method(link: dict[str, Any]) -> str:
    return str(link.get("method", "GET")).upper()


def _is_next(relation: Any) -> bool:
    """Whether a relation, or one of several, is `next`, in whatever case (RFC 8288, 2.1.1)."""
    return any(str(each).lower() == "next" for each in (relation if isinstance(relation, list) else [relation]))


def _member(link: dict[str, Any], name: str) -> Any:
    """A member of a link that is an object; one that was written as text is read, an empty one of any kind is {}."""
    value = link.get(name)
    if isinstance(value, str) and value:
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value or {}
