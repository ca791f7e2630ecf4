"""From the URL of a source to the documents where it begins."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from stac_manager.config import IngestConfig
from stac_manager.exceptions import ConfigurationError, DataProcessingError
from stac_manager.files.entry_points import PEEK_BYTES
from stac_manager.files.formats import ENTRY_FILES, format_of_name, is_archive
from stac_manager.files.remote.addresses import STORES, in_folder, is_data, name_of, scheme_of
from stac_manager.files.remote.catalogs import Link, is_file_of_items, is_page
from stac_manager.files.remote.faults import ABSENT, RemoteError
from stac_manager.files.remote.fetched import Listed
from stac_manager.files.remote.transport import Transport
from stac_manager.files.table_formats import DELTA, HUDI, in_place_of_table, read_although_table, table_in
from stac_manager.files.unread import about_archives
from stac_manager.run import owned_tasks
from stac_manager.urls import shown

MOST_OBJECTS = 10_000_000
ASKED_AT_ONCE = 100
_MAGIC = re.compile(r"[*?\[]")
_OF_A_TABLE = re.compile(rf"/({DELTA}|{re.escape(HUDI)}|metadata(?=/[^/]*\.metadata\.json$))/")


async def entries_of(config: IngestConfig, transport: Transport, listed: dict[str, Listed] | None = None) -> list[Link]:
    """Return where a source begins: the document that it names, the entry point of a folder, or the objects in it.

    Args:
        listed: Receives what a list of objects says of each, by their URLs.

    Raises:
        ConfigurationError: If there is none.
        DataProcessingError: If the store cannot be asked.
    """
    source = config.source
    scheme = scheme_of(source)
    if scheme not in ("http", "https", *STORES):
        raise ConfigurationError(
            f"source {shown(source)!r}: {scheme} URLs are not known; known: http, https, {', '.join(STORES)}"
        )
    if config.source_type == "file":
        return [Link(source, "entry")]
    try:
        if scheme in STORES:
            return await _of_prefix(config, transport, listed)
        return [Link(source, "entry")] if is_data(source) else [await _of_address(source, transport)]
    except RemoteError as error:
        raise DataProcessingError(f"{shown(source)}: {error}") from None


async def _of_address(source: str, transport: Transport) -> Link:
    """Look for an entry point at an address on a server, which lists nothing."""
    candidates = in_folder(source)
    if "?" in source or not source.endswith("/"):
        candidates.insert(0, source)
    denied = None
    for url in candidates:
        try:
            found = await transport.get(url)
        except RemoteError as error:
            if error.status not in ABSENT:
                raise
            denied = denied or (error if error.status == 403 else None)
        else:
            if found.data is None or not is_page(found.data):
                return Link(url, "entry")
    if denied is not None:
        raise denied
    raise ConfigurationError(
        f"source {shown(source)!r}: there is no {' and no '.join(ENTRY_FILES)}; "
        "a server lists no folders: name a document, or use mode 'api' for a STAC API"
    )


async def _of_prefix(config: IngestConfig, transport: Transport, listed: dict[str, Listed] | None) -> list[Link]:
    source = config.source
    if _MAGIC.search(source) and not await _is_named(source, transport):
        prefix = source[: _MAGIC.search(source).start()].rpartition("/")[0]  # type: ignore[union-attr]
        pattern = re.compile(pattern_of(source), re.DOTALL)
        names = await _names(transport, prefix, listed)
        links = await _links(config, [url for url in names if pattern.fullmatch(url)], transport)
        if tables := list(_tables(names, links)):
            transport.note(read_although_table(shown(tables[0][0]), tables[0][1], len(tables)))
        return links
    if is_data(source) and not source.endswith("/") and await _exists(transport, source):
        return [Link(source, "entry")]
    folder = source.rstrip("/") + "/"
    try:
        names = await _names(transport, folder, listed)
    except RemoteError as error:
        return [await _unlisted(source, error, transport)]
    if not names and is_data(source):
        raise RemoteError("not found (404)", status=404)
    if not names and not source.endswith("/") and await _exists(transport, source):
        return [Link(source, "entry")]
    named = [folder + name for name in ENTRY_FILES if folder + name in names]
    if config.source_type != "items_directory":
        entries = [url for url in named if url not in await _of_items(named, transport)]
        if entries:
            return [Link(entries[0], "entry")]
    links = await _links(config, names, transport)
    for root, table in _tables(names, links):
        held = "is" if f"{root}/" == folder else f"holds {shown(root)!r},"
        way_out = in_place_of_table(f"{shown(root)}/**/*.parquet")
        raise ConfigurationError(f"source {shown(source)!r} {held} {table}{way_out}")
    return links


async def parts_at(url: str, error: RemoteError, transport: Transport) -> list[str]:
    """Return the parts of a Parquet table to which a link led as to one object, where a store has none of that name."""
    names: list[str] = []
    if error.status == 404 and scheme_of(url) in STORES:
        with suppress(RemoteError):
            names = await _names(transport, f"{url}/", None)
    data = [each for each in names if format_of_name(name_of(each)) == "parquet" and not _is_hidden(each)]
    return [] if any(_tables(names, [Link(each, "item") for each in data])) else data


def _is_hidden(url: str) -> bool:
    return any(part.startswith((".", "_")) for part in url.split("/")[3:])


def _tables(names: list[str], links: list[Link]) -> Iterator[tuple[str, str]]:
    """Yield the folders among objects that hold deleted rows, and what they are, if any of these links leads to data
    in them: not to JSON. Both are sorted."""
    wanted = [link.url for link in links if not link.url.endswith(".json")]
    seen = set()
    for found in filter(None, map(_OF_A_TABLE.search, names if wanted else ())):
        root, mark = found.string[: found.start()], found[1]
        if root not in seen and _are_any_below(root, wanted):
            seen.add(root)
            folders = {mark, "data"} if _are_any_below(f"{root}/data", names) else {mark}
            if (table := table_in(folders, partial(iter, [found.string]))) is not None:
                yield root, table


def _are_any_below(folder: str, names: list[str]) -> bool:
    at = bisect_left(names, f"{folder}/")
    return at < len(names) and names[at].startswith(f"{folder}/")


async def _is_named(source: str, transport: Transport) -> bool:
    """Tell whether an object is called like a glob: `[1].json`."""
    with suppress(RemoteError):
        return is_data(source) and await _exists(transport, source)
    return False


async def _unlisted(source: str, error: RemoteError, transport: Transport) -> Link:
    """Return where a prefix begins that may be read, but not listed."""
    if error.status in (401, 403):
        for url in (*in_folder(source), *([] if source.endswith("/") else [source])):
            with suppress(RemoteError):
                if await _exists(transport, url):
                    return Link(url, "entry")
        raise RemoteError(f"it cannot be listed: {error}; or name a document in it", status=error.status)
    raise error


async def _names(transport: Transport, prefix: str, listed: dict[str, Listed] | None) -> list[str]:
    """List the objects under a prefix, of empty ones those with the name of data: others show a folder in consoles."""
    names: list[str] = []
    empty: list[str] = []
    async for each in transport.listed(prefix):
        (names if each.size else empty).append(each.url)
        if listed is not None:
            listed[each.url] = each
        if len(names) + len(empty) > MOST_OBJECTS:
            raise RemoteError(f"holds more than {MOST_OBJECTS:,} objects; name a part of it")
    folders = {parent for url in names for parent in _parents(url)} if empty else set()
    data = [url for url in empty if url not in folders and is_data(url)]
    return sorted([*names, *await _chosen(data, partial(_exists, transport))])


def _parents(url: str) -> Iterator[str]:
    """Yield the URLs of the folders above an object: consoles make empty objects of such names."""
    while url.count("/") > len("//b"):
        url = url.rpartition("/")[0]
        yield url


async def _exists(transport: Transport, url: str) -> bool:
    try:
        await transport.get(url, (0, 1))
    except RemoteError as error:
        if error.status != 404:
            raise
        return False
    return True


async def _of_items(urls: list[str], transport: Transport) -> set[str]:
    """Return those of documents with names of entry points that hold items. One that cannot be had does not."""

    async def holds_items(url: str) -> bool:
        try:
            head = await transport.get(url, (0, PEEK_BYTES), PEEK_BYTES)
        except RemoteError:
            return False
        return is_file_of_items(head.data or b"")

    return set(await _chosen(urls, holds_items))


async def _chosen(urls: list[str], holds: Callable[[str], Coroutine[Any, Any, bool]]) -> list[str]:
    """Return those for which a store says yes, asking about several at once."""
    chosen: list[str] = []
    for first in range(0, len(urls), ASKED_AT_ONCE):
        share = urls[first : first + ASKED_AT_ONCE]
        async with owned_tasks() as tasks:
            answers = [tasks.create_task(holds(url)) for url in share]
        chosen += [url for url, answer in zip(share, answers, strict=True) if answer.result()]
    return chosen


async def _links(config: IngestConfig, names: list[str], transport: Transport) -> list[Link]:
    """Return the data files among names, at any depth and without hidden ones.

    A glob that matches none means its entry points, else all that it matches.
    """
    shown_names = [url for url in names if not _is_hidden(url)]
    entries = [url for url in shown_names if name_of(url) in ENTRY_FILES]
    others = [url for url in shown_names if name_of(url) not in ENTRY_FILES]
    chosen = [url for url in others if _is_wanted(name_of(url), config.format)]
    if entries and config.format in (None, "json") and (chosen or not _MAGIC.search(config.source)):
        chosen = sorted([*chosen, *await _of_items(entries, transport)])
    if not chosen and _MAGIC.search(config.source):
        if entries and config.format in (None, "json"):
            return [Link(url, "entry") for url in entries]
        if others:
            return [Link(url, "item") for url in others]
    if not chosen:
        raise ConfigurationError(f"source {shown(config.source)!r} holds no data file{_hint(config, others)}")
    for note in about_archives(shown(url) for url in others if is_archive(name_of(url))):
        transport.note(note)
    return [Link(url, "item") for url in chosen]


def _is_wanted(name: str, form: str | None) -> bool:
    found = format_of_name(name)
    return found is not None if form is None else found in (None, form)


def _hint(config: IngestConfig, others: list[str]) -> str:
    if not others:
        return ""
    glob = f"{shown(config.source).rstrip('/')}/**"
    return f"; for all objects in it, such as {shown(others[0])!r}, give a glob: {glob!r}"


def pattern_of(glob: str) -> str:
    """Turn a glob into a regular expression: `**` for any depth, `*` and `?` within a name."""
    pieces = re.findall(r"\*\*/|\*\*|\*|\?|\[!?[^\]]+\]|.", glob, re.DOTALL)
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(
        meaning.get(piece) or (piece.replace("[!", "[^") if piece[0] == "[" and len(piece) > 1 else re.escape(piece))
        for piece in pieces
    )
