"""What headers say of a limit on requests: how many are left, and for how long. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from time import time

from stac_manager.network.backoff import RETRY_AFTER_CAP_SECONDS, retry_after_seconds

# Numbers of seconds since 1970, and of milliseconds, are larger than this.
EPOCH, EPOCH_MILLISECONDS = 1e9, 1e12
# `"burst";r=4;t=1, "day";r=90;t=3600` (drafts from 08 on), or `limit=5, remaining=4, reset=1` (07).
_LEFT, _RESET = (
    re.compile(r"\b(?:r|remaining)=(\d{1,9})\b", re.ASCII),
    re.compile(r"\b(?:t|reset)=(\d{1,9})\b", re.ASCII),
)
# `RateLimit-Remaining` is of drafts up to 06, Kong and Envoy, the others of GitHub and of many frameworks.
_PREFIXES = ("RateLimit-", "X-RateLimit-", "X-Rate-Limit-")
_NUMBER = re.compile(r"\s*(\d{1,13})(?:\.\d*)?\s*", re.ASCII)


def quota(headers: Mapping[str, str]) -> tuple[int, float] | None:
    """How many requests are left and for how many seconds, of the limit that is spent first; None where none is said
    or it lasts too long to be waited for."""
    said = [(_LEFT.search(part), _RESET.search(part)) for part in _policies(headers.get("RateLimit", ""))]
    said += [(_number(headers, prefix + "Remaining"), _number(headers, prefix + "Reset")) for prefix in _PREFIXES]
    found = [(int(left[1]), _seconds(float(reset[1]), headers)) for left, reset in said if left and reset]
    bearable = (each for each in found if 0 < each[1] <= RETRY_AFTER_CAP_SECONDS)
    return min(bearable, key=lambda each: (each[0], -each[1]), default=None)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """How many seconds a refused request has to wait, as the server says, or until the limit that is spent ends."""
    says = retry_after_seconds(headers.get("Retry-After"))
    if says is None and (found := quota(headers)) is not None and found[0] == 0:
        return found[1]
    return says


def _policies(value: str) -> list[str]:
    """The parts of `RateLimit`, of which each is about one limit."""
    return value.split(",")[:10] if ";" in value else [value]


def _number(headers: Mapping[str, str], name: str) -> re.Match[str] | None:
    return _NUMBER.fullmatch(headers.get(name, ""))


def _seconds(reset: float, headers: Mapping[str, str]) -> float:
    """How long until then, which is a time by the server's clock where it is so large."""
    if reset <= EPOCH:
        return reset
    now = time()
    with suppress(KeyError, ValueError, OverflowError):
        date = parsedate_to_datetime(headers["Date"]).timestamp()  # in whole seconds
        now = min(max(now, date), date + 1)
    return (reset / 1_000 if reset > EPOCH_MILLISECONDS else reset) - now
