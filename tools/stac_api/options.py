"""What the server can be told to do."""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="stac_api_server.py", description="Serve NDJSON items as a local STAC API with latency."
    )
    parser.add_argument(
        "items", nargs="+", type=Path, metavar="ITEMS.ndjson", help="STAC items, one JSON document a line"
    )

    def flag(name: str, text: str) -> None:
        parser.add_argument(name, action="store_true", help=text)

    def count(name: str, text: str) -> None:
        parser.add_argument(name, type=positive_integer, metavar="N", help=text)

    def time(name: str, default: float, text: str) -> None:
        parser.add_argument(
            name, type=seconds, default=default, metavar="SECONDS", help=f"{text} (default: %(default)s)"
        )

    parser.add_argument("--port", type=port, default=0, help="port of this machine to listen on (default: a free one)")
    time("--latency", 0.1, "the least time a request takes")
    flag("--until-eof", "exit when standard input ends, which it does with the parent process")
    flag("--no-counts", "leave out numberMatched and numberReturned")
    flag("--offsets", "next links count (offset) instead of naming an opaque token")
    flag("--no-bbox", "ignore the bbox of a search")
    flag("--null-filter", "claim the Filter extension, for items without a geometry only")
    count("--throttle", "answer 429 with Retry-After to requests above N in any second")
    flag("--mute", "refuse without Retry-After")
    count("--fail-every", "answer every N-th search with 500")
    flag("--instant-documents", "answer landing page, Collections and pages of one item at once, as from a cache")
    parser.add_argument(
        "--spread", choices=("lognormal", "bimodal"),
        help="vary the latency: lognormal around it (sigma 0.7), or ten times as long for one in ten",
    )  # fmt: skip
    count("--at-once", "work on N requests at a time; others queue")
    time("--seconds-per-megabyte", 0.0, "added to an answer for each megabyte")
    parser.add_argument(
        "--outage", type=outage, metavar="FIRST:SECONDS",
        help="answer 504 for SECONDS, from the FIRST-th search on",
    )  # fmt: skip
    return parser.parse_args(argv)


def seconds(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(text)
    return value


def positive_integer(text: str) -> int:
    value = int(text)
    if not 1 <= value <= sys.maxsize:
        raise ValueError(text)
    return value


def port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65_535:
        raise ValueError(text)
    return value


def outage(text: str) -> tuple[int, float]:
    first, _, length = text.partition(":")
    return positive_integer(first), seconds(length)
