"""What a server's refusals tell of how many requests it takes at once. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from math import inf

ANSWERS_KEPT, REFUSALS_KEPT = 512, 64
# One more than a learned level is tried after so many rounds, twice as many after each trial in vain.
FIRST_ROUNDS, MOST_ROUNDS = 16, 256
# A level below which requests are refused as well, so many times in a row, is no limit of the server.
MOST_FALLS = 1
# A guess is believed after a wave of refusals, or after so many single ones.
SIGNS = 2
# So many rounds that pass with more than was guessed disprove it.
GUESS_ROUNDS = 2


@dataclass
class _Steps:
    """When one more than a level is tried, and what came of the steps before."""

    rounds: int = FIRST_ROUNDS
    falls: int = 0  # in a row
    raised: bool = False  # whether this level is such a trial


class Capacity:
    """How many requests a server takes at once: as many as it was seen to answer together.

    A limit on the number refuses a request while that many others are being answered, never more of them than that, and
    none while there are fewer. A limit on the rate, or an accident, refuses also while fewer are in flight than were
    answered together before. So one wave of refusals is a guess, and the next one confirms it where it comes above that
    level, and disproves it elsewhere. That the limit is what was delivered and not a share of what was sent is BBR's
    `inflight_hi` (draft-ietf-ccwg-bbr); that one more is tried now and then is the additive increase of `AIMDLimit` in
    Netflix's concurrency-limits.
    """

    def __init__(self, *, any_wave: bool = False) -> None:
        """Where nothing else is learned of refusals, `any_wave` of them is taken for a limit on the number."""
        self._any_wave = any_wave
        self.level: int | None = None  # None while nothing speaks for a limit
        self.guess: int | None = None
        self._tried: int | None = None  # how many at once, to see whether that is the limit
        self._since = -inf
        self._answers = 0
        self._steps = _Steps()
        self._signs = 0  # that speak for what is guessed
        self._wave: list[tuple[float, float, int]] = []  # when each was sent and refused, and how many were in flight
        self._answered: deque[tuple[float, float]] = deque(maxlen=ANSWERS_KEPT)  # when each began and ended

    def passed(self, began: float, now: float, *, many: bool = True, alike: bool = True) -> int | None:
        """A request was answered that was sent at `began`, `alike` where what is limited is limited for it. Where that
        ends a wave of refusals, tell how many were answered together with those that were refused."""
        if began < self._since:  # at another level
            return None
        together = self._end_wave(many) if self._wave and began > self._wave[-1][1] else None
        if alike:
            self._answered.append((began, now))
            self._answers += 1
        if self._tried is not None and self._answers > GUESS_ROUNDS * self._tried:
            sure = self.guess != self._tried  # that it is no limit
            self.guess, self._tried = (None, 2 * self._tried) if sure else (self.guess, self._tried + 1)
            self._answers = 0
        if self.level is not None and self._answers >= (1 if self._steps.raised else self._steps.rounds) * self.level:
            self._steps.falls = 0
            self._steps.rounds = FIRST_ROUNDS if self._steps.raised else self._steps.rounds
            self._go_on_with(self.level + 1, now, raised=True)
        return together

    @property
    def most(self) -> int | None:
        """How many to send at once: what is guessed, as a search may end before it matters, then one more, which tells
        whether that is the limit; where those pass, twice as many."""
        return self.level or self._tried

    def refused(self, began: float, now: float, in_flight: int) -> bool:
        """A request was refused; tell whether that was for the number of those in flight."""
        if began < self._since:
            return self.level is not None
        if self.level is not None:
            return self._lower(self.level, now)
        if self.guess is not None and not self._wave:
            fits = in_flight > self.guess >= most_together(self._answered)
            if fits and self._signs >= SIGNS:
                self._go_on_with(self.guess, now)
                return True
            self.guess, self._signs = None, self._signs if fits else 0
        if len(self._wave) < REFUSALS_KEPT:
            self._wave.append((began, now, in_flight))
        return False

    def fits(self, together: int) -> bool:
        """Whether that may be the limit: never more were answered."""
        return together >= most_together(self._answered)

    def together_since(self, began: float) -> int:
        """How many were answered together at most, of those that ended since."""
        return most_together(span for span in self._answered if span[1] >= began)

    def all_ended(self) -> None:
        """No request is in flight any more, which ends a wave of refusals."""
        if self._wave:
            self._end_wave(many=True)

    def _end_wave(self, many: bool) -> int:
        """Tell how many were answered together when a wave began, and guess that this is the limit if never more were
        answered, and none was refused while fewer were."""
        first, _, in_flight = self._wave[0]
        beside = self._wave[-1][2] - 1  # some of which may not be answered yet
        first_wave = len(self._answered) == self._answers  # since the level changed
        since = min(began for began, _, _ in self._wave)
        spans = [span for span in self._answered if span[1] >= since]
        least, *others = (
            sum(start <= (began + came) / 2 <= end for start, end in spans)
            if self._any_wave
            else max(most_together(span for span in spans if span[0] <= came and span[1] >= began), beside)
            for began, came, _ in self._wave
        )
        together, least = least, min([least, *others])
        before = most_together(span for span in self._answered if span[0] < first)
        speaks = many if self._any_wave else before <= least and (together < in_flight or first_wave)
        self.guess = together if speaks and together > 0 else None
        self._signs = self._signs + (SIGNS if many else 1) if self.guess is not None else 0
        self._wave.clear()
        self._answers = 0
        if self._any_wave:
            self._answered.clear()
        if together or not self._any_wave:
            guess = self.guess if self._any_wave or first_wave else None
            self._tried = None if guess is None else guess + self._any_wave
        return together

    def _lower(self, level: int, now: float) -> bool:
        if self._steps.raised:
            self._steps.rounds = min(2 * self._steps.rounds, MOST_ROUNDS)
        else:
            self._steps.falls += 1
        if self._steps.falls > (level if self._any_wave else MOST_FALLS):
            self._steps.falls, self._steps.rounds = 0, FIRST_ROUNDS
            self._go_on_with(None, now)
            self._tried = level + 1 if self._any_wave else None
            return False
        self._go_on_with(max(level - 1, 1), now)
        return True

    def _go_on_with(self, level: int | None, now: float, *, raised: bool = False) -> None:
        self.level, self._since, self._steps.raised = level, now, raised
        self._answers, self.guess, self._tried = 0, None, None
        self._wave.clear()
        self._answered.clear()


def most_together(spans: Iterable[tuple[float, float]]) -> int:
    """How many spans of time overlap at most."""
    changes = sorted(change for began, ended in spans for change in ((began, 1), (ended, -1)))
    return max(accumulate(change for _, change in changes), default=0)
