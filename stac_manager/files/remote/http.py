"""Documents on HTTP servers: redirects, credentials for one origin, no private addresses by way of a link."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import Any

import aiohttp
from yarl import URL

from stac_manager.files.formats import magic
from stac_manager.files.remote.addresses import joined, origin_of, refusal
from stac_manager.files.remote.faults import RemoteError, of_status
from stac_manager.files.remote.fetched import Fetched, Take, tagged
from stac_manager.network.bodies import UNDONE, DamagedBodyError, RefusedBodyError, decompressed, extended
from stac_manager.network.carrier import Turn
from stac_manager.network.connection import READ_SECONDS, Connection
from stac_manager.network.credentials import Credentials, Renewals
from stac_manager.network.links import MAX_REDIRECTS, REDIRECTS
from stac_manager.network.secrets import named, of_query
from stac_manager.network.unreached import explained
from stac_manager.options import Headers

HINT = "if it needs credentials, give them as 'headers'"
GIVEN_HINT = "the 'headers' that were given do not open it"
OTHER_HINT = "'headers' go to the origin of 'source' only; where it has moved, name its new address"
QUERY_HINT = "the query of 'source' goes with no link: a SAS token is the option 'sas_token' of az://"
MEGABYTE_SECONDS = 300
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)


class HttpStore:
    """Gets documents by http and https.

    Headers, what netrc has, and the client certificate are for the origin of `source`, and nobody else sees them.

    Attributes:
        secrets: What must not be shown: of the query of the source, and of the headers that were sent.

    Raises:
        ConfigurationError: If certificates, proxies or the netrc file cannot be used.
    """

    def __init__(self, source: str, headers: Headers, connection: Connection, turn: Turn) -> None:
        self._source = source
        self._connection = connection
        self._turn = turn
        self._credentials = Credentials(headers, lambda given: connection.credentials(URL(source), given))
        self._certificates = connection.certificates_by_origin()
        self._proxies = connection.proxy_hosts()
        self._session: aiohttp.ClientSession | None = None
        self._known: Mapping[str, str] = {}
        self.secrets = [*of_query(source)]

    async def get(self, url: str, most: int, span: tuple[int, int] | None = None, take: Take | None = None) -> Fetched:
        """Get a document, or the bytes [start, stop) of it, following redirects.

        A document of more than `most` bytes is not read further: its `data` is None. A server that knows no ranges
        is told by `Fetched.ranged`.

        Raises:
            RemoteError: If it cannot be had.
            ConfigurationError: If the function that gives the headers fails.
        """
        headers = {} if span is None else {"Range": f"bytes={span[0]}-{span[1] - 1}", "Accept-Encoding": "identity"}
        try:
            async with self._answer(url, headers, self._connection.times()) as (found_at, answer):
                return await _read(found_at, answer, most, span, self._hint(url, found_at), take)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise _explained(error) from None

    async def download(self, url: str, write: Callable[[bytes], Any], most: int) -> None:
        """Write a document of up to `most` bytes to a file as it arrives. `timeout` is for each read of it, and a
        megabyte may not take five minutes, lest a server that drips keep it open for ever.

        Raises:
            RemoteError: If it cannot be had, or is larger.
        """
        count = 0
        limits = self._connection.times()
        limits = aiohttp.ClientTimeout(connect=limits.connect, sock_read=self._connection.timeout or READ_SECONDS)
        try:
            async with asyncio.timeout(None) as slowly, self._answer(url, {}, limits) as (found_at, answer):
                if answer.status != 200:
                    raise of_status(answer.status, self._hint(url, found_at), answer.headers.get("Retry-After"))
                async for part in answer.content.iter_chunked(1_048_576):
                    if count >> 20 < (count + len(part)) >> 20 or not count:
                        slowly.reschedule(asyncio.get_running_loop().time() + MEGABYTE_SECONDS)
                    count += len(part)
                    if count > most:
                        raise RemoteError(f"larger than {most >> 30} GB, on a server that knows no ranges")
                    await asyncio.to_thread(write, part)
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            raise _explained(error) from None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def _answer(
        self, url: str, headers: Mapping[str, str], limits: aiohttp.ClientTimeout
    ) -> AsyncIterator[tuple[str, aiohttp.ClientResponse]]:
        """Follow redirects, with new headers after a 401, and give the answer with its address."""
        credentials = self._credentials
        redirects, renewals = 0, Renewals(credentials)
        while True:
            own = origin_of(url) == origin_of(self._source)
            given = await credentials.current() if own else {}
            if own and given is not self._known:
                self._known = given
                self.secrets += named(given)
            issue, accepted = credentials.issue, credentials.accepted
            target = URL(url, encoded=True)
            async with self._opened().get(
                target, headers={**headers, **given}, allow_redirects=False, timeout=limits,
                proxy=self._connection.proxy_for(target) if self._proxies else None,
                ssl=self._certificates[not own],
            ) as answer:  # fmt: skip
                credentials.accepted += own and answer.status < 400
                expired = own and answer.status == 401 and await renewals.ask(issue, accepted)
                if answer.status in REDIRECTS and "Location" in answer.headers:
                    redirects += 1
                    if redirects > MAX_REDIRECTS:
                        raise RemoteError(f"redirected more than {MAX_REDIRECTS} times")
                    url = self._redirected(url, answer.headers["Location"])
                elif not expired:
                    yield url, answer
                    return
            await self._turn()

    def _hint(self, url: str, found_at: str) -> str:
        if self._credentials.secrets:
            return GIVEN_HINT if origin_of(found_at) == origin_of(self._source) else OTHER_HINT
        return QUERY_HINT if "?" in self._source and "?" not in url else HINT

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = {"Accept": "application/geo+json, application/json, */*", "Accept-Encoding": "gzip"}
            self._session = self._connection.session(URL(self._source).host, headers, read_bufsize=262_144)
        return self._session

    def _redirected(self, url: str, location: str) -> str:
        target = joined(url, location)
        reason = refusal(target, self._source)
        if reason is None and not target.lower().startswith("http"):
            reason = "redirected to an address that is not HTTP"
        if reason is not None:
            raise RemoteError(reason)
        return target


async def _read(
    url: str, answer: aiohttp.ClientResponse, most: int, span: tuple[int, int] | None, hint: str, take: Take | None
) -> Fetched:
    if answer.status == 416 and span is not None:
        return Fetched(url, b"", None, ranged=True)
    if answer.status not in (200, 203, 206):
        raise of_status(answer.status, hint, answer.headers.get("Retry-After"))
    ranged = answer.status == 206
    found = _RANGE.fullmatch(answer.headers.get("Content-Range", "")) if ranged else None
    length = answer.content_length
    said = {answer.headers.get(name, "") for name in ("Last-Modified", "ETag")}
    versions = frozenset(said - {"", '""', answer.headers.get("Date", "")})  # which say nothing of the document
    if ranged and (span is None or found is None or int(found[1]) != span[0]):
        raise RemoteError("the server answered with another range than was asked for", status=206)
    if span is not None and not ranged:
        answer.close()
        return Fetched(url, None, length, ranged=False)
    size = int(found[3]) if found else length
    if not ranged and length is not None and length > most:
        answer.close()
        return Fetched(url, None, size, ranged=answer.headers.get("Accept-Ranges") == "bytes")
    whole, count = BytesIO(), 0
    async for part in answer.content.iter_any():
        count += len(part)
        if count > most:
            answer.close()
            return Fetched(url, None, None, ranged=answer.headers.get("Accept-Ranges") == "bytes")
        if take is not None:
            await take(len(part))
        whole = extended(whole, part)
    data = whole.getvalue()
    if not ranged and (coding := answer.headers.get("Content-Encoding")):
        data = await _uncoded(data, coding, take)
    modified_ns, etag = _modified_ns(answer.headers, versions), tagged(answer.headers.get("ETag"))
    return Fetched(url, data, size, ranged=ranged, versions=versions, modified_ns=modified_ns, etag=etag)


def _modified_ns(headers: Mapping[str, str], versions: frozenset[str]) -> int | None:
    """Return when a document was written, where its server says so."""
    written = headers.get("Last-Modified", "")
    if written not in versions:
        return None
    try:
        return int(parsedate_to_datetime(written).timestamp()) * 1_000_000_000
    except (ValueError, OverflowError):
        return None


async def _uncoded(data: bytes, coding: str, take: Take | None) -> bytes:
    """Undo a Content-Encoding of which the first bytes tell nothing, and gzip around a document that is compressed.

    Plain gzip and zstd are left to the decoders, with which the header may be wrong.
    """
    names = [name for each in coding.lower().split(",") if (name := each.strip()) in UNDONE]
    inner = None
    if magic(data[:4]) == "gzip":
        with suppress(zlib.error):
            inner = magic(zlib.decompressobj(31).decompress(data[:65_536], 4))
    if not {"br", "deflate"} & set(names) and inner not in ("gzip", "zstd"):
        return data
    try:
        return await decompressed(data, ",".join(names), take)
    except (DamagedBodyError, RefusedBodyError):
        if data.lstrip()[:1] in (b"{", b"["):  # brotli may begin like this as well
            return data
        raise RemoteError(f"its content is not what the server says (Content-Encoding: {coding[:40]})") from None


def _explained(error: Exception) -> RemoteError:
    words, passing = explained(error)
    return RemoteError(words, passing=passing)
