"""What the server can be told to do."""

import argparse
import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
    port: int = _option("port of this machine to listen on; 0 takes a free one", 0, type=int)
    latency: float = _option("the least time a request takes", 0.1, **_TIME)
    until_eof: bool = _option("exit when standard input ends: with the process that holds it", **_FLAG)
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


def parse_arguments(argv: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(
        prog="stac_api_server.py", description="Serve NDJSON items as a local STAC API with latency."
    )
    for one in dataclasses.fields(Options):
        name = one.name if one.name == "items" else f"--{one.name.replace('_', '-')}"
        parser.add_argument(name, default=one.default, **one.metadata)
    return Options(**vars(parser.parse_args(argv)))
