"""How long to wait before a request is sent again. Pure, but for the dice."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRY_BASE_SECONDS = 0.5
RETRY_CAP_SECONDS = 30.0
RETRY_AFTER_CAP_SECONDS = 60.0
REFUSALS = (429, 503)
"""With these a server wants fewer requests: all of them wait, not only this one."""
RETRIED = (304, 408, 425, 500, 502, 504, 520, 521, 522, 523, 524, 529, 530, *REFUSALS)
"""304 to who has nothing is the fault of a cache; those from 520 on are of Cloudflare, of its own or of the server
behind it."""

_SECONDS = re.compile(r"\s*\d+(\.\d*)?\s*", re.ASCII)
"""What Python takes for a number besides (`1_0`, `1e3`, `nan`) is none of a server's."""


def backoff_seconds(attempt: int) -> float:
    """Exponential back-off with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015)."""
    return random.uniform(0.0, _ceiling(attempt))


def outage_seconds(attempt: int) -> float:
    """The same with equal jitter: one request asks for all, and not at once."""
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
