"""One request and its answer, as bytes: credentials for one origin only, limits in time and bytes, no redirects."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from http.cookies import BaseCookie
from io import BytesIO
from time import perf_counter
from typing import Any, Literal, Self, TypeAlias

import aiohttp
import orjson
from yarl import URL

from stac_manager.exceptions import DataProcessingError
from stac_manager.limiter import Ended, Limiter, Outcome
from stac_manager.network import bodies
from stac_manager.network.backoff import REFUSALS
from stac_manager.network.carrier import Turn
from stac_manager.network.connection import Connection
from stac_manager.network.credentials import Credentials, Renewals
from stac_manager.network.flights import Flights
from stac_manager.network.links import (
    MAX_REDIRECTS,
    REDIRECTS,
    REDIRECTS_THAT_KEEP_THE_METHOD,
    linked,
    origin_of,
    refuse_elsewhere,
    refuse_foreign,
)
from stac_manager.network.pool import Pool
from stac_manager.network.quotas import quota, retry_after
from stac_manager.network.retrying import Fault
from stac_manager.network.secrets import redacted
from stac_manager.network.unreached import explained
from stac_manager.stats import ApiStats
from stac_manager.urls import shown

# Servers put whole searches into their links: more than aiohttp's default of 8,190 bytes a header line.
MAX_HEADER_BYTES = 1_048_576
READ_BUFFER_BYTES = 1_048_576
# Cookies go back to the server with every request, and servers refuse headers of more than about 8 KB.
MAX_COOKIE_BYTES, MAX_COOKIES = 4_096, 1_000
NOWHERE = URL()
# Turns of the event loop without news after which nothing more is on its way, and the most turns spent on it.
IDLE_TURNS, MAX_TURNS = 3, 200
LONGEST_PLACE = 500
HIDDEN = "(an address that repeats credentials)"


Method: TypeAlias = Literal["GET", "POST"]


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. Two equal requests ask the same. `given_by`: where the link to it stood; None of our own."""

    method: Method
    url: str
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    given_by: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, decompressed, and how it came."""

    url: URL
    status: int
    headers: Mapping[str, str]
    body: bytes
    started: float
    ended: float
    in_flight: int  # until it ended, itself included
    beside: float  # the same in the mean: of answers that come together the last one was not alone
    own: bool  # whether from the origin of the source, which gets the credentials
    issue: int  # which credentials were sent, as `Credentials` counts them

    @property
    def retry_after(self) -> float | None:
        return retry_after(self.headers)

    @property
    def link(self) -> str:
        """What the server says in `Link` headers, of which there may be several."""
        return ", ".join(value for name, value in self.headers.items() if name.lower() == "link")


class Wire:
    """The session with one server."""

    def __init__(
        self,
        source: URL,
        credentials: Credentials,
        connection: Connection,
        stats: ApiStats,
        limiter: Limiter,
        pool: Pool | None,
        turn: Turn,
    ) -> None:
        self._source, self._connection, self._pool = source, connection, pool
        self._stats, self._limiter, self._turn = stats, limiter, turn
        self._budget = bodies.Budget()
        self._flights = Flights(stats)
        self.credentials = credentials
        self._chunks = 0  # pieces of bodies that were read

    async def __aenter__(self) -> Self:
        self._certificates = self._connection.certificates_by_origin()
        self._session = self._connection.session(
            self._source.host,
            {"Accept": "application/geo+json, application/json", "Accept-Encoding": ", ".join(bodies.CODINGS)},
            self._pool,
            cookie_jar=_Cookies(unsafe=True),  # also of hosts without a name: a cursor may need its node
            timeout=self._connection.times(),
            read_bufsize=READ_BUFFER_BYTES,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.close()

    async def follow(self, request: Request, *, let_in: bool) -> tuple[str, Reply, bool]:
        """Send, where redirects lead and with new credentials where they have expired; `let_in`: a 403 may say so, too.

        Returns:
            What was asked in the end, in words, the answer, and whether it was redirected.

        Raises:
            Fault, DataProcessingError: As `exchange`.
        """
        url, method, body, credentials = URL(request.url, encoded=True), request.method, request.body, self.credentials
        redirects, renewals = 0, Renewals(credentials)
        while redirects <= MAX_REDIRECTS:
            place = f"{method} {redacted(credentials.hidden, shown(url), HIDDEN)[:LONGEST_PLACE]}"
            own, accepted = origin_of(url) == origin_of(self._source), credentials.accepted
            if credentials.secrets and not own:
                place += " (without the headers, which are for the origin of the source only)"
            if body is not None and request.given_by is not None:
                refuse_elsewhere(f"{method} {shown(url)}", url, self._source, URL(request.given_by))
            reply = await self.exchange(place, method, url, body, request.headers if own else {})
            expired = reply.status == 401 or (reply.status == 403 and let_in and not renewals.count)
            if own and expired and await renewals.ask(reply.issue, accepted):
                continue
            if reply.status not in REDIRECTS or "Location" not in reply.headers:
                return place, reply, redirects > 0
            redirects += 1
            url = linked(url, reply.headers["Location"])
            if reply.status not in REDIRECTS_THAT_KEEP_THE_METHOD:
                method, body = "GET", None
        raise DataProcessingError(f"{place}: more than {MAX_REDIRECTS} redirects")

    async def exchange(
        self, place: str, method: str, url: URL, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> Reply:
        """Send and read.

        Raises:
            Fault: If that failed in a way that may pass.
            DataProcessingError: If it must not or cannot be sent, or the answer is too large.
        """
        refuse_foreign(url, self._source)
        own = origin_of(url) == origin_of(self._source)
        await self._turn()
        headers = {**headers, **(await self.credentials.current() if own else {})}
        issue, data = self.credentials.issue, None
        if body is not None:
            data = json_of(place, body)
            headers["Content-Type"] = "application/json"
        before = self._flights.change(+1)
        started = perf_counter()
        self._limiter.sent(started)
        holder = object()
        try:
            try:
                async with self._session.request(
                    method, url, data=data, headers=headers, allow_redirects=False,
                    proxy=self._connection.proxy_for(url), ssl=self._certificates[not own],
                ) as response:  # fmt: skip
                    received = await self._read(response, holder)
            except (TimeoutError, aiohttp.ClientError, ValueError) as error:
                if isinstance(error, TimeoutError):
                    self._observe("failed", started, perf_counter(), self._flights.count, 0.0, None)
                raise _explained(place, error) from error
            finally:
                in_flight, ended = self._flights.count, perf_counter()
                beside = (self._flights.change(-1) - before) / max(ended - started, 1e-9)
            self._stats.add_latency(ended - started)
            self._stats.bytes_received += len(received)
            coding = response.headers.get("Content-Encoding", "")
            decoded = await bodies.decompressed(received, coding, partial(self._budget.take, holder))
        except bodies.DamagedBodyError as error:
            raise Fault(f"{place}: {error}", "garbled") from error
        except bodies.RefusedBodyError as error:
            raise bodies.RefusedBodyError(f"{place}: {error}") from error
        finally:
            self._budget.release(holder)
        self._stats.bytes_decoded += len(decoded)
        how = started, ended, in_flight, beside, own, issue
        reply = Reply(response.url, response.status, response.headers, decoded, *how)
        self.credentials.accepted += own and reply.status < 400
        if own and reply.status < 400 and (left := quota(response.headers)) is not None:
            self._limiter.quota.told(*left, started, ended)
        if reply.status in REFUSALS:
            self.refused(reply)
        return reply

    def refused(self, reply: Reply) -> None:
        """Take note that the server wants fewer requests."""
        self._stats.refusals += 1
        self.answered("refused", reply, reply.retry_after)

    def answered(self, outcome: Outcome, reply: Reply, says: float | None = None) -> None:
        """Tell the limiter how a request ended."""
        self._observe(outcome, reply.started, reply.ended, reply.in_flight, reply.beside, says)

    def _observe(
        self, outcome: Outcome, started: float, ended: float, in_flight: int, beside: float, says: float | None
    ) -> None:
        self._limiter.observe(Ended(outcome, ended - started, in_flight, ended, beside, says))
        self._stats.concurrency = self._limiter.level

    async def read_what_is_there(self) -> None:
        """Let the answers that have arrived be read and the requests that follow them be sent, before other work."""
        idle = 0
        for _ in range(MAX_TURNS):
            before = self._chunks
            await asyncio.sleep(0)
            idle = idle + 1 if self._chunks == before else 0
            if idle == IDLE_TURNS:
                return

    async def _read(self, response: aiohttp.ClientResponse, holder: object) -> bytes:
        """Read a body as it comes over the wire, up to the cap."""
        body, size = BytesIO(), 0
        async for chunk in response.content.iter_any():
            self._chunks += 1
            size += len(chunk)
            if size > bodies.MAX_RESPONSE_BYTES:
                response.close()
                raise bodies.RefusedBodyError
            await self._budget.take(holder, len(chunk))
            body = bodies.extended(body, chunk)
        return body.getvalue()


class _Cookies(aiohttp.CookieJar):
    """Cookies of the servers of a search; all are forgotten where they have become too many."""

    def filter_cookies(self, request_url: URL = NOWHERE) -> BaseCookie[str]:
        found = super().filter_cookies(request_url)
        size = sum(len(name) + len(cookie.value) for name, cookie in found.items())
        if size > MAX_COOKIE_BYTES or len(self) > MAX_COOKIES:
            self.clear()
            found.clear()
        return found


def json_of(place: str, body: Mapping[str, Any]) -> bytes:
    """Write a body, or say that it cannot be sent."""
    try:
        return orjson.dumps(body)
    except TypeError as error:  # nested too deep, a number too large: from a link of the server
        raise DataProcessingError(f"{place}: the body of the server's link cannot be sent: {error}") from None


def _explained(place: str, error: Exception) -> Fault | DataProcessingError:
    """Say in words why a request did not get through, and whether that may pass."""
    words, passing = explained(error)
    if not passing:
        return DataProcessingError(f"{place}: {words}")
    # An answer that does not end in time may be too large; a connection that is not made has nothing to do with that.
    slow = isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError)
    reached = not slow and not isinstance(error, aiohttp.ClientConnectorError | TimeoutError)
    return Fault(f"{place}: {words}", "slow" if slow else "lost", reached=reached)
