"""Bodies of answers: decompressed up to a cap, and decoded."""

from __future__ import annotations

import asyncio
import gc
import zlib
from collections.abc import Iterable
from typing import Any

import brotli
import orjson

from stac_manager.exceptions import DataProcessingError

# The largest page there is: 10,000 items of 16 KB are 160 MB.
MAX_RESPONSE_BYTES = 256 * 1_048_576
STEP_BYTES = 1_048_576
MAX_MESSAGE_CHARACTERS = 300

CODINGS = ("gzip", "deflate", "br")


class DamagedBodyError(Exception):
    """A body that is cut off or garbled."""


class BodyTooLargeError(DataProcessingError):
    """A body of more bytes than the cap, on the wire or after decompression."""

    def __init__(self) -> None:
        super().__init__(f"the answer is larger than {MAX_RESPONSE_BYTES} bytes; ask with a lower limit")


async def decompressed(data: bytes, coding: str) -> bytes:
    """Undo a Content-Encoding, never making more bytes than the cap.

    Raises:
        DamagedBodyError: If the body is cut off or garbled.
        BodyTooLargeError: If it holds more than `MAX_RESPONSE_BYTES`.
        DataProcessingError: If the coding is none that was asked for.
    """
    coding = coding.strip().lower()
    if coding in ("", "identity") or not data:
        return data
    try:
        if coding in ("gzip", "x-gzip", "deflate"):
            return await asyncio.to_thread(_inflated, data, coding)
        if coding == "br":
            return await asyncio.to_thread(_unbrotlied, data)
    except (zlib.error, EOFError) as error:
        raise DamagedBodyError(f"the answer is cut off or damaged ({coding})") from error
    raise DataProcessingError(f"the answer has an unknown Content-Encoding {coding!r}")


def _inflated(data: bytes, coding: str) -> bytes:
    raw_deflate = coding == "deflate" and (data[0] & 0x0F != 8 or int.from_bytes(data[:2], "big") % 31)
    window = -zlib.MAX_WBITS if raw_deflate else zlib.MAX_WBITS | (0 if coding == "deflate" else 16)
    parts: list[bytes] = []
    size = 0
    while data:  # a gzip body may have several members
        decoder = zlib.decompressobj(window)
        parts.append(decoder.decompress(data, MAX_RESPONSE_BYTES - size + 1))
        size += len(parts[-1])
        if size > MAX_RESPONSE_BYTES:
            raise BodyTooLargeError
        if not decoder.eof:
            raise EOFError
        data = decoder.unused_data
    return b"".join(parts)


def _unbrotlied(data: bytes) -> bytes:
    decoder = brotli.Decompressor()
    parts: list[bytes] = []
    size = 0
    try:
        while not decoder.is_finished():
            part = decoder.process(data, output_buffer_limit=STEP_BYTES)
            if not part and not data:
                raise EOFError
            data = b""
            size += len(part)
            if size > MAX_RESPONSE_BYTES:
                raise BodyTooLargeError
            parts.append(part)
    except brotli.error as error:
        raise EOFError from error
    return b"".join(parts)


def decoded(data: bytes) -> Any:
    """Parse JSON, the garbage collector off: thousands of new dicts, none of them garbage, would start it many times.

    Other threads do not run meanwhile, and see nothing of it.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return orjson.loads(data)
    finally:
        if collecting:
            gc.enable()


def server_message(data: bytes, secrets: Iterable[str] = ()) -> str:
    """Find the server's own words in an error body: `description` in STAC API, `detail` in FastAPI.

    Servers quote what they did not like: the secrets among it are left out.
    """
    text = data.decode("utf-8", "replace").strip()
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        document = None
    if isinstance(document, dict):
        words = (document.get(name) for name in ("description", "detail", "message", "errorMessage", "title"))
        text = next((str(word) for word in words if word), text)
    for secret in secrets:
        text = text.replace(secret, "***")
    text = " ".join(text.split())
    return text if len(text) <= MAX_MESSAGE_CHARACTERS else f"{text[:MAX_MESSAGE_CHARACTERS]}..."
