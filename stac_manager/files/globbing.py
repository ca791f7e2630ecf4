"""Globs over folders: each folder is looked at once, however many `**` a pattern has."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress

from stac_manager.context import FailureCollector

States = frozenset[int]
"""Parts of the pattern that may come next, by their numbers."""


def expand(pattern: str, failures: FailureCollector, links: list[str]) -> Iterator[str]:
    """Yield what a glob matches, files and folders, each once. `**` stands for any depth of folders.

    Names that begin with a dot are matched by parts that do. A link to a folder above itself is not followed.
    Folders that cannot be listed become failures. `links` receives the symbolic links that were met.
    """
    top, parts = _divided(pattern)
    if parts:
        yield from _Matcher(parts, failures, links).below(top)


def would_match(pattern: str, path: str) -> bool:
    """Tell whether a glob matches a file with this path, which is free of links, were it there."""
    top, parts = _divided(pattern)
    above = os.path.join(os.path.realpath(top or os.curdir), "")
    return bool(parts) and path.startswith(above) and _Matcher(parts).matches(path[len(above) :].split(os.sep))


def _divided(pattern: str) -> tuple[str, list[str]]:
    """Return the folder that a pattern begins with, and its parts from the first with a wildcard on."""
    drive, rest = os.path.splitdrive(pattern)
    if os.altsep:
        rest = rest.replace(os.altsep, os.sep)
    parts = [part for part in rest.split(os.sep) if part]
    top = drive + (os.sep if rest.startswith(os.sep) else "")
    while parts and (not glob.has_magic(parts[0]) or _is_folder(top, parts)):
        top = os.path.join(top, parts.pop(0))
    if parts and parts[-1] == "**":
        parts.append("*")
    return top, parts


def _is_folder(top: str, parts: list[str]) -> bool:
    """Tell whether there is a folder called like the next part, such as `scenes [1]`, and more behind it."""
    return "[" in parts[0] and len(parts) > 1 and os.path.isdir(os.path.join(top, parts[0]))


class _Matcher:
    def __init__(
        self, parts: list[str], failures: FailureCollector | None = None, links: list[str] | None = None
    ) -> None:
        self._parts = parts
        self._failures = failures or FailureCollector()
        self._links = [] if links is None else links
        self._matches = [_matcher(part) for part in parts]

    def below(self, top: str) -> Iterator[str]:
        waiting: list[tuple[str, States, tuple[tuple[int, int], ...]]] = [(top, self._closed({0}), ())]
        while waiting:
            folder, states, above = waiting.pop()
            this = identity(folder)
            if this is None or this in above:
                continue
            for name, is_folder in self._listed(folder):
                matched, further = self._after(states, name, is_folder)
                path = os.path.join(folder, name)
                if matched:
                    yield path
                if further:
                    waiting.append((path, further, (*above, this)))

    def matches(self, names: list[str]) -> bool:
        """Tell whether these names, of folders and a file in them, are matched."""
        states = self._closed({0})
        for name in names[:-1]:
            _, states = self._after(states, name, is_folder=True)
        return self._after(states, names[-1], is_folder=False)[0]

    def _listed(self, folder: str) -> list[tuple[str, bool]]:
        found = []
        try:
            with os.scandir(folder or os.curdir) as entries:
                for entry in entries:
                    found.append((entry.name, is_(entry.is_dir)))
                    if entry.is_symlink():
                        self._links.append(entry.path)
            return found
        except NotADirectoryError:
            return []
        except OSError as error:
            self._failures.add(folder, f"cannot be listed: {error.strerror}")
            return []

    def _after(self, states: States, name: str, is_folder: bool) -> tuple[bool, States]:
        """Return whether a name ends the pattern, and what may come next below it."""
        following = set()
        for state in states:
            if self._parts[state] == "**":
                if is_folder and name[0] != ".":
                    following.add(state)
            elif self._matches[state](name):
                following.add(state + 1)
        matched = len(self._parts) in following
        following.discard(len(self._parts))
        return matched, self._closed(following) if is_folder else frozenset()

    def _closed(self, states: set[int]) -> States:
        """Add what may come next where a `**` stands for no folder at all."""
        for state in sorted(states):
            while self._parts[state] == "**":
                state += 1
                states.add(state)
        return frozenset(states)


def _matcher(part: str) -> Callable[[str], object]:
    matches = re.compile(fnmatch.translate(os.path.normcase(part))).match
    if part.startswith("."):
        return lambda name: matches(os.path.normcase(name))
    return lambda name: name[0] != "." and matches(os.path.normcase(name))


def identity(folder: str) -> tuple[int, int] | None:
    """Return what a folder is, under whatever name; None where it cannot be looked at."""
    try:
        found = os.stat(folder or os.curdir)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_(kind: Callable[[], bool]) -> bool:
    """Ask a directory entry what it is; a link in a circle is nothing."""
    try:
        return kind()
    except OSError:
        return False


def files_in(folder: str) -> list[str]:
    """Return the files right in a folder that are neither hidden nor metadata, by name."""
    with suppress(OSError), os.scandir(folder) as entries:
        return sorted(entry.path for entry in entries if entry.name[0] not in "._" and is_(entry.is_file))
    return []
