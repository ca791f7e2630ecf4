"""How long a request takes and whether it is refused: the manners of real servers."""

import asyncio
import math
import random
from argparse import Namespace
from collections import deque
from contextlib import AbstractAsyncContextManager, nullcontext

from aiohttp import web

THROTTLE_WINDOW_SECONDS = 1.0
LOGNORMAL_SIGMA = 0.7
SLOW_SHARE, SLOW_FACTOR = 0.1, 10
MEGABYTE = 1_000_000


class Manners:
    """What a server is like, apart from what it holds. The same sequence of latencies after each start and reset."""

    def __init__(self, options: Namespace) -> None:
        self.options = options
        self.random = random.Random(0)
        self.passed: deque[float] = deque(maxlen=options.throttle)
        self.searches = 0
        self.out_until: float | None = None
        self.workers: AbstractAsyncContextManager[None] = (
            asyncio.Semaphore(options.at_once) if options.at_once else nullcontext()
        )

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
