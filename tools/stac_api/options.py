"""What the server can be told to do."""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .conformance import AGGREGATIONS
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
    add = parser.add_argument
    add("items", nargs="+", type=Path, metavar="ITEMS.ndjson", help="STAC items, one JSON document a line")
    add(
        "--collection",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a Collection as JSON, may be repeated (default: derived from the items)",
    )
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=0, help="port to listen on; 0 takes a free one (default: %(default)s)")
    add(
        "--latency",
        type=seconds,
        default=0.1,
        metavar="SECONDS",
        help="the least time a request takes (default: %(default)s)",
    )
    add(
        "--jitter",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="added to the latency: uniform from 0 to this, the same sequence in every run (default: %(default)s)",
    )
    add(
        "--page-cap",
        type=positive_integer,
        default=MAX_LIMIT,
        metavar="N",
        help="a page never has more items than this, whatever the limit says (default: %(default)s)",
    )
    add("--port-file", type=Path, metavar="FILE", help="write the URL here once the server listens")
    add(
        "--die-with-parent",
        action="store_true",
        help="exit when the starting process ends (on Linux already when the thread that started this one ends)",
    )
    add("--merge", action="store_true", help='the next link of a POST search has "merge": true and the token alone')
    add("--no-post", action="store_true", help="refuse POST searches, and do not advertise them")
    add("--no-counts", action="store_true", help="leave out numberMatched and numberReturned")
    add(
        "--throttle",
        type=positive_integer,
        metavar="N",
        help="answer 429 with Retry-After to what comes above N requests in any second (default: never)",
    )
    add(
        "--fail-every",
        type=positive_integer,
        metavar="N",
        help="answer every N-th search with 500 (default: never)",
    )
    add("--mute", action="store_true", help="refuse without Retry-After")
    add(
        "--instant-documents",
        action="store_true",
        help="landing page, Collections and pages of one item come at once, as from a cache",
    )
    add(
        "--spread",
        choices=("none", "lognormal", "bimodal"),
        default="none",
        help="spread the latency: lognormal around it (sigma 0.7), or ten times as long for one in ten",
    )
    add("--at-once", type=positive_integer, metavar="N", help="work on N requests at a time; others queue")
    add(
        "--seconds-per-megabyte",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="prolong an answer by this for each megabyte (default: %(default)s)",
    )
    add(
        "--outage",
        type=outage,
        metavar="FIRST:SECONDS",
        help="answer 504 for some seconds, from the FIRST-th search on (default: never)",
    )
    add(
        "--aggregations",
        action="store_true",
        help=f"offer /aggregate with {' (items by month) and '.join(AGGREGATIONS)}",
    )
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
