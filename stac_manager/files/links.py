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
_DRIVE = re.compile(r"[a-z]:[\\/]|\\\\", re.IGNORECASE)
_USUAL_PORT = re.compile(r":(80|443)?$")
_PACKED = (".gz", ".zst")
"""A catalog whose files were compressed in place still links to their old names."""


class Anchor(NamedTuple):
    """A folder and the URL or path under which it was published, as the `self` link of a document in it says."""

    url: urllib.parse.SplitResult
    folder: str


def anchor_of(self_href: object, folder: str) -> Anchor | None:
    """Return what the `self` link of a document in `folder` says; None where it is missing or relative."""
    try:
        url = _absolute(self_href) if isinstance(self_href, str) else None
    except ValueError:
        return None
    if url is None or not (url.netloc or url.path.startswith("/")):  # a name (urn:...) is in no folder
        return None
    return Anchor(url._replace(path=posixpath.dirname(url.path)), folder)


def _absolute(href: str) -> urllib.parse.SplitResult | None:
    """Split a URL, or an absolute path as one of a file; None for what is relative.

    Raises:
        ValueError: If it is no URL.
    """
    path = "/" + href.replace("\\", "/").lstrip("/") if _DRIVE.match(href) else href
    if _is_path(path):
        return urllib.parse.SplitResult("file", "", path, "", "")
    if not _is_url(href):
        return None
    url = urllib.parse.urlsplit(href)
    return url._replace(netloc=_USUAL_PORT.sub("", url.netloc.lower()), fragment="")


def _is_url(href: str) -> bool:
    return _SCHEME.match(href) is not None or href.startswith("//")


def _is_path(href: str) -> bool:
    return href.startswith("/") and not href.startswith("//")


def resolve(href: str, folder: str, anchors: tuple[Anchor, ...]) -> str | None:
    """Return the file that a link in a document in `folder` means, the likeliest where none exists.

    None where it leads to another place than this disk. Where the file is missing, a query, which may hold a key, is no
    part of the name.
    """
    paths = []
    for path in candidates(href, folder, anchors):
        if _exists(path):
            return path
        paths.append(path)
    packed = (path + suffix for path in paths for suffix in _PACKED)
    bare = href.partition("?")[0] or href
    return next(filter(_exists, packed), None) or next(candidates(bare, folder, anchors), None)


def candidates(href: str, folder: str, anchors: tuple[Anchor, ...]) -> Iterator[str]:
    """Yield the files that a link may mean: its name as it is written, then with per cent escapes decoded."""
    if not _is_url(href):
        yield from _spellings(href, folder)
    try:
        url = _absolute(href)
    except ValueError:  # no URL: whether there is such a file is asked next
        yield os.path.normpath(os.path.join(folder, href))
        return
    if url is None or not url.path:
        return
    if url.scheme == "file" and not _is_path(href):
        yield from _spellings(url.path, folder)
    for anchor in anchors:
        same = url.netloc == anchor.url.netloc and _is_same(url.scheme, anchor.url.scheme)
        if same or _is_path(href):
            path = posixpath.relpath(url.path, anchor.url.path or "/")
            yield from _spellings(f"{path}?{url.query}" if url.query else path, anchor.folder)  # as wget calls files


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


def local_path(source: str) -> str:
    """Return the path that a `file:` URL or a `~` stands for, where there is no file of that very name."""
    if os.path.lexists(source):
        return source
    if source.lower().startswith("file:"):
        from urllib.request import url2pathname  # with half of an HTTP client

        return url2pathname(urllib.parse.urlsplit(source).path)
    return os.path.expanduser(source)
