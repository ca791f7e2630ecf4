"""How many requests pass in a second, and what the others are told."""

import math
from collections import deque

from aiohttp import web

THROTTLE_WINDOW_SECONDS = 1.0


class Throttle:
    """Lets at most `rate` requests pass in any `THROTTLE_WINDOW_SECONDS`; without a rate, all of them."""

    def __init__(self, rate: int | None) -> None:
        self.rate = rate
        self.passed: deque[float] = deque(maxlen=rate)

    def refuses(self, now: float) -> web.HTTPTooManyRequests | None:
        """Count a request in, or give the answer that says when to come again."""
        if self.rate is None:
            return None
        if len(self.passed) == self.rate:
            wait = self.passed[0] + THROTTLE_WINDOW_SECONDS - now
            if wait > 0:
                reason = f"more than {self.rate} requests a second"
                return web.HTTPTooManyRequests(reason=reason, headers={"Retry-After": str(math.ceil(wait))})
        self.passed.append(now)
        return None
