"""URLs of documents: what a link means, and which links are not followed. Pure."""

from __future__ import annotations

import re
import urllib.parse
from contextlib import suppress

from stac_manager.files.formats import ENTRY_FILES, format_of_name
from stac_manager.network.private import is_private

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
STORES = {"s3": "S3", "s3a": "S3", "gs": "GCS", "az": "Azure", "adl": "Azure", "azure": "Azure", "abfs": "Azure",
          "abfss": "Azure"}  # fmt: skip
"""What obstore reads, by scheme, and the name of its class."""
_MAY_HIDE = re.compile(r"[@?#]")
_ESCAPED = re.compile(r"%(2[DdEe]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff]|7[Ee])")
"""Letters, digits and `-._~`, which mean the same in a URL when they are escaped (RFC 3986, 2.3)."""
_HEXADECIMAL = re.compile(r"%[0-9A-Fa-f]{2}")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_QUERY = re.compile(r"(?=[?#])")
_EMPTY, _NO_NAME = re.compile(r"(?<=[^:]/)(?=/)"), "%00"
"""Where a name in a path is empty, which `urljoin` would leave out, and what stands for it meanwhile."""
_RESOLVED_AS_HTTP = "http"
_PLAIN = re.compile(r"(?:\./)?((?:[\w~-][\w.~-]*/)*[\w~-][\w.~-]*)", re.ASCII)
"""Most links: names below the folder of their document, with nothing in them that has a meaning in URLs."""


def scheme_of(url: str) -> str:
    """Return the scheme of a URL in lower case; nothing for a path."""
    found = _SCHEME.match(url)
    return found[1].lower() if found else ""


def joined(base: str, href: str) -> str:
    """Resolve a link against the address of its document (RFC 3986, 5.2), whatever the scheme.

    In http URLs, spaces and other characters that no URL has are escaped, for catalogs have them; keys of object
    stores stay as they are. The fragment is left out.

    Raises:
        ValueError: If it leads to no address.
    """
    plain = _PLAIN.fullmatch(href)
    if plain is not None and "?" not in base and "#" not in base and base.count("/") > len("://"):
        return f"{base.rpartition('/')[0]}/{plain[1]}"
    scheme = scheme_of(base)
    if not scheme_of(href):
        # urljoin resolves paths for schemes that it knows.
        base = _RESOLVED_AS_HTTP + base[len(scheme) :]
        joint = urllib.parse.urljoin(base, href) if scheme in STORES else _joint(base, _escaped(href))
        url = scheme + joint[len(_RESOLVED_AS_HTTP) :]
    else:
        url = href if scheme_of(href) in STORES else _escaped(href)
    parts = urllib.parse.urlsplit(url)
    if "/." in parts.path and parts.scheme in ("http", "https"):  # in an absolute link
        url = _joint(url, parts._replace(scheme="", netloc="").geturl())
    _ = parts.port  # may be no number
    if parts.scheme.lower() in ("http", "https", *STORES) and not parts.netloc:
        raise ValueError("it names no host")
    return urllib.parse.urldefrag(url)[0]


def located(source: str) -> str:
    """Return the URL that a user gave as links are written: without a fragment, and of http escaped."""
    return source if scheme_of(source) in STORES else urllib.parse.urldefrag(_escaped(source))[0]


def _joint(base: str, href: str) -> str:
    """Resolve a link by `urljoin`, but keep the empty names of `a//b/c.json`, as servers do."""
    if not _EMPTY.search(base) and not _EMPTY.search(href):
        return urllib.parse.urljoin(base, href)
    return urllib.parse.urljoin(_EMPTY.sub(_NO_NAME, base), _EMPTY.sub(_NO_NAME, href)).replace(_NO_NAME, "")


def _escaped(href: str) -> str:
    """Escape what no URL has, in capital letters, and write escapes of what needs none as it is: `%2e%2e/` leads where
    `../` does."""
    if not href.isascii() and scheme_of(href):
        host = urllib.parse.urlsplit(href).netloc
        with suppress(UnicodeError):
            href = href.replace(host, host.encode("idna").decode(), 1)
    path, query = _QUERY.split(href, maxsplit=1) if _QUERY.search(href) else (href, "")
    path = _PERCENT.sub("%25", _ESCAPED.sub(lambda found: chr(int(found[1], 16)), path))
    path = _HEXADECIMAL.sub(lambda found: found[0].upper(), path)
    return urllib.parse.quote(path + query, safe="%/:?#[]@!$&'()*+,;=-._~")


def origin_of(url: str) -> tuple[str, str]:
    """Return scheme and host with port, or the bucket: whom credentials are for."""
    parts = urllib.parse.urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme in STORES:
        return scheme, parts.netloc
    host = parts.netloc.rpartition("@")[2].lower()
    default = {"http": ":80", "https": ":443"}.get(scheme, "")
    return scheme, host.removesuffix(default) if default else host


def is_relative(href: str) -> bool:
    """Tell whether a link leads to the origin of its document whatever that is."""
    return not scheme_of(href) and not href.startswith("//")


def refusal(url: str, source: str) -> str | None:
    """Return why a link in a remote document is not followed; None if it may be.

    A document from elsewhere must not make this process read local files or ask machines of its own network. Where
    the source itself is on such a machine, others may be.
    """
    scheme = scheme_of(url)
    if scheme not in ("http", "https", *STORES):
        return f"links to {scheme or 'local'}: addresses are not followed from a remote document"
    if origin_of(url) == origin_of(source) or scheme in STORES:
        return None
    if is_private(_host(url)) and not is_private(_host(source)):
        return "links to private addresses are not followed from a remote document"
    return None


def _host(url: str) -> str:
    return (urllib.parse.urlsplit(url).hostname or "").rstrip(".").lower()


def name_of(url: str) -> str:
    """Return the last part of a URL's path, unescaped."""
    path = urllib.parse.urlsplit(url).path if _MAY_HIDE.search(url) else url
    return urllib.parse.unquote(path.rpartition("/")[2])


def in_folder(url: str) -> list[str]:
    """Return where the entry point of a folder may be, with the query that opens the folder."""
    folder, mark, query = url.partition("?")
    return [f"{folder.rstrip('/')}/{name}{mark}{query}" for name in ENTRY_FILES]


def is_data(url: str) -> bool:
    """Tell whether the name in a URL is that of a data file."""
    return format_of_name(name_of(url)) is not None
