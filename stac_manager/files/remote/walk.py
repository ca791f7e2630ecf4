"""From a catalog to its documents, in the order of the links, with the next ones on their way.

The documents of a catalog are a tree: a link `item` is a leaf, a link `child` a branch. They are delivered depth first,
each once, where it is linked first. What is fetched ahead is always the first in that order that nobody has asked for
yet, so that as many requests are in flight as the limiter allows, and what waits is what comes next.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from hashlib import blake2b

from stac_manager.context import FailureCollector
from stac_manager.files.entry_points import MOST_CATALOG_BYTES
from stac_manager.files.formats import ENTRY_FILES, HEAD_BYTES, why_not_text
from stac_manager.files.remote.addresses import STORES, in_folder, is_data, name_of, scheme_of
from stac_manager.files.remote.ahead import Ahead, Branch, Load, PostponedError, Unstarted
from stac_manager.files.remote.catalogs import (
    Link,
    is_packed,
    items_of_api,
    may_be_catalog,
    may_be_stac,
    opened_in,
)
from stac_manager.files.remote.faults import ABSENT, RemoteError
from stac_manager.files.remote.fetched import Fetched
from stac_manager.files.remote.transport import Transport
from stac_manager.stats import FileStats
from stac_manager.urls import shown

MOST_DEPTH = 500
MOST_CATALOGS_WITHOUT_ITEM = 100_000
"""A catalog that leads from catalog to catalog and never to an item is left after so many in a row."""
MOST_OPEN_BYTES = 268_435_456
"""The catalogs above a document take no more."""
SLOW_BYTES = 262_144
"""A catalog of more bytes is parsed in a thread."""
NOT_JSON = 200
"""The status of an answer that is no catalog: a server may list a folder."""


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
        self._root = Branch(entries, ())
        self._unstarted = Unstarted()
        self._ahead = Ahead()
        self._delivered: set[bytes] = set()
        self._problem: Exception | None = None
        self._parsing = asyncio.Lock()

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
                if isinstance(result, Fetched | Branch) and await self._is_repeated(link, result):
                    self._ahead.waiting_bytes -= load.size
                elif isinstance(result, Branch):
                    barren += 1
                    too_large = result.size + sum(each.size for each in stack) > MOST_OPEN_BYTES
                    if barren > MOST_CATALOGS_WITHOUT_ITEM or len(stack) > MOST_DEPTH or too_large:
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

    async def _next(self, link: Link) -> Load | None:
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
        self._ahead.wanted = load
        self._fill()
        await load.ended.wait()
        if self._problem is not None:
            raise self._problem
        del self._ahead.loads[link.url]
        return load

    async def _is_repeated(self, link: Link, found: Fetched | Branch) -> bool:
        """Tell whether a redirect led to what was delivered before. What is no STAC is named each time."""
        if found.url == link.url:
            return False
        if isinstance(found, Fetched) and found.data is not None:
            is_stac = asyncio.to_thread(may_be_stac, found.data) if is_packed(found.data) else None
            if not (may_be_stac(found.data) if is_stac is None else await is_stac):
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

    def _start(self, link: Link, place: tuple[int, ...]) -> Load:
        load = self._ahead.loads[link.url] = Load()
        self._ahead.running += 1
        load.task = asyncio.create_task(self._load(link, place, load))
        self._stats.peak_buffer = max(self._stats.peak_buffer, len(self._ahead.loads))
        return load

    async def _load(self, link: Link, place: tuple[int, ...], load: Load) -> None:
        """Fetch a document, and if it is a catalog make a branch of it."""
        try:
            if self._ranged(link.url):
                load.result = Fetched(link.url, None, None, ranged=True, linked=link.url)
            else:
                load.result = await self._fetched(link, place, load)
                load.size = load.result.size or 0
                self._ahead.waiting_bytes += load.size
        except RemoteError as error:
            load.result = str(error)  # the error has what was read
        except PostponedError:
            del self._ahead.loads[link.url]
            self._unstarted.push(Branch([link], place))
        except Exception as error:  # noqa: BLE001 - raised where the documents are taken
            self._problem = error
        finally:
            self._ahead.ended(load)
            load.ended.set()
            if self._problem is not None:
                for each in self._ahead.loads.values():
                    each.ended.set()
        if isinstance(load.result, Branch):
            self._unstarted.push(load.result)
        self._fill()

    async def _fetched(self, link: Link, place: tuple[int, ...], load: Load) -> Fetched | Branch:
        """Fetch the document of a link, of a `child` that is a folder its entry point."""
        try:
            return await self._document(link, place, load)
        except RemoteError as error:
            if link.kind != "child" or is_data(link.url) or error.status not in (NOT_JSON, *ABSENT):
                raise
            for url in in_folder(link.url):
                with suppress(RemoteError):
                    return await self._document(Link(url, "child"), place, load)
            raise

    async def _document(self, link: Link, place: tuple[int, ...], load: Load) -> Fetched | Branch:
        take = partial(self._ahead.take, load)
        is_expected = link.kind == "child" or (link.kind == "entry" and name_of(link.url).startswith(ENTRY_FILES))
        fetched = await self._transport.get(link.url, most=MOST_CATALOG_BYTES if is_expected else None, take=take)
        self._stats.documents += 1
        data = fetched.data
        if data is None or link.kind == "item" or (link.kind == "entry" and not may_be_catalog(data)):
            return replace(fetched, size=None if data is None else len(data), linked=link.url)
        of_it = (data, link.url, fetched.url, self._source)
        if len(data) > SLOW_BYTES or is_packed(data):  # one at a time: it may take thirty times as much
            async with self._parsing:
                opened = await asyncio.to_thread(opened_in, *of_it)
                await take(opened.size)
        else:
            opened = opened_in(*of_it)
        document, links = opened.document, opened.links
        if document is None:
            if link.kind == "child" and opened.is_no_child:
                raise RemoteError(why_not_text(data[:HEAD_BYTES]) or "not JSON", status=NOT_JSON)
            return replace(fetched, size=len(data), linked=link.url)
        if not links and (served := items_of_api(document, fetched.url)) is not None:
            raise RemoteError(f"its items are served by an API ({served}); use mode 'api' for it")
        if not links and link.kind == "entry":
            folder = shown(link.url).rpartition("/")[0]
            others = f"{folder}/**" if scheme_of(link.url) in STORES else "their own addresses"
            raise RemoteError(f"a catalog without links to items or further catalogs; read items beside it by {others}")
        return Branch(links, place, fetched.url, size=opened.size)

    async def _end(self) -> None:
        tasks = [load.task for load in self._ahead.loads.values() if load.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._ahead.loads.clear()


def _digest(url: str) -> bytes:
    return blake2b(url.encode("utf-8", "surrogatepass"), digest_size=16).digest()
