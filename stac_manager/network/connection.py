"""How the network is reached: proxy, certificates, netrc, times, rate. Options first, then the environment."""

from __future__ import annotations

import asyncio
import ipaddress
import netrc
import os
import ssl
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from stac_manager import __version__
from stac_manager.exceptions import ConfigurationError
from stac_manager.network import authorities
from stac_manager.network.pool import Pool
from stac_manager.network.private import GuardedResolver

if TYPE_CHECKING:
    from stac_manager.config import IngestConfig

CONNECT_SECONDS = 30.0
READ_SECONDS = 60.0
TOTAL_SECONDS = 300.0
RETRIES = 6
# What requests and curl read; SSL_CERT_FILE and SSL_CERT_DIR are read by OpenSSL itself.
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
CA_HINT = "; name your own authority with ca_bundle"


@dataclass(frozen=True, slots=True)
class Connection:
    """The options of the network, as `docs/options.md` explains them."""

    timeout: float | None = None
    retries: int = RETRIES
    rate_limit: float | None = None
    user_agent: str | None = None
    ca_bundle: str | None = None
    client_cert: tuple[str, ...] = ()
    trust_env: bool = True

    @classmethod
    def of(cls, config: IngestConfig) -> Connection:
        """Take the options of a configuration."""
        cert = config.client_cert
        return cls(
            config.timeout, config.retries, config.rate_limit, config.user_agent, config.ca_bundle,
            (cert,) if isinstance(cert, str) else cert or (), config.trust_env,
        )  # fmt: skip

    def times(self) -> aiohttp.ClientTimeout:
        """Return the limits of one request: `timeout` for all of it, and no more than that for its parts."""
        total = TOTAL_SECONDS if self.timeout is None else self.timeout
        return aiohttp.ClientTimeout(
            total=total, connect=min(CONNECT_SECONDS, total), sock_read=READ_SECONDS if self.timeout is None else total
        )

    def agent(self) -> str:
        """Return the `User-Agent`: ours unless the user names another one."""
        return self.user_agent or f"stac-manager/{__version__} aiohttp/{aiohttp.__version__}"

    def certificates(self, *, identified: bool = True) -> ssl.SSLContext | bool:
        """Return whom to trust and, where we are `identified`, who we are: True for aiohttp's defaults.

        Raises:
            ConfigurationError: If a file of certificates cannot be read.
        """
        authority, identifies = self.authority(), bool(self.client_cert and identified)
        if authority is None and not identifies:
            return authorities.usual
        also = os.environ.get("SSL_CERT_FILE") if authority and authority[0] in CA_VARIABLES else None
        shown = self.client_cert if identifies else ()
        stamps = tuple(map(_stamp, filter(None, (authority and authority[1], also, *shown))))
        return _identifying(shown, authority, also, stamps) if shown else _trusting_both(authority, also, stamps)

    def certificates_by_origin(self) -> tuple[ssl.SSLContext | bool, ssl.SSLContext | bool]:
        """Return the certificates for the source's origin, and those for all others, which do not learn who we are.

        Raises:
            ConfigurationError: If a file of certificates cannot be read.
        """
        own = self.certificates()
        return own, self.certificates(identified=False) if self.client_cert else own  # a bundle takes 40 ms to load

    def session(
        self, host: str | None, headers: Mapping[str, str], pool: Pool | None = None, **options: Any
    ) -> aiohttp.ClientSession:
        """Open a session for a source on a host. Bodies come as they are: they are unpacked within budgets elsewhere.

        Raises:
            ConfigurationError: If a proxy is no URL.
        """

        def connector() -> aiohttp.TCPConnector:
            return aiohttp.TCPConnector(limit=0, resolver=GuardedResolver(host, self.proxy_hosts()))

        return aiohttp.ClientSession(
            connector=pool.connector(connector) if pool else connector(),
            connector_owner=pool is None,
            headers={**headers, "User-Agent": self.agent()},
            auto_decompress=False,
            **options,
        )

    def authority(self) -> tuple[str, str] | None:
        """Return where the certificates of one's own authority are, behind the option or variable that says so."""
        if self.ca_bundle:
            return "ca_bundle", self.ca_bundle
        return next(
            ((name, os.environ[name]) for name in CA_VARIABLES if self.trust_env and os.environ.get(name)), None
        )

    def proxy_for(self, url: URL) -> str | None:
        """Return the proxy that the environment names for an address; none for this machine's own addresses.

        Raises:
            ConfigurationError: If it is none that speaks HTTP.
        """
        if not url.host or _is_loopback(url.host) or (self.trust_env and _is_exempt(url)):
            return None
        proxies = self.proxies()
        proxy = proxies.get(url.scheme) or proxies.get("all")
        if proxy is not None and (scheme := URL(proxy).scheme) not in ("http", "https"):
            raise ConfigurationError(
                f"{scheme} proxies are not supported; name an http proxy in {url.scheme}_proxy, or the host in no_proxy"
            )
        return proxy

    def proxies(self) -> dict[str, str]:
        """Return the proxies that the environment names, by the scheme of what they are for, or `all`.

        Raises:
            ConfigurationError: If one is no URL. It is not quoted, for it may hold a password.
        """
        found = getproxies() if self.trust_env else {}
        found = {name: url if "://" in url else f"http://{url}" for name, url in found.items() if name != "no"}
        for name, url in found.items():
            try:
                host = URL(url).host
            except ValueError:
                host = None
            if not host:
                raise ConfigurationError(f"{name}_proxy: not the URL of a proxy; mend it, or set trust_env to False")
        return found

    def proxy_hosts(self) -> set[str]:
        """Return the hosts of these proxies: they may well be in a private network."""
        return {str(URL(proxy).host) for proxy in self.proxies().values()}

    def credentials(self, source: URL, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers for the source, with what netrc has for its host where they do not say who asks.

        Raises:
            ConfigurationError: If the netrc file is damaged.
        """
        if self.trust_env and source.host and "authorization" not in map(str.lower, headers):
            found = _netrc_entry(source.host)
            if found:
                return {**headers, "Authorization": f"Basic {b64encode(':'.join(found).encode()).decode()}"}
        return dict(headers)


class Rate:
    """Spaces requests evenly, so that no second sees more than `per_second` of them begin."""

    def __init__(self, per_second: float | None, clock: Callable[[], float] = perf_counter) -> None:
        self._interval = 0.0 if per_second is None else 1 / per_second
        self._clock = clock
        self._next = 0.0

    def reserve(self) -> float:
        """Take the next free moment, and return how many seconds it is away."""
        now = self._clock()
        moment = max(self._next, now)
        self._next = moment + self._interval
        return moment - now

    async def turn(self) -> None:
        """Wait for one's turn."""
        if self._interval and (seconds := self.reserve()) > 0:
            await asyncio.sleep(seconds)


def _netrc_entry(host: str) -> tuple[str, str] | None:
    path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    if not path.is_file():
        return None
    try:
        found = netrc.netrc(str(path)).authenticators(host)
    except (OSError, UnicodeDecodeError, netrc.NetrcParseError) as error:
        place = f"line {error.lineno}" if isinstance(error, netrc.NetrcParseError) else _reason(error)
        raise ConfigurationError(f"{path}: not a netrc file ({place}); mend it, or set trust_env to False") from None
    return (found[0], found[2] or "") if found else None


def _stamp(path: str) -> tuple[int, int] | None:
    """What changes with a file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=8)
def _trusting_both(authority: tuple[str, str] | None, also: str | None, stamps: tuple[object, ...]) -> ssl.SSLContext:
    """Trust a file or folder, and that of OpenSSL's own variable: both were set for a reason. A bundle of all public
    authorities takes 40 ms to load, and fetches share it as long as the files have these `stamps`."""
    context = _trusting(*authority) if authority else ssl.create_default_context()
    return _trusting("SSL_CERT_FILE", also, context) if also else context


@lru_cache(maxsize=8)
def _identifying(
    shown: tuple[str, ...], authority: tuple[str, str] | None, also: str | None, stamps: tuple[object, ...]
) -> ssl.SSLContext:
    """The same that shows a certificate. Only who has the same context can use a connection again."""
    context = _trusting_both.__wrapped__(authority, also, stamps)
    certificate, *key = shown
    try:
        context.load_cert_chain(certificate, key[0] if key else None, password=_no_password)
    except (OSError, ValueError) as error:
        files = " and ".join(map(repr, shown))
        raise ConfigurationError(f"client_cert: no certificate with its key in {files}: {_reason(error)}") from None
    return context


def _trusting(name: str, path: str, context: ssl.SSLContext | None = None) -> ssl.SSLContext:
    """Trust the certificates of a file or folder: in a context, or them alone in a new one."""
    file, folder = (None, path) if Path(path).is_dir() else (path, None)
    try:
        if context is None:
            return ssl.create_default_context(cafile=file, capath=folder)
        context.load_verify_locations(file, folder)
    except OSError as error:
        raise ConfigurationError(f"{name}: no certificates in {path!r}: {_reason(error)}") from None
    return context


def _is_exempt(url: URL) -> bool:
    """Whether `no_proxy` names an address: by its host, with a port or without, or by a network that it is in."""
    host = url.host or ""
    if proxy_bypass(host if ":" in host else f"{host}:{url.port}"):
        return True
    return any(_is_in(host, network.strip()) for network in getproxies().get("no", "").split(",") if "/" in network)


def _is_in(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


@lru_cache(maxsize=256)
def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _no_password() -> str:
    raise ValueError("the key is encrypted; give one that is not")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
