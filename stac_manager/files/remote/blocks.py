"""A remote document as a file: blocks of it are fetched when they are asked for, and some ahead. For other threads."""

from __future__ import annotations

import asyncio
import errno
import io
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from stac_manager.files.file_source import ReadAt
from stac_manager.files.remote.faults import RemoteError
from stac_manager.files.remote.fetched import Fetched
from stac_manager.files.remote.transport import Transport

BLOCK_BYTES = 1_048_576
MOST_BLOCKS = 48
"""So many blocks are kept or on their way at one time."""

EXPIRED = (400, 401, 403, 404, 410)
"""Answers of an address that a redirect led to and that was good for some minutes."""


class RemoteFile(io.RawIOBase):
    """A document of known size that is read by ranges. Its methods block, and must not run in the event loop's thread.

    Args:
        first: Its first block.

    Attributes:
        last: No blocks behind this byte are fetched ahead.

    Raises:
        OSError: From every read that fails.
    """

    def __init__(self, transport: Transport, first: Fetched, loop: asyncio.AbstractEventLoop, ahead: int) -> None:
        super().__init__()
        self._transport = transport
        data = first.data or b""
        self._found = replace(first, data=None, linked=first.linked or first.url)  # where, and in which version
        self._size = self.last = first.size or 0
        self._loop = loop
        self._ahead = min(ahead, MOST_BLOCKS // 2)
        self._blocks: OrderedDict[int, Future[bytes]] = OrderedDict()
        self._at = 0
        self._latest = -1
        self._interrupted = False
        if len(data) == min(BLOCK_BYTES, self._size):
            self._blocks[0] = Future()
            self._blocks[0].set_result(data)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def size(self) -> int:
        """Return the number of bytes of the document."""
        return self._size

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, target: memoryview) -> int:  # type: ignore[override]
        view = memoryview(target).cast("B")
        index, offset = divmod(self._at, BLOCK_BYTES)
        if self._at >= self._size or not len(view):
            return 0
        block = self._block(index)
        count = min(len(view), len(block) - offset)
        if count <= 0:
            raise OSError(errno.EIO, "the document has become shorter while it was read")
        view[:count] = memoryview(block)[offset : offset + count]
        self._at += count
        return count

    def read(self, size: int = -1) -> bytes:
        wanted = max(self._size - self._at, 0) if size is None or size < 0 else size
        parts = bytearray(min(wanted, max(self._size - self._at, 0)))
        view, count = memoryview(parts), 0
        self.fetch([(self._at, self._at + len(parts))])
        while count < len(parts) and (more := self.readinto(view[count:])):
            count += more
        return bytes(view[:count])

    def fetch(self, spans: Iterable[tuple[int, int]]) -> None:
        """Begin to fetch the bytes [start, stop) of each span, as far as there is room."""
        wanted = dict.fromkeys(
            index for start, stop in spans for index in range(start // BLOCK_BYTES, -(-stop // BLOCK_BYTES))
        )
        for index in list(wanted)[: MOST_BLOCKS // 2]:
            if index * BLOCK_BYTES < self._size:
                self._begin(index)

    def interrupt(self) -> None:
        """End the read that another thread waits for, and all that follow, with `CancelledError`."""
        self._interrupted = True
        for block in list(self._blocks.values()):  # that thread changes them meanwhile
            block.cancel()

    def close(self) -> None:
        for block in self._blocks.values():
            block.cancel()
        self._blocks.clear()
        super().close()

    def _block(self, index: int) -> bytes:
        block = self._begin(index)
        if index == self._latest + 1:  # read from the beginning to the end
            stop = min((index + 1 + self._ahead) * BLOCK_BYTES, self.last)
            self.fetch([((index + 1) * BLOCK_BYTES, stop)] if self._ahead else [])
        self._latest = index
        if self._interrupted:  # before it was known that this block is waited for
            block.cancel()
        try:
            return block.result()
        except RemoteError as error:
            self._blocks.pop(index, None)
            raise OSError(errno.EIO, str(error)) from None

    def _begin(self, index: int) -> Future[bytes]:
        block = self._blocks.get(index)
        if block is None:
            block = self._blocks[index] = asyncio.run_coroutine_threadsafe(self._fetched(index), self._loop)
            while len(self._blocks) > MOST_BLOCKS:
                self._blocks.popitem(last=False)[1].cancel()
        self._blocks.move_to_end(index)
        return block

    async def _fetched(self, index: int) -> bytes:
        span = (index * BLOCK_BYTES, min((index + 1) * BLOCK_BYTES, self._size))
        try:
            fetched = await self._transport.get(self._found.url, span, BLOCK_BYTES)
        except RemoteError as error:
            if self._found.url == self._found.linked or error.status not in EXPIRED:
                raise
            fetched = await self._transport.get(self._found.linked, span, BLOCK_BYTES)
        self._found = replace(self._found, url=fetched.url)
        if fetched.data is None or len(fetched.data) != span[1] - span[0]:
            raise RemoteError("the server gave another range than was asked for")
        # Among mirrors one of two versions may differ, and some answers have none.
        versions = self._found.versions
        differs = versions and fetched.versions and versions.isdisjoint(fetched.versions)
        if fetched.size != self._size or differs:
            raise RemoteError("it was changed while it was read")
        return fetched.data


def read_anywhere(file: Any) -> ReadAt:
    """Return what reads a file that has a place of its own."""

    def read(target: memoryview, offset: int) -> int:
        file.seek(offset)
        count: int = file.readinto(target)
        return count

    return read
