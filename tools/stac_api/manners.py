"""The manners of real servers: how long a request takes and whether it is refused, and how to ask for that."""

import asyncio
import math
import random
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from aiohttp import web

THROTTLE_WINDOW_SECONDS = 1.0
LOGNORMAL_SIGMA = 0.7
SLOW_SHARE, SLOW_FACTOR = 0.1, 10
MEGABYTE = 1_000_000
Number = TypeVar("Number", int, float)


def parse_arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser("stac_api_server.py", description="Serve NDJSON items as a local STAC API with latency.")
    add = parser.add_argument
    add("items", nargs="+", type=Path, metavar="ITEMS.ndjson", help="STAC items, one JSON document a line")
    port, count = _within("number from 0 to 65535", int, 0, 65_535), _within("number from 1 up", int, 1, sys.maxsize)
    seconds = _within("number of seconds from 0 up", float, 0, sys.float_info.max)
    add("--port", type=port, default=0, help="port of this machine to listen on (default: a free one)")
    for name, default, text in (
        ("--latency", 0.1, "the least time a request takes"),
        ("--seconds-per-megabyte", 0.0, "added to an answer for each megabyte"),
    ):
        add(name, type=seconds, default=default, metavar="SECONDS", help=f"{text} (default: %(default)s)")
    for name, text in (
        ("--until-eof", "exit when standard input ends, which it does with the parent process"),
        ("--no-counts", "leave out numberMatched and numberReturned"),
        ("--offsets", "next links count (offset) instead of naming an opaque token"),
        ("--no-bbox", "ignore the bbox of a search"),
        ("--null-filter", "claim the Filter extension, for items without a geometry only"),
        ("--mute", "refuse without Retry-After"),
        ("--instant-documents", "answer landing page, Collections and pages of one item at once, as from a cache"),
    ):
        add(name, action="store_true", help=text)
    for name, text in (
        ("--throttle", "answer 429 with Retry-After to requests above N in any second"),
        ("--fail-every", "answer every N-th search with 500"),
        ("--at-once", "work on N requests at a time; others queue"),
    ):
        add(name, type=count, metavar="N", help=text)
    spread = "vary the latency: lognormal around it (sigma 0.7), or ten times as long for one in ten"
    add("--spread", choices=("lognormal", "bimodal"), help=spread)

    def outage(text: str) -> tuple[int, float]:
        first, _, length = text.partition(":")
        return count(first), seconds(length)

    add("--outage", type=outage, metavar="FIRST:SECONDS", help="answer 504 for SECONDS, from the FIRST-th search on")
    return parser.parse_args(argv)


def _within(name: str, kind: Callable[[str], Number], least: Number, most: Number) -> Callable[[str], Number]:
    """What reads a number in these bounds, and says by this name what it wants instead."""

    def number(text: str) -> Number:
        with suppress(ValueError):
            if least <= (value := kind(text)) <= most:
                return value
        raise ArgumentTypeError(f"{text!r} is not a {name}")

    return number


class Manners:
    """What a server is like, apart from what it holds. The same sequence of latencies after each start and reset."""

    def __init__(self, options: Namespace) -> None:
        self.options = options
        self.random = random.Random(0)
        self.passed: deque[float] = deque(maxlen=options.throttle)
        self.searches = 0
        self.out_until: float | None = None
        self.workers = asyncio.Semaphore(options.at_once or sys.maxsize)

    def refusal(self, now: float) -> web.HTTPException | None:
        """Count a request in, or give the answer that says when to come again."""
        rate = self.options.throttle
        if rate is None:
            return None
        if len(self.passed) == rate:
            wait = self.passed[0] + THROTTLE_WINDOW_SECONDS - now
            if wait > 0:
                says = {} if self.options.mute else {"Retry-After": str(math.ceil(wait))}
                return web.HTTPTooManyRequests(reason=f"more than {rate} requests a second", headers=says)
        self.passed.append(now)
        return None

    def fault(self, now: float) -> web.HTTPException | None:
        """Count a search in, and tell whether it fails."""
        self.searches += 1
        options = self.options
        if options.fail_every and self.searches % options.fail_every == 0:
            return web.HTTPInternalServerError(reason="every now and then, as I was told")
        if options.outage is not None:
            first, seconds = options.outage
            if self.out_until is None and self.searches >= first:
                self.out_until = now + seconds
            if self.out_until is not None and now < self.out_until:
                return web.HTTPGatewayTimeout(reason="an outage, as I was told")
        return None

    async def wait(self, *, page_bytes: int, instant: bool) -> None:
        """Take the time that an answer takes: in the queue, to be made, and for its bytes."""
        if instant and self.options.instant_documents:
            return
        async with self.workers:
            await asyncio.sleep(self.seconds() + page_bytes / MEGABYTE * self.options.seconds_per_megabyte)

    def seconds(self) -> float:
        latency: float = self.options.latency
        if self.options.spread == "lognormal":
            latency *= self.random.lognormvariate(0.0, LOGNORMAL_SIGMA)
        elif self.options.spread == "bimodal" and self.random.random() < SLOW_SHARE:
            latency *= SLOW_FACTOR
        return latency
