"""Numbers, and what several modules say, in sentences."""

from __future__ import annotations

from stac_manager.exceptions import printable


def many(count: int, one: str, several: str | None = None) -> str:
    """Put a number and its noun together: `1 part`, `2,000 parts`."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def without_a_time(count: int) -> str:
    """Say that a condition on the time left Items out that tell none."""
    return f"{many(count, 'Item')} left out by 'datetime': the time is missing or not understood"


def passed_over(count: int, first: str = "") -> str:
    """Say that Catalogs or Collections stood where items were looked for."""
    sentence = f"{many(count, 'Catalog or Collection', 'Catalogs or Collections')} passed over"
    if first:
        sentence += f", the first: {printable(first)}"
    if first.endswith(".json"):
        sentence += "; for the items that it links to, name it as the source"
    return sentence
