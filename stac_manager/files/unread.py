"""What of a folder is not read, counted and put into words."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache, partial

from stac_manager.exceptions import printable
from stac_manager.files.compression import unpacks_to
from stac_manager.files.formats import (
    LOCAL_ENTRIES,
    PACKED_SUFFIXES,
    SUFFIXES,
    Format,
    format_of_name,
    is_archive,
    is_manifest,
    suffix_of,
)
from stac_manager.files.globbing import files_in, is_
from stac_manager.files.table_formats import DELTA
from stac_manager.urls import shown
from stac_manager.words import many

_URL_AS_PATH = re.compile(r"\A(https?|s3|gs|az|abfss?):/?(?=[^/])", re.IGNORECASE)
_DIGIT = re.compile("[0-9]")
MOST_ENTRIES_COUNTED = 200_000
"""So many directory entries are looked at to say what is left out."""


def left_out(
    folders: Iterable[str], form: Format | None, is_known: Callable[[str], bool], stopped: threading.Event
) -> tuple[int, str, bool]:
    """Count the data files below folders that are not known, as far as that is cheap.

    Returns:
        Their number, the first by name, and whether there may be more.
    """
    count, first = 0, ""
    for looked_at, path in enumerate(_files_below(folders, stopped)):
        if looked_at == MOST_ENTRIES_COUNTED:
            return count, first, True
        if path and is_data(path, form) and not is_known(path):
            count += 1
            first = min(first or path, path)
    return count, first, False


def _files_below(folders: Iterable[str], stopped: threading.Event) -> Iterator[str]:
    """Yield the files below folders, and "" for each folder: both cost time. What cannot be listed is passed over."""
    waiting = list(folders)
    while waiting and not stopped.is_set():
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.name[0] == "." or entry.name == DELTA:
                        yield ""
                    elif is_(partial(entry.is_dir, follow_symlinks=False)):
                        waiting.append(entry.path)
                        yield ""
                    else:
                        yield entry.path
        except OSError:
            continue


def is_data(path: str, form: Format | None) -> bool:
    """Tell whether a file's name says that it holds data of a format, of any for None."""
    name = os.path.basename(path)
    found = format_of_name(name)
    return found is not None and form in (None, found) and not is_manifest(name)


def is_data_set(name: str) -> bool:
    """Tell whether a folder's name says that it is a table in parts: `x.parquet`, `year=2024`."""
    return format_of_name(name) is not None or ("=" in name[1:] and name[0] not in "._")


def copies_among(top: str, paths: Collection[str], stopped: threading.Event) -> set[str]:
    """Return which of the files below `top` hold byte for byte what others do, compressed beside them as `zstd` and
    `gzip -k` leave them. That costs less than to read them, and the name alone would lose what is only called so."""
    packed = [path for path in paths if path.endswith(PACKED_SUFFIXES)]
    known = frozenset(paths if packed else ())
    pairs = [(path, path[: path.rfind(".")]) for path in packed]
    join = partial(os.path.join, top)
    return {path for path, plain in pairs if plain in known and unpacks_to(join(path), join(plain), stopped)}


def about_copies(paths: Iterable[str]) -> list[str]:
    """Say, in a sentence or none, that some files are not read, because they are copies of others."""
    return _not_read("compressed file", list(paths), "; what it was made of is beside it")


def about_archives(paths: Iterable[str]) -> list[str]:
    """Say, in a sentence or none, that archives are not read."""
    return _not_read("archive", list(paths), "; unpack it first")


def _not_read(what: str, paths: Collection[str], remark: str) -> list[str]:
    return [f"{many(len(paths), what)} not read, the first: {printable(min(paths))}{remark}"] if paths else []


def each_once(top: str, paths: Iterable[str]) -> list[str]:
    """Return the files below `top` without those that symbolic links, of files and folders, make of others of them."""
    real_folder = lru_cache(maxsize=1_024)(os.path.realpath)
    found: dict[str, str] = {}
    for path in paths:
        folder, name = os.path.split(whole := os.path.join(top, path))
        real = os.path.realpath(whole) if os.path.islink(whole) else os.path.join(real_folder(folder), name)
        found.setdefault(real, path)
    return list(found.values())


def is_metadata(name: str) -> bool:
    """Tell whether a file in a data set describes the others, as writers of Parquet call it."""
    return name[0] == "_" and format_of_name(name) == "parquet"


def nothing_in(source: str, folders: list[str], form: Format | None, stopped: threading.Event) -> str:
    """Say that a folder holds nothing to read, and where there may be something."""
    for name in folders:
        for entry in LOCAL_ENTRIES:
            if os.path.isfile(path := os.path.join(source, name, entry)):
                return f"source {source!r} holds no {kinds(form)} file; did you mean {path!r}?"
    found, beside = f"source {source!r} holds no {kinds(form)} file", files_in(source)
    archives = list(filter(is_archive, beside))
    if archives:
        return f"{found}; it holds {archives[0]!r}: unpack that first"
    if beside and not folders:
        return f"{found}; for all files in it, such as {beside[0]!r}, give a glob: {os.path.join(source, '*')!r}"
    _, first, _ = left_out([os.path.join(source, name) for name in folders], form, lambda _: False, stopped)
    if not first and not beside and not any(_files_below([source], stopped)):
        return f"source {source!r} holds no file"
    pattern = os.path.join(source, "**", f"*{suffix_of(first) if first else '.json'}")
    return f"{found}; for files in folders below it, give a glob: {pattern!r}"


def nothing_matches(pattern: str, matches: Iterable[str], form: Format | None, stopped: threading.Event) -> str:
    """Say that a glob matches nothing to read, and which one matches what is below the folders that it matches."""
    found = f"source {pattern!r} matches no {kinds(form)} file"
    _, first, _ = left_out(filter(os.path.isdir, matches), form, lambda _: False, stopped)
    if not first:
        return found
    deeper = os.path.join(pattern, "**", f"*{suffix_of(first)}")
    return f"{found}; for files in the folders that it matches, give a glob: {deeper!r}"


def why_missing(source: str, path: str) -> str:
    """Say of a source whose path leads nowhere why, and what was meant where it is a URL that was made a path."""
    if url := shown(url_meant(path)):
        return f"source {url.replace('//', '/', 1)!r} does not exist; did you mean {url!r}, as text?"
    try:
        os.lstat(path)
    except PermissionError:
        return f"source {shown(source)!r} cannot be reached: Permission denied"
    except (OSError, ValueError):
        pass
    return f"source {shown(source)!r} does not exist"


def url_meant(path: str) -> str:
    """Return the URL that a path was before it went through `pathlib`; nothing for another path."""
    url, count = _URL_AS_PATH.subn(r"\1://", path, count=1)
    return url if count and not os.path.isdir(path.partition("/")[0]) else ""


def parts_in(folder: str) -> list[str]:
    """Return the files without a suffix in a table's folder, numbered as Hive and Athena do its parts, by name."""
    names = map(os.path.basename, files_in(folder))
    return [name for name in names if _DIGIT.search(name) and f".{name.partition('.')[2]}" in (".", *PACKED_SUFFIXES)]


def kinds(form: Format | None) -> str:
    return ", ".join(suffix for suffix, found in SUFFIXES.items() if form in (None, found))
