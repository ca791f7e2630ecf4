"""The authorities of this machine, loaded for the first secure connection.

aiohttp loads them when it is imported, twice: a third of what a worker takes to start. A server by plain http needs
none.
"""

from __future__ import annotations

import os
import ssl
import sys
from functools import cache
from typing import Any

from stac_manager.urls import is_http

VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Where OpenSSL looks for authorities."""


class Later(ssl.SSLContext):
    """The default context, made when it is used."""

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        return _context().wrap_bio(*arguments, **options)


usual: Later | bool = True
"""What aiohttp gets as `ssl`: True for its own context."""


def import_aiohttp_for(source: str) -> None:
    """Import aiohttp without authorities for an http source, in a process that is ours alone: others use its own."""
    global usual
    if "aiohttp" in sys.modules or not is_http(source):
        return
    before = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    os.environ.update(dict.fromkeys(VARIABLES, os.devnull))
    try:
        import aiohttp  # noqa: F401
    finally:
        for name in VARIABLES:
            del os.environ[name]
        os.environ.update(before)
    usual = Later(ssl.PROTOCOL_TLS_CLIENT)


@cache
def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
