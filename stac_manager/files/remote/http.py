"""Documents on HTTP servers: redirects, credentials for one origin, no private addresses by way of a link."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import aiohttp
from yarl import URL

from stac_manager.files.remote.addresses import joined, origin_of, refusal
from stac_manager.files.remote.faults import RemoteError, of_status
from stac_manager.files.remote.fetched import Fetched
from stac_manager.network.private import GuardedResolver, PrivateAddressError

CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS = 30.0, 60.0, 300.0
MOST_REDIRECTS = 10
REDIRECTS = (301, 302, 303, 307, 308)
HINT = "if it needs credentials, give them as 'headers'"
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class HttpStore:
    """Gets documents by http and https. `headers` go to the origin of `source` and nowhere else."""

    def __init__(self, source: str, headers: Mapping[str, str]) -> None:
        self._source = source
        self._headers = dict(headers)
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: str, most: int, span: tuple[int, int] | None = None) -> Fetched:
        """Get a document, or the bytes [start, stop) of it, following redirects.

        A document of more than `most` bytes is not read further: its `data` is None. A server that knows no ranges
        is told by `Fetched.ranged`.

        Raises:
            RemoteError: If it cannot be had.
        """
        headers = {} if span is None else {"Range": f"bytes={span[0]}-{span[1] - 1}", "Accept-Encoding": "identity"}
        try:
            for _ in range(MOST_REDIRECTS + 1):
                async with self._opened().get(
                    URL(url, encoded=True), headers={**headers, **self._credentials(url)}, allow_redirects=False
                ) as answer:
                    if answer.status in REDIRECTS and "Location" in answer.headers:
                        url = self._redirected(url, answer.headers["Location"])
                        continue
                    return await self._read(url, answer, most, span)
            raise RemoteError(f"redirected more than {MOST_REDIRECTS} times")
        except (TimeoutError, aiohttp.ServerTimeoutError):
            raise RemoteError("the server did not answer in time", passing=True) from None
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, PrivateAddressError):
                raise RemoteError(f"links to {error.os_error.strerror}") from None
            raise RemoteError(f"cannot connect: {error.os_error.strerror or 'no route'}", passing=True) from None
        except aiohttp.ClientPayloadError:
            raise RemoteError("the answer was cut off", passing=True) from None
        except (aiohttp.ClientError, OSError) as error:
            raise RemoteError(f"the connection failed ({type(error).__name__})", passing=True) from None
        except ValueError as error:
            raise RemoteError(f"not an address: {error}") from None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = GuardedResolver(URL(self._source).host)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, resolver=resolver),
                timeout=aiohttp.ClientTimeout(total=TOTAL_SECONDS, connect=CONNECT_SECONDS, sock_read=READ_SECONDS),
                headers={"Accept": "application/geo+json, application/json, */*", "Accept-Encoding": "gzip"},
                read_bufsize=262_144,
            )
        return self._session

    def _credentials(self, url: str) -> Mapping[str, str]:
        return self._headers if self._headers and origin_of(url) == origin_of(self._source) else {}

    def _redirected(self, url: str, location: str) -> str:
        target = joined(url, location)
        reason = refusal(target, self._source)
        if reason is None and not target.lower().startswith("http"):
            reason = "redirected to what is no HTTP address"
        if reason is not None:
            raise RemoteError(reason)
        return target

    async def _read(self, url: str, answer: aiohttp.ClientResponse, most: int, span: tuple[int, int] | None) -> Fetched:
        if answer.status == 416 and span is not None:
            return Fetched(url, b"", None, ranged=True)
        if answer.status not in (200, 206):
            raise of_status(answer.status, HINT, answer.headers.get("Retry-After"))
        ranged = answer.status == 206
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", "")) if ranged else None
        length = answer.content_length
        if ranged and (span is None or found is None or int(found[1]) != span[0]):
            raise RemoteError("the server answered with another range than was asked for")
        if span is not None and not ranged:
            answer.close()
            return Fetched(url, None, length, ranged=False)
        size = int(found[3]) if found else (length if "Content-Encoding" not in answer.headers else None)
        if not ranged and length is not None and length > most:
            answer.close()
            return Fetched(url, None, size, ranged=answer.headers.get("Accept-Ranges") == "bytes")
        parts: list[bytes] = []
        count = 0
        async for part in answer.content.iter_any():
            count += len(part)
            if count > most:
                answer.close()
                return Fetched(url, None, None, ranged=answer.headers.get("Accept-Ranges") == "bytes")
            parts.append(part)
        return Fetched(url, parts[0] if len(parts) == 1 else b"".join(parts), size, ranged=ranged)

    async def download(self, url: str, write: Any, most: int) -> None:
        """Write a document of up to `most` bytes to a file as it arrives.

        Raises:
            RemoteError: If it cannot be had, or is larger.
        """
        count = 0
        try:
            async with self._opened().get(URL(url, encoded=True), headers=self._credentials(url)) as answer:
                if answer.status != 200:
                    raise of_status(answer.status, HINT)
                async for part in answer.content.iter_chunked(1_048_576):
                    count += len(part)
                    if count > most:
                        raise RemoteError(f"larger than {most >> 30} GB, on a server that knows no ranges")
                    await asyncio.to_thread(write, part)
        except (aiohttp.ClientError, OSError) as error:
            raise RemoteError(f"the connection failed ({type(error).__name__}) after {count:,} bytes") from None
