"""The network options as obstore's HTTP client takes them. What it cannot do is said, never left out in silence."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import getproxies

from stac_manager.exceptions import ConfigurationError
from stac_manager.network.connection import CONNECT_SECONDS, Connection

NEVER_PROXIED = ("localhost", "127.0.0.0/8", "::1", "169.254.0.0/16")
"""This machine, and where clouds give their machines credentials."""
_NO_PROXY_AT_ALL = {"proxy_url": "http://127.0.0.1:9", "proxy_excludes": "*,0.0.0.0/0,::/0"}
"""Without a proxy of ours the client would read the environment by itself."""
_STANDS_FOR = {"timeout": "timeout", "connect_timeout": "timeout", "user_agent": "user_agent",
               "root_certificate": "ca_bundle", "proxy_url": "trust_env", "proxy_excludes": "trust_env"}  # fmt: skip


def client_options(connection: Connection, given: Mapping[str, Any], *, scheme: str = "https") -> dict[str, Any]:
    """Return the `client_options` of a store: the user's own, and what the options of the network make of the rest.

    Args:
        connection: The options of the network.
        given: The user's `client_options`: they come first.
        scheme: How the store is asked, which decides on its proxy.

    Raises:
        ConfigurationError: If one thing is said twice, or a file of certificates cannot be read.
    """
    for name, option in _STANDS_FOR.items():
        if name in given and _is_given(connection, option):
            raise ConfigurationError(f"{option}, client_options of 'storage_options' ({name}): give one of them")
    made: dict[str, Any] = {"user_agent": connection.agent(), **_proxy(connection, scheme)}
    if "proxy_url" in given:
        made = {"user_agent": made["user_agent"]}
    if connection.timeout is not None:
        made["timeout"] = timedelta(seconds=connection.timeout)
        made["connect_timeout"] = timedelta(seconds=min(CONNECT_SECONDS, connection.timeout))
    if "root_certificate" not in given and (certificates := _certificates(connection)):
        made["root_certificate"] = certificates
    return {**made, **given}


def _is_given(connection: Connection, option: str) -> bool:
    return option != "trust_env" and bool(getattr(connection, option))


def _proxy(connection: Connection, scheme: str) -> dict[str, str]:
    proxies = connection.proxies()
    proxy = proxies.get(scheme) or proxies.get("all")
    if proxy is None:
        return _NO_PROXY_AT_ALL
    if not proxy.lower().startswith(("http://", "https://")):
        raise ConfigurationError(f"{scheme}_proxy: object stores are asked through http and https proxies only")
    return {"proxy_url": proxy, "proxy_excludes": ",".join((*NEVER_PROXIED, *filter(None, [getproxies().get("no")])))}


def _certificates(connection: Connection) -> bytes | None:
    """Return what is trusted beside the authorities of the system, as PEM."""
    authority = connection.authority()
    if authority is None:
        return None
    connection.certificates(identified=False)  # says what is wrong with it
    name, path = authority
    files = sorted(Path(path).iterdir()) if Path(path).is_dir() else [Path(path)]
    try:
        found = b"\n".join(data for file in files if file.is_file() and b"BEGIN CERT" in (data := file.read_bytes()))
        ssl.create_default_context(cadata=found.decode("ascii"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not PEM"
        raise ConfigurationError(f"{name}: no certificates in {path!r}: {reason}") from None
    return found
