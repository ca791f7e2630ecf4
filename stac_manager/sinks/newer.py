"""What is newer than a finished run: the conditions of a search, and the files that have changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from stac_manager.plan import Documents, Partition, Plan
from stac_manager.sinks.model import Manifest, Watermark
from stac_manager.sinks.sources import Stamp, documents_of, stamp_of
from stac_manager.timestamps import interval, nanoseconds

LATE = timedelta(hours=1)
"""So much later than its `updated` says may an item be found: clocks differ, and servers index in turns."""
_SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def conditions(base: Manifest, options: Mapping[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return the options that find what is newer: by `updated`, which finds changed items as well, and by `datetime`.

    Each is None where not all items have that time, or one has it in the future. Both begin at the second of the
    latest item, what comes twice is merged; by `updated` no later than `LATE` before the run, which read some items
    before they changed.
    """
    by_updated: dict[str, Any] | None = None
    by_datetime: dict[str, Any] | None = None
    if (since := _since(base.updated, base)) is not None:
        if base.started is not None:
            since = min(since, f"{datetime.fromisoformat(base.started) - LATE:%Y-%m-%dT%H:%M:%SZ}")
        given = options.get("filter")
        if isinstance(given, str):
            by_updated = {"filter": f"({given}) AND updated >= TIMESTAMP('{since}')"}
        else:
            ours: dict[str, Any] = {"op": ">=", "args": [{"property": "updated"}, {"timestamp": since}]}
            by_updated = {"filter": {"op": "and", "args": [given, ours]} if given else ours}
    if (since := _since(base.datetime, base)) is not None:
        by_datetime = {"datetime": _from(since, options.get("datetime"))}
    return (by_updated, by_datetime) if by_updated else (by_datetime, None)


def _since(watermark: Watermark, base: Manifest) -> str | None:
    """Return the second of the latest item. Where that was in the future when it was read, nothing new is later."""
    found = _SECOND.match(watermark.latest or "")
    tomorrow = datetime.fromisoformat(base.finished) + timedelta(days=1)  # clocks differ
    if found is None or watermark.items != base.items or found[0] > tomorrow.strftime("%Y-%m-%dT%H:%M:%S"):
        return None
    return f"{found[0]}Z"


def _from(since: str, asked: str | None) -> str:
    """Return the part of an interval from a moment on: all of it where that is not in it, as of an item that a server
    found by its start and end."""
    if asked is None:
        return f"{since}/.."
    start, end = interval(asked)
    moment = nanoseconds(since) or 0
    if (start is not None and moment < start) or (end is not None and moment > end):
        return asked
    return f"{since}/{asked.rpartition('/')[2]}"


def changed_partitions(plan: Plan, known: set[Stamp]) -> Iterable[Partition]:
    """Yield the partitions of files that are new or were written again, without those that were not."""
    for partition in plan:
        if isinstance(partition, Documents):
            changed = tuple(document for document in partition.documents if stamp_of(document) not in known)
            if changed:
                yield replace(partition, documents=changed, estimate=len(changed))
        elif not known.issuperset(map(stamp_of, documents_of(partition))):
            yield partition
