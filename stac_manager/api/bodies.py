"""Bodies of answers: decompressed within bounds, without holding up the event loop.

Nothing of what a server says about sizes is believed. Bounded are the bytes of one answer, on the wire and unpacked,
how much more it becomes by unpacking, its gzip members, its codings, and the bytes of all answers together.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import Awaitable, Callable

import brotli

from stac_manager.exceptions import DataProcessingError

MEGABYTE = 1_048_576
GZIP_MAGIC = b"\x1f\x8b"
# The largest page there is: 10,000 items of 16 KB are 160 MB.
MAX_RESPONSE_BYTES = 256 * MEGABYTE
# JSON of items shrinks to a fifth to a fiftieth. Below so many bytes no ratio is wrong: short texts repeat themselves.
MAX_RATIO = 200
RATIO_FREE_BYTES = 16 * MEGABYTE
MAX_MEMBERS = 10_000
MAX_CODINGS = 3
# Of all answers that are being read or unpacked, together; the oldest of them is never held up.
BYTES_IN_FLIGHT = 128 * MEGABYTE
# Bytes made at once: what fits is unpacked on the spot, the rest in a thread, a step at a time.
STEP_BYTES = MEGABYTE
PIECE_BYTES = 65_536
ON_THE_SPOT_BYTES = 262_144

CODINGS = ("gzip", "deflate", "br")


class DamagedBodyError(Exception):
    """A body that is cut off or garbled."""


class RefusedBodyError(DataProcessingError):
    """A body that is refused, for its size unless it says why."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or f"the answer is larger than {MAX_RESPONSE_BYTES} bytes; ask with a lower limit")


class Budget:
    """Bytes that all answers together may take while they are read. What exceeds it waits, but never the oldest."""

    def __init__(self) -> None:
        self._held: dict[object, int] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self, holder: object, count: int) -> None:
        """Count bytes for an answer, once there is room for them."""
        held = self._held
        held.setdefault(holder, 0)
        while sum(held.values()) + count > BYTES_IN_FLIGHT and next(iter(held)) is not holder:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter
        held[holder] += count

    def release(self, holder: object) -> None:
        """Forget an answer: what it was made into is counted elsewhere."""
        self._held.pop(holder, None)
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)


class _Inflater:
    """gzip, with all its members, and deflate, with or without the header of zlib."""

    def __init__(self, data: bytes, coding: str) -> None:
        raw = coding == "deflate" and (data[0] & 0x0F != 8 or int.from_bytes(data[:2], "big") % 31)
        self._window = -zlib.MAX_WBITS if raw else zlib.MAX_WBITS | (0 if coding == "deflate" else 16)
        self._decoder = zlib.decompressobj(self._window)
        self._data, self._at, self._rest = memoryview(data), 0, b""
        self._members = 1
        self.done = False

    def step(self) -> bytes:
        """Make the next `STEP_BYTES`, or what is left."""
        parts: list[bytes] = []
        size = 0
        try:
            while size < STEP_BYTES and not self.done:
                parts.append(self._feed(STEP_BYTES - size))
                size += len(parts[-1])
        except zlib.error as error:
            raise DamagedBodyError from error
        return b"".join(parts)

    def _feed(self, most: int) -> bytes:
        piece = self._rest
        if not piece:
            piece = bytes(self._data[self._at : self._at + PIECE_BYTES])
            self._at += len(piece)
        if not piece:
            raise DamagedBodyError
        part = self._decoder.decompress(piece, most)
        self._rest = self._decoder.unconsumed_tail
        if self._decoder.eof:
            self._rest = self._decoder.unused_data
            self.done = not self._rest and self._at == len(self._data)
            self._members += 1
            if self._members > MAX_MEMBERS + 1:
                raise RefusedBodyError(f"the answer has more than {MAX_MEMBERS} gzip members; it is not read")
            self._decoder = zlib.decompressobj(self._window)
        return part


class _Unbrotler:
    def __init__(self, data: bytes) -> None:
        self._decoder = brotli.Decompressor()
        self._data = data

    @property
    def done(self) -> bool:
        return bool(self._decoder.is_finished())

    def step(self) -> bytes:
        data, self._data = self._data, b""
        try:
            part: bytes = self._decoder.process(data, output_buffer_limit=STEP_BYTES)
        except brotli.error as error:
            raise DamagedBodyError from error
        if not part and not data and not self.done:
            raise DamagedBodyError
        return part


async def decompressed(data: bytes, coding: str, take: Callable[[int], Awaitable[None]] | None = None) -> bytes:
    """Undo a Content-Encoding, never making more bytes than the bounds allow. Where the header is wrong, as behind some
    proxies, the first bytes tell: JSON does not begin like gzip, nor gzip like JSON.

    Args:
        data: The body as it came over the wire.
        coding: The header; several codings are undone from the last one on.
        take: Awaited before bytes are made, with their number.

    Raises:
        DamagedBodyError: If the body is cut off or garbled.
        RefusedBodyError: If it holds more than a bound allows, or its coding is none that was asked for.
    """
    codings = [name for part in coding.lower().split(",") if (name := part.strip()) not in ("", "identity")]
    if len(codings) > MAX_CODINGS:
        raise RefusedBodyError(f"the answer has {len(codings)} codings; no more than {MAX_CODINGS} are undone")
    most = max(MAX_RATIO * len(data), RATIO_FREE_BYTES)
    for name in reversed(codings):
        known = name in ("gzip", "x-gzip", *CODINGS)
        if not data or (data[:64].lstrip().startswith(b"{") and (not known or name.endswith("gzip"))):
            return data
        if not known:
            raise RefusedBodyError(f"the answer has an unknown Content-Encoding {name[:40]!r}")
        data = await _undone(data, name, most, take)
    for _ in range(MAX_CODINGS - len(codings)):  # packed once more than the header says
        if not data.startswith(GZIP_MAGIC):
            break
        data = await _undone(data, "gzip", most, take)
    return data


async def _undone(data: bytes, coding: str, most: int, take: Callable[[int], Awaitable[None]] | None) -> bytes:
    decoder = _Unbrotler(data) if coding == "br" else _Inflater(data, coding)
    on_the_spot = len(data) <= ON_THE_SPOT_BYTES
    parts: list[bytes] = []
    size = 0
    while not decoder.done:
        try:
            part = decoder.step() if on_the_spot else await asyncio.to_thread(decoder.step)
        except DamagedBodyError:
            raise DamagedBodyError(f"the answer is cut off or damaged ({coding})") from None
        size += len(part)
        if size > MAX_RESPONSE_BYTES:
            raise RefusedBodyError
        if size > most:
            raise RefusedBodyError(f"the answer unpacks to more than {MAX_RATIO} times its size; it is not read")
        on_the_spot = False
        if take is not None:
            await take(len(part))
        parts.append(part)
    # Joining large parts takes no lock, so that others run meanwhile.
    return parts[0] if len(parts) == 1 else await asyncio.to_thread(b"".join, parts)
