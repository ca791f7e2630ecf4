"""From a catalog to its documents, in the order of the links, with the next ones on their way.

The documents of a catalog are a tree: a link `item` is a leaf, a link `child` a branch. They are delivered depth first,
each once, where it is linked first. What is fetched ahead is always the first in that order that nobody has asked for
yet, so that as many requests are in flight as the limiter allows, and what waits is what comes next.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from stac_manager.config import shown
from stac_manager.context import FailureCollector
from stac_manager.files.entry_points import MOST_CATALOG_BYTES
from stac_manager.files.formats import ENTRY_FILES, HEAD_BYTES, why_not_text
from stac_manager.files.remote.addresses import STORES, in_folder, is_data, name_of, scheme_of
from stac_manager.files.remote.catalogs import (
    Link,
    is_catalog,
    is_no_child,
    items_of_api,
    links_of,
    may_be_catalog,
    may_be_stac,
    parsed,
)
from stac_manager.files.remote.faults import ABSENT, RemoteError
from stac_manager.files.remote.fetched import Fetched
from stac_manager.files.remote.transport import Transport
from stac_manager.stats import FileStats

AHEAD_BYTES = 33_554_432
"""What is fetched and waits for the consumer takes no more, and one document."""
AHEAD_DOCUMENTS = 1_024
MOST_DEPTH = 500
MOST_CATALOGS_WITHOUT_ITEM = 100_000
"""A catalog that leads from catalog to catalog and never to an item is left after so many in a row."""
SLOW_BYTES = 262_144
"""A catalog of more bytes is parsed in a thread."""
NOT_JSON = 200
"""The status of an answer that is no catalog: a server may list a folder."""


@dataclass(eq=False)
class _Branch:
    """The links of one catalog."""

    links: Sequence[Link]
    place: tuple[int, ...]
    url: str = ""
    size: int = 0
    started: int = 0
    delivered: int = 0


@dataclass(eq=False)
class _Load:
    """A document that is on its way or waits."""

    task: asyncio.Task[None] | None = None
    result: Fetched | _Branch | RemoteError | None = None  # RemoteError: what went wrong
    size: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class _Unstarted:
    """The links of all branches that nobody has asked for yet, in order."""

    def __init__(self) -> None:
        self._branches: list[tuple[tuple[int, ...], int, _Branch]] = []  # each with the place of its next link
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._branches)

    def push(self, branch: _Branch) -> None:
        """Add a branch, if it has any."""
        if branch.started < len(branch.links):
            self._count += 1
            heapq.heappush(self._branches, ((*branch.place, branch.started), self._count, branch))

    def pop(self) -> tuple[Link, tuple[int, ...]]:
        """Take the first link, and its place."""
        place, _, branch = heapq.heappop(self._branches)
        link = branch.links[branch.started]
        branch.started = max(branch.started + 1, branch.delivered)
        self.push(branch)
        return link, place


@dataclass(eq=False)
class _Ahead:
    """What was asked for and was not delivered yet."""

    loads: dict[str, _Load] = field(default_factory=dict)  # by their URLs
    running: int = 0  # so many of them
    waiting_bytes: int = 0  # of what has come

    def has_room(self, stats: FileStats) -> bool:
        """Whether there is room for one more, if documents are as large as they were in the mean."""
        expected = self.running * (stats.bytes / stats.documents if stats.documents else 0)
        return self.waiting_bytes + expected < AHEAD_BYTES and len(self.loads) < AHEAD_DOCUMENTS


class Walk:
    """Follows the links from the entry points of a source.

    Args:
        transport: Gets the documents.
        entries: Where it begins, in order.
        source: Decides which links are followed.
        ranged: Tells which URLs are not fetched whole: they are delivered without data.
        failures: Receives what cannot be had.
    """

    def __init__(
        self,
        transport: Transport,
        entries: Sequence[Link],
        source: str,
        ranged: Callable[[str], bool],
        failures: FailureCollector,
        stats: FileStats,
    ) -> None:
        self._transport = transport
        self._source = source
        self._ranged = ranged
        self._failures = failures
        self._stats = stats
        self._root = _Branch(entries, ())
        self._unstarted = _Unstarted()
        self._ahead = _Ahead()
        self._delivered: set[bytes] = set()
        self._problem: Exception | None = None

    async def documents(self) -> AsyncGenerator[Fetched, None]:
        """Yield every document that may hold items.

        Raises:
            DataProcessingError: If one after another cannot be had.
        """
        self._unstarted.push(self._root)
        stack = [self._root]
        barren = 0
        try:
            while stack:
                branch = stack[-1]
                if branch.delivered == len(branch.links):
                    stack.pop()
                    self._ahead.waiting_bytes -= branch.size
                    continue
                link = branch.links[branch.delivered]
                branch.delivered += 1
                load = await self._next(link)
                if load is None:
                    continue
                result, load.result = load.result, None
                if isinstance(result, Fetched | _Branch) and self._is_repeated(link, result):
                    self._ahead.waiting_bytes -= load.size
                elif isinstance(result, _Branch):
                    barren += 1
                    if barren > MOST_CATALOGS_WITHOUT_ITEM or len(stack) > MOST_DEPTH:
                        self._fail(link, "the catalog leads on and on without an item; it is left here")
                        self._ahead.waiting_bytes -= result.size
                        continue
                    stack.append(result)
                elif isinstance(result, Fetched):
                    barren = 0
                    self._ahead.waiting_bytes -= load.size
                    yield result
                else:
                    self._fail(link, str(result))
        finally:
            await self._end()

    async def _next(self, link: Link) -> _Load | None:
        """Wait for the document of a link; None where there is nothing to wait for."""
        key = _digest(link.url)
        if key in self._delivered:
            if (load := self._ahead.loads.get(link.url)) is not None:  # fetched ahead, and delivered by a redirect
                await load.ended.wait()
                self._ahead.waiting_bytes -= load.size
                del self._ahead.loads[link.url]
            return None
        self._delivered.add(key)
        if link.kind == "entry":
            self._delivered.add(_digest(shown(link.url)))  # as its own documents link to it, without a signature
        if link.refused is not None:
            self._fail(link, link.refused)
            return None
        load = self._ahead.loads.get(link.url)
        if load is None:  # there was no room to fetch it ahead
            load = self._start(link, ())
        self._fill()
        await load.ended.wait()
        if self._problem is not None:
            raise self._problem
        del self._ahead.loads[link.url]
        return load

    def _is_repeated(self, link: Link, found: Fetched | _Branch) -> bool:
        """Tell whether a redirect led to what was delivered before. What is no STAC is named each time."""
        if found.url == link.url or (
            isinstance(found, Fetched) and found.data is not None and not may_be_stac(found.data)
        ):
            return False
        key = _digest(found.url)
        was_there = key in self._delivered
        self._delivered.add(key)
        return was_there

    def _fail(self, link: Link, reason: str) -> None:
        self._failures.add(shown(link.url), reason)

    def _fill(self) -> None:
        """Start the next documents in order, as long as requests may be sent and there is room for what comes."""
        while self._unstarted and self._ahead.running < self._transport.level and self._ahead.has_room(self._stats):
            link, place = self._unstarted.pop()
            if link.refused is None and link.url not in self._ahead.loads and _digest(link.url) not in self._delivered:
                self._start(link, place)

    def _start(self, link: Link, place: tuple[int, ...]) -> _Load:
        load = self._ahead.loads[link.url] = _Load()
        self._ahead.running += 1
        load.task = asyncio.create_task(self._load(link, place, load))
        self._stats.peak_buffer = max(self._stats.peak_buffer, len(self._ahead.loads))
        return load

    async def _load(self, link: Link, place: tuple[int, ...], load: _Load) -> None:
        """Fetch a document, and if it is a catalog make a branch of it."""
        try:
            if self._ranged(link.url):
                load.result = Fetched(link.url, None, None, ranged=True, linked=link.url)
            else:
                load.result = await self._fetched(link, place)
                load.size = load.result.size or 0
                self._ahead.waiting_bytes += load.size
        except RemoteError as error:
            load.result = error
        except Exception as error:  # noqa: BLE001 - raised where the documents are taken
            self._problem = error
        finally:
            self._ahead.running -= 1
            load.ended.set()
            if self._problem is not None:
                for each in self._ahead.loads.values():
                    each.ended.set()
        if isinstance(load.result, _Branch):
            self._unstarted.push(load.result)
        self._fill()

    async def _fetched(self, link: Link, place: tuple[int, ...]) -> Fetched | _Branch:
        """Fetch the document of a link, of a `child` that is a folder its entry point."""
        try:
            return await self._document(link, place)
        except RemoteError as error:
            if link.kind != "child" or is_data(link.url) or error.status not in (NOT_JSON, *ABSENT):
                raise
            for url in in_folder(link.url):
                with suppress(RemoteError):
                    return await self._document(Link(url, "child"), place)
            raise

    async def _document(self, link: Link, place: tuple[int, ...]) -> Fetched | _Branch:
        is_expected = link.kind == "child" or (link.kind == "entry" and name_of(link.url).startswith(ENTRY_FILES))
        fetched = await self._transport.get(link.url, most=MOST_CATALOG_BYTES if is_expected else None)
        self._stats.documents += 1
        data = fetched.data
        if data is None or link.kind == "item" or (link.kind == "entry" and not may_be_catalog(data)):
            return replace(fetched, size=None if data is None else len(data), linked=link.url)
        document = await asyncio.to_thread(parsed, data) if len(data) > SLOW_BYTES else parsed(data)
        if not isinstance(document, dict) or not is_catalog(document):
            if link.kind == "child" and is_no_child(document, data, link.url):
                raise RemoteError(why_not_text(data[:HEAD_BYTES]) or "not JSON", status=NOT_JSON)
            return replace(fetched, size=len(data), linked=link.url)
        of_it = (document, fetched.url, self._source)
        links = await asyncio.to_thread(links_of, *of_it) if len(data) > SLOW_BYTES else links_of(*of_it)
        if not links and (served := items_of_api(document, fetched.url)) is not None:
            raise RemoteError(f"its items are served by an API ({served}); use mode 'api' for it")
        if not links and link.kind == "entry":
            folder = shown(link.url).rpartition("/")[0]
            others = f"{folder}/**" if scheme_of(link.url) in STORES else "their own addresses"
            raise RemoteError(f"a catalog without links to items or further catalogs; read items beside it by {others}")
        return _Branch(links, place, fetched.url, size=len(data))

    async def _end(self) -> None:
        tasks = [load.task for load in self._ahead.loads.values() if load.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._ahead.loads.clear()


def _digest(url: str) -> bytes:
    return blake2b(url.encode("utf-8", "surrogatepass"), digest_size=16).digest()
