"""One request to a STAC API: time-outs, redirects, a cap on what is read, credentials for one origin only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

import aiohttp
import orjson
from yarl import URL

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
MAX_MESSAGE_CHARACTERS = 300
MAX_REDIRECTS = 10
REDIRECTS_THAT_KEEP_THE_METHOD = (307, 308)
REDIRECTS = (301, 302, 303, *REDIRECTS_THAT_KEEP_THE_METHOD)


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


class StatusError(DataProcessingError):
    """The server answered with an error status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """A session with one server. `credentials` are sent to the origin of `root` and nowhere else."""

    def __init__(self, root: str, credentials: Mapping[str, str], stats: ApiStats) -> None:
        self._origin = _origin_of(URL(root))
        self._credentials = dict(credentials)
        self._stats = stats

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers={"Accept": "application/geo+json, application/json"},
            timeout=aiohttp.ClientTimeout(
                total=TOTAL_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS, sock_read=READ_TIMEOUT_SECONDS
            ),
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def send(self, request: Request) -> Answer:
        """Send one request and parse the answer.

        Raises:
            StatusError: If the server answers with an error status; carries the server's own message.
            DataProcessingError: If the server cannot be reached, or answers no JSON object.
        """
        url, method, body = URL(request.url, encoded=True), request.method, request.body
        for _ in range(MAX_REDIRECTS + 1):
            place = f"{method} {shown(url)}"
            response, data = await self._exchange(place, method, url, body, request.headers)
            if response.status not in REDIRECTS or "Location" not in response.headers:
                started = perf_counter()
                try:
                    return _answer(place, response, data)
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
        started = perf_counter()
        try:
            async with self._session.request(
                method, url, data=data, headers=headers, allow_redirects=False
            ) as response:
                received = await _read(response, place)
        except TimeoutError as error:
            raise DataProcessingError(f"{place}: no answer in time") from error
        except aiohttp.ClientConnectorError as error:
            reason = os.strerror(error.os_error.errno) if error.os_error.errno else str(error.os_error)
            raise DataProcessingError(f"{place}: cannot be reached: {reason}") from error
        except aiohttp.ClientError as error:
            raise DataProcessingError(f"{place}: the connection failed: {type(error).__name__}") from error
        self._stats.seconds_waiting += perf_counter() - started
        self._stats.bytes_decoded += len(received)
        return response, received


async def _read(response: aiohttp.ClientResponse, place: str) -> bytes:
    """Read a body, up to the cap after decompression."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > MAX_RESPONSE_BYTES:
            response.close()
            raise DataProcessingError(
                f"{place}: the answer is larger than {MAX_RESPONSE_BYTES} bytes; ask with a lower limit"
            )
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _answer(place: str, response: aiohttp.ClientResponse, data: bytes) -> Answer:
    if response.status >= 300:
        words = f"{place}: the server answered {response.status} {response.reason}: {_server_message(data)}"
        raise StatusError(words.rstrip(": "), response.status)
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise DataProcessingError(f"{place}: the answer is not JSON: {error.msg}") from None
    if not isinstance(document, dict):
        raise DataProcessingError(f"{place}: the answer is not a JSON object")
    return Answer(response.url, document)


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
