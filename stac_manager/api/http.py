"""One request to a STAC API: one session, limits in time and bytes, retries, credentials for one origin only."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

import aiohttp
import orjson
from yarl import URL

from stac_manager.api import bodies, retrying
from stac_manager.api.bodies import BodyTooLargeError, DamagedBodyError
from stac_manager.api.connection import Connection, Rate
from stac_manager.api.features import Outline
from stac_manager.api.retrying import REFUSALS, Pause
from stac_manager.exceptions import DataProcessingError
from stac_manager.limiter import Limiter, Outcome
from stac_manager.stats import ApiStats

Method: TypeAlias = Literal["GET", "POST"]

# Servers put whole searches into their links: more than aiohttp's default of 8,190 bytes a header line.
MAX_HEADER_BYTES = 1_048_576
READ_BUFFER_BYTES = 1_048_576
MAX_REDIRECTS = 10
# Parts of credentials that a server sends back in its messages are hidden, but for words that may be anything.
SHORTEST_SECRET = 6
# With 301 and 302 browsers turn a POST into a GET (RFC 9110, 15.4); a search would lose all its conditions by that.
REDIRECTS_THAT_KEEP_THE_METHOD = (301, 302, 307, 308)
REDIRECTS = (303, *REDIRECTS_THAT_KEEP_THE_METHOD)
# The last page of a partition is shorter: it says something of the server while it is at least half a page.
LEAST_SHARE_OF_A_FULL_PAGE = 0.5
# Turns of the event loop without news after which nothing more is on its way, and the most turns spent on it.
IDLE_TURNS = 3
MAX_TURNS = 200


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
    size_bytes: int
    outline: Outline | None = None
    """Where the features are not parsed yet: `document` is every other member."""

    @property
    def size(self) -> int:
        """How many members an item collection has; 0 of anything else."""
        if self.outline is not None:
            return int(self.document["numberReturned"])
        features = self.document.get("features")
        return len(features) if isinstance(features, list) else 0


class StatusError(DataProcessingError):
    """The server answered with an error status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class TooLargeError(DataProcessingError):
    """The server could not make or send this page, but may be able to make a smaller one."""


class _TransientError(DataProcessingError):
    """Something that may go away by itself."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        retry_after: float | None = None,
        slow: bool = False,
        web_page: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.slow = slow
        self.web_page = web_page


class Client:
    """A session with one server. `credentials` are sent to the origin of `root` and nowhere else."""

    def __init__(
        self,
        root: str,
        credentials: Mapping[str, str],
        stats: ApiStats,
        limiter: Limiter | None = None,
        connection: Connection | None = None,
    ) -> None:
        self._origin = _origin_of(URL(root))
        self._connection = connection = connection or Connection()
        self._rate = Rate(connection.rate_limit)
        credentials = connection.credentials(URL(root), credentials)
        self._credentials = dict(credentials)
        parts = {part for value in credentials.values() for part in (value, value.partition(" ")[2])}
        self._secrets = sorted((part for part in parts if len(part) >= SHORTEST_SECRET), key=len, reverse=True)
        self._stats = stats
        self._limiter = limiter
        self._in_flight = 0
        self._answered = 0
        self._spoke_json = False
        self._pause = Pause(stats)
        self._chunks = 0
        self._busy_seconds = 0.0  # requests in flight, summed over time
        self._since = self._first = perf_counter()

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._connection.certificates()),
            headers={
                "Accept": "application/geo+json, application/json",
                "Accept-Encoding": ", ".join(bodies.CODINGS),
                "User-Agent": self._connection.agent(),
            },
            timeout=self._connection.times(),
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
        self,
        request: Request,
        *,
        attempts: int | None = None,
        shrinkable: bool = False,
        outline: bool = False,
        full: int | None = None,
    ) -> Answer:
        """Send one request, again where the fault may be passing, and parse the answer.

        Args:
            request: What to ask.
            attempts: How often it is sent at most, within what `retries` allows; refusals (429, 503) while others get
                through are not counted.
            outline: Leave the items undecoded where the rest can be read without them.
            full: The size of a full page, where this asks for one: only such answers say what level is good.
            shrinkable: Raise `TooLargeError` early, for the caller to ask for less.

        Raises:
            StatusError: If the server answers with an error status; carries the server's own message.
            TooLargeError: If a smaller page may work. Only with `shrinkable`.
            DataProcessingError: If the server cannot be reached, or answers no JSON object.
        """
        attempt = refusals = 0
        most = self._connection.retries + 1
        attempts = most if attempts is None else min(attempts, most)
        answered = -1
        while True:
            await self._pause.over()
            await self._rate.turn()
            try:
                answer = await self._send_once(request, outline, full)
                self._spoke_json = True
                return answer
            except _TransientError as error:
                if error.web_page and not self._spoke_json:  # what is there is no API: the address is wrong
                    raise DataProcessingError(f"{error}; the source must be the landing page of a STAC API") from error
                attempt += 1
                if error.status in REFUSALS:
                    refusals += 1
                    attempt = attempt if self._answered == answered else 1
                    answered = self._answered
                too_large = error.status in retrying.TOO_LARGE and attempt >= retrying.ATTEMPTS_BEFORE_SMALLER
                if shrinkable and (error.slow or too_large):
                    self._stats.retries += 1
                    raise TooLargeError(str(error)) from error
                if attempt >= attempts or refusals >= retrying.MAX_REFUSALS:
                    if error.status:
                        raise StatusError(str(error), error.status) from error
                    raise DataProcessingError(str(error)) from error
                delay = retrying.backoff_seconds(attempt)
                if error.status in REFUSALS:
                    self._pause.begin(max(delay, error.retry_after or 0.0))
                else:
                    await asyncio.sleep(max(delay, error.retry_after or 0.0))
                self._stats.retries += 1
            except StatusError as error:
                if shrinkable and error.status == 413:
                    self._stats.retries += 1
                    raise TooLargeError(str(error)) from error
                raise

    async def read_what_is_there(self) -> None:
        """Let the answers that have arrived be read and the requests that follow them be sent, before other work."""
        idle = 0
        for _ in range(MAX_TURNS):
            before = self._chunks
            await asyncio.sleep(0)
            idle = idle + 1 if self._chunks == before else 0
            if idle == IDLE_TURNS:
                return

    async def _send_once(self, request: Request, outline: bool, full: int | None) -> Answer:
        url, method, body = URL(request.url, encoded=True), request.method, request.body
        asked = _origin_of(url)
        for _ in range(MAX_REDIRECTS + 1):
            place = f"{method} {shown(url)}"
            if self._credentials and _origin_of(url) != self._origin:
                place += " (without the headers, which are for the origin of the source only)"
            link_headers = request.headers if _origin_of(url) == asked else {}
            response, data, observe = await self._exchange(place, method, url, body, link_headers)
            if response.status not in REDIRECTS or "Location" not in response.headers:
                started = perf_counter()
                try:
                    answer = _answer(place, response, data, outline, self._secrets)
                    observe("page" if full and answer.size >= LEAST_SHARE_OF_A_FULL_PAGE * full else "other")
                    return answer
                finally:
                    self._stats.seconds_decoding += perf_counter() - started
            url = linked(url, response.headers["Location"])
            if response.status not in REDIRECTS_THAT_KEEP_THE_METHOD:
                method, body = "GET", None
        raise DataProcessingError(f"{request.method} {shown(request.url)}: more than {MAX_REDIRECTS} redirects")

    async def _exchange(
        self, place: str, method: Method, url: URL, body: Mapping[str, Any] | None, link_headers: Mapping[str, str]
    ) -> tuple[aiohttp.ClientResponse, bytes, Callable[[Outcome], None]]:
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
        while self._limiter and (wait := self._limiter.delay(perf_counter())) > 0:  # noqa: ASYNC110 - it may grow
            await asyncio.sleep(wait)
        self._stats.requests += 1
        self._count_in_flight(+1)
        started = perf_counter()
        if self._limiter:
            self._limiter.sent(started)
        try:
            async with self._session.request(
                method, url, data=data, headers=headers, allow_redirects=False, proxy=self._connection.proxy_for(url)
            ) as response:
                received = await self._read(response)
        except BodyTooLargeError as error:
            raise DataProcessingError(f"{place}: {error}") from error
        except TimeoutError as error:
            self._observe("failed", started, self._in_flight)
            connected = not isinstance(error, aiohttp.ConnectionTimeoutError)  # else it is not for the size of the page
            raise _TransientError(f"{place}: no answer in time", slow=connected) from error
        except aiohttp.ClientSSLError as error:
            cause = error.__cause__
            reason = getattr(cause, "verify_message", None) or getattr(cause, "reason", None) or type(error).__name__
            hint = (
                "; name your own authority with ca_bundle"
                if isinstance(error, aiohttp.ClientConnectorCertificateError)
                else ""
            )
            raise DataProcessingError(f"{place}: no secure connection: {reason}{hint}") from error
        except aiohttp.ClientHttpProxyError as error:
            raise DataProcessingError(f"{place}: the proxy answered {error.status}") from error
        except aiohttp.ClientConnectorError as error:
            number = error.os_error.errno or 0  # those of the resolver are negative, and have words of their own
            reason = os.strerror(number) if number > 0 else error.os_error.strerror or str(error.os_error)
            raise _TransientError(f"{place}: cannot be reached: {reason}") from error
        except aiohttp.ClientError as error:
            raise _TransientError(f"{place}: the connection failed: {type(error).__name__}") from error
        except ValueError as error:  # a host name that is none, a header of a link that is none
            raise DataProcessingError(f"{place}: cannot be asked: {error}") from error
        finally:
            in_flight, now = self._in_flight, perf_counter()
            self._count_in_flight(-1)
        self._note(response, started, in_flight)
        self._stats.bytes_received += len(received)
        try:
            decoded = await bodies.decompressed(received, response.headers.get("Content-Encoding", ""))
        except DamagedBodyError as error:
            raise _TransientError(f"{place}: {error}") from error
        except DataProcessingError as error:
            raise DataProcessingError(f"{place}: {error}") from error
        self._stats.bytes_decoded += len(decoded)
        return response, decoded, partial(self._observe, started=started, in_flight=in_flight, now=now)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """Read a body as it comes over the wire, up to the cap."""
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_any():
            self._chunks += 1
            size += len(chunk)
            if size > bodies.MAX_RESPONSE_BYTES:
                response.close()
                raise BodyTooLargeError
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _note(self, response: aiohttp.ClientResponse, started: float, in_flight: int) -> None:
        """Count an answer."""
        self._stats.add_latency(perf_counter() - started)
        if response.status in REFUSALS:
            self._stats.refusals += 1
            self._observe(
                "refused", started, in_flight, says=retrying.retry_after_seconds(response.headers.get("Retry-After"))
            )
        else:
            self._answered += 1

    def _observe(
        self, outcome: Outcome, started: float, in_flight: int, *, now: float | None = None, says: float | None = None
    ) -> None:
        if self._limiter:
            now = now or perf_counter()
            self._limiter.observe(outcome, latency=now - started, in_flight=in_flight, now=now, retry_after=says)

    def _count_in_flight(self, change: int) -> None:
        now = perf_counter()
        self._busy_seconds += self._in_flight * (now - self._since)
        self._since = now
        self._in_flight += change
        self._stats.peak_in_flight = max(self._stats.peak_in_flight, self._in_flight)
        self._stats.mean_in_flight = self._busy_seconds / max(now - self._first, 1e-9)


def _answer(place: str, response: aiohttp.ClientResponse, data: bytes, outline: bool, secrets: Iterable[str]) -> Answer:
    if response.status >= 300:
        message = bodies.server_message(data, secrets)
        words = f"{place}: the server answered {response.status} {response.reason}: {message}".rstrip(": ")
        throttled = response.status == 403 and message == "Forbidden" and "x-amzn-RequestId" in response.headers
        if response.status in retrying.RETRIED or throttled:
            raise _TransientError(
                words,
                status=429 if throttled else response.status,
                retry_after=retrying.retry_after_seconds(response.headers.get("Retry-After")),
            )
        raise StatusError(words, response.status)
    if outline and (found := Outline.of(data)) is not None:
        return Answer(response.url, found.members, len(data), found)
    try:
        document = bodies.decoded(data)
    except orjson.JSONDecodeError as error:
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise _TransientError(f"{place}: the answer is a web page, not JSON", web_page=True) from None
        raise _TransientError(f"{place}: the answer is not JSON: {error.msg}") from None
    if not isinstance(document, dict):
        raise DataProcessingError(f"{place}: the answer is not a JSON object")
    return Answer(response.url, document, len(data))


def shown(url: URL | str) -> str:
    """Return a URL fit for messages: without query, fragment and user, where secrets travel."""
    url = URL(str(url), encoded=True)
    return str(url.with_user(None).with_query(None).with_fragment(None)) if url.absolute else str(url)


def linked(base: URL, href: str) -> URL:
    """Resolve a link of the server against the address that it came from. `href` is opaque and not written anew.

    Raises:
        DataProcessingError: If it leads to no address.
    """
    try:
        url = base.join(URL(href, encoded=True))
        _origin_of(url)  # reads the port
    except ValueError as error:
        raise DataProcessingError(f"{shown(base)}: a link of the server leads to no address: {error}") from None
    return url if url.user is None and url.password is None else url.with_user(None)  # not the server's to choose


def _origin_of(url: URL) -> tuple[str, str | None, int | None]:
    return url.scheme, url.host, url.port
