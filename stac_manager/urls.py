"""What is written as a URL, and how much of it may be shown."""

from __future__ import annotations

import re

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_MAY_HIDE = re.compile(r"[@?#]")
_PARTS = re.compile(r"([^:]*://)([^/?#]*)([^?#]*)")
_WITH_CONTAINERS = ("az", "adl", "abfs")
"""What stands before the `@` is a container in URLs of Azure, which obstore reads."""


def is_remote(source: str) -> bool:
    """Tell whether `source` is a URL and no local path."""
    return is_url(source) and not source.lower().startswith("file:")


def is_url(source: str) -> bool:
    """Tell whether `source` is written as a URL, also one of a local file."""
    return _URL.match(source) is not None


def shown(url: object) -> str:
    """Return a URL, or a path, as it may be shown: user, query and fragment of a URL can hold a token."""
    source = str(url)
    if not _MAY_HIDE.search(source) or not is_url(source) or (found := _PARTS.match(source)) is None:
        return source
    scheme, place, path = found.groups()
    user, at, host = place.rpartition("@")
    is_container = ":" not in user and scheme.lower().startswith(_WITH_CONTAINERS)
    return f"{scheme}{user}{at}{host}{path}" if is_container else f"{scheme}{host}{path}"


def is_http(source: str) -> bool:
    """Tell whether `source` is an http or https URL."""
    return source.lower().startswith(("http://", "https://"))
