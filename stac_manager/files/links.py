"""Where a link of a catalog on disk leads: the files that it may mean, best first. No I/O but asking what exists."""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
import urllib.parse
from collections.abc import Iterator
from typing import NamedTuple

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)
"""Two letters at least: `C:` is a drive."""


class Anchor(NamedTuple):
    """A folder and the URL under which it is published, as the `self` link of a document in it says."""

    url: urllib.parse.SplitResult
    folder: str


def anchor_of(self_href: object, folder: str) -> Anchor | None:
    """Return what the `self` link of a document in `folder` says; None where it is missing or no absolute URL."""
    if not isinstance(self_href, str) or not _SCHEME.match(self_href):
        return None
    try:
        url = urllib.parse.urlsplit(self_href)
    except ValueError:
        return None
    if not url.netloc or url.scheme == "file":
        return None
    return Anchor(url._replace(path=posixpath.dirname(url.path), query="", fragment=""), folder)


def resolve(href: str, folder: str, anchors: tuple[Anchor, ...]) -> str | None:
    """Return the file that a link in a document in `folder` means, the likeliest where none exists.

    None where it leads to another place than this disk.
    """
    first = None
    for path in candidates(href, folder, anchors):
        first = path if first is None else first
        if _exists(path):
            return path
    return first


def candidates(href: str, folder: str, anchors: tuple[Anchor, ...]) -> Iterator[str]:
    """Yield the files that a link may mean: its name as it is written, then with per cent escapes decoded."""
    if not _SCHEME.match(href) and not href.startswith("//"):
        yield from _spellings(href, folder)
        if not href.startswith("/"):
            return
    try:
        url = urllib.parse.urlsplit(href)
    except ValueError:  # no URL: whether there is such a file is asked next
        yield os.path.normpath(os.path.join(folder, href))
        return
    if url.scheme == "file":
        yield from _spellings(url.path, folder)
    for anchor in anchors:
        if url.netloc in ("", anchor.url.netloc) and _is_same(url.scheme, anchor.url.scheme) and url.path:
            yield from _spellings(posixpath.relpath(url.path, anchor.url.path or "/"), anchor.folder)


def _is_same(scheme: str, published: str) -> bool:
    """Tell whether a link leads where a catalog is published. Catalogs mix http and https of one host."""
    return scheme in ("", published) or {scheme, published} == {"http", "https"}


def _spellings(href: str, folder: str) -> Iterator[str]:
    yield os.path.normpath(os.path.join(folder, href))
    bare = re.split(r"[?#]", href, maxsplit=1)[0]
    plain = href.strip().replace("\\", "/")
    names = [urllib.parse.unquote(href), bare, urllib.parse.unquote(bare), plain]
    if not names[0].isascii():  # a file system may have composed or decomposed accents
        names += [unicodedata.normalize(form, name) for name in names[:3] for form in ("NFC", "NFD")]
    for name in names:
        if name and name != href:
            yield os.path.normpath(os.path.join(folder, name))


def _exists(path: str) -> bool:
    try:
        return os.path.lexists(path)
    except ValueError:  # no file has such a name
        return False
