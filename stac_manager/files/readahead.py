"""Documents in their order as bytes, the next ones being read ahead of the parser, in the way that the disk calls for.

- Files in the page cache are read one by one: nothing can be gained, and nothing is spent on it.
- Once reads have to wait, the next documents are opened and the system is told to fetch them, in bursts.
- Once even those reads take long, or to open them does (a network disk), threads read them, until they are quick again.
"""

from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from itertools import chain, islice
from time import perf_counter
from typing import Literal, TypeAlias

from stac_manager.files.file_source import NOWAIT, FileSource, cannot_nowait, lines_of_file, preadv, read_into
from stac_manager.files.formats import Document
from stac_manager.files.opening import OPEN_FLAGS, TOO_MANY_OPEN, open_document
from stac_manager.files.threads import LARGE_BYTES, THREAD_CEILING, Read, Threads
from stac_manager.files.waits import QUICK_SECONDS, Waits, Way
from stac_manager.parsing.window import Window
from stac_manager.stats import FileStats

BUFFER_BYTES = 65_536
"""Nearly every item file fits: it is read with one call into a buffer that is used again."""
PAGE_BYTES = 4_096

AHEAD_CEILING = 256
"""Documents open ahead at the most, whatever the level: descriptors are limited."""
AUTO_AHEAD = 32
AUTO_AHEAD_CEILING = 128
AUTO_THREADS = 4

Content: TypeAlias = memoryview | Window | OSError | None
Opened: TypeAlias = tuple[Document, Content]
"""A document and what is in it: all of its bytes, a window on them, what went wrong, or None for Parquet.

The bytes are valid until the next document is asked for; a window is to be closed.
"""


class ReadAhead:
    """Reads one document after another, `concurrency` of them at a time where that helps."""

    def __init__(self, documents: Iterable[Document], concurrency: int | Literal["auto"], stats: FileStats) -> None:
        self._left: Iterator[Document] = iter(documents)
        self._stats = stats
        self._auto = concurrency == "auto"
        self._level = 1 if concurrency == "auto" else concurrency
        self._buffers = [memoryview(bytearray(BUFFER_BYTES))]
        self._ahead: deque[tuple[Document, int | OSError | None]] = deque()
        self._hints = concurrency != 1
        self._waits = Waits(can_hint=self._hints and hasattr(os, "posix_fadvise"))
        self.threads: Threads | None = None
        self._nowait = NOWAIT
        stats.concurrency = self._level
        stats.peak_buffer = 1

    @property
    def pending(self) -> Future[Read] | None:
        """What the next document would have to wait for: a thread has not read it yet."""
        return self.threads.pending if self.threads is not None and not self._ahead else None

    def __iter__(self) -> Iterator[Opened]:
        """Yield one document after another."""
        return chain.from_iterable(self._stretches())

    def _stretches(self) -> Iterator[Iterable[Opened]]:
        """Yield documents that are read in one way, each time for as long as that is the way."""
        while True:
            if not self._waits.hinting and not self._ahead and self.threads is None:
                yield self._warm()
            if (found := self._next()) is None:
                return
            yield (found,)

    def _warm(self) -> Iterator[Opened]:
        """Yield documents the shortest way, as long as they are in the page cache and fit the buffer."""
        open_, read, close, clock = os.open, preadv(), os.close, perf_counter
        buffer, buffers, nowait, stats, waits, left = (
            self._buffers[0], self._buffers, self._nowait, self._stats, self._waits.latest, self._left
        )  # fmt: skip
        for document in left:
            if document[1] == "json":
                started = nowait or clock()
                try:
                    descriptor = open_(document[0], OPEN_FLAGS)
                except OSError as error:
                    yield document, error
                else:
                    try:
                        count = read(descriptor, buffers, 0, nowait)
                    except OSError:
                        count = 0
                    if count % PAGE_BYTES and (nowait or clock() - started < QUICK_SECONDS):
                        close(descriptor)
                        stats.bytes += count
                        if waits:
                            waits.clear()
                        yield document, buffer[:count]
                        continue
                    if count and not nowait:
                        self._take_note(clock() - started)
                    yield document, self._read(document, descriptor, count)
            else:
                opened = open_document(document)
                yield document, self._read(document, opened) if isinstance(opened, int) else opened
            nowait = self._nowait
            if self._waits.hinting or self.threads is not None or self._left is not left:
                return

    def _next(self) -> Opened | None:
        if self._waits.hinting and len(self._ahead) <= self._level // 2:
            self._fill()
        if self._ahead:
            document, opened = self._ahead.popleft()
            return document, self._read(document, opened) if isinstance(opened, int) else opened
        if self.threads is not None:
            if (read := self._next_of_threads()) is not None or not self.threads.ending:
                return read
            self._end_threads()
        if (found := next(self._left, None)) is None:
            return None
        opened = open_document(found)
        return found, self._read(found, opened) if isinstance(opened, int) else opened

    def put_back(self, document: Document) -> None:
        """Give back the document that came last, to be read again."""
        if self.threads is not None and not self._ahead:
            self.threads.put_back(document)
            return
        documents = [document, *(ahead for ahead, _ in self._ahead)]
        self._close_ahead()
        self._left = chain(documents, self._left)

    def close(self) -> None:
        """Close what is open and end the threads."""
        self._close_ahead()
        if self.threads is not None:
            self.threads.close()

    def _close_ahead(self) -> None:
        for _, opened in self._ahead:
            if isinstance(opened, int):
                os.close(opened)
        self._ahead.clear()

    def _fill(self) -> None:
        """Open documents and tell the system to fetch them. Many at once: one by one costs half as much again."""
        if self._auto and self._waits.bursts_are_short:
            self._level = min(2 * self._level, AUTO_AHEAD_CEILING)
            self._stats.concurrency = self._level
        burst = self._level - len(self._ahead)
        self._waits.begin_burst(burst)
        for document in islice(self._left, burst):
            started = perf_counter()
            opened = open_document(document)
            slow = self._waits.opened(perf_counter() - started)
            if isinstance(opened, OSError) and opened.errno in TOO_MANY_OPEN and self._ahead:
                self._left = chain((document,), self._left)
                self._level = max(len(self._ahead), 2)
                self._stats.concurrency = self._level
                break
            if isinstance(opened, int):
                length = 0 if document.format == "json" else BUFFER_BYTES
                with suppress(OSError):  # no regular file any more: reading it tells
                    os.posix_fadvise(opened, 0, length, os.POSIX_FADV_WILLNEED)
            self._ahead.append((document, opened))
            if slow is not None:
                self._go_on_with(slow)
                break
        self._stats.peak_buffer = max(self._stats.peak_buffer, len(self._ahead))

    def _read(self, document: Document, descriptor: int, count: int = 0) -> memoryview | Window | OSError:
        """Read a small document whole; make a window for a large one, and for a share of one.

        Args:
            count: So much of it is in the buffer already.
        """
        keep_open = False
        try:
            if document.stop is not None:
                window = self._window(document, descriptor)
                keep_open = True
                return window
            count = count or self._first_read(descriptor)
            # A read without waiting ends with the last page that was there.
            if not count % PAGE_BYTES or count == BUFFER_BYTES:
                while count < BUFFER_BYTES and (further := read_into(descriptor, self._buffers[0][count:], count)[0]):
                    count += further
                if count == BUFFER_BYTES:
                    data = None if document.format == "ndjson" else self._read_rest(descriptor)
                    keep_open = data is None
                    return self._window(document, descriptor) if data is None else data
        except OSError as error:
            return error
        finally:
            if not keep_open:
                os.close(descriptor)
        self._stats.bytes += count
        return self._buffers[0][:count]

    def _window(self, document: Document, descriptor: int) -> Window:
        if document.stop is not None:
            return lines_of_file(descriptor, self._stats, document.first, document.stop, hint=self._hints)
        return Window(FileSource(descriptor, self._stats, hint=self._hints))

    def _read_rest(self, descriptor: int) -> memoryview | None:
        """Read a document of middle size to its end, also when it grows meanwhile; None for what turns out large."""
        size = os.fstat(descriptor).st_size  # 0 of a device, and where the file system does not know
        data = part = bytes(self._buffers[0])
        with io.FileIO(descriptor, closefd=False) as file:
            file.seek(BUFFER_BYTES)
            while part and max(size, len(data)) <= LARGE_BYTES:
                part = file.read(max(size - len(data), 0) + BUFFER_BYTES)
                data += part
        if part:
            return None
        self._stats.bytes += len(data)
        return memoryview(data)

    def _first_read(self, descriptor: int) -> int:
        """Read into the buffer, and draw conclusions from the wait, if there was one."""
        waited = None
        if self._nowait:
            try:
                count = os.preadv(descriptor, self._buffers, 0, self._nowait)
                self._take_note(0.0, waited=False)
                return count
            except BlockingIOError:
                waited = True
            except OSError as error:
                if not cannot_nowait(error):
                    raise
                self._nowait = 0
        started = perf_counter()
        count, _ = read_into(descriptor, self._buffers[0], 0)
        self._take_note(perf_counter() - started, waited=waited)
        return count

    def _take_note(self, seconds: float, *, waited: bool | None = None) -> None:
        """Take note of a read, and read in another way if that is what the disk calls for."""
        if waited:
            self._stats.seconds_waiting += seconds
        if self.threads is None:
            self._go_on_with(self._waits.add(seconds, waited=waited))

    def _go_on_with(self, way: Way | None) -> None:
        if way == "threads":
            self._level = AUTO_THREADS if self._auto else min(self._level, THREAD_CEILING)
            self.threads = Threads(self._left, self._level, self._stats, grow=self._auto)
            self._stats.concurrency = self._level
        elif way == "hints":
            self._level = AUTO_AHEAD if self._auto else min(self._level, AHEAD_CEILING)
            self._stats.concurrency = self._level

    def _next_of_threads(self) -> Opened | None:
        assert self.threads is not None
        found = self.threads.next()
        if found is None:
            return None
        document, (content, seconds) = found
        if isinstance(content, bytes):
            self.threads.ending |= self._waits.by_thread(seconds)
            self._stats.bytes += len(content)
            return document, memoryview(content)
        if isinstance(content, OSError) or document.format == "parquet":
            return document, content
        opened = open_document(document)
        return document, self._window(document, opened) if isinstance(opened, int) else opened

    def _end_threads(self) -> None:
        """Go on without threads: the documents are quick to read again."""
        assert self.threads is not None
        self.threads.close()
        self.threads = None
        self._level = 1 if self._auto else self._level
        self._stats.concurrency = self._level
