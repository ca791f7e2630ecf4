"""What a server says is left of its limit on requests, in headers. Pure, as `limiter` is."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from math import inf

SENT_KEPT = 1_024
# One request in so many seconds is no limit that anybody has.
LONGEST_FOR_ONE = 10.0
# So many answers of a window that say the same show that nothing is counted down.
MOST_ALIKE = 2


@dataclass
class Quota:
    """So many requests are left until a window of the server ends; then it is taken for as large as the last one.

    A client that keeps to it is not refused (draft-ietf-httpapi-ratelimit-headers). It is a hint: where the server does
    not count down, or has nothing left in a window that has just begun, it is not believed any more.
    """

    left: float = inf
    most: int = 0  # that were left in a window
    seconds: float = 0.0  # how long a window lasts at most
    until: float = inf
    binds: bool = False  # whether requests had to wait for it
    believed: bool = True
    _said: Counter[int] = field(default_factory=Counter)  # in this window
    _sent: deque[float] = field(default_factory=lambda: deque(maxlen=SENT_KEPT))

    def told(self, left: int, seconds: float, began: float, now: float, *, passed: bool) -> None:
        """An answer to what was sent at `began` says that so many are `left` for so long."""
        self._said[left] += passed
        alone = passed and left == 0 and self.binds and self.most <= 1 and seconds > LONGEST_FOR_ONE
        self.believed &= self._said[left] <= MOST_ALIKE and not alone
        beside = sum(sent > began - (now - began) for sent in self._sent) - 1  # which it may not have counted yet
        self.left = min(max(self.left, left - beside), left)
        self.most, self.seconds = max(self.most, left + passed), max(self.seconds, seconds)
        self.until = now + seconds

    def sent(self, now: float) -> None:
        """Take note of a request that is sent."""
        self._sent.append(now)
        self.left -= 1

    def delay(self, now: float) -> float:
        """Seconds until another request may be sent."""
        if now >= self.until:
            self.left, self.until = self.most, now + max(self.seconds, 1.0)
            self._said.clear()
        if self.left > 0 or not self.believed:
            return 0.0
        self.binds = True
        return self.until - now
