"""What a server's refusals tell: how many requests it takes in so many seconds, or at once. Pure, as `limiter` is."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from math import ceil, inf

AUTO_FLOOR = 4
DECREASE = 0.7
# Servers count by these stretches of time, in seconds.
USUAL_WINDOWS = (1.0, 5.0, 10.0, 60.0)
# Clocks differ, and requests do not arrive as evenly as they are sent.
WINDOW_MARGIN = 1.05
# A learned rate is raised after so many windows without a refusal: twice as many, and by less, once that was in vain.
WINDOWS_BEFORE_PROBE = 2
WINDOWS_HELD = 4
"""A limit that let so many windows of requests pass is not what a refusal is for: a busy part of the server may be."""
PROBE_STEP, SMALL_PROBE_STEP = 1.25, 1.05
# A limit is learned from one wave of refusals or so many single ones in a row, of which others get past none, and
# forgotten when so many came although it was kept to. Where others got past some, it takes up to so much more.
LONE_REFUSALS = 3
OTHERS_PASSED, MOST_DOUBT = -2, -6
# A refusal weighs as much as so many answers: where more than one in four is refused, it is not by chance.
REFUSAL_WEIGHT = 3
MOST_WEIGHT = 12


class LoneRefusals:
    """Tells refusals of single requests, which others get past, from those that all requests meet.

    A limit refuses all that are sent after the first one that it refuses. Where one of those that were in flight with
    it is answered, and few are refused in all, the refusal was for that request alone: a busy part of a store, say.
    That a loss with later ones delivered is a loss of one is the rule of RACK (RFC 8985); that a small share of losses
    says nothing of the rate is that of BBR (draft-cardwell-iccrg-bbr-congestion-control-02, `BBRLossThresh`).
    """

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None  # when the last one refused was sent, and a refusal came
        self._balance = 0  # of answers and refusals
        self.many = False  # whether so many were refused of late that it is not by chance

    @property
    def calm(self) -> bool:
        """Whether no refusal holds the other requests back."""
        return self._last is None

    def refused(self, began: float, now: float) -> None:
        """A request was refused that was sent at `began`."""
        self._balance = max(self._balance - REFUSAL_WEIGHT, -MOST_WEIGHT)
        self.many = self._balance <= 0 or (self.many and not self.calm)
        self._last = (max(began, self._last[0]) if self._last else began), now

    def passed(self, began: float) -> bool:
        """A request was answered; tell whether that shows that the refusals were of single requests."""
        self._balance = min(self._balance + 1, MOST_WEIGHT)
        if self._last is None or began <= self._last[0]:
            return False
        in_flight_with_it = began <= self._last[1]
        if in_flight_with_it and self._balance <= 0:
            return False
        self._last = None
        return in_flight_with_it


@dataclass
class _Probe:
    """When a limit is raised, and by how much."""

    at: float = 0.0
    step: float = PROBE_STEP
    patience: int = WINDOWS_BEFORE_PROBE
    raised: int | None = None  # how many had passed when the limit was raised; None if it was not


class RateWindow:
    """What refusals tell of a limit on the rate: so many requests in so many seconds.

    From the first request until the first refusal some number has passed; once requests pass again, a window of the
    server is over. What is sent later is kept below that number in any such stretch of time, so that no request is
    refused for the rate alone. Most servers round `Retry-After` up and count by usual stretches: of those that fit, the
    shortest is taken. What was measured too low (a token bucket gives more at first than later) is corrected by rare
    steps up. A refusal after `WINDOWS_HELD` windows' worth of requests takes nothing off. Of single
    refusals, as `LoneRefusals` tells, none is learned, unless others get past none of them.
    """

    def __init__(self) -> None:
        self.limit: float | None = None  # requests in a window; None while nothing was refused
        self.window = 0.0
        self._sent: deque[float] = deque(maxlen=4_096)
        self._passed = 0
        self._began: float | None = None  # when this measurement began
        self._refused: tuple[float, float] | None = None  # until when a window lasts at least; the last refusal
        self._signs = 0  # single refusals that speak for a limit, or against the one that was learned
        self._probe = _Probe()

    @property
    def blocked(self) -> bool:
        """Whether requests were refused and none has passed since."""
        return self._refused is not None

    def sent(self, now: float) -> None:
        self._sent.append(now)
        if self._began is None:
            self._began = now

    def passed(self, began: float, now: float, *, many: bool = True) -> None:
        """A request was answered that was sent at `began`; `many` were refused of late, or single ones."""
        if self._refused is not None and began > self._refused[1]:
            self._learn(began, now, many)
        self._passed += 1
        if self._refused is None and self.limit is not None and now >= self._probe.at:
            self.limit, self._probe.raised = self.limit * self._probe.step, self._passed
            self._probe.at = now + self._probe.patience * self.window

    def refused(self, now: float, retry_after: float | None = None) -> None:
        """A request was refused. A window lasts no less than until then, and than what it says rounded down."""
        still = now + max((retry_after or 0.0) - 1, 0.0)
        self._refused = (max(self._refused[0], still) if self._refused else still), now
        if self._sent:
            self._sent.pop()  # servers do not count what they refuse

    def forgive(self, now: float) -> None:
        """Others got past the requests that were refused: that was not for the rate, unless it was just raised."""
        self._refused, probe = None, self._probe
        if self.limit is None:
            self._signs = max(self._signs + OTHERS_PASSED, MOST_DOUBT)
        elif probe.raised is not None:
            self.limit /= probe.step
            self._probe = _Probe(now + 2 * probe.patience * self.window, SMALL_PROBE_STEP, 2 * probe.patience)
        else:
            self._signs += 1
            if self._signs >= LONE_REFUSALS:
                self._forget(now)

    def _forget(self, now: float) -> None:
        """What was learned is no limit."""
        self.limit, self._signs, self._probe = None, MOST_DOUBT, _Probe()
        self._began, self._passed, self._refused = now, 0, None

    def _learn(self, began: float, now: float, many: bool) -> None:
        """Requests pass again."""
        assert self._began is not None
        assert self._refused is not None
        shortest, longest = self._refused[0] - self._began, max(began - self._began, 1e-3)
        if self.limit is None:
            self._signs += LONE_REFUSALS if many else 1
            if self._signs >= LONE_REFUSALS:
                window = next((usual for usual in USUAL_WINDOWS if shortest < usual <= longest), longest)
                self.limit, self.window = float(max(self._passed, 1)), WINDOW_MARGIN * window
                self._signs = 0
        else:
            self._signs = 0 if many else self._signs + (self._probe.raised is None)
            if self._signs >= LONE_REFUSALS:
                self._forget(began)
            else:
                self._correct(self.limit, self._passed / longest * self.window)
        self._began, self._passed, self._refused = began, 0, None
        self._probe.at = now + self._probe.patience * self.window

    def _correct(self, limit: float, measured: float) -> None:
        """Some were refused although a limit was kept to, while so many passed in a window."""
        probe = self._probe
        was_raised = probe.raised is not None
        held = self._passed - (probe.raised or 0) >= WINDOWS_HELD * limit
        if not held:
            self.limit = limit / probe.step if was_raised else min(max(measured, limit / 4), DECREASE * limit)
        patience = max(probe.patience // 2, WINDOWS_BEFORE_PROBE) if held else 2 * probe.patience
        step = PROBE_STEP if held and not was_raised else SMALL_PROBE_STEP
        self._probe = _Probe(step=step, patience=patience)

    def delay(self, now: float) -> float:
        if self.limit is None:
            return 0.0
        count = max(int(self.limit + 1e-6), 1)
        if len(self._sent) < count:
            return 0.0
        return max(self._sent[-count] + self.window * max(1.0, 1 / self.limit) - now, 0.0)

    def level_for(self, latency: float) -> int | None:
        """How many requests in flight use all of the rate, by Little's law, twice that for bursts; None without one."""
        if self.limit is None:
            return None
        return max(ceil(2 * self.limit / self.window * latency), AUTO_FLOOR)


ANSWERS_KEPT = 512
# A learned level is raised by one after this many rounds without a refusal at most.
MOST_ROUNDS = 64
# A level below which requests are refused as well, so many times in a row, is no limit of the server.
MOST_FALLS = 2


class Capacity:
    """How many requests a server takes at once: as many as it was seen to answer together.

    A limit on the rate answers a whole level together and refuses the next one; a limit on the number never answers
    more of them together than that. It takes a second wave of refusals to tell, once the first one's answers are there.
    """

    def __init__(self) -> None:
        self.level: int | None = None  # None while nothing speaks for a limit
        self._since = -inf
        self._rounds = 1
        self._falls = 0  # in a row
        self._begin()

    def _begin(self) -> None:
        self._answered: deque[tuple[float, float]] = deque(maxlen=ANSWERS_KEPT)  # when each began and ended
        self._answers = 0
        self._refused_at = inf
        self._can_tell = False

    def passed(self, began: float, now: float) -> None:
        """A request was answered that was sent at `began`."""
        if began < self._since:  # at another level
            return
        self._answered.append((began, now))
        self._answers += 1
        self._can_tell |= began > self._refused_at
        if self.level is not None and self._answers >= self._rounds * self.level:
            self._falls = 0
            self._go_on_with(self.level + 1, now)

    def refused(self, began: float, now: float, in_flight: int) -> bool:
        """A request was refused; tell whether that was for the number of those in flight."""
        if began < self._since:
            return True
        if not self._can_tell or began < self._refused_at:
            self._refused_at = min(self._refused_at, now)
            return self.level is not None
        together = _most_together(self._answered)
        if together >= in_flight:
            self._begin()
            return False
        self._falls += 1
        if self._falls > MOST_FALLS:
            self._rounds, self._falls = 1, 0
            self._go_on_with(None, now)
            return False
        self._rounds = min(2 * self._rounds, MOST_ROUNDS)
        self._go_on_with(together, now)
        return True

    def _go_on_with(self, level: int | None, now: float) -> None:
        self.level, self._since = level, now
        self._begin()


def _most_together(spans: Iterable[tuple[float, float]]) -> int:
    """How many spans of time overlap at most."""
    changes = sorted(change for began, ended in spans for change in ((began, 1), (ended, -1)))
    return max(accumulate(change for _, change in changes), default=0)
