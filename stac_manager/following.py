"""Pages that say where the next one is: files are read as they are named, and what they lead to is not."""

from __future__ import annotations

import posixpath
import re

from stac_manager.config import is_url, shown
from stac_manager.exceptions import printable
from stac_manager.words import many

MOST_KNOWN = 10_000
"""So many pages are told from each other."""
_QUERY = re.compile("[?#]")


def next_of(links: object) -> str:
    """Return the address of the next page that links name; nothing where there is none."""
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") == "next" and isinstance(link.get("href"), str):
            return str(link["href"])
    return ""


class Pages:
    """The FeatureCollections that were read, and those that they name as the next ones."""

    def __init__(self) -> None:
        self._read: set[str] = set()
        self._named: dict[str, tuple[str, str]] = {}  # by where they are: who names them, and how
        self._without = 0

    def add(self, source: str, following: str) -> None:
        """Take note of a page in a document, and of the address of the next one, if there is one."""
        if len(self._read) < MOST_KNOWN:
            self._read.add(posixpath.normpath(source))
        self._without += not following
        if following and len(self._named) < MOST_KNOWN:
            place = following if is_url(following) else posixpath.join(posixpath.dirname(source), following)
            named = shown(following) if is_url(following) else _QUERY.split(following)[0]
            self._named.setdefault(posixpath.normpath(place), (source, named))

    @property
    def note(self) -> str | None:
        """Which pages were not read, in a sentence. Not of all that one search gave, saved with the API's links."""
        left = [found for place, found in self._named.items() if place not in self._read]
        if not left or (self._without == 1 and all(is_url(href) for _, href in left)):
            return None
        source, href = map(printable, left[0])
        found = f"{many(len(left), 'next page')} not read, the first: {href}, which {source} names"
        return f"{found}; name all of them, or use mode 'api' for an API"
