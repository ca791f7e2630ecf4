"""What a store gives, whichever it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

from stac_manager.plan import digest

Take: TypeAlias = Callable[[int], Awaitable[None]]
"""Is awaited with the number of bytes that come, or are made by unpacking. What it raises ends the request."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of a request."""

    url: str  # where it was found, after redirects
    data: bytes | None  # None where there are more than were wanted at once
    size: int | None  # of the whole document, None where nobody says
    ranged: bool  # parts of it can be asked for
    linked: str = ""  # the address in the link or the source, by which failures name it
    versions: frozenset[str] = frozenset()  # what is said to change with the document; of several one may do so alone
    modified_ns: int | None = None  # when it was written, in nanoseconds since 1970, by the second
    etag: str | None = None  # as `tagged` gives it


class Listed(NamedTuple):
    """An object in a list: where it is, how large, and when it was written, as in `Fetched`."""

    url: str
    size: int
    modified_ns: int | None
    etag: str | None


def tagged(etag: str | None) -> str | None:
    """Return a digest of a strong entity tag, which a server may make as long as it likes, or of a signed address.

    A list of objects may have it without the quotes. Some servers give an empty one.
    """
    return digest(plain) if etag and not etag.startswith("W/") and (plain := etag.strip('"')) else None


class Store(Protocol):
    """Where documents come from."""

    async def get(self, url: str, most: int, span: tuple[int, int] | None = None, take: Take | None = None) -> Fetched:
        """Get a document of up to `most` bytes, or the bytes [start, stop) of one."""
        ...

    async def close(self) -> None:
        """Let go of what is open."""
        ...
