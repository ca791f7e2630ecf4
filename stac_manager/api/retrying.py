"""When a request is sent again: which faults may pass, how long to wait, and the pause that all requests share."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import perf_counter

from stac_manager.stats import ApiStats

RETRY_BASE_SECONDS = 0.5
RETRY_CAP_SECONDS = 30.0
RETRY_AFTER_CAP_SECONDS = 60.0
# A refused request waits as long as others get through; this many times in all.
MAX_REFUSALS = 50
REFUSALS = (429, 503)
RETRIED = (408, 500, 502, 504, *REFUSALS)
# Signs that a page is too large to make. 413 says so; the others are tried once more as they are.
TOO_LARGE = (413, 500, 502, 504)
ATTEMPTS_BEFORE_SMALLER = 2


class Pause:
    """Holds every request of a search back after the server has refused one."""

    def __init__(self, stats: ApiStats) -> None:
        self._stats = stats
        self._resume_at = 0.0

    async def over(self) -> None:
        """Wait until no refusal holds the requests back; then not all at the same moment."""
        while (left := self._resume_at - perf_counter()) > 0:  # noqa: ASYNC110 - others may prolong it
            await asyncio.sleep(left * random.uniform(1.0, 1.1))

    def begin(self, seconds: float) -> None:
        now = perf_counter()
        resume_at = max(self._resume_at, now + seconds)
        self._stats.pauses += self._resume_at < now
        self._stats.seconds_paused += resume_at - max(self._resume_at, now)
        self._resume_at = resume_at


def backoff_seconds(attempt: int) -> float:
    """Exponential back-off with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015)."""
    return random.uniform(0.0, min(RETRY_CAP_SECONDS, RETRY_BASE_SECONDS * 2 ** (attempt - 1)))


def retry_after_seconds(value: str | None) -> float | None:
    """Read `Retry-After`, in seconds or as an HTTP date (RFC 9110, 10.2.3), up to a cap; None for nonsense."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            then = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        seconds = (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), RETRY_AFTER_CAP_SECONDS) if seconds == seconds else None
