"""Why a request was not answered, in words without secrets, and whether another attempt may help."""

from __future__ import annotations

import os
from typing import NamedTuple

import aiohttp

from stac_manager.network.connection import CA_HINT
from stac_manager.network.private import PrivateAddressError

PROXY_HINT = "see HTTP_PROXY and HTTPS_PROXY"
PROXY_DENIED = f"the proxy does not take this user and password (407); {PROXY_HINT}"


class Unreached(NamedTuple):
    """The words, and whether it may pass."""

    words: str
    passing: bool


def explained(error: Exception) -> Unreached:
    """Explain an error of aiohttp's, of the resolver or of the system."""
    match error:
        case TimeoutError():
            return Unreached("no answer in time", True)
        case aiohttp.ClientSSLError():
            cause = error.__cause__
            reason = getattr(cause, "verify_message", None) or getattr(cause, "reason", None) or type(error).__name__
            unknown = getattr(cause, "verify_code", 0) in range(18, 22)  # self-signed, or of an unknown issuer
            return Unreached(f"no secure connection: {reason.rstrip('.')}{CA_HINT if unknown else ''}", False)
        case aiohttp.ClientHttpProxyError(status=407):
            return Unreached(PROXY_DENIED, False)
        case aiohttp.ClientHttpProxyError():
            return Unreached(f"the proxy answered {error.status}; {PROXY_HINT}", False)
        case aiohttp.ClientProxyConnectionError():
            proxy = f"{error.host}:{error.port}"
            return Unreached(f"the proxy {proxy} cannot be reached: {_reason(error.os_error)}; {PROXY_HINT}", True)
        case aiohttp.ClientConnectorError(os_error=PrivateAddressError()):
            return Unreached(f"links to {error.os_error.strerror}", False)
        case aiohttp.ClientConnectorError():
            return Unreached(f"cannot be reached: {_reason(error.os_error)}", True)
        case aiohttp.ClientPayloadError():
            return Unreached("the answer was cut off", True)
        case aiohttp.ClientResponseError():
            return Unreached("the answer is not valid HTTP, or its headers are too large", True)
        case aiohttp.InvalidURL():
            return Unreached("cannot be asked: not the name of a host, nor an address of four numbers", False)
        case aiohttp.ClientError() | OSError():
            return Unreached(f"the connection failed: {type(error).__name__}", True)
        case _:  # a host name that is none, a header of a link that is none
            return Unreached(f"cannot be asked: {error}", False)


def _reason(error: OSError) -> str:
    number = error.errno or 0  # those of the resolver are negative, and have words of their own
    return os.strerror(number) if number > 0 else error.strerror or str(error) or "no route"
