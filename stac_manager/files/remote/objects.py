"""Objects on S3, Google Cloud Storage and Azure, through obstore. Its own words are never shown: they hold URLs."""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import re
import time
import unicodedata
import urllib.parse
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from stac_manager.exceptions import ConfigurationError
from stac_manager.files.remote.addresses import STORES, origin_of, scheme_of
from stac_manager.files.remote.clients import client_options
from stac_manager.files.remote.faults import ABSENT, RemoteError, of_obstore
from stac_manager.files.remote.fetched import Fetched, Listed, Take, tagged
from stac_manager.network.connection import Connection

T = TypeVar("T")

PAGE_OBJECTS = 1_000
_NOT_OF_A_STORE = ("client_options", "retry_config", "credential_provider")
_OF_CLIENT = {
    "allow_http", "allow_invalid_certificates", "connect_timeout", "default_content_type", "http1_only", "http2_only",
    "http2_keep_alive_interval", "http2_keep_alive_timeout", "http2_keep_alive_while_idle", "http2_max_frame_size",
    "pool_idle_timeout", "pool_max_idle_per_host", "proxy_ca_certificate", "proxy_excludes", "proxy_url",
    "randomize_addresses", "timeout", "user_agent",
}  # fmt: skip
"""Options of the client, which Rust's object_store takes among those of a store; obstore panics there."""
_ADDRESSES = ("endpoint", "endpoint_url", "endpoint_url_s3", "base_url")
_ENDPOINT = re.compile(r"https?://[^/?#\s]+", re.IGNORECASE)
_IN_ENVIRONMENT = {"S3": "AWS_", "GCS": "GOOGLE_", "Azure": "AZURE_"}
_WITHOUT_SECRETS = (*_ADDRESSES, "region", "virtual_hosted_style_request", "account_name")
"""Options that stores other than the source's get, too: where they are, and never who asks."""


class ObjectStores:
    """Gets objects by the URLs of object stores.

    `options` are for the bucket of `source`; others are asked anonymously.

    Raises:
        ConfigurationError: If obstore is not installed, or an option is none of the store.
    """

    def __init__(self, source: str, options: Mapping[str, Any], connection: Connection | None = None) -> None:
        self._source = source
        self._connection = connection or Connection()
        self._options = dict(options)
        self._stores: dict[tuple[str, str], Any] = {}
        if scheme_of(source) in STORES:
            self._of(source)

    async def get(self, url: str, most: int, span: tuple[int, int] | None = None, take: Take | None = None) -> Fetched:
        """Get an object, or the bytes [start, stop) of it. One of more than `most` bytes is not read: `data` is None.

        Its key is the path as it is written; where there is none, the path unescaped, with accents composed or not.
        `url` says which it was.

        Raises:
            RemoteError: If it cannot be had.
        """
        try:
            return await self._of_key(url, lambda found, key: self._get(found, key, most, span, take))
        except RemoteError as error:
            if error.status != 416 or span is None or span[0]:
                raise
            return Fetched(url, b"", 0, ranged=True)  # it is empty

    async def download(self, url: str, write: Callable[[bytes], Any], most: int) -> None:
        """Write an object of up to `most` bytes to a file as it arrives.

        Raises:
            RemoteError: If it cannot be had, or is larger.
        """

        async def written(url: str, key: str) -> None:
            with _translated():
                answer = await self._of(url).get_async(key)
                parts = aiter(answer.stream(1_048_576))
            if int(answer.meta["size"]) > most:
                raise RemoteError(f"larger than {most >> 30} GB, in a store that gives no ranges")
            while True:
                with _translated():
                    part = await anext(parts, None)
                if part is None:
                    return
                await asyncio.to_thread(write, bytes(part))

        await self._of_key(url, written)

    async def _of_key(self, url: str, do: Callable[[str, str], Awaitable[T]]) -> T:
        """Do something with the first key that a URL may stand for and that is there."""
        plain = urllib.parse.unquote(_key(url))
        keys = list(dict.fromkeys([_key(url), plain, *(unicodedata.normalize(form, plain) for form in ("NFC", "NFD"))]))
        absent: list[RemoteError] = []
        for key in keys:
            try:
                return await do(url if key == keys[0] else _url(origin_of(url), key), key)
            except RemoteError as error:
                if error.status not in ABSENT:
                    raise
                absent.append(error)
        raise next((error for error in absent if error.status == 403), absent[-1])

    async def _get(self, url: str, key: str, most: int, span: tuple[int, int] | None, take: Take | None) -> Fetched:
        with _translated():
            answer = await self._of(url).get_async(key, options=None if span is None else {"range": span})
            size = int(answer.meta["size"])
            if span is None and size > most:
                return Fetched(url, None, size, ranged=True)
            if take is not None:
                await take(size)
            data = bytes(await answer.bytes_async())
            modified, tag = _nanoseconds(answer.meta), tagged(answer.meta.get("e_tag"))
            versions = frozenset((tag or str(modified),))
            return Fetched(url, data, size, ranged=True, versions=versions, modified_ns=modified, etag=tag)

    def listing(self, url: str) -> Listing:
        """Return the list of all objects under a prefix, of which no page was asked for yet."""
        return Listing(lambda last: self._of(url).list(_key(url) or None, offset=last, chunk_size=PAGE_OBJECTS), url)

    async def close(self) -> None:
        """Let go of the connections."""
        self._stores.clear()

    def _of(self, url: str) -> Any:
        origin = origin_of(url)
        if origin not in self._stores:
            self._stores[origin] = self._made(origin)
        return self._stores[origin]

    def _made(self, origin: tuple[str, str]) -> Any:
        from_url, errors = _obstore(self._source)
        own = origin == origin_of(self._source)
        config = {name: value for name, value in self._options.items() if name not in _NOT_OF_A_STORE}
        client = {_plain(name): value for name, value in config.items() if _plain(name) in _OF_CLIENT}
        client.update(self._options.get("client_options") or {})
        config = {name: value for name, value in config.items() if _plain(name) not in _OF_CLIENT}
        if not own:
            config = {name: value for name, value in config.items() if _plain(name) in _WITHOUT_SECRETS}
            config["skip_signature"] = True
            client.pop("default_headers", None)
        given = (str(value) for name, value in config.items() if _plain(name) in _ADDRESSES)
        endpoint = next(given, _endpoint_of_environment(origin[0]))
        if endpoint and not _ENDPOINT.match(endpoint):
            raise ConfigurationError("the store's endpoint is not an http or https URL, such as http://localhost:9000")
        is_plain = endpoint.lower().startswith("http://")
        if is_plain:
            client.setdefault("allow_http", True)
        client = client_options(self._connection, client, scheme="http" if is_plain else "https")
        further = {"credential_provider": self._options.get("credential_provider")} if own else {}
        further = {name: value for name, value in further.items() if value is not None}
        try:
            return from_url(
                "://".join(origin),
                config=config,
                client_options=client,
                retry_config=self._options.get("retry_config", {"max_retries": 0}),
                **further,
            )
        except errors.UnknownConfigurationKeyError as error:
            words = str(error).split("\n", 1)[0]
            raise ConfigurationError(f"option 'storage_options': {words}") from None
        except (errors.BaseError, ValueError, TypeError):
            raise ConfigurationError(
                f"option 'storage_options', environment: {STORES[origin[0]]} cannot be asked with these; it needs: "
                f"https://developmentseed.org/obstore/latest/api/store/{STORES[origin[0]].lower()}/ (az: account_name)"
            ) from None


class Listing:
    """The objects under a prefix, in the order of their keys, page by page.

    Args:
        listed: Lists those behind a key, or all.
        url: The prefix.
    """

    def __init__(self, listed: Callable[[str | None], Any], url: str) -> None:
        self._listed = listed
        self._origin = origin_of(url)
        self._pages: Any = None
        self._last: str | None = None

    async def next(self) -> list[Listed] | None:
        """Return the next objects; None after the last.

        After an error it may be called again, and goes on where it was.

        Raises:
            RemoteError: If they cannot be listed.
        """
        pages, self._pages = self._pages, None
        with _translated():
            pages = self._listed(self._last) if pages is None else pages
            page = await anext(pages, None)
            if page is None:
                return None
            self._pages, self._last = pages, page[-1]["path"]
            return [
                Listed(_url(self._origin, each["path"]), each["size"], _nanoseconds(each), tagged(each.get("e_tag")))
                for each in page
            ]


def _nanoseconds(meta: Mapping[str, Any]) -> int | None:
    """Return when an object was written: by the second, as not every answer says more."""
    written = meta.get("last_modified")
    return None if written is None else int(written.timestamp()) * 1_000_000_000


def _url(origin: tuple[str, str], key: str) -> str:
    path = urllib.parse.quote(key) if "?" in key or "#" in key else key  # which mean something else in URLs
    return f"{'://'.join(origin)}/{path}"


def _obstore(source: str) -> tuple[Callable[..., Any], Any]:
    try:
        import obstore.exceptions
        from obstore.store import from_url
    except ImportError:
        raise ConfigurationError(
            f"source {source!r}: {STORES[scheme_of(source)]} URLs need obstore; pip install obstore"
        ) from None
    _ended_in_peace()
    return from_url, obstore.exceptions


def _endpoint_of_environment(scheme: str) -> str:
    """Return where obstore, and the vendors' tools, go where no option says so."""
    prefix = _IN_ENVIRONMENT[STORES[scheme]]
    names = (name for name in os.environ if name.startswith(prefix) and _plain(name) in _ADDRESSES)
    return next((os.environ[name] for name in names), "")


@functools.cache
def _ended_in_peace() -> None:
    """obstore's threads let go of Python objects after their last answer. Python aborts if it ends at that moment."""
    atexit.register(time.sleep, 0.02)


def _plain(name: str) -> str:
    """Return the name of an option without the prefix that obstore allows."""
    return re.sub(r"^(aws|google|azure(_storage)?)_", "", name.lower())


def _key(url: str) -> str:
    """Return what follows the bucket."""
    return url.split("://", 1)[1].partition("/")[2]


@contextmanager
def _translated() -> Iterator[None]:
    """Turn obstore's errors into `RemoteError`."""
    import obstore.exceptions as errors

    try:
        yield
    except Exception as error:
        if isinstance(error, (errors.BaseError, ValueError, OSError)) or type(error).__name__ == "RustPanic":
            raise of_obstore(str(error)) from None
        raise
