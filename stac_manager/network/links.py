"""Addresses that a server's links lead to: resolved, and refused where they lead into a network
that is none of the server's business."""

from __future__ import annotations

import re
from urllib.parse import quote

from yarl import URL

from stac_manager.exceptions import DataProcessingError
from stac_manager.network.private import PRIVATE, is_private
from stac_manager.urls import shown

HTTP_PORT = 80
MAX_REDIRECTS = 10
# With 301 and 302 browsers turn a POST into a GET (RFC 9110, 15.4); a search would lose all its conditions by that.
REDIRECTS_THAT_KEEP_THE_METHOD = (301, 302, 307, 308)
REDIRECTS = (303, *REDIRECTS_THAT_KEEP_THE_METHOD)

_NOT_IN_URLS = re.compile(r"[^!-~]+")
"""Spaces, control characters and letters beyond ASCII, which no URL has and some links do (RFC 3986, section 2)."""
_AND_IN_HTML = re.compile(r"(?<=[^?&])&amp;(?=[\w:.-]+=)")


def origin_of(url: URL) -> tuple[str, str | None, int | None]:
    """Scheme, host and port."""
    return url.scheme, url.host, url.port


def linked(base: URL, href: str) -> URL:
    """Resolve a link of the server against the address that it came from. `href` is opaque and not written anew, but
    that what came over https goes on over https: servers behind a proxy often do not know that they are reached so;
    and that it is no HTML, in which some write the `&` between two parameters."""
    try:
        href = _NOT_IN_URLS.sub(lambda found: quote(found[0], errors="surrogateescape"), href.strip())
        href = _AND_IN_HTML.sub("&", href)
        url = base.join(URL(href, encoded=True))
        origin_of(url)  # reads the port
        if (base.scheme, url.scheme) == ("https", "http") and url.host == base.host:
            port = base.explicit_port if url.port == HTTP_PORT else url.explicit_port
            url = url.with_scheme("https").with_port(port)
    except ValueError as error:
        raise DataProcessingError(f"{shown(base)}: a link of the server leads to no address: {error}") from None
    return url if url.user is None and url.password is None else url.with_user(None)  # not the server's to choose


def refuse_foreign(url: URL, source: URL) -> None:
    """Raise where a link or redirect leads to what a server has no reason to send us to."""
    if url.scheme not in ("http", "https"):
        raise DataProcessingError(f"refused to follow a link to {shown(url)}: not http or https")
    if url.host != source.host and is_private(url.host) and not is_private(source.host):
        raise DataProcessingError(f"refused to follow a link to {shown(url)}: {PRIVATE}")


def refuse_elsewhere(place: str, url: URL, source: URL, giver: URL) -> None:
    """Raise where the body of a link would go to another origin than that of the source, or of who gave the link."""
    if origin_of(url) not in (origin_of(source), origin_of(giver)):
        words = f"{place}: a link of {shown(giver)} has a body for another origin, which is not sent"
        raise DataProcessingError(words)
