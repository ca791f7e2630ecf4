"""What the server can be told to do."""

import argparse
import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .openapi import AGGREGATIONS
from .search import MAX_LIMIT


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


def _option(text: str, default: Any = None, **settings: Any) -> Any:
    shown = "" if default in (None, False) else " (default: %(default)s)"
    return dataclasses.field(default=default, metadata={"help": text + shown, **settings})


_FLAG: dict[str, Any] = {"default": False, "action": "store_true"}
_COUNT: dict[str, Any] = {"type": positive_integer, "metavar": "N"}
_TIME: dict[str, Any] = {"type": seconds, "metavar": "SECONDS"}


@dataclass(frozen=True)
class Options:
    """An option of the command line each; `items` are its arguments."""

    items: Sequence[Path] = _option(
        "STAC items, one JSON document a line", nargs="+", type=Path, metavar="ITEMS.ndjson"
    )
    collection: Sequence[Path] = _option(
        "a Collection as JSON, may be repeated; others are derived from the items",
        (), action="append", type=Path, metavar="FILE",
    )  # fmt: skip
    host: str = _option("address to listen on", "127.0.0.1")
    port: int = _option("port to listen on; 0 takes a free one", 0, type=int)
    latency: float = _option("the least time a request takes", 0.1, **_TIME)
    jitter: float = _option("added to the latency: from 0 to this, the same sequence in every run", 0.0, **_TIME)
    page_cap: int = _option("a page never has more items than this, whatever the limit says", MAX_LIMIT, **_COUNT)
    port_file: Path | None = _option(  # noqa: RUF009 - a field
        "write the URL here once the server listens", type=Path, metavar="FILE"
    )
    die_with_parent: bool = _option(
        "exit when the starting process ends (on Linux already when the thread that started this one ends)", **_FLAG
    )
    merge: bool = _option('the next link of a POST search has "merge": true and the token alone', **_FLAG)
    no_post: bool = _option("refuse POST searches, and do not advertise them", **_FLAG)
    no_counts: bool = _option("leave out numberMatched and numberReturned", **_FLAG)
    offsets: bool = _option("next links count (offset) instead of naming an opaque token", **_FLAG)
    no_bbox: bool = _option("ignore the bbox of a search", **_FLAG)
    null_filter: bool = _option("claim the Filter extension, for items without a geometry only", **_FLAG)
    throttle: int | None = _option("answer 429 with Retry-After to what comes above N requests in any second", **_COUNT)
    mute: bool = _option("refuse without Retry-After", **_FLAG)
    fail_every: int | None = _option("answer every N-th search with 500", **_COUNT)
    instant_documents: bool = _option(
        "landing page, Collections and pages of one item come at once, as from a cache", **_FLAG
    )
    spread: str = _option(
        "spread the latency: lognormal around it (sigma 0.7), or ten times as long for one in ten",
        "none", choices=("none", "lognormal", "bimodal"),
    )  # fmt: skip
    at_once: int | None = _option("work on N requests at a time; others queue", **_COUNT)
    seconds_per_megabyte: float = _option("prolong an answer by this for each megabyte", 0.0, **_TIME)
    outage: tuple[int, float] | None = _option(
        "answer 504 for some seconds, from the FIRST-th search on", type=outage, metavar="FIRST:SECONDS"
    )
    aggregations: bool = _option(f"offer /aggregate with {' (items by month) and '.join(AGGREGATIONS)}", **_FLAG)

    @property
    def greatest_page(self) -> int:
        """The most items of a page, whatever the limit of a search says."""
        return min(self.page_cap, MAX_LIMIT)


def parse_arguments(argv: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(
        prog="stac_api_server.py", description="Serve NDJSON items as a local STAC API with latency."
    )
    for one in dataclasses.fields(Options):
        name = one.name if one.name == "items" else f"--{one.name.replace('_', '-')}"
        default = list(one.default) if isinstance(one.default, tuple) else one.default
        parser.add_argument(name, default=default, **one.metadata)
    return Options(**vars(parser.parse_args(argv)))
