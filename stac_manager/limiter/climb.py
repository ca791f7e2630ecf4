"""The level with the highest throughput, found by trying. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from stac_manager.limiter.rate import AUTO_FLOOR

# So many full pages raise the level by one at first: by half in a round.
PAGES_A_STEP = 2
# A round must raise the throughput by this factor, or the server is full (BBR's startup asks for 1.25).
STARTUP_GAIN = 1.2
STARTUP_ROUNDS_WITHOUT_GAIN = 2
# A level is as good as another one that has this share of its throughput: the lower one is taken.
AS_GOOD = 0.95
LATENCY_SMOOTHING = 0.2
# A trial goes this far up or down, and needs so many answers a worker, more after each trial in vain.
TRIAL_STEP = 1.3
ANSWERS_A_WORKER = 3
MOST_PATIENCE = 16
# Where requests timed out, more are tried after so many times that time, and twice as many each time that was in vain.
TIMES_BELOW_WALL, MOST_TIMES = 8, 256
# A time-out takes off at least that (CUBIC, RFC 9438), and half where nobody is answered (RFC 5681).
TIMED_OUT = 0.7
BETTER = 1.05
# Answers that say nothing of a level: fewer requests were in flight than this share of it.
LEVEL_USED = 0.75


@dataclass
class _Trial:
    """Pages counted at one level, from a moment on."""

    level: int
    since: float
    pages: int = 0

    def rate(self, now: float) -> float:
        """Pages a second."""
        return self.pages / max(now - self.since, 1e-9)


@dataclass
class _Wall:
    """A level that is not passed: the ceiling, or where requests timed out."""

    level: int
    answered: int = 0  # as many were answered together, while one more timed out
    since: float = 0.0
    seconds: float = 0.0  # after so many it is tried to pass it
    times: int = TIMES_BELOW_WALL


class Climb:
    """The level with the highest throughput, and the fewest requests among equals."""

    def __init__(self, start: int, ceiling: int) -> None:
        self.level = start
        self.latency = 0.0
        self._bounds, self._wall = (min(AUTO_FLOOR, start), ceiling), _Wall(ceiling)
        self._starting = True
        self._best = (0.0, start)  # pages a second, and at which level
        self._in_vain = 0  # trials in a row; less than zero: such as brought something
        self._up = True
        self._since = -1.0  # what was sent before tells nothing of this trial
        self._trial = _Trial(start, -1.0)

    def page(self, latency: float, in_flight: int, now: float, *, growing: bool) -> None:
        """Take note of a full page; without `growing`, something else than the level limits the search."""
        self.latency += (latency - self.latency) * (LATENCY_SMOOTHING if self.latency else 1.0)
        trial = self._trial
        if trial.since < 0:
            trial.since = now - latency
        self._pass_wall(now)
        if not growing or in_flight < LEVEL_USED * trial.level or now - latency < self._since:
            return
        if self._starting:
            if self._in_vain == 0 and trial.pages >= self._best[0] * (now - trial.since):
                self._raise(trial.pages % PAGES_A_STEP == 0)
            trial.pages += 1
            if trial.pages >= trial.level:
                self._end_round(now)
        elif now - latency >= trial.since:  # else it was sent at another level
            trial.since = trial.since if trial.pages else now - latency  # there were too many in flight until then
            trial.pages += 1
            if trial.pages >= ANSWERS_A_WORKER * trial.level * (1 + max(self._in_vain, 0)):
                self._end_trial(now)

    def _raise(self, steps: int) -> None:
        self.level = min(self.level + max(steps, 0), self._wall.level)

    def _pass_wall(self, now: float) -> None:
        wall = self._wall
        if now - wall.since >= wall.seconds:
            wall.level, wall.since = min(ceil(wall.level * TRIAL_STEP), self._bounds[1]), now

    def _end_round(self, now: float) -> None:
        """The level was raised in this round: does that bring more? Pages that come together tell it only now."""
        rate = self._trial.rate(now)
        self._in_vain = 0 if rate > STARTUP_GAIN * self._best[0] else self._in_vain + 1
        if self._in_vain == 0:
            self._raise(self._trial.level + self._trial.level // PAGES_A_STEP - self.level)
        if rate > self._best[0] / AS_GOOD:
            self._best = (rate, self._trial.level)
        if self._in_vain >= STARTUP_ROUNDS_WITHOUT_GAIN or self._trial.level == self._wall.level:
            self._starting, self._in_vain, self._up = False, 0, False
        if self._in_vain or not self._starting:
            self.level = self._best[1]
        self._trial = _Trial(self.level, now)
        if not self._starting and rate < AS_GOOD * self._best[0]:  # more than the server can bear
            self._in_vain = -1
            self._try_another(now)

    def _end_trial(self, now: float) -> None:
        """Keep the level that was tried, or go back; then measure there, or try the other way."""
        trial, (best, steady) = self._trial, self._best
        rate = trial.rate(now)
        if trial.level == steady:
            self._best = (rate, steady)
            self._try_another(now)
        elif rate >= (BETTER if trial.level > steady else AS_GOOD) * best:
            self._best, self._in_vain = (rate, trial.level), min(self._in_vain, 0) - 1
            self._try_another(now)
        else:
            self._in_vain = min(max(self._in_vain, 0) + 1, MOST_PATIENCE)
            self._up = not self._up
            self._begin(steady, now)

    def _try_another(self, now: float) -> None:
        steady = self._best[1]
        higher = min(max(round(steady * TRIAL_STEP), steady + 1), self._wall.level)
        lower = max(round(steady / TRIAL_STEP ** (1 - min(self._in_vain, 0))), self._bounds[0])
        level = higher if self._up else lower
        self._up = self._up if level != steady else not self._up
        self._begin(level, now)

    def _begin(self, level: int, now: float) -> None:
        self.level = level
        self._trial = _Trial(level, now)

    def back_off(self, together: int, in_flight: int, latency: float, now: float) -> None:
        """Go on from as many as were answered together in that time, after a time-out: but not where others got past
        it although no more were in flight than were answered together before (RACK, RFC 8985)."""
        wall, least = self._wall, int(self.level * TIMED_OUT)
        if in_flight <= wall.answered and together >= least:
            return
        self.restart(min(together, least) or self.level // 2, now)
        if together:  # else nobody is answered, which is an outage
            times = min(2 * wall.times, MOST_TIMES) if wall.level < self._bounds[1] else TIMES_BELOW_WALL
            self._wall = _Wall(self.level, together, now, times * latency, times)

    def held(self, since: float, until: float) -> None:
        """All requests were held back, which is not for the level."""
        self._trial.since += max(until - max(since, self._trial.since), 0.0)

    def restart(self, level: int, now: float) -> None:
        """Start again from a level, or the lowest."""
        self._begin(max(min(level, self.level), self._bounds[0]), now)
        self._starting, self._best, self._in_vain, self._since = True, (0.0, self.level), 0, now
