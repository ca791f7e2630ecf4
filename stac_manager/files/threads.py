"""Threads: of a function that is awaited to its end, and of documents on slow storage, handed over in their order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import islice
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

from stac_manager.files.formats import Document
from stac_manager.files.opening import open_document
from stac_manager.stats import FileStats

T = TypeVar("T")

LARGE_BYTES = 1_048_576
"""Larger documents go through a window and are never in memory as a whole."""
THREAD_CEILING = 64
AUTO_GAIN = 1.1
"""`auto` stops adding threads when twice as many bring less than this."""


class Read(NamedTuple):
    """What a thread has read of a document: all of it, what went wrong, or None for one that is read in parts."""

    content: bytes | OSError | None
    seconds: float


class Threads:
    """Reads documents in threads, as many at once as its level says, and hands them over in their order."""

    def __init__(self, documents: Iterator[Document], level: int, stats: FileStats, *, grow: bool) -> None:
        self._documents = documents
        self._level = level
        self._grow = grow
        self._stats = stats
        self._pool = ThreadPoolExecutor(THREAD_CEILING, thread_name_prefix="stac-manager-read")
        self._ahead: deque[tuple[Document, Future[Read]]] = deque()
        self.ending = False  # no further documents are to be read
        self._taken = 0
        self._since = perf_counter()
        self._rate = 0.0

    @property
    def pending(self) -> Future[Read] | None:
        self._fill()
        return self._ahead[0][1] if self._ahead and not self._ahead[0][1].done() else None

    def next(self) -> tuple[Document, Read] | None:
        self._fill()
        if not self._ahead:
            return None
        document, future = self._ahead.popleft()
        started = perf_counter()
        read = future.result()
        self._stats.seconds_waiting += perf_counter() - started
        self._taken += 1
        if self._grow and self._taken >= 4 * self._level:
            self._adapt()
        return document, read

    def put_back(self, document: Document) -> None:
        """Read a document again, as the next one."""
        self._ahead.appendleft((document, self._pool.submit(_read_whole, document)))

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._ahead.clear()

    def _fill(self) -> None:
        for document in islice(self._documents, 0 if self.ending else max(self._level - len(self._ahead), 0)):
            self._ahead.append((document, self._pool.submit(_read_whole, document)))
        self._stats.peak_buffer = max(self._stats.peak_buffer, len(self._ahead))

    def _adapt(self) -> None:
        """Double the level while that brings something, else go back and stay there."""
        now = perf_counter()
        rate = self._taken / (now - self._since)
        if rate > AUTO_GAIN * self._rate and self._level < THREAD_CEILING:
            self._level = min(2 * self._level, THREAD_CEILING)
            self._rate = rate
        else:
            if rate <= AUTO_GAIN * self._rate:
                self._level = max(self._level // 2, 1)
            self._grow = False
        self._taken, self._since = 0, now
        self._stats.concurrency = self._level


def _read_whole(document: Document) -> Read:
    """Read a document in a thread."""
    started = perf_counter()
    return Read(_content(document), perf_counter() - started)


def _content(document: Document) -> bytes | OSError | None:
    if document.stop is not None:
        return None
    opened = open_document(document)
    if not isinstance(opened, int):
        return opened
    try:
        with open(opened, "rb", buffering=0) as file:
            parts = []
            size = 0
            while part := file.read(LARGE_BYTES):
                parts.append(part)
                size += len(part)
                if size > LARGE_BYTES:
                    return None
    except OSError as error:
        return error
    return b"".join(parts)


async def in_thread(
    function: Callable[..., T],
    *arguments: object,
    executor: Executor | None = None,
    interrupt: Callable[[], None] | None = None,
) -> T:
    """Call `function` in a thread, and when cancelled wait until it has ended: what it uses is closed next.

    Args:
        interrupt: Called when cancelled: it lets `function` end where that waits for a server.
    """
    future = asyncio.get_running_loop().run_in_executor(executor, partial(function, *arguments))
    try:
        return await asyncio.shield(future)
    finally:
        if interrupt is not None and not future.done():
            interrupt()
            future.add_done_callback(_seen)
        while not future.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([future])


def _seen(future: asyncio.Future[Any]) -> None:
    """Look at the error of what was interrupted, which would be reported as lost."""
    if not future.cancelled():
        future.exception()
