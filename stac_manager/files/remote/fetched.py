"""What a store gives, whichever it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of a request.

    Attributes:
        url: Where it was found, after redirects.
        linked: The address in the link or the source, by which failures name it.
        data: The bytes; None where there are more than were wanted at once.
        size: Bytes of the whole document, None where nobody says.
        ranged: Parts of it can be asked for.
    """

    url: str
    data: bytes | None
    size: int | None
    ranged: bool
    linked: str = ""


class Store(Protocol):
    """Where documents come from."""

    async def get(self, url: str, most: int, span: tuple[int, int] | None = None) -> Fetched:
        """Get a document of up to `most` bytes, or the bytes [start, stop) of one."""
        ...

    async def close(self) -> None:
        """Let go of what is open."""
        ...
