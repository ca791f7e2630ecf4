"""From a path or glob to the documents that hold items: by name in folders, in link order in catalogs."""

from __future__ import annotations

import glob
import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat

from stac_manager.config import IngestConfig
from stac_manager.context import FailureCollector
from stac_manager.exceptions import ConfigurationError, DataProcessingError, printable
from stac_manager.files.catalogs import Walk, why_not_regular
from stac_manager.files.entry_points import PEEK_BYTES, is_entry_point, is_likely_catalog, load
from stac_manager.files.formats import (
    LOCAL_ENTRIES,
    SUFFIXES,
    Document,
    Folder,
    format_of_name,
    is_archive,
    is_manifest,
)
from stac_manager.files.globbing import expand, identity, is_
from stac_manager.files.links import local_path
from stac_manager.files.table_formats import about_tables, table_at
from stac_manager.files.unread import (
    about_archives,
    about_copies,
    copies_among,
    each_once,
    is_data,
    is_data_set,
    is_metadata,
    left_out,
    nothing_in,
    nothing_matches,
    parts_in,
    url_meant,
    why_missing,
)
from stac_manager.parsing.items import is_catalog
from stac_manager.words import many


class Discovery:
    """What a source stands for."""

    def __init__(self, config: IngestConfig, failures: FailureCollector, stopped: threading.Event) -> None:
        self._config = config
        self._form = config.format
        self._failures = failures
        self._failed_before = len(failures)
        self._stopped = stopped
        self.notes: list[str] = []  # what is left out, and how else the source was understood, in sentences
        self._archives: list[str] = []
        self._copies: list[str] = []

    def documents(self) -> Sequence[Document]:
        """List the documents of the source.

        Raises:
            ConfigurationError: If it does not exist, or holds no document.
            DataProcessingError: If a folder or the entry point of a catalog cannot be read.
        """
        documents = self._documents()
        self.notes += about_archives(self._archives) + about_copies(self._copies)
        return documents

    def _documents(self) -> Sequence[Document]:
        source, kind = local_path(self._config.source), self._config.source_type
        if not os.path.lexists(source):
            if not glob.has_magic(source) or url_meant(source):
                raise ConfigurationError(why_missing(self._config.source, source))
            if kind in ("items_directory", "collection"):
                raise ConfigurationError(f"source_type {kind!r} needs a path, not the glob {source!r}")
            return self._glob(source)
        if os.path.isdir(source):
            return self._folder(source)
        if not os.path.isfile(source):
            raise ConfigurationError(f"source {source!r}: {why_not_regular(source)}")
        if kind == "items_directory":
            raise ConfigurationError(f"source {source!r} is a file; source_type 'items_directory' needs a folder")
        if kind == "collection" or (kind == "auto" and self._is_entry_point(source)):
            return self._catalog([source])
        self.notes += about_tables([source])
        return [Document(source, self._form or format_of_name(source) or "json")]

    def _is_entry_point(self, path: str) -> bool:
        """Tell whether a file is a Catalog or Collection, whatever its name."""
        if os.path.basename(path) in LOCAL_ENTRIES:
            return is_entry_point(path)
        if self._form not in (None, "json") or (format_of_name(path) or "json") != "json":
            return False
        try:
            return (os.path.getsize(path) <= PEEK_BYTES or is_likely_catalog(path)) and is_catalog(load(path))
        except (OSError, ValueError):
            return False

    # Globs

    def _glob(self, pattern: str) -> Sequence[Document]:
        links: list[str] = []
        matches = sorted(expand(pattern, self._failures, links))
        entries = list(filter(is_entry_point, matches))
        known = set(entries)
        paths: list[str] = []
        others: list[str] = []
        for path in matches:
            name = os.path.basename(path)
            if os.path.isdir(path):
                if is_data_set(name):
                    paths += self._below(path)
            elif is_data(path, self._form):
                if path not in known and self._is_regular(path):
                    paths.append(path)
            elif name[0] not in "._":
                others.append(path)
        if paths:
            self._archives += filter(is_archive, others)
        elif entries and self._form in (None, "json"):
            return self._catalog(entries)
        if not paths and len(self._failures) == self._failed_before:
            paths = list(filter(self._is_regular, others))
        if not paths and len(self._failures) == self._failed_before:
            raise ConfigurationError(nothing_matches(pattern, matches, self._form, self._stopped))
        self.notes += about_tables(paths)
        self._copies += (copies := copies_among("", paths, self._stopped))
        paths = each_once("", paths) if links else list(dict.fromkeys(paths))
        return Folder("", [path for path in paths if path not in copies], self._form)

    # Folders

    def _folder(self, source: str) -> Sequence[Document]:
        kind = self._config.source_type
        named = (os.path.join(source, name) for name in LOCAL_ENTRIES)
        entries = [path for path in named if os.path.isfile(path) and is_entry_point(path)]
        if kind == "file":
            raise ConfigurationError(f"source {source!r} is a folder; source_type 'file' needs a file")
        if kind == "collection" and not entries:
            raise ConfigurationError(f"source {source!r} holds no collection.json or catalog.json")
        if entries and kind != "items_directory" and self._form in (None, "json"):
            return self._catalog(entries)
        names, data_sets, others = self._top(source)
        if (table := table_at(source, others)) is not None:
            raise ConfigurationError(f"source {source!r} is {table}")
        if not names and not data_sets:
            raise ConfigurationError(nothing_in(source, others, self._form, self._stopped))
        each_path = map(partial(os.path.join, source), names)
        if kind == "auto" and not data_sets and all(map(self._is_entry_point, each_path)):
            return self._catalog([os.path.join(source, name) for name in names])
        if kind != "items_directory":
            folders = [os.path.join(source, name) for name in others]
            self._note("in folders below not read", folders, lambda path: os.path.basename(path) in LOCAL_ENTRIES)
        all_json = all(map(str.endswith, (*names, *data_sets), repeat(".json")))
        if not all_json:
            self.notes += about_tables([os.path.join(source, "")])
        if not data_sets:
            return Folder(source, names, self._form or ("json" if all_json else None))
        paths = [os.path.join(source, name) for name in names]
        for name in data_sets:
            paths += self._below(os.path.join(source, name))
        return Folder("", sorted(paths), self._form)

    def _top(self, folder: str) -> tuple[list[str], list[str], list[str]]:
        try:
            return self._listed(folder)
        except OSError as error:
            raise DataProcessingError(f"{folder}: cannot be listed: {error.strerror}") from error

    def _listed(self, folder: str) -> tuple[list[str], list[str], list[str]]:
        """Return the data files right in a folder, the folders in it that are data sets, and the other ones.

        The kind of each file comes with the listing, so that a large folder costs no system call a file. Hidden files
        and manifests of sinks are left out. Files that carry a data suffix but are no regular files (pipes, devices,
        dangling links) are never opened: they become failures.
        """
        names: list[str] = []
        data_sets: list[str] = []
        others: list[str] = []
        odd: list[str] = []
        linked = False
        plain = tuple(suffix for suffix, found in SUFFIXES.items() if self._form in (None, found))
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name[0] in "._" and (name[0] == "." or is_manifest(name)):
                    continue
                wanted = name.endswith(plain) or is_data(name, self._form)
                if wanted and is_(entry.is_file):
                    names.append(name)
                    linked = linked or entry.is_symlink()
                elif is_(entry.is_dir):
                    (data_sets if is_data_set(name) else others).append(name)
                elif wanted:
                    odd.append(name)
                elif is_archive(name):
                    self._archives.append(entry.path)
        if not (names or data_sets or others or odd) and is_data_set(os.path.basename(os.path.normpath(folder))):
            names = parts_in(folder)
        for name in sorted(odd):
            self._is_regular(os.path.join(folder, name))
        for name in set(LOCAL_ENTRIES).intersection(names):
            if is_entry_point(os.path.join(folder, name)):
                names.remove(name)
        copies = copies_among(folder, names, self._stopped)
        self._copies += [os.path.join(folder, name) for name in copies]
        names = sorted(set(names) - copies if copies else names)
        return each_once(folder, names) if linked else names, sorted(data_sets), sorted(others)

    def _below(self, folder: str) -> list[str]:
        """Return the data files of a folder at any depth, by name; folders that begin with `_` or `.` are metadata."""
        paths: list[str] = []
        waiting, seen = [folder], {identity(os.path.dirname(folder))}
        while waiting and not self._stopped.is_set():
            here = waiting.pop()
            this = identity(here)
            if this is not None and this in seen:
                continue
            seen.add(this)
            try:
                names, data_sets, others = self._listed(here)
            except OSError as error:
                self._failures.add(here, f"cannot be listed: {error.strerror}")
                continue
            if (table := table_at(here, others)) is not None:
                self._failures.add(here, f"is {table}")
                continue
            paths += [os.path.join(here, name) for name in names if not is_metadata(name)]
            waiting += [os.path.join(here, name) for name in (*data_sets, *others) if name[0] != "_"]
        return sorted(paths)

    def _is_regular(self, path: str) -> bool:
        reason = why_not_regular(path)
        if reason is not None:
            self._failures.add(path, reason)
        return reason is None

    # Catalogs

    def _catalog(self, entries: list[str]) -> Sequence[Document]:
        walk = Walk(self._failures, self._below, self._stopped)
        packed = {f"{path}{suffix}" for path in entries for suffix in (".gz", ".zst")}
        walk.follow_each([path for path in entries if path not in packed])  # beside catalog.json, no catalog.json.gz
        folder = os.path.dirname(entries[0])
        if not walk.paths and not walk.elsewhere["link"] and os.path.basename(entries[0]) in LOCAL_ENTRIES:
            listed = [os.path.join(folder, name) for name in self._top(folder or os.curdir)[0]]
            beside = [each for each in listed if not walk.knows(each) and not self._is_entry_point(each)]
            if beside:
                self.notes.append(
                    f"{entries[0]} links to no items: read instead: {many(len(beside), 'data file')} beside it"
                )
                read = set(map(os.path.normpath, (*beside, *entries)))
                self._note("below not read", [folder or os.curdir], lambda path: os.path.normpath(path) in read)
                return Folder("", beside)
        if not walk.paths and (walk.elsewhere or len(self._failures) == self._failed_before):
            raise ConfigurationError(f"{entries[0]}: {walk.why_nothing(folder)}")
        if walk.elsewhere:
            count, first = walk.elsewhere.total(), walk.first_elsewhere
            self.notes.append(f"links to other places that were not followed: {count}, the first: {first}")
        self._note("not linked from the catalog and not read", [folder or os.curdir], walk.knows)
        return Folder("", walk.paths)

    def _note(self, what: str, folders: list[str], is_known: Callable[[str], bool]) -> None:
        count, first, more = left_out(folders, self._form, is_known, self._stopped)
        if count:
            found = f"{'at least ' if more else ''}{many(count, 'data file')}"
            self.notes.append(f"{found} {what}, the first: {printable(first)}")


def discover(
    config: IngestConfig,
    failures: FailureCollector,
    notes: list[str] | None = None,
    stopped: threading.Event | None = None,
) -> Sequence[Document]:
    """List the documents that `config.source` stands for.

    Args:
        failures: Receives what is no regular file or is missing.
        notes: Receives what is left out, in sentences.
        stopped: When set, the listing ends early.

    Raises:
        ConfigurationError: If the source does not exist, or holds no document.
        DataProcessingError: If a folder or the entry point of a catalog cannot be read.
    """
    discovery = Discovery(config, failures, stopped or threading.Event())
    documents = discovery.documents()
    if notes is not None:
        notes += discovery.notes
    return documents
