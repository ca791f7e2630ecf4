"""One search -> its pages, by the `next` links of the STAC API specification (item-search, paging)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from yarl import URL

from stac_manager.api.http import Answer, Client, Request, StatusError, shown
from stac_manager.exceptions import DataProcessingError


@dataclass(slots=True)
class Page:
    """One answer to a search.

    Attributes:
        url: Where it came from, fit for messages.
        features: Its members, not yet checked.
        following: The request for the page after it, None after the last.
    """

    url: str
    features: list[Any]
    following: Request | None


async def fetch_page(client: Client, request: Request, first: Request) -> Page:
    """Fetch one page. A server that refuses POST on its own `next` link is asked again with GET.

    Raises:
        DataProcessingError: If the server refuses, or answers something else than items.
    """
    try:
        return page_of(await client.send(request), first)
    except StatusError as error:
        if error.status != 405 or request.method != "POST" or request is first:
            raise
        return page_of(await client.send(Request("GET", request.url, headers=request.headers)), first)


def page_of(answer: Answer, first: Request) -> Page:
    """Read an answer as a page of items.

    Raises:
        DataProcessingError: If it is none.
    """
    features = answer.document.get("features")
    if not isinstance(features, list):
        raise DataProcessingError(f"{shown(answer.url)}: the answer is no item collection: it has no 'features'")
    following = next_request(answer, first) if features else None
    return Page(shown(answer.url), features, following)


def next_request(answer: Answer, first: Request) -> Request | None:
    """Build the request for the page after `answer`, or None after the last.

    The rules of the specification: the method is GET unless the link says otherwise, also after a POST; `href` is
    opaque and relative to the address of the answer; `headers` are sent; the body is the link's own, or with
    `merge` the first request's with the link's laid over it.
    """
    links = answer.document.get("links")
    link = next(
        (link for link in links if isinstance(link, dict) and link.get("rel") == "next")
        if isinstance(links, list)
        else iter(()),
        None,
    )
    if link is None:
        return None
    href = link.get("href")
    if not isinstance(href, str):
        raise DataProcessingError(f"{shown(answer.url)}: the server's next link has no href")
    url = str(answer.url.join(URL(href, encoded=True)))
    headers = {str(name): str(value) for name, value in (link.get("headers") or {}).items()}
    if str(link.get("method", "GET")).upper() != "POST":
        return Request("GET", url, headers=headers)
    body = link.get("body") or {}
    return Request("POST", url, {**(first.body or {}), **body} if link.get("merge") else body, headers)


def identity_of(request: Request) -> str:
    """Return what makes a request the same request: method, address and body."""
    return f"{request.method} {request.url} {request.body!r}"
