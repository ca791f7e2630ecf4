"""What goes wrong between here and a store, in words without secrets, and whether it may pass."""

from __future__ import annotations

from stac_manager.network.backoff import may_pass, retry_after_seconds
from stac_manager.network.retrying import Fault
from stac_manager.network.unreached import PROXY_DENIED

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


class RemoteError(Fault):
    """A document cannot be had."""

    def __init__(
        self, reason: str, *, status: int = 0, passing: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(reason, "status", status=status, passing=passing, retry_after=retry_after)


def of_status(status: int, hint: str, retry_after: str | None = None) -> RemoteError:
    """Make the error for a status; `hint` names the options that may open what is closed."""
    words = _MEANINGS.get(status, f"the server answered {status}")
    if status in (301, 401, 403):
        words += f"; {hint}"
    return RemoteError(words, status=status, passing=may_pass(status), retry_after=retry_after_seconds(retry_after))
