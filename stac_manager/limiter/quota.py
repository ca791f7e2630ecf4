"""What a server says is left of its limit on requests, in headers. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import inf

KEPT = 1_024
# So many answers of a window that say the same show that nothing is counted down.
MOST_ALIKE = 2


@dataclass
class Quota:
    """So many requests are left until a window of the server ends; then it is taken for as large as the last one.

    A client that keeps to it is not refused (draft-ietf-httpapi-ratelimit-headers). It is a hint: where the server does
    not count down it is not believed any more, and nothing left makes nobody wait where no more was left before.
    """

    left: float = inf
    most: int = 0  # in a window; 0 where none is known that has any
    seconds: float = 0.0  # how long a window lasts at most
    until: float = inf
    binds: bool = False  # whether requests have to wait for it
    believed: bool = True
    _bare: bool = False  # whether nothing is left, and neither was more left before nor anything sent beside
    _said: deque[int] = field(default_factory=lambda: deque(maxlen=KEPT))  # in this window; nothing left also before
    _sent: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))

    def told(self, left: int, seconds: float, began: float, now: float) -> None:
        """The answer to what was sent at `began`, which was not refused, says that so many are `left` for so long."""
        later = sum(sent > began for sent in self._sent)
        beside = max(sum(sent > began - (now - began) for sent in self._sent) - 1, 0)  # which it may not count yet
        if self._said and left - later > self._said[-1]:
            self._said.clear()  # a window ended before it was said to: times are rounded up
        self._bare = left == 0 and not (self.most and beside) and not any(self._said)
        self._said.append(left)
        self.believed &= self._said.count(left) <= MOST_ALIKE
        self.binds &= self.believed
        self.left = min(max(self.left, left - beside), left)
        self.most, self.seconds = max(self.most, left and left + 1), max(self.seconds, seconds)
        self.until = now + seconds

    def sent(self, now: float) -> None:
        """Take note of a request that is sent."""
        self._sent.append(now)
        self.left -= 1

    def delay(self, now: float) -> float:
        """Seconds until another request may be sent."""
        if now >= self.until:
            self.left, self.until = self.most, now + self.seconds
            if any(self._said):
                self._said.clear()
        if self.left > 0 or self._bare or not self.believed:
            return 0.0
        self.binds = True
        return self.until - now
