"""One run of one way in a process of its own, so that neither memory nor garbage of another run is in its way.

Started by `tools/compare_architectures.py` with a JSON object as its argument; prints one.
"""

from __future__ import annotations

import asyncio
import glob
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from benchmarks import _compat, _memory, _page_cache, _usage
from stac_manager import IngestModule, WorkflowContext
from tools.architectures import api_ways, file_ways, parquet_ways
from tools.architectures.outcome import Outcome, Way

WAYS: dict[str, dict[str, Way]] = {
    "files": file_ways.WAYS,
    "parquet": parquet_ways.WAYS,
    "api": api_ways.WAYS,
}


def package(topic: str, concurrency: int | str) -> Way:
    """Make the way of this package at one level."""

    def run(source: str) -> Outcome:
        options: dict[str, Any] = {"mode": "file", "source": source}
        if topic == "api":
            options = {"mode": "api", "source": source, "limit": api_ways.ITEMS_A_PAGE}
        module = IngestModule({**options, "concurrency": concurrency})

        async def drain() -> Outcome:
            context = WorkflowContext.create()
            items = 0
            async for _ in module.fetch(context):
                items += 1
            return Outcome(items, len(context.failure_collector))

        outcome = asyncio.run(drain())
        outcome.stats = module.stats
        outcome.refusals = getattr(module.stats, "refusals", 0)
        return outcome

    return run


def measured(topic: str, run: Callable[[str], Outcome], source: str, *, cold: bool) -> dict[str, Any]:
    """Run once, with everything imported before, and return what it took. The garbage collector is on."""
    _compat.load("api" if topic == "api" else "file")
    if topic == "parquet":
        import pyarrow.parquet  # noqa: F401 - a tenth of a second that is not the reading's
    if cold:
        for folder in {source} if os.path.isdir(source) else {os.path.dirname(path) for path in glob.glob(source)}:
            _page_cache.evict(folder)
    import_bytes = _memory.peak_bytes()
    children = _cpu_of_children()
    usage: dict[str, Any] = {}
    with _usage.measured(usage):
        outcome = run(source)
    usage["cpu_seconds"] += _cpu_of_children() - children
    usage.update(_usage.counted(outcome.stats))
    usage["refusals"] = outcome.refusals
    return {
        "items": outcome.items,
        "failures": outcome.failures,
        "usage": usage,
        "peak_bytes": _memory.peak_bytes(),
        "import_bytes": import_bytes,
    }


def _cpu_of_children() -> float:
    """CPU seconds of the processes that were started here and have ended."""
    times = os.times()
    return times.children_user + times.children_system


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    way = WAYS[asked["topic"]].get(asked["way"]) or package(asked["topic"], asked["concurrency"])
    print(json.dumps(measured(asked["topic"], way, asked["source"], cold=asked["cold"])))  # noqa: T201
