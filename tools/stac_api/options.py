"""What the server can be told to do."""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .openapi import AGGREGATIONS
from .search import MAX_LIMIT


@dataclass(frozen=True)
class Options:
    """As `--help` says."""

    items: list[Path]
    collection: list[Path]
    host: str
    port: int
    latency: float
    jitter: float
    page_cap: int
    port_file: Path | None
    die_with_parent: bool
    merge: bool
    no_post: bool
    no_counts: bool
    offsets: bool
    no_bbox: bool
    null_filter: bool
    throttle: int | None
    mute: bool
    fail_every: int | None
    instant_documents: bool
    spread: str
    at_once: int | None
    seconds_per_megabyte: float
    outage: tuple[int, float] | None
    aggregations: bool

    @property
    def greatest_page(self) -> int:
        """The most items of a page, whatever the limit of a search says."""
        return min(self.page_cap, MAX_LIMIT)


def parse_arguments(argv: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(
        prog="stac_api_server.py", description="Serve NDJSON items as a local STAC API with latency."
    )
    flag: dict[str, Any] = {"action": "store_true"}
    count: dict[str, Any] = {"type": positive_integer, "metavar": "N"}
    time: dict[str, Any] = {"type": seconds, "metavar": "SECONDS"}

    def add(name: str, text: str, **settings: Any) -> None:
        parser.add_argument(name, help=text, **settings)

    add("items", "STAC items, one JSON document a line", nargs="+", type=Path, metavar="ITEMS.ndjson")
    derived = "a Collection as JSON, may be repeated (default: derived from the items)"
    add("--collection", derived, action="append", default=[], type=Path, metavar="FILE")
    add("--host", "address to listen on (default: %(default)s)", default="127.0.0.1")
    add("--port", "port to listen on; 0 takes a free one (default: %(default)s)", type=int, default=0)
    add("--latency", "the least time a request takes (default: %(default)s)", **time, default=0.1)
    jitter = "added to the latency: uniform from 0 to this, the same sequence in every run (default: %(default)s)"
    add("--jitter", jitter, **time, default=0.0)
    cap = "a page never has more items than this, whatever the limit says (default: %(default)s)"
    add("--page-cap", cap, **count, default=MAX_LIMIT)
    add("--port-file", "write the URL here once the server listens", type=Path, metavar="FILE")
    parent = "exit when the starting process ends (on Linux already when the thread that started this one ends)"
    add("--die-with-parent", parent, **flag)
    add("--merge", 'the next link of a POST search has "merge": true and the token alone', **flag)
    add("--no-post", "refuse POST searches, and do not advertise them", **flag)
    add("--no-counts", "leave out numberMatched and numberReturned", **flag)
    add("--offsets", "next links count (offset) instead of naming an opaque token", **flag)
    add("--no-bbox", "ignore the bbox of a search", **flag)
    add("--null-filter", "claim the Filter extension, for items without a geometry only", **flag)
    throttle = "answer 429 with Retry-After to what comes above N requests in any second (default: never)"
    add("--throttle", throttle, **count)
    add("--fail-every", "answer every N-th search with 500 (default: never)", **count)
    add("--mute", "refuse without Retry-After", **flag)
    instant = "landing page, Collections and pages of one item come at once, as from a cache"
    add("--instant-documents", instant, **flag)
    spread = "spread the latency: lognormal around it (sigma 0.7), or ten times as long for one in ten"
    add("--spread", spread, choices=("none", "lognormal", "bimodal"), default="none")
    add("--at-once", "work on N requests at a time; others queue", **count)
    add(
        "--seconds-per-megabyte",
        "prolong an answer by this for each megabyte (default: %(default)s)",
        **time,
        default=0.0,
    )
    out = "answer 504 for some seconds, from the FIRST-th search on (default: never)"
    add("--outage", out, type=outage, metavar="FIRST:SECONDS")
    add("--aggregations", f"offer /aggregate with {' (items by month) and '.join(AGGREGATIONS)}", **flag)
    return Options(**vars(parser.parse_args(argv)))


def seconds(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(text)
    return value


def outage(text: str) -> tuple[int, float]:
    first, _, length = text.partition(":")
    return positive_integer(first), seconds(length)


def positive_integer(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value
