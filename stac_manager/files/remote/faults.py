"""What goes wrong between here and a store, in words without secrets, and whether it may pass."""

from __future__ import annotations

from dataclasses import dataclass

from stac_manager.network.backoff import REFUSALS, RETRIED, retry_after_seconds
from stac_manager.network.unreached import PROXY_DENIED

MOST_REFUSALS = 50
"""A refused request waits as long as others get through; this many times in all."""

ABSENT = (403, 404, 410)
"""What is not there: 403 where one may not know what is."""

_MEANINGS = {
    401: "access denied (401)",
    403: "access denied (403)",
    404: "not found (404)",
    407: PROXY_DENIED,
    410: "gone (410)",
    301: "the store answered 301: the bucket is in another region",
}


class RemoteError(Exception):
    """A document cannot be had."""

    def __init__(
        self, reason: str, *, status: int = 0, passing: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(reason)
        self.status = status  # of HTTP; 0 where there was no answer
        self.passing = passing  # another attempt may help
        self.retry_after = retry_after  # seconds

    @property
    def refused(self) -> bool:
        """The server says that it is asked too much."""
        return self.status in REFUSALS


def of_status(status: int, hint: str, retry_after: str | None = None) -> RemoteError:
    """Make the error for a status; `hint` names the options that may open what is closed."""
    words = _MEANINGS.get(status, f"the server answered {status}")
    if status in (301, 401, 403):
        words += f"; {hint}"
    return RemoteError(words, status=status, passing=status in RETRIED, retry_after=retry_after_seconds(retry_after))


@dataclass(slots=True)
class Tries:
    """What came of one request so far."""

    most: int  # attempts
    attempts: int = 0
    refusals: int = 0
    passed: int | None = None  # how many requests of all had been answered at its last fault

    def is_last(self, error: RemoteError, passed: int) -> bool:
        """Count a fault, and tell whether the request is given up.

        A refusal counts anew where others got through since the last one: the server wants fewer requests, and it
        answers.
        """
        others_pass = self.passed is not None and self.passed != passed
        self.passed = passed
        self.refusals += error.refused
        self.attempts = 1 if error.refused and others_pass else self.attempts + 1
        return not error.passing or self.attempts >= self.most or self.refusals >= MOST_REFUSALS
