"""Plans of remote sources: data files under a prefix, put together, and large ones cut where their server can do it."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from functools import partial

from stac_manager.config import IngestConfig
from stac_manager.files.content import Borrowed
from stac_manager.files.cutting import cut, items_in, together
from stac_manager.files.formats import Document, Format
from stac_manager.files.remote.addresses import is_data, located
from stac_manager.files.remote.blocks import BLOCK_BYTES, RemoteFile, read_anywhere
from stac_manager.files.remote.catalogs import Link
from stac_manager.files.remote.entries import entries_of
from stac_manager.files.remote.faults import RemoteError
from stac_manager.files.remote.fetched import Listed
from stac_manager.files.remote.reading import at_its_place, format_by_name
from stac_manager.files.remote.transport import Transport
from stac_manager.files.threads import in_thread
from stac_manager.parsing.window import Window
from stac_manager.plan import Document as PlannedDocument
from stac_manager.plan import Documents, Partition, Plan, RowGroups
from stac_manager.run import owned_tasks
from stac_manager.stats import FileStats
from stac_manager.urls import shown

PARTITION_DOCUMENTS = 100
"""So many data files under a prefix are one partition at most."""
MOST_CUT = 100
"""Of more large files each is a partition, and none is looked at."""


async def plan(config: IngestConfig, partition_items: int) -> Plan:
    """Divide data files into partitions of about so many items.

    A catalog is one partition: two of its links may lead to one item.

    Raises:
        ConfigurationError, DataProcessingError: As `read`.
    """
    config = at_its_place(config)
    listed: dict[str, Listed] = {}
    transport = Transport(config, FileStats())
    try:
        links = await entries_of(config, transport, listed)
        # Of a catalog nobody knows whether it has changed: that is up to all of its documents.
        known = [listed.get(link.url) if link.kind == "item" else None for link in links]
        documents = [
            _planned(shown(link.url), format_by_name(config, link.url), each)
            for link, each in zip(links, known, strict=True)
        ]
        large = [place for place, link in enumerate(links) if _may_be_large(link.url, listed, alone=len(links) == 1)]
        notes: list[str] = []
        if len(large) > MOST_CUT:
            cut: dict[int, list[Partition]] = {place: [Documents((documents[place],))] for place in large}
        else:
            async with owned_tasks() as tasks:
                looks = [
                    tasks.create_task(_cut(links[place], documents[place], transport, partition_items, notes))
                    for place in large
                ]
            cut = {place: look.result() for place, look in zip(large, looks, strict=True)}
    finally:
        await transport.close()
    found = (cut.get(place) or (each, items_in(each.size or 0)) for place, each in enumerate(documents))
    partitions = tuple(together(found, partition_items, PARTITION_DOCUMENTS, estimated=False))
    rows = [each.estimate or 0 for each in partitions if isinstance(each, RowGroups)]
    counted = sum(rows) if rows and len(rows) == len(partitions) else None
    return Plan(shown(config.source), "document", partitions, counted, tuple(notes))


def links_of_partition(partition: Documents, config: IngestConfig) -> list[Link]:
    """Return where the reading of a partition begins."""
    return [Link(url_of(document, config), "entry") for document in partition.documents]


def url_of(document: PlannedDocument, config: IngestConfig) -> str:
    """Return the URL of a planned document. A plan holds no secrets: the source's are taken from the source."""
    source, path = located(config.source), located(document.path)
    return source if path == shown(source) else path


def _planned(path: str, form: Format, listed: Listed | None) -> PlannedDocument:
    if listed is None:
        return PlannedDocument(path, form)
    return PlannedDocument(path, form, listed.size, listed.modified_ns, etag=listed.etag)


def _may_be_large(url: str, listed: dict[str, Listed], *, alone: bool) -> bool:
    return is_data(url) and (listed[url].size > BLOCK_BYTES if url in listed else alone)


async def _cut(
    link: Link, document: PlannedDocument, transport: Transport, partition_items: int, notes: list[str]
) -> list[Partition]:
    """Cut a document of lines or rows; nothing for one that is small, cannot be cut, or cannot be had."""
    try:
        first = await transport.get(link.url, (0, BLOCK_BYTES), BLOCK_BYTES)
    except RemoteError:
        return []  # reading says why
    if first.size is not None and first.size <= BLOCK_BYTES:
        return []
    if not first.ranged or first.size is None:
        notes.append(f"{document.path} is one partition: its server gives no parts of it")
        return []
    if len(first.data or b"") != BLOCK_BYTES:
        return []
    document = document._replace(size=first.size, modified_ns=first.modified_ns, etag=first.etag)
    file = RemoteFile(transport, replace(first, linked=link.url), asyncio.get_running_loop(), 0)
    with closing(file):
        return await in_thread(partial(_shares, file, document, partition_items), interrupt=file.interrupt)


def _shares(file: RemoteFile, document: PlannedDocument, partition_items: int) -> list[Partition]:
    named = Document(document.path, "ndjson" if document.format == "ndjson" else "json")
    try:
        with closing(Window(Borrowed(file))) as window:
            found = cut(window, named, document, file.size(), partition_items, read_anywhere(file), file)
    except (OSError, ValueError):
        return []  # reading says why
    return found if isinstance(found, list) else []
