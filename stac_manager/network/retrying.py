"""When a request is sent again: which faults may pass, and how often they are borne. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from stac_manager.exceptions import DataProcessingError, StacManagerError
from stac_manager.network.backoff import REFUSALS

# A request that was refused so often, whether or not others got through, is sent while no other one is in flight.
REFUSALS_ALONGSIDE = 10
# One that was forbidden so often, while others got through and none was refused, and that a server gave as a link, is
# good no longer. Where others are refused as well, so many requests may be too many.
REFUSALS_OF_A_LINK = 5
# Signs that a page is too large to make. 413 says so; the others are tried once more as they are.
TOO_LARGE = (413, 500, 502, 504)
ATTEMPTS_BEFORE_SMALLER = 2
# Signs that nobody is there behind a gateway, which is so for all requests alike.
OUTAGES = (502, 504, 521, 522, 523, 530)

Kind: TypeAlias = Literal["status", "slow", "lost", "garbled", "nothing", "web page"]
"""An error status, no answer in time, no connection, an answer that is no document, an empty one, HTML."""


class Fault(StacManagerError):
    """What went wrong with a request, in words without secrets."""

    def __init__(
        self,
        message: str,
        kind: Kind,
        *,
        status: int = 0,  # of HTTP; 0 where there was no answer
        passing: bool = True,  # another attempt may help
        refused: bool = False,  # the server wants fewer requests
        retry_after: float | None = None,  # how long it asks to wait, in seconds
        digest: int = 0,  # of a garbled answer: the same one again is no passing fault
        reached: bool = True,  # whether somebody was there
    ) -> None:
        super().__init__(message)
        self.kind, self.status, self.retry_after, self.digest = kind, status, retry_after, digest
        self.passing, self.refused = passing, refused or status in REFUSALS
        self.reached = reached

    @property
    def is_outage(self) -> bool:
        """Whether it may be that nobody is answered any more: gateways say so by a web page, or by nothing, as well."""
        return self.kind not in ("status", "garbled") or self.status in OUTAGES


class TooLargeError(DataProcessingError):
    """The server could not make or send this answer, but may be able to make a smaller one."""


class SearchEndsError(Exception):
    """Nothing more can be had: the end of a search, not of a page, so that nobody goes on without. The server was there
    before and answers nobody any more, say."""


@dataclass(slots=True)
class Tries:
    """What came of one request so far."""

    most: int  # attempts
    shrinkable: int = 0  # after so many attempts a smaller answer is asked for instead; 0 where none can be
    link: bool = False  # whether a server gave the address, which may be good for a while only
    attempts: int = 0
    refusals: int = 0
    lapsed: bool = False  # whether it is forbidden by now, though others get through
    digest: int = 0
    answered: int | None = None  # requests of all, when the last fault came
    refused: int | None = None  # requests of others, when the first refusal came
    usual: int = 0  # attempts of others, which a refusal is worth where it is asked for more than once

    @property
    def most_refused(self) -> int:
        """How many attempts may be refused."""
        return max(self.most, ATTEMPTS_BEFORE_SMALLER, self.usual if self.most > 1 else 0)

    @property
    def alone(self) -> bool:
        """Whether no other request may be in flight with it."""
        return self.refusals >= REFUSALS_ALONGSIDE

    def count(self, fault: Fault, answered: int, refused: int) -> bool:
        """Count a fault, when so many requests of all were answered, and so many refused; tell whether others got
        through since the last.

        A refusal while others get through is none of this request's, unless it was alone.
        """
        others_pass = self.answered is not None and self.answered != answered
        spared = fault.refused and others_pass and not self.alone
        self.attempts = 1 if spared else self.attempts + 1
        self.refusals += fault.refused
        if self.refused is None and fault.refused:
            self.refused = refused - 1
        forbidden = fault.status == 403 and self.refusals >= REFUSALS_OF_A_LINK
        self.lapsed = self.link and others_pass and forbidden and refused - self.refusals == self.refused
        self.answered = answered
        return others_pass


Decision: TypeAlias = Literal["again", "smaller", "give up"]


def decide(fault: Fault, tries: Tries) -> Decision:
    """Decide what follows a fault of a request, counted in its tries, while the server answers others."""
    large = fault.status in TOO_LARGE and tries.attempts >= tries.shrinkable
    same = fault.digest != 0 and fault.digest == tries.digest
    garbled = fault.kind in ("garbled", "nothing") and (same or tries.shrinkable == 1)
    if tries.shrinkable and (fault.kind == "slow" or large or garbled):
        return "smaller"  # of a garbled one, what can be read of it
    most = tries.most_refused if fault.refused else tries.most  # which says nothing of a page
    over = tries.attempts >= most or same or tries.lapsed
    return "again" if fault.passing and not over else "give up"
