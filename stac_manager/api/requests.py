"""What is sent to a server, as a value, and the same for a page of another size."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

Method: TypeAlias = Literal["GET", "POST"]

_LIMIT_IN_QUERY = re.compile(r"([?&]limit=)\d+")
# A link that counts pages means other items once the pages are smaller.
_PAGE_IN_QUERY = re.compile(r"[?&]page=")


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. Two equal requests ask the same.

    Attributes:
        given_by: Where the link to it stood; None of a request of our own.
    """

    method: Method
    url: str
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    given_by: str | None = field(default=None, compare=False)


def identity_of_request(request: Request) -> str:
    """Return what makes a request the same request; a `next` link may tell its pages apart by a header."""
    return f"{request.method} {request.url} {request.body!r} {request.headers!r}"


def with_limit(request: Request, limit: int) -> Request | None:
    """Return the request for a page of another size; None where the request does not say its size, or counts pages.

    An opaque address is not written anew: only the digits of its limit change.
    """
    if request.method == "POST":
        if request.body is None or "limit" not in request.body or "page" in request.body:
            return None
        return replace(request, body={**request.body, "limit": limit})
    if not _LIMIT_IN_QUERY.search(request.url) or _PAGE_IN_QUERY.search(request.url):
        return None
    return replace(request, url=_LIMIT_IN_QUERY.sub(rf"\g<1>{limit}", request.url))


def limit_of(request: Request) -> int | None:
    """The size of page that a request asks for, where it says so."""
    if request.body is not None:
        limit = request.body.get("limit")
        return limit if isinstance(limit, int) else None
    found = re.search(r"[?&]limit=(\d{1,9})(?!\d)", request.url)
    return int(found[1]) if found else None
