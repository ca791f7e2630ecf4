"""Numbers in sentences."""

from __future__ import annotations


def many(count: int, one: str, several: str | None = None) -> str:
    """Put a number and its noun together: `1 part`, `2,000 parts`."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"
