"""From a path or glob to the documents that hold items, in the order of their names."""

from __future__ import annotations

import glob
import os
import re
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import orjson

from stac_manager.config import IngestConfig, is_http
from stac_manager.context import FailureCollector
from stac_manager.exceptions import ConfigurationError, DataProcessingError
from stac_manager.files.formats import SUFFIXES, Document, Format, format_of_name

COLLECTION_FILE = "collection.json"
NOT_ITEM_FILES = {COLLECTION_FILE, "catalog.json"}

_SEPARATORS = re.escape(os.sep + (os.altsep or ""))
_ANY_DEPTH = re.compile(rf"(?:^|(?<=[{_SEPARATORS}]))\*\*(?:[{_SEPARATORS}]|$)")


class Folder(Sequence[Document]):
    """The documents of one folder, as names only: a hundred bytes for each of hundreds of thousands."""

    def __init__(self, path: str, names: list[str]) -> None:
        self._prefix = os.path.join(path, "")
        self._names = names

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> Document: ...
    @overload
    def __getitem__(self, index: slice) -> Folder: ...
    def __getitem__(self, index: int | slice) -> Document | Folder:
        if isinstance(index, slice):
            return Folder(self._prefix, self._names[index])
        return next(iter(Folder(self._prefix, [self._names[index]])))

    def __iter__(self) -> Iterator[Document]:
        prefix = self._prefix
        for name in self._names:
            yield Document(prefix + name, format_of_name(name) or "json")


def discover(config: IngestConfig, failures: FailureCollector) -> Sequence[Document]:
    """List the documents that `config.source` stands for, sorted by name.

    Files that carry a data suffix but are no regular files (pipes, devices, dangling links) are never opened:
    they become failures.

    Raises:
        ConfigurationError: If the source does not exist, or holds no document.
        DataProcessingError: If a folder or `collection.json` cannot be read.
    """
    source = config.source
    if not os.path.lexists(source) and glob.has_magic(source):
        return _keep_regular(_glob(config), failures)
    if not os.path.lexists(source):
        raise ConfigurationError(f"source {source!r} does not exist")
    if os.path.isdir(source):
        return _folder(config, failures)
    if not os.path.isfile(source):
        raise ConfigurationError(f"source {source!r} is not a regular file or folder")
    if config.source_type == "items_directory":
        raise ConfigurationError(f"source {source!r} is a file; source_type 'items_directory' needs a folder")
    if config.source_type == "collection" or (
        config.source_type == "auto" and os.path.basename(source) == COLLECTION_FILE
    ):
        return _collection(source, config, failures)
    return [Document(source, _format_of_file(source, config.format))]


def _glob(config: IngestConfig) -> list[Document]:
    """Expand a glob; `**` stands for any depth of folders."""
    if config.source_type in ("items_directory", "collection"):
        raise ConfigurationError(f"source_type {config.source_type!r} needs a path, not the glob {config.source!r}")
    paths = sorted(path for path in _expanded(config.source) if not os.path.isdir(path))
    documents = [Document(path, form) for path in paths if (form := config.format or format_of_name(path))]
    if not documents:
        raise ConfigurationError(f"source {config.source!r} matches no {_kinds(config.format)} file")
    return documents


def _expanded(pattern: str) -> set[str]:
    """Expand a glob, without going round in links that lead to a folder above themselves, as `glob` would."""
    found = _ANY_DEPTH.search(pattern)
    if found is None:
        return set(glob.iglob(pattern))
    head, tail = pattern[: found.start()], pattern[found.end() :] or "*"
    tops = [top for top in glob.iglob(head) if os.path.isdir(top)] if head else [""]
    return {path for top in tops for folder in _folders(top, ()) for path in _expanded(glob.escape(folder) + tail)}


def _folders(top: str, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
    """Yield a folder (with a separator at its end) and those at any depth below it, without hidden ones."""
    try:
        found = os.stat(top or os.curdir)
        with os.scandir(top or os.curdir) as entries:
            names = [entry.name for entry in entries if entry.name[0] != "." and _is(entry.is_dir)]
    except OSError:
        return
    this = (found.st_dev, found.st_ino)
    if this in above:
        return
    yield top
    for name in names:
        yield from _folders(os.path.join(top, name, ""), (*above, this))


def _folder(config: IngestConfig, failures: FailureCollector) -> Sequence[Document]:
    source = config.source
    collection = os.path.join(source, COLLECTION_FILE)
    if config.source_type == "file":
        raise ConfigurationError(f"source {source!r} is a folder; source_type 'file' needs a file")
    if config.source_type == "collection" and not os.path.isfile(collection):
        raise ConfigurationError(f"source {source!r} holds no {COLLECTION_FILE}")
    if config.source_type == "collection" or (config.source_type == "auto" and os.path.isfile(collection)):
        return _collection(collection, config, failures)
    documents = _items_directory(source, config.format, failures)
    if not documents:
        raise ConfigurationError(
            f"source {source!r} holds no {_kinds(config.format)} file; for files in folders below it, "
            f"give a glob: {os.path.join(source, '**', '*.json')!r}"
        )
    return documents


def _items_directory(folder: str, form: Format | None, failures: FailureCollector) -> Sequence[Document]:
    """List the data files right in `folder`: by suffix, without hidden ones.

    The kind of each file comes with the listing, so that a large folder costs no system call a file.
    """
    names: list[str] = []
    others: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if (
                    (found := format_of_name(name))
                    and form in (None, found)
                    and name not in NOT_ITEM_FILES
                    and name[0] != "."
                ):
                    (names if _is(entry.is_file) else others).append(name)
    except OSError as error:
        raise DataProcessingError(f"{folder}: cannot be listed: {error.strerror}") from error
    names.sort()
    for name in sorted(others):
        path = os.path.join(folder, name)
        if not os.path.isdir(path):
            failures.add(path, _why_not_regular(path))
    return Folder(folder, names)


def _is(kind: Callable[[], bool]) -> bool:
    try:
        return kind()
    except OSError:  # a link in a circle
        return False


def _collection(path: str, config: IngestConfig, failures: FailureCollector) -> Sequence[Document]:
    """List the documents of a collection: those in `items/`, else its `item` links, else its inline features."""
    root = os.path.dirname(path)
    items = os.path.join(root, "items")
    if os.path.isdir(items):
        documents = _items_directory(items, config.format, failures)
        if documents:
            return documents
    collection = _load_collection(path)
    linked = list(_linked_items(collection.get("links"), path))
    if linked:
        return _keep_regular(linked, failures)
    if isinstance(collection.get("features"), list):
        return [Document(path, "json")]
    raise ConfigurationError(f"{path}: the collection has neither a folder 'items', nor 'item' links, nor features")


def _load_collection(path: str) -> dict[str, Any]:
    try:
        document = orjson.loads(Path(path).read_bytes())
    except OSError as error:
        raise DataProcessingError(f"{path}: cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise DataProcessingError(f"{path}:{error.lineno}: not JSON: {error.msg}") from None
    if not isinstance(document, dict) or document.get("type") not in ("Collection", "FeatureCollection"):
        raise DataProcessingError(f"{path}: not a STAC Collection")
    return document


def _linked_items(links: object, collection_path: str) -> Iterator[Document]:
    """Resolve `item` links to local paths, in the order of their names; remote ones are a clear error."""
    root = os.path.dirname(collection_path)
    hrefs = [
        link["href"]
        for link in (links if isinstance(links, list) else [])
        if isinstance(link, dict) and link.get("rel") == "item" and isinstance(link.get("href"), str)
    ]
    remote = next((href for href in hrefs if is_http(href)), None)
    if remote is not None:
        raise ConfigurationError(
            f"{collection_path}: its items are remote ({remote}); use mode 'api' with their server"
        )
    paths = {os.path.normpath(os.path.join(root, _local_path(href))) for href in hrefs}
    return (Document(path, "json") for path in sorted(paths))


def _local_path(href: str) -> str:
    """Turn a link into a path: `file:` URLs and per cent escapes as RFC 3986 has them."""
    try:
        parts = urllib.parse.urlsplit(href)
    except ValueError:  # no URL: whether there is such a file is asked next
        return href
    return urllib.parse.unquote(parts.path) if parts.scheme == "file" or "%" in href else href


def _keep_regular(documents: Iterable[Document], failures: FailureCollector) -> list[Document]:
    kept = []
    for document in documents:
        if os.path.isfile(document.path):
            kept.append(document)
        else:
            failures.add(document.path, _why_not_regular(document.path))
    return kept


def _why_not_regular(path: str) -> str:
    try:
        os.stat(path)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except ValueError:
        return "cannot be read: there is a null byte in its name"
    return "not a regular file"


def _format_of_file(path: str, form: Format | None) -> Format:
    return form or format_of_name(path) or "json"


def _kinds(form: Format | None) -> str:
    return ", ".join(suffix for suffix, found in SUFFIXES.items() if form in (None, found))
