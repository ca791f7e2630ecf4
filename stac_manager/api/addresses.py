"""Addresses that a server's links lead to: resolved, fit for messages, and refused where they lead into a network
that is none of the server's business."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any, TypeAlias

import aiohttp
from yarl import URL

from stac_manager.exceptions import DataProcessingError, printable

Origin: TypeAlias = tuple[str, str | None, int | None]

LOCAL_NAMES = ("localhost", ".localhost", ".local", ".internal")
PRIVATE = "an address of a private network, which only a source in one may link to"


def origin_of(url: URL) -> Origin:
    """Scheme, host and port."""
    return url.scheme, url.host, url.port


def shown(url: URL | str) -> str:
    """Return a URL fit for messages: without query, fragment and user, where secrets travel."""
    url = URL(str(url), encoded=True)
    return printable(str(url.with_user(None).with_query(None).with_fragment(None)) if url.absolute else str(url))


def linked(base: URL, href: str) -> URL:
    """Resolve a link of the server against the address that it came from. `href` is opaque and not written anew.

    Raises:
        DataProcessingError: If it leads to no address.
    """
    try:
        url = base.join(URL(href, encoded=True))
        origin_of(url)  # reads the port
    except ValueError as error:
        raise DataProcessingError(f"{shown(base)}: a link of the server leads to no address: {error}") from None
    return url if url.user is None and url.password is None else url.with_user(None)  # not the server's to choose


def is_private(host: str | None) -> bool:
    """Tell whether a host is this machine or in a private network, by its name or number alone."""
    if not host:
        return False
    name = host.rstrip(".").lower()
    if name == LOCAL_NAMES[0] or name.endswith(LOCAL_NAMES[1:]):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return not (getattr(address, "ipv4_mapped", None) or address).is_global


def refuse_foreign(url: URL, source: URL) -> None:
    """Raise where a link or redirect leads to what a server has no reason to send us to.

    Raises:
        DataProcessingError: If it is not http or https, or leads into a private network and the source is in none.
    """
    if url.scheme not in ("http", "https"):
        raise DataProcessingError(f"refused to follow a link to {shown(url)}: not http or https")
    if url.host != source.host and is_private(url.host) and not is_private(source.host):
        raise DataProcessingError(f"refused to follow a link to {shown(url)}: {PRIVATE}")


class GuardedResolver(aiohttp.ThreadedResolver):
    """Looks names up, and refuses those that lead into a private network, unless the source is in one itself."""

    def __init__(self, source: URL) -> None:
        super().__init__()
        self._source = source.host or ""
        self._private = is_private(source.host)

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[Any]:
        found = await super().resolve(host, port, family)
        private = any(is_private(each["host"]) for each in found)
        if host == self._source:
            self._private |= private
        elif private and not self._private:
            raise OSError(None, f"{PRIVATE}: {host}")
        return found
