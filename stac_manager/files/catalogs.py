"""Catalogs and Collections on disk: from an entry point along its links to the items, each once, in link order."""

from __future__ import annotations

import os
import stat
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from stac_manager.context import FailureCollector
from stac_manager.exceptions import DataProcessingError
from stac_manager.files.entry_points import load
from stac_manager.files.formats import LOCAL_ENTRIES, format_of_name
from stac_manager.files.links import Anchor, anchor_of, resolve
from stac_manager.files.opening import TOO_MANY_OPEN
from stac_manager.parsing.items import is_catalog
from stac_manager.urls import shown

MOST_ANCHORS = 8
"""So many `self` links of catalogs above, the nearest ones, are tried for a link that is absolute."""
ITEM_ROLES = {"stac-items", "collection-mirror"}
ITEM_MEDIA_TYPES = ("parquet", "application/geo+json", "ndjson")


class Walk:
    """Follows the links of catalogs.

    Attributes:
        paths: The documents that hold items, in the order of the links.
        followed: How many links to items and children were followed.
        elsewhere: How many links (`link`) lead to other places than this disk, and how many collections have all their
            items in one (`items`).
        first_elsewhere: The first of these places.
    """

    def __init__(
        self, failures: FailureCollector, data_files: Callable[[str], list[str]], stopped: threading.Event
    ) -> None:
        self._failures = failures
        self._stopped = stopped
        self._data_files = data_files
        self._seen: set[int] = set()
        self._catalogs: set[int] = set()
        self._real_folder = lru_cache(maxsize=1_024)(os.path.realpath)
        self.paths: list[str] = []
        self.elsewhere: Counter[str] = Counter()
        self.followed = 0
        self.first_elsewhere = ""

    def knows(self, path: str) -> bool:
        """Tell whether a file was met, under whatever name."""
        try:
            identity = self._identity(os.stat(path), path)
        except (OSError, ValueError):
            identity = hash(path)
        return identity in self._seen or identity in self._catalogs

    def why_nothing(self, folder: str) -> str:
        """Tell why an entry point in a folder led to no items, and the way out."""
        if self.first_elsewhere:
            return f"its items are remote ({self.first_elsewhere}); use the URL of the catalog itself"
        found = "the collection has no links 'item' or 'child', no folder 'items' and no features"
        if self.followed:
            found = "it links to Catalogs and Collections alone, and none of them has Items"
        pattern = os.path.join(folder, "**", "*.json")
        return f"{found}; for files elsewhere give their folder, or a glob such as {pattern!r}"

    def follow_each(self, entries: list[str]) -> None:
        """Follow the links of entry points. One of several that is no catalog is a failure among the others.

        Raises:
            DataProcessingError: As `follow`, where there is one alone.
        """
        for entry in entries:
            try:
                self.follow(entry)
            except DataProcessingError as error:
                if len(entries) == 1:
                    raise
                self._failures.add(entry, str(error).removeprefix(f"{entry}: "))

    def follow(self, entry: str) -> None:
        """Follow the links of a catalog and of all that it leads to.

        Raises:
            DataProcessingError: If the entry point itself cannot be read or is no catalog.
        """
        folder = os.path.dirname(entry)
        try:
            self._is_new_catalog(entry)
            document = load(entry)
        except OSError as error:
            raise DataProcessingError(f"{entry}: cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise DataProcessingError(f"{entry}: {error}") from None
        if not is_catalog(document):
            raise DataProcessingError(
                f"{entry}: not a STAC Catalog or Collection; for the files beside it use source_type 'items_directory'"
            )
        waiting = [self._links(document, entry, folder, ())]
        while waiting and not self._stopped.is_set():
            found = next(waiting[-1], None)
            if found is None:
                waiting.pop()
            else:
                waiting.append(found)

    def _links(
        self, document: dict[str, Any], path: str, folder: str, anchors: tuple[Anchor, ...]
    ) -> Iterator[Iterator[Any]]:
        """Take the items that a catalog links to, and yield what goes through each of its children."""
        links = [link for link in _list(document.get("links")) if isinstance(link, dict)]
        own = anchor_of(next((link.get("href") for link in links if link.get("rel") == "self"), None), folder)
        anchors = anchors if own is None else (own, *anchors[: MOST_ANCHORS - 1])
        followed = False
        for link in links:
            rel, href = link.get("rel"), link.get("href")
            if rel not in ("item", "child"):
                continue
            if not isinstance(href, str) or not href.strip():
                self._failures.add(path, f"a link {rel!r} has no href")
                continue
            target = resolve(href, folder, anchors)
            if target is None:
                self._leads_elsewhere(href, "link")
                continue
            followed = True
            self.followed += 1
            if rel == "item" and os.path.basename(target) not in LOCAL_ENTRIES:
                self._item(target)
            else:
                child = self._child(target, anchors)
                if child is not None:
                    yield child
        if not followed:
            self._data_beside(document, path, folder, links, anchors)

    def _leads_elsewhere(self, href: str, what: str) -> None:
        self.first_elsewhere = self.first_elsewhere or shown(href)
        self.elsewhere[what] += 1

    def _item(self, path: str, *, loaded: bool = False) -> None:
        """Take a file, or the files of a folder, each once, under whatever names it is linked."""
        found = _regular(path)
        identity = hash(path) if isinstance(found, str) else self._identity(found, path)
        if identity in self._seen or (identity in self._catalogs and not loaded):
            return
        self._seen.add(identity)
        if not isinstance(found, str):
            self.paths.append(path)
        elif parts := self._data_files(path) if os.path.isdir(path) else []:
            for each in parts:
                self._item(each)
        else:
            self._failures.add(path, found)

    def _child(self, path: str, anchors: tuple[Anchor, ...]) -> Iterator[Any] | None:
        """Return what goes through a child; None where it is missing, known, or an item after all."""
        try:
            if not path.endswith(".json") and os.path.isdir(path):
                path = next((each for name in LOCAL_ENTRIES if os.path.isfile(each := os.path.join(path, name))), path)
            reason = why_not_regular(path)
            if format_of_name(path) in ("ndjson", "parquet") and (reason is None or os.path.isdir(path)):
                self._item(path)
                return None
            if hash(path) in self._seen if reason is not None else not self._is_new_catalog(path):
                return None
            document = {} if reason is not None else load(path)
        except OSError as error:
            if error.errno in TOO_MANY_OPEN:
                raise DataProcessingError(f"{path}: cannot be read: {error.strerror}") from error
            reason = f"cannot be read: {error.strerror}"
        except ValueError as error:
            if os.path.basename(path) not in LOCAL_ENTRIES:  # lines or Parquet, perhaps: reading it says what is wrong
                self._item(path, loaded=True)
                return None
            reason = str(error) or "cannot be read"
        if reason is not None:
            self._seen.add(hash(path))
            self._failures.add(path, reason)
            return None
        if not is_catalog(document):
            self._item(path, loaded=True)
            return None
        return self._links(document, path, os.path.dirname(path), anchors)

    def _identity(self, found: os.stat_result, path: str) -> int:
        """Tell a file from others, whatever it is called.

        Not every file system has a number of its own for each file: only those with several names are told by it.
        """
        if found.st_nlink > 1 and found.st_ino:
            return hash((found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns))
        folder, name = os.path.split(path)
        return hash(os.path.realpath(path) if os.path.islink(path) else os.path.join(self._real_folder(folder), name))

    def _is_new_catalog(self, path: str) -> bool:
        """Tell whether a catalog is met for the first time, under whatever name."""
        identity = self._identity(os.stat(path), path)
        if identity in self._catalogs:
            return False
        self._catalogs.add(identity)
        return True

    def _data_beside(
        self,
        document: dict[str, Any],
        path: str,
        folder: str,
        links: list[dict[str, Any]],
        anchors: tuple[Anchor, ...],
    ) -> None:
        """Take the items of a catalog without links to any: a folder `items`, pages, features in it, assets."""
        before = len(self.paths)
        items = os.path.join(folder, "items")
        if os.path.isdir(items):
            for each in self._data_files(items):
                self._item(each)
        hrefs = [link.get("href") for link in links if link.get("rel") == "items"]
        if len(self.paths) == before:
            self._take_existing(hrefs, folder, anchors)
        if len(self.paths) == before and isinstance(document.get("features"), list):
            self.paths.append(path)
        if len(self.paths) == before:
            assets = document.get("assets")
            found = list(assets.values()) if isinstance(assets, dict) else []
            stored = [asset.get("href") for asset in found if holds_items(asset)]
            self._take_existing(stored, folder, anchors)
            if len(self.paths) == before:
                named = (href for href in (*hrefs, *stored) if isinstance(href, str))
                if away := [href for href in named if resolve(href, folder, anchors) is None]:
                    self._leads_elsewhere(away[0], "items")

    def _take_existing(self, hrefs: list[Any], folder: str, anchors: tuple[Anchor, ...]) -> None:
        for href in hrefs:
            target = resolve(href, folder, anchors) if isinstance(href, str) else None
            if target is not None and os.path.lexists(target):
                for each in self._data_files(target) if os.path.isdir(target) else [target]:
                    self._item(each)


def holds_items(asset: object) -> bool:
    """Tell whether an asset of a Collection holds its items (stac-geoparquet: roles `stac-items`, older names)."""
    if not isinstance(asset, dict):
        return False
    roles = {role for role in _list(asset.get("roles")) if isinstance(role, str)}
    name = str(asset.get("href", "")).partition("?")[0].rstrip("/")
    return bool(roles & ITEM_ROLES) and (is_typed_as_items(asset) or format_of_name(name) is not None)


def is_typed_as_items(named: dict[str, Any]) -> bool:
    """Tell whether the media type of a link or an asset is one that files of items have."""
    return any(kind in str(named.get("type", "")) for kind in ITEM_MEDIA_TYPES)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def why_not_regular(path: str) -> str | None:
    """Return why a file cannot be opened for reading, None where nothing speaks against it."""
    found = _regular(path)
    return found if isinstance(found, str) else None


def _regular(path: str) -> os.stat_result | str:
    """Return what the system says of a regular file, of any other why it cannot be read."""
    try:
        found = os.stat(path)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except ValueError:
        return "cannot be read: no file has such a name"
    return found if stat.S_ISREG(found.st_mode) else "not a regular file"
