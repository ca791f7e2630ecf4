"""What a server's refusals tell: how many requests it takes in so many seconds, or at once. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import ceil

AUTO_FLOOR, FEWEST_PACED = 4, 2
DECREASE = 0.7
# Servers count by these stretches of time, in seconds.
USUAL_WINDOWS = (1.0, 5.0, 10.0, 60.0)
# Clocks differ, and requests do not arrive as evenly as they are sent.
WINDOW_MARGIN = 1.03
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
MOST_WEIGHT = 18
# Requests are spaced evenly; so many may be caught up with after a pause.
BURST = 1
# A wave of refusals that do not say how long to wait, and last longer than this, may be an outage.
LONGEST_MUTE_WINDOW = 2.0
# What one refusal takes off, when others do not follow.
SMALL_DECREASE = 0.9


class LoneRefusals:
    """Tells refusals of single requests, which others get past, from those that all requests meet.

    A limit refuses all that are sent after the first one that it refuses. Where one of those that were in flight with
    it is answered, and few are refused in all, the refusal was for that request alone: a busy part of a store, say.
    That a loss with later ones delivered is a loss of one is the rule of RACK (RFC 8985); that a small share of losses
    says nothing of the rate is that of BBR (draft-cardwell-iccrg-bbr-congestion-control-02, `BBRLossThresh`).
    """

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None  # when the last one refused was sent, and a refusal came
        self._balance = REFUSAL_WEIGHT + 1  # of answers and refusals: the first refusal is not yet many
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

    def explained(self) -> None:
        """What was refused last, was for the number of requests in flight: fewer are the answer."""
        self._last, self._balance, self.many = None, max(self._balance, REFUSAL_WEIGHT + 1), False

    def passed(self, began: float) -> bool:
        """A request was answered; tell whether that shows that the refusals were of single requests."""
        self._balance = min(self._balance + 1, MOST_WEIGHT)
        if self._last is None or began <= self._last[0]:
            return False
        in_flight_with_it = began <= self._last[1]
        if in_flight_with_it and self._balance <= 0:
            return False
        self.many &= self._balance < MOST_WEIGHT
        self._last, self._balance = None, max(self._balance, REFUSAL_WEIGHT + 1)
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
    refused for the rate alone, and evenly, as BBR paces: a token bucket refuses bursts. Most servers round
    `Retry-After` up and count by usual stretches: of those that fit, the shortest is taken. A wave that may be for the
    number of requests, or an outage, is believed when a second one follows, as BBR's model of a policer asks for two
    intervals (`bbr_lt_bw_sampling` in Linux). What was measured too low is corrected by rare steps up, each up to twice
    the one before as in BBR's `ProbeBW_UP`. A refusal after `WINDOWS_HELD` windows' worth of requests takes nothing
    off. Of single refusals, as `LoneRefusals` tells, none is learned, unless others get past none of them.
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
        self._paced_at = 0.0  # when the next request is due
        self.says = False  # whether one of the latest refusals says how long to wait

    @property
    def blocked(self) -> bool:
        """Whether requests were refused and none has passed since."""
        return self._refused is not None

    def sent(self, now: float) -> None:
        self._sent.append(now)
        if self.limit is not None:
            spacing = self.window / self.limit
            self._paced_at = max(self._paced_at, now - BURST * spacing) + spacing
        if self._began is None:
            self._began = now

    def passed(self, began: float, now: float, *, many: bool = True, doubtful: bool = False) -> None:
        """A request was answered that was sent at `began`; `many` were refused of late, or single ones; it may
        be `doubtful` whether for the rate."""
        if self._refused is not None and began > self._refused[1]:
            self._learn(began, now, many, doubtful)
        self._passed += 1
        if self._refused is None and self.limit is not None and now >= self._probe.at:
            self._raise(self.limit, now)

    def _raise(self, limit: float, now: float) -> None:
        """Nothing was refused: try more, and by twice as much where that went well before."""
        probe = self._probe
        if probe.raised is not None:
            probe.step = min(2 * probe.step - 1, PROBE_STEP)
            probe.patience = max(probe.patience // 2, WINDOWS_BEFORE_PROBE)
        self.limit, probe.raised = limit * probe.step, self._passed
        probe.at = now + probe.patience * self.window

    def refused(self, now: float, retry_after: float | None = None) -> None:
        """A request was refused. A window lasts no less than until then, and than what it says rounded down."""
        self.says |= bool(retry_after)
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

    def _learn(self, began: float, now: float, many: bool, doubtful: bool) -> None:
        """Requests pass again."""
        assert self._began is not None
        assert self._refused is not None
        shortest, longest = self._refused[0] - self._began, max(began - self._began, 1e-3)
        if self.limit is None:
            doubtful |= not self.says and longest > LONGEST_MUTE_WINDOW
            waves = 1 if self._signs == 1 else 2  # doubtful ones teach it by twos, after a single refusal as well
            self._signs += (waves if doubtful else LONE_REFUSALS) if many else 1
            if self._signs >= LONE_REFUSALS:
                window = next((usual for usual in USUAL_WINDOWS if shortest < usual <= longest), longest)
                self.limit, self.window = float(max(self._passed, 1)), WINDOW_MARGIN * window
                self._signs = 0
        else:
            self._signs = 0 if many else self._signs + (self._probe.raised is None)
            if self._signs >= LONE_REFUSALS:
                self._forget(began)
            else:
                self._correct(self.limit, self._passed / longest * self.window, many)
        self._began, self._passed, self._refused, self.says = began, 0, None, False
        self._probe.at = now + self._probe.patience * self.window

    def _correct(self, limit: float, measured: float, many: bool) -> None:
        """Some were refused although a limit was kept to, while so many passed in a window."""
        probe = self._probe
        was_raised = probe.raised is not None
        held = self._passed - (probe.raised or 0) >= WINDOWS_HELD * limit
        if not held:
            lower = min(max(measured, limit / 4), DECREASE * limit) if many else SMALL_DECREASE * limit
            self.limit = limit / probe.step if was_raised else lower
        patience = max(probe.patience // 2, WINDOWS_BEFORE_PROBE) if held else 2 * probe.patience
        step = PROBE_STEP if held and not was_raised else SMALL_PROBE_STEP
        self._probe = _Probe(step=step, patience=patience)

    def delay(self, now: float) -> float:
        if self.limit is None:
            return 0.0
        count = max(int(self.limit + 1e-6), 1)
        window = self._sent[-count] + self.window * max(1.0, 1 / self.limit) - now if len(self._sent) >= count else 0.0
        return max(self._paced_at - now, window, 0.0)

    def level_for(self, latency: float) -> int | None:
        """How many requests in flight use all of the rate, by Little's law, twice that for bursts; None without one."""
        if self.limit is None:
            return None
        return max(ceil(2 * self.limit / self.window * latency), FEWEST_PACED)
