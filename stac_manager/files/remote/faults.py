"""What goes wrong between here and a store, in words without secrets, and whether it may pass."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

ATTEMPTS = 6
"""A document is asked for so often when faults may pass..."""
MOST_REFUSALS = 40
"""...and so often when the server only says that it is asked too much."""
BACKOFF_SECONDS, BACKOFF_CAP_SECONDS = 0.25, 15.0
RETRY_AFTER_CAP_SECONDS = 60.0
REFUSED = (429, 503)
PASSING = (408, 425, 500, 502, 504, *REFUSED)

_MEANINGS = {
    401: "access denied (401)",
    403: "access denied (403)",
    404: "not found (404)",
    410: "gone (410)",
    301: "the store answered 301: the bucket is in another region",
}


class RemoteError(Exception):
    """A document cannot be had.

    Attributes:
        status: The HTTP status, 0 where there was no answer.
        passing: Another attempt may help.
        retry_after: Seconds that the server asks to wait.
    """

    def __init__(
        self, reason: str, *, status: int = 0, passing: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.passing = passing
        self.retry_after = retry_after

    @property
    def refused(self) -> bool:
        """The server says that it is asked too much."""
        return self.status in REFUSED


def of_status(status: int, hint: str, retry_after: str | None = None) -> RemoteError:
    """Make the error for a status; `hint` names the options that may open what is closed."""
    words = _MEANINGS.get(status, f"the server answered {status}")
    if status in (301, 401, 403):
        words += f"; {hint}"
    return RemoteError(words, status=status, passing=status in PASSING, retry_after=retry_after_seconds(retry_after))


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


def backoff_seconds(attempt: int) -> float:
    """Exponential back-off with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015)."""
    return random.uniform(0.0, min(BACKOFF_CAP_SECONDS, BACKOFF_SECONDS * 2 ** (attempt - 1)))
