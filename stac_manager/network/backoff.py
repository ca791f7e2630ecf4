"""How long to wait before a request is sent again. Pure, but for the dice."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRY_BASE_SECONDS = 0.5
RETRY_CAP_SECONDS = 30.0
RETRY_AFTER_CAP_SECONDS = 60.0
REFUSALS = (420, 429, 503, 509)
"""With these a server wants fewer requests: all of them wait, not only this one. 420 and 509 are not registered, but
are said for that."""
_PASSING = (304, 408, 420, 425, 429)  # 304 to who has nothing is the fault of a cache
_LASTING = (501, 505, 506, 510, 511)  # what the server does not do, and a network that wants a login

_SECONDS = re.compile(r"\s*\d+(\.\d*)?\s*", re.ASCII)
"""What Python takes for a number besides (`1_0`, `1e3`, `nan`) is none of a server's."""


def may_pass(status: int) -> bool:
    """Tell whether an error may be gone the next time. A number that nobody knows is one of its hundred (RFC 9110, 15):
    gateways have their own from 520 on."""
    return status in _PASSING or (500 <= status < 600 and status not in _LASTING)


def backoff_seconds(attempt: int) -> float:
    """Exponential back-off with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015)."""
    return random.uniform(0.0, _ceiling(attempt))


def outage_seconds(attempt: int) -> float:
    """The same with equal jitter, for what holds all requests back: one asks for all, and a refused one not at once."""
    return random.uniform(0.5, 1.0) * _ceiling(attempt)


def _ceiling(attempt: int) -> float:
    seconds: float = RETRY_BASE_SECONDS * 2.0 ** min(attempt - 1, 30)
    return min(RETRY_CAP_SECONDS, seconds)


def retry_after_seconds(value: str | None) -> float | None:
    """Read `Retry-After`, in seconds or as an HTTP date (RFC 9110, 10.2.3), up to a cap; None for nonsense."""
    if not value:
        return None
    if _SECONDS.fullmatch(value):
        seconds = float(value)
    else:
        try:
            then = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        seconds = (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), RETRY_AFTER_CAP_SECONDS)
