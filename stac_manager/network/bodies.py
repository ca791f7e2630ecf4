"""Bodies of answers: decompressed within bounds, without holding up the event loop.

Nothing of what a server says about sizes is believed. Bounded are the bytes of one answer, on the wire and unpacked,
how much more it becomes by unpacking, its gzip members, its codings, and the bytes of all answers together.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import reduce
from io import BytesIO

import brotli

from stac_manager.exceptions import DataProcessingError
from stac_manager.run import Turns, did, light_turn

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
MEMBERS_ON_THE_SPOT = 100
GZIP_MEMBER = b"\x1f\x8b\x08"

CODINGS = ("gzip", "deflate", "br")
"""What is asked for."""
UNDONE = (*CODINGS, "x-gzip")


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
        self._turns = Turns()

    async def take(self, holder: object, count: int) -> None:
        """Count bytes for an answer, once there is room for them."""
        held = self._held
        held.setdefault(holder, 0)
        await self._turns.until(lambda: sum(held.values()) + count <= BYTES_IN_FLIGHT or next(iter(held)) is holder)
        held[holder] += count

    def release(self, holder: object) -> None:
        """Forget an answer: what it was made into is counted elsewhere."""
        self._held.pop(holder, None)
        self._turns.changed()


def _inflated(data: bytes, coding: str) -> Iterator[bytes]:
    """Undo gzip, with all its members, and deflate, with or without the header of zlib: `STEP_BYTES` at a time."""
    raw = coding == "deflate" and (data[0] & 0x0F != 8 or int.from_bytes(data[:2], "big") % 31)
    window = -zlib.MAX_WBITS if raw else zlib.MAX_WBITS | (0 if coding == "deflate" else 16)
    decoder, members = zlib.decompressobj(window), 1
    at, rest = 0, b""
    parts: list[bytes] = []
    size = 0
    while not decoder.eof or rest or at < len(data):
        if decoder.eof:
            decoder, members = zlib.decompressobj(window), members + 1
            if members > MAX_MEMBERS:
                raise RefusedBodyError(f"the answer has more than {MAX_MEMBERS} gzip members; it is not read")
        if not rest:
            rest = data[at : at + PIECE_BYTES]
            at += len(rest)
        if not rest:
            raise DamagedBodyError
        parts.append(decoder.decompress(rest, STEP_BYTES - size))
        size += len(parts[-1])
        rest = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
        if size >= STEP_BYTES:
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        yield b"".join(parts)


def _unbrotled(data: bytes) -> Iterator[bytes]:
    """Undo brotli, about `STEP_BYTES` at a time."""
    decoder = brotli.Decompressor()
    while not decoder.is_finished():
        part = decoder.process(data, output_buffer_limit=STEP_BYTES)
        if not part and not data and not decoder.is_finished():
            raise DamagedBodyError
        data = b""
        yield part


async def decompressed(data: bytes, coding: str, take: Callable[[int], Awaitable[None]] | None = None) -> bytes:
    """Undo a Content-Encoding, never making more bytes than the bounds allow. Where the header is wrong, as behind some
    proxies, the first bytes tell: JSON does not begin like gzip, nor gzip like JSON. `take` is awaited with the number
    of bytes that are made.

    Raises:
        DamagedBodyError: If the body is cut off or garbled.
        RefusedBodyError: If it holds more than a bound allows, or its coding is none that was asked for.
    """
    codings = [name for part in coding.lower().split(",") if (name := part.strip()) not in ("", "identity")]
    if len(codings) > MAX_CODINGS:
        raise RefusedBodyError(f"the answer has {len(codings)} codings; no more than {MAX_CODINGS} are undone")
    most = max(MAX_RATIO * len(data), RATIO_FREE_BYTES)
    for name in reversed(codings):
        known = name in UNDONE
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
    steps = _unbrotled(data) if coding == "br" else _inflated(data, coding)
    on_the_spot = len(data) <= ON_THE_SPOT_BYTES and data.count(GZIP_MEMBER) <= MEMBERS_ON_THE_SPOT
    whole = BytesIO()
    size = 0
    while True:
        try:
            if on_the_spot:
                await light_turn()
                part = next(steps, None)
                did(len(part or b""))
            else:
                part = await asyncio.to_thread(next, steps, None)
        except (zlib.error, brotli.error, DamagedBodyError):
            raise DamagedBodyError(f"the answer is cut off or damaged ({coding})") from None
        if part is None:
            break
        size += len(part)
        if size > MAX_RESPONSE_BYTES:
            raise RefusedBodyError
        if size > most:
            raise RefusedBodyError(f"the answer unpacks to more than {MAX_RATIO} times its size; it is not read")
        on_the_spot = len(part) < STEP_BYTES  # which is the last one
        if take is not None:
            await take(len(part))
        whole = extended(whole, part)
    return whole.getvalue()


def extended(whole: BytesIO, part: bytes) -> BytesIO:
    """Write behind what is there. Such a buffer grows in place and gives its bytes away: they are held once."""
    if not whole.tell():
        whole = BytesIO(part)  # shared with it
        whole.seek(len(part))
    else:
        whole.write(part)
    return whole


def joined(parts: Iterable[bytes]) -> bytes:
    """Put parts together as they are made."""
    return reduce(extended, parts, BytesIO()).getvalue()
