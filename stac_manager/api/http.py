"""One request to a STAC API: limits, retries, pauses that all requests share, credentials for one origin only."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import os
import random
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import perf_counter
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

import aiohttp
import orjson
from yarl import URL

from stac_manager.concurrency import Limiter
from stac_manager.exceptions import DataProcessingError
from stac_manager.stats import ApiStats

Method: TypeAlias = Literal["GET", "POST"]

CONNECT_TIMEOUT_SECONDS = 30.0
READ_TIMEOUT_SECONDS = 60.0
TOTAL_TIMEOUT_SECONDS = 300.0
# Servers put whole searches into their links: more than aiohttp's default of 8,190 bytes a header line.
MAX_HEADER_BYTES = 1_048_576
# The largest page there is: 10,000 items of 16 KB are 160 MB.
MAX_RESPONSE_BYTES = 256 * 1_048_576
READ_BUFFER_BYTES = 1_048_576
MAX_MESSAGE_CHARACTERS = 300
MAX_REDIRECTS = 10
OUTLINE_BYTES = 65_536
OUTLINE_TAILS = (b'],"links":[', b'],"numberMatched":', b'],"numberReturned":')
REDIRECTS_THAT_KEEP_THE_METHOD = (307, 308)
REDIRECTS = (301, 302, 303, *REDIRECTS_THAT_KEEP_THE_METHOD)

ATTEMPTS = 7
RETRY_BASE_SECONDS = 0.5
RETRY_CAP_SECONDS = 30.0
RETRY_AFTER_CAP_SECONDS = 60.0
# A refused request waits as long as others get through; this many times in all.
MAX_REFUSALS = 50
REFUSALS = (429, 503)
RETRIED = (408, 500, 502, 504, *REFUSALS)
# Signs that a page is too large to make. 413 says so; the others are tried once more as they are.
TOO_LARGE = (413, 500, 502, 504)
ATTEMPTS_BEFORE_SMALLER = 2

_CODINGS = ["gzip", "deflate"] + (["br"] if importlib.util.find_spec("brotli") else [])


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. Two equal requests ask the same."""

    method: Method
    url: str
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the parsed document, and the address it came from after redirects."""

    url: URL
    document: dict[str, Any]
    undecoded: bytes | None = None
    """The body, where `document` is its outline only: every member but `features`."""


class StatusError(DataProcessingError):
    """The server answered with an error status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class TooLargeError(DataProcessingError):
    """The server could not make or send this page, but may be able to make a smaller one."""


class _TransientError(DataProcessingError):
    """Something that may go away by itself."""

    def __init__(self, message: str, *, status: int = 0, retry_after: float | None = None, slow: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.slow = slow


class Client:
    """A session with one server. `credentials` are sent to the origin of `root` and nowhere else."""

    def __init__(
        self, root: str, credentials: Mapping[str, str], stats: ApiStats, limiter: Limiter | None = None
    ) -> None:
        self._origin = _origin_of(URL(root))
        self._credentials = dict(credentials)
        self._stats = stats
        self._limiter = limiter
        self._in_flight = 0
        self._answered = 0
        self._resume_at = 0.0
        self._busy_seconds = 0.0  # requests in flight, summed over time
        self._since = self._first = perf_counter()

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            headers={"Accept": "application/geo+json, application/json", "Accept-Encoding": ", ".join(_CODINGS)},
            timeout=aiohttp.ClientTimeout(
                total=TOTAL_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS, sock_read=READ_TIMEOUT_SECONDS
            ),
            auto_decompress=False,
            read_bufsize=READ_BUFFER_BYTES,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def send(
        self, request: Request, *, attempts: int = ATTEMPTS, shrinkable: bool = False, outline: bool = False
    ) -> Answer:
        """Send one request, again where the fault may be passing, and parse the answer.

        Args:
            request: What to ask.
            attempts: How often it is sent at most; refusals (429, 503) while others get through are not counted.
            outline: Leave the items undecoded where the rest can be read without them.
            shrinkable: Raise `TooLargeError` early, for the caller to ask for less.

        Raises:
            StatusError: If the server answers with an error status; carries the server's own message.
            TooLargeError: If a smaller page may work. Only with `shrinkable`.
            DataProcessingError: If the server cannot be reached, or answers no JSON object.
        """
        attempt = refusals = 0
        while True:
            await self._wait_for_pause()
            answered = self._answered
            try:
                return await self._send_once(request, outline)
            except _TransientError as error:
                attempt += 1
                if error.status in REFUSALS:
                    refusals += 1
                    attempt = attempt if self._answered == answered else 1
                if shrinkable and (
                    error.slow or (error.status in TOO_LARGE and attempt >= ATTEMPTS_BEFORE_SMALLER)
                ):  # fmt: skip
                    raise TooLargeError(str(error)) from error
                if attempt >= attempts or refusals >= MAX_REFUSALS:
                    if error.status:
                        raise StatusError(str(error), error.status) from error
                    raise DataProcessingError(str(error)) from error
                delay = _backoff_seconds(attempt)
                if error.status in REFUSALS:
                    self._pause(delay if error.retry_after is None else error.retry_after)
                else:
                    await asyncio.sleep(max(delay, error.retry_after or 0.0))
                self._stats.retries += 1
            except StatusError as error:
                if shrinkable and error.status == 413:
                    raise TooLargeError(str(error)) from error
                raise

    async def _wait_for_pause(self) -> None:
        """Wait until no refusal holds the requests back; then not all at the same moment."""
        while (left := self._resume_at - perf_counter()) > 0:  # noqa: ASYNC110 - others may prolong it
            await asyncio.sleep(left * random.uniform(1.0, 1.1))

    def _pause(self, seconds: float) -> None:
        resume_at = perf_counter() + seconds
        if self._resume_at < perf_counter():
            self._stats.pauses += 1
            self._stats.seconds_paused += seconds
        elif resume_at > self._resume_at:
            self._stats.seconds_paused += resume_at - self._resume_at
        self._resume_at = max(self._resume_at, resume_at)

    async def _send_once(self, request: Request, outline: bool) -> Answer:
        url, method, body = URL(request.url, encoded=True), request.method, request.body
        for _ in range(MAX_REDIRECTS + 1):
            place = f"{method} {shown(url)}"
            response, data = await self._exchange(place, method, url, body, request.headers)
            if response.status not in REDIRECTS or "Location" not in response.headers:
                started = perf_counter()
                try:
                    return _answer(place, response, data, outline)
                finally:
                    self._stats.seconds_decoding += perf_counter() - started
            url = url.join(URL(response.headers["Location"], encoded=True))
            if response.status not in REDIRECTS_THAT_KEEP_THE_METHOD:
                method, body = "GET", None
        raise DataProcessingError(f"{request.method} {shown(request.url)}: more than {MAX_REDIRECTS} redirects")

    async def _exchange(
        self, place: str, method: Method, url: URL, body: Mapping[str, Any] | None, link_headers: Mapping[str, str]
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        """Send and read, without following redirects: the next host may not be one to show credentials to."""
        if url.scheme not in ("http", "https"):
            raise DataProcessingError(f"refused to follow a link to {shown(url)}: not http or https")
        headers = dict(link_headers)
        if _origin_of(url) == self._origin:
            headers.update(self._credentials)
        data = None
        if body is not None:
            data = orjson.dumps(body)
            headers["Content-Type"] = "application/json"
        self._stats.requests += 1
        self._count_in_flight(+1)
        started = perf_counter()
        try:
            async with self._session.request(
                method, url, data=data, headers=headers, allow_redirects=False
            ) as response:
                received = await _read(response, place)
        except TimeoutError as error:
            if self._limiter:
                self._limiter.refused()
            raise _TransientError(f"{place}: no answer in time", slow=True) from error
        except aiohttp.ClientConnectorError as error:
            reason = os.strerror(error.os_error.errno) if error.os_error.errno else str(error.os_error)
            raise _TransientError(f"{place}: cannot be reached: {reason}") from error
        except aiohttp.ClientError as error:
            raise _TransientError(f"{place}: the connection failed: {type(error).__name__}") from error
        finally:
            in_flight = self._in_flight
            self._count_in_flight(-1)
        latency = perf_counter() - started
        self._stats.add_latency(latency)
        self._stats.bytes_received += len(received)
        if response.status in REFUSALS:
            self._stats.refusals += 1
            if self._limiter:
                self._limiter.refused()
        else:
            self._answered += 1
            if self._limiter and response.status < 300:
                self._limiter.succeeded(latency, in_flight)
        decoded = await _decompressed(response, received, place)
        self._stats.bytes_decoded += len(decoded)
        return response, decoded

    def _count_in_flight(self, change: int) -> None:
        now = perf_counter()
        self._busy_seconds += self._in_flight * (now - self._since)
        self._since = now
        self._in_flight += change
        self._stats.peak_in_flight = max(self._stats.peak_in_flight, self._in_flight)
        self._stats.mean_in_flight = self._busy_seconds / max(now - self._first, 1e-9)


async def _read(response: aiohttp.ClientResponse, place: str) -> bytes:
    """Read a body as it comes over the wire, up to the cap."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > MAX_RESPONSE_BYTES:
            response.close()
            raise _too_many_bytes(place)
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _decompressed(response: aiohttp.ClientResponse, data: bytes, place: str) -> bytes:
    """Undo Content-Encoding, never making more bytes than the cap."""
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding in ("", "identity") or not data:
        return data
    try:
        if coding in ("gzip", "x-gzip", "deflate"):
            return await asyncio.to_thread(_inflated, data, coding, place)
        if coding == "br":
            return await asyncio.to_thread(_unbrotlied, data, place)
    except (zlib.error, EOFError) as error:
        raise _TransientError(f"{place}: the answer is cut off or damaged ({coding})") from error
    raise DataProcessingError(f"{place}: the answer has an unknown Content-Encoding {coding!r}")


def _inflated(data: bytes, coding: str, place: str) -> bytes:
    raw_deflate = coding == "deflate" and (data[0] & 0x0F != 8 or int.from_bytes(data[:2], "big") % 31)
    window = -zlib.MAX_WBITS if raw_deflate else zlib.MAX_WBITS | (0 if coding == "deflate" else 16)
    parts: list[bytes] = []
    size = 0
    while data:  # a gzip body may have several members
        decoder = zlib.decompressobj(window)
        parts.append(decoder.decompress(data, MAX_RESPONSE_BYTES - size + 1))
        size += len(parts[-1])
        if size > MAX_RESPONSE_BYTES:
            raise _too_many_bytes(place)
        if not decoder.eof:
            raise EOFError
        data = decoder.unused_data
    return b"".join(parts)


def _unbrotlied(data: bytes, place: str) -> bytes:
    brotli = importlib.import_module("brotli")
    decoder = brotli.Decompressor()
    parts: list[bytes] = []
    size = 0
    try:
        while not decoder.is_finished():
            part = decoder.process(data, output_buffer_limit=READ_BUFFER_BYTES)
            if not part and not data:
                raise EOFError
            data = b""
            size += len(part)
            if size > MAX_RESPONSE_BYTES:
                raise _too_many_bytes(place)
            parts.append(part)
    except brotli.error as error:
        raise EOFError from error
    return b"".join(parts)


def _too_many_bytes(place: str) -> DataProcessingError:
    return DataProcessingError(f"{place}: the answer is larger than {MAX_RESPONSE_BYTES} bytes; ask with a lower limit")


def _backoff_seconds(attempt: int) -> float:
    """Exponential back-off with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015)."""
    return random.uniform(0.0, min(RETRY_CAP_SECONDS, RETRY_BASE_SECONDS * 2 ** (attempt - 1)))


def retry_after_seconds(value: str | None) -> float | None:
    """Read `Retry-After`, in seconds or as an HTTP date (RFC 9110, 10.2.3), up to a cap; None for nonsense."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            then = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), RETRY_AFTER_CAP_SECONDS) if seconds == seconds else None


def _answer(place: str, response: aiohttp.ClientResponse, data: bytes, outline: bool) -> Answer:
    if response.status >= 300:
        message = _server_message(data)
        words = f"{place}: the server answered {response.status} {response.reason}: {message}".rstrip(": ")
        throttled = response.status == 403 and message == "Forbidden" and "x-amzn-RequestId" in response.headers
        if response.status in RETRIED or throttled:
            raise _TransientError(
                words,
                status=429 if throttled else response.status,
                retry_after=retry_after_seconds(response.headers.get("Retry-After")),
            )
        raise StatusError(words, response.status)
    if outline and (members := outline_of(data)) is not None:
        return Answer(response.url, members, data)
    try:
        document = decoded(data)
    except orjson.JSONDecodeError as error:
        raise _TransientError(f"{place}: the answer is not JSON: {error.msg}") from None
    if not isinstance(document, dict):
        raise DataProcessingError(f"{place}: the answer is not a JSON object")
    return Answer(response.url, document)


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


def outline_of(data: bytes) -> dict[str, Any] | None:
    """Read the members of an item collection without its features, which are some thousand times as long.

    What is before `"features":[`, closed with a brace, and what is behind the last `],"links":[` or the like, opened
    with one, must each be a whole JSON object: then both are at the outermost level and the features lie between.
    (A quotation mark inside of a string is escaped, so that neither mark can be part of one.)

    Returns:
        None where that does not work, or tells too little to go on without the features.
    """
    begin = data.find(b'"features"', 0, OUTLINE_BYTES)
    if begin < 0 or (head := _object(data[:begin].rstrip().rstrip(b",") + b"}")) is None:
        return None
    ends = sorted(data.rfind(mark, max(len(data) - OUTLINE_BYTES, begin + 1)) for mark in OUTLINE_TAILS)
    tails = (_object(b"{" + data[end + 2 :]) for end in ends if end > 0)
    tail = next((tail for tail in tails if tail is not None and "features" not in tail), None)
    if tail is None:
        return None
    members = {**head, **tail}
    returned = members.get("numberReturned")
    enough = isinstance(members.get("links"), list) and isinstance(returned, int) and returned > 0
    return members if enough and "numberMatched" in members else None


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def shown(url: URL | str) -> str:
    """Return a URL fit for messages: without query, fragment and user, where secrets travel."""
    url = URL(str(url), encoded=True)
    return str(url.with_user(None).with_query(None).with_fragment(None)) if url.absolute else str(url)


def _origin_of(url: URL) -> tuple[str, str | None, int | None]:
    return url.scheme, url.host, url.port


def _server_message(data: bytes) -> str:
    """Find the server's own words in an error body: `description` in STAC API, `detail` in FastAPI."""
    text = data.decode("utf-8", "replace").strip()
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        document = None
    if isinstance(document, dict):
        words = (document.get(name) for name in ("description", "detail", "message", "errorMessage", "title"))
        text = next((str(word) for word in words if word), text)
    text = " ".join(text.split())
    return text if len(text) <= MAX_MESSAGE_CHARACTERS else f"{text[:MAX_MESSAGE_CHARACTERS]}..."
