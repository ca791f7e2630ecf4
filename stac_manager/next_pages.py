"""Pages that say where the next one is: files are read as they are named, and what they lead to is not."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from typing import NamedTuple

from stac_manager.exceptions import printable
from stac_manager.urls import is_url, shown
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


class Named(NamedTuple):
    """A next page that a document names."""

    place: str  # where it is
    source: str  # who names it
    href: str  # and how


class Pages:
    """The FeatureCollections that were read, and those that they name as the next ones.

    Attributes:
        without: How many name no next one.
    """

    def __init__(self) -> None:
        self._read: set[str] = set()
        self._named: dict[str, Named] = {}  # by where they are
        self.without = 0

    def add(self, source: str, following: str) -> None:
        """Take note of a page in a document, and of the address of the next one, if there is one."""
        if len(self._read) < MOST_KNOWN:
            self._read.add(posixpath.normpath(source))
        self.without += not following
        if following and len(self._named) < MOST_KNOWN:
            place = following if is_url(following) else posixpath.join(posixpath.dirname(source), following)
            named = shown(following) if is_url(following) else _QUERY.split(following)[0]
            self._named.setdefault(place := posixpath.normpath(place), Named(place, source, named))

    @property
    def left(self) -> list[Named]:
        """Those that were not read."""
        return [found for place, found in self._named.items() if place not in self._read]


def pages_left(left: Sequence[Named], without: int) -> list[str]:
    """Say, in a sentence or none, which pages were not read, where so many named no next one.

    Nothing of all that one search gave, saved with the API's links.
    """
    if not left or (without == 1 and all(is_url(each.href) for each in left)):
        return []
    source, href = printable(left[0].source), printable(left[0].href)
    found = f"{many(len(left), 'next page')} not read, the first: {href}, which {source} names"
    return [f"{found}; name all of them, or use mode 'api' for an API"]
