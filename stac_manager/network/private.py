"""Hosts that a server's links and redirects must not lead to: this machine, and those of private networks."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection
from typing import Any
from unicodedata import normalize
from urllib.parse import unquote

import aiohttp

LOCAL_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost")
LOCAL_SUFFIXES = (".localhost", ".local", ".internal")
PRIVATE = "an address of a private network, which only a source in one may link to"
_NUMBERED = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
"""Short, octal and hexadecimal forms of IPv4, which systems resolve: no name ends in a number (WHATWG URL, 3.5)."""
_DOTS = str.maketrans("\u3002\uff61", "..")
"""Full stops that are dots in names of hosts (RFC 3490, 3.1): a proxy may look up what was not written plainly."""
_PUBLIC = ipaddress.IPv6Network("2000::/3")
"""Of IPv6, all that is given to networks of the public (RFC 4291, 2.4); elsewhere are translations and site-local."""
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""A gateway makes IPv4 addresses of the last 32 bits of these (RFC 6052)."""


class PrivateAddressError(OSError):
    """A name stands for a private address."""

    def __init__(self, host: str) -> None:
        super().__init__(None, f"{PRIVATE}: {host}")


def is_private(host: str | None) -> bool:
    """Tell whether a host is this machine or in a private network, by its name or number alone, as it is written and as
    it may be read."""
    written = host or ""
    plain = written.isascii() and "%" not in written
    return _is_private(written) or (not plain and _is_private(normalize("NFKC", unquote(written)).translate(_DOTS)))


def _is_private(host: str) -> bool:
    name = host.rstrip(".").lower()
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return name in LOCAL_NAMES or name.endswith(LOCAL_SUFFIXES) or _NUMBERED.fullmatch(name) is not None
    return not _is_public(address)


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast
    within = address.ipv4_mapped or address.sixtofour
    if within is None and address in _TRANSLATED:
        within = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address in _PUBLIC and address.is_global if within is None else _is_public(within)


class GuardedResolver(aiohttp.ThreadedResolver):
    """Looks names up, and refuses those that lead into a private network, unless the source is in one itself: by its
    first look-up, as the later ones are the server's to choose (DNS rebinding).

    Args:
        source: The host of the source.
        trusted: Hosts that the user or the environment named, such as proxies.
    """

    def __init__(self, source: str | None, trusted: Collection[str] = ()) -> None:
        super().__init__()
        self._source, self._trusted = source, trusted
        self._private: bool | None = is_private(source) or None

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[Any]:
        found = await super().resolve(host, port, family)
        private = any(is_private(each["host"]) for each in found)
        if host == self._source and self._private is None:
            self._private = private
        elif private and not self._private and host not in self._trusted:
            raise PrivateAddressError(host)
        return found
