"""What tests are made of: small items, the real ones, a fetch into a list."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
from collections.abc import Awaitable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from hypothesis import settings

from stac_manager import IngestModule, WorkflowContext

ROOT = Path(__file__).parent.parent
REAL_ITEMS = ROOT.parent / "shared" / "real-items"

THOROUGH = settings.get_current_profile_name() == "thorough"
"""Whether tests take all they can (`make test-thorough`), or what shows nearly every fault in a tenth of the time."""


def combined(*choices: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return what to combine of choices that do not depend on each other: each at least once, or all with all."""
    if THOROUGH:
        return list(itertools.product(*choices))
    return [tuple(choice[n % len(choice)] for choice in choices) for n in range(max(map(len, choices)))]


class Run(Protocol):
    """Runs the program of `tools` with arguments; environment variables are keywords."""

    def __call__(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]: ...


def make_item(item_id: str, **members: Any) -> dict[str, Any]:
    """Make a small valid STAC item."""
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": item_id,
        "collection": "scenes",
        "geometry": {"type": "Point", "coordinates": [7.5, 51.25]},
        "bbox": [7.5, 51.25, 7.5, 51.25],
        "properties": {"datetime": "2024-05-01T10:00:00Z"},
        "links": [],
        "assets": {"data": {"href": f"https://example.com/{item_id}.tif"}},
        **members,
    }


def make_items(count: int) -> list[dict[str, Any]]:
    """Make `count` items whose ids sort as they were made."""
    return [make_item(f"item-{index:06}") for index in range(count)]


async def fetch(options: dict[str, Any], context: WorkflowContext | None = None) -> list[dict[str, Any]]:
    """Fetch everything into a list."""
    return [item async for item in IngestModule(options).fetch(context or WorkflowContext.create())]


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


def are_apart(items: Iterable[Any]) -> bool:
    """Whether no list or object is in two places: who changes one Item changes no other."""
    waiting, seen = list(items), set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            if id(value) in seen:
                return False
            seen.add(id(value))
            waiting += value.values() if isinstance(value, dict) else value
    return True


def real_item_files() -> list[Path]:
    return sorted(REAL_ITEMS.glob("*.ndjson"))


async def turns_beside(work: Awaitable[object]) -> int:
    """How often another task has its turn while something is awaited."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    try:
        await work
    finally:
        task.cancel()
    return turns
