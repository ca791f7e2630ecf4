"""The size of page that works, remembered for each host while this process runs."""

from __future__ import annotations

from time import monotonic

from yarl import URL

# A server that could not make large pages may have been ill, not small.
REMEMBERED_SECONDS = 600.0

_sizes: dict[str, tuple[int, float]] = {}


def remember(source: str, limit: int) -> None:
    """Take note that pages of this size work, and larger ones did not."""
    _sizes[str(URL(source).origin())] = limit, monotonic() + REMEMBERED_SECONDS


def working(source: str, limit: int) -> int:
    """The size to ask for: the given one, or what was found to work lately."""
    size, until = _sizes.get(str(URL(source).origin()), (limit, 0.0))
    return min(limit, size) if monotonic() < until else limit


def forget() -> None:
    _sizes.clear()
