"""The level that `auto` finds, in hundreds of worlds on a clock of their own."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from math import ceil
from statistics import fmean

import pytest
from simulated import Run, Server
from support import THOROUGH

from stac_manager.limiter import (
    AUTO_CEILING,
    AUTO_START,
    AutoLimiter,
    Ended,
    FixedLimiter,
    Limiter,
    Outcome,
    limiter,
)
from stac_manager.limiter.capacity import FIRST_ROUNDS, Capacity
from stac_manager.limiter.quota import Quota
from stac_manager.limiter.rate import AUTO_FLOOR, LoneRefusals, RateWindow

FIXED = (1, 2, 5, 10, 20)
Latency = Callable[[random.Random], float]


def long_tailed(median: float, sigma: float) -> Latency:
    return lambda draw: median * draw.lognormvariate(0.0, sigma)


def two_humped(quick: float, slow: float, share: float) -> Latency:
    return lambda draw: slow if draw.random() < share else quick


WORLDS = {
    "constant": Server(),
    "long tail": Server(latency=long_tailed(0.08, 0.7)),
    "two humps": Server(latency=two_humped(0.08, 1.0, 0.1)),
    "eight at once": Server(at_once=8),
    "three at once": Server(at_once=3),
    "twenty at once, long tail": Server(latency=long_tailed(0.08, 0.7), at_once=20),
    "30 a second": Server(rate=30, refusal_latency=0.01),
    "30 a second, mute": Server(rate=30, says=False, refusal_latency=0.01),
    "5 a second": Server(rate=5, refusal_latency=0.01),
    "an outage": Server(outages=((0.3, 3.3),)),
}


def best_fixed(server: Server, pages: int, seed: int) -> tuple[float, int]:
    """Seconds and refusals of the quickest fixed level."""
    runs = [Run(server, FixedLimiter(level), pages, seed) for level in FIXED]
    return min((run.seconds(), run.refusals) for run in runs)


@pytest.mark.parametrize("pages", [60, 600])
@pytest.mark.parametrize("name", WORLDS)
def test_auto_is_as_good_as_the_best_fixed_level(name: str, pages: int) -> None:
    ratios, refusals = [], []
    for seed in range(4):
        best, refused = best_fixed(WORLDS[name], pages, seed)
        run = Run(WORLDS[name], AutoLimiter(), pages, seed)
        ratios.append(best / run.seconds())
        refusals.append(run.refusals - refused)
    assert fmean(ratios) >= 0.9, ratios
    assert fmean(refusals) <= 5, refusals


def some_worlds(count: int) -> Iterator[Server]:
    """Servers nobody has thought of."""
    draw = random.Random(7)
    for _ in range(count):
        median = draw.choice([0.02, 0.1, 0.5, 2.0])
        latency = draw.choice([
            lambda _, median=median: median,
            long_tailed(median, draw.uniform(0.2, 1.2)),
            two_humped(median, median * draw.uniform(3, 15), draw.uniform(0.02, 0.3)),
        ])  # fmt: skip
        yield Server(
            latency=latency,
            at_once=draw.choice([None, None, draw.randint(1, 40)]),
            degrades_beyond=draw.choice([None, None, None, draw.randint(15, 40)]),
        )


def test_pages_that_come_together_raise_the_level_like_others() -> None:
    run = Run(Server(), AutoLimiter(), 300)
    assert run.seconds() < 0.8, "of 300 pages by 20 it takes 1.6 s"
    assert run.peak == AUTO_CEILING


def test_auto_is_good_in_many_worlds() -> None:
    ratios = []
    for seed, server in enumerate(some_worlds(200 if THOROUGH else 80)):
        best, _ = best_fixed(server, 300, seed)
        run = Run(server, AutoLimiter(), 300, seed)
        ratios.append(best / run.seconds())
        assert run.peak <= AUTO_CEILING
        assert min(run.levels) >= AUTO_FLOOR
    ratios.sort()
    assert ratios[0] >= 0.45, ratios[:5]
    assert ratios[len(ratios) // 20] >= 0.75, ratios[: len(ratios) // 20]
    assert fmean(ratios) >= 1.2, "the best fixed level is no more than 20, and many servers can do more"


def some_limits(count: int) -> Iterator[Server]:
    draw = random.Random(8)
    for _ in range(count):
        window = draw.choice([1.0, 1.0, 2.0, 10.0])
        rate = max(round(draw.choice([2, 5, 10, 30, 50]) * window), 1)
        yield Server(
            latency=long_tailed(draw.choice([0.05, 0.1, 0.3]), 0.3),
            rate=rate,
            window=window,
            says=draw.random() < 0.5,
            bucket=draw.choice([None, None, rate]),
            refusal_latency=draw.choice([0.005, 0.05]),
        )


STRAYS = {
    "one in a thousand": Server(refuses=0.001, refusal_latency=0.01),
    "one in a hundred": Server(refuses=0.01, refusal_latency=0.01),
    "one in twenty": Server(refuses=0.05, refusal_latency=0.01),
    "one in twenty, mute": Server(refuses=0.05, refusal_latency=0.01, says=False),
    "one in twenty, slow refusals": Server(refuses=0.05, refusal_latency=0.1),
    "one in twenty, long tail": Server(refuses=0.05, refusal_latency=0.01, latency=long_tailed(0.08, 0.7)),
    "one in twenty, two humps": Server(refuses=0.05, refusal_latency=0.01, latency=two_humped(0.08, 1.0, 0.1)),
    "one in twenty, eight at once": Server(refuses=0.05, refusal_latency=0.01, at_once=8),
    "one in seven": Server(refuses=0.15, refusal_latency=0.01),
}


@pytest.mark.parametrize("name", STRAYS)
def test_refusals_at_random_cost_auto_no_more_than_the_best_fixed_level(name: str) -> None:
    """As of a store of which one part is busy: others get past, and no limit is learned. Of these the most is best."""
    server, ratios = STRAYS[name], []
    for seed in range(3):
        best = Run(server, FixedLimiter(max(FIXED)), 3_000, seed).seconds()
        ratios.append(best / Run(server, AutoLimiter(), 3_000, seed).seconds())
    assert fmean(ratios) >= 0.9, ratios


@pytest.mark.parametrize(
    ("most", "says"), [*((most, False) for most in (1, 2, 3, 4, 6, 8, 12, 20)), (8, True), (12, True), (20, True)]
)
def test_a_limit_on_the_number_is_found(most: int, says: bool) -> None:
    """After a few refusals, whatever level was asked for."""
    possible = 600 / most * 0.1
    for documents in (True, False):
        server = Server(refuses_beyond=most, refuses_documents=documents, says=says, refusal_latency=0.01)
        fixed, auto = Run(server, FixedLimiter(max(most, 8)), 600), Run(server, AutoLimiter(), 600)
        assert fixed.seconds() <= 1.15 * possible
        assert auto.seconds() <= (1.7 if most <= 2 else 1.1) * possible  # documents take both at first
        assert max(fixed.refusals, auto.refusals) <= 30


@pytest.mark.parametrize("level", [8, 50])
@pytest.mark.parametrize("most", [1, 2, 4])
@pytest.mark.parametrize("says", [True, False])
def test_a_fixed_level_is_refused_one_wave(most: int, level: int, says: bool) -> None:
    """Though documents that are not limited have been answered together, and more than the limit."""
    server = Server(refuses_beyond=most, refuses_documents=False, says=says, refusal_latency=0.01)
    run = Run(server, FixedLimiter(level), 200)
    run.seconds()
    assert run.refusals <= level + 4


@pytest.mark.parametrize(
    ("outcomes", "calm"),
    [
        ([(0.0, 0.1, True)] * 9 + [(1.0, 1.01, False)], False),
        ([(0.0, 0.1, True)] * 9 + [(1.0, 1.01, False), (0.99, 1.1, True)], False),  # sent before it
        ([(0.0, 0.1, True)] * 9 + [(1.0, 1.01, False), (1.005, 1.1, True)], True),
        ([(0.0, 0.1, True)] * 9 + [(1.0, 1.01, False), (1.006, 1.02, False), (1.005, 1.1, True)], False),
        ([(1.0, 1.01, False)] * 2 + [(1.005, 1.1, True)] * 2, False),  # one in two
        ([(0.0, 0.1, True)] * 9 + [(1.0, 1.01, False)] * 6 + [(1.005, 1.1, True)] * 2, False),
        ([(1.0, 1.01, False), (2.0, 2.1, True)], True),  # it is over
    ],
)
def test_single_refusals_are_told_from_a_wave(outcomes: list[tuple[float, float, bool]], calm: bool) -> None:
    for made in (lambda: FixedLimiter(5), AutoLimiter):
        limiter: Limiter = made()
        limiter.sent(0.0)
        for began, now, passed in outcomes:
            limiter.observe(Ended("page" if passed else "refused", latency=now - began, in_flight=5, now=now))
        assert limiter.calm is calm


def test_auto_learns_the_rate_and_keeps_to_it() -> None:
    shares, refused = [], []
    for seed, server in enumerate(some_limits(60 if THOROUGH else 30)):
        assert server.rate is not None
        pages = 20 * server.rate
        run = Run(server, AutoLimiter(), pages, seed)
        possible = (pages - server.rate) / server.rate * server.window
        shares.append(possible / run.seconds())
        refused.append(run.refusals / pages)
    shares.sort()
    assert fmean(shares) >= 0.75
    assert shares[0] >= 0.4
    assert fmean(refused) <= 0.12, "of every hundred requests twelve were refused"


@pytest.mark.parametrize(
    ("outcomes", "level"),
    [
        ([], AUTO_START),
        (["other"] * 50, AUTO_START),  # the landing page says nothing
        (["page"] * 6, AUTO_START + 3),
        (["failed"], AUTO_START // 2),
        (["failed"] * 50, AUTO_START // 2),  # once for all that were on their way
        (["refused"], AUTO_START - 1),
        (["refused", "page"], AUTO_START - 1),  # sent before the refusal came
    ],
)
def test_what_each_outcome_means(outcomes: list[Outcome], level: int) -> None:
    auto = AutoLimiter()
    for _ in range(AUTO_START):
        auto.sent(0.0)
    for number, outcome in enumerate(outcomes):
        now = 0.1 + number / 1000
        auto.observe(Ended(outcome, latency=now, in_flight=AUTO_START, now=now))
    assert auto.level == level


@pytest.mark.parametrize(
    ("answered_before", "says", "sent", "again", "level", "crowded"),
    [
        (0, None, 0, False, 8, True),  # as many as are being answered
        (0, None, 2, False, 8, True),
        (0, None, 3, False, 1, True),  # these tell whether it takes others now
        (0, None, 1, True, 1, False),  # it does not
        (0, 1.0, 0, False, 8, True),  # it asks what was refused to wait: one other tells
        (0, 1.0, 1, False, 1, True),
        (0, 1.0, 1, True, 1, False),
        (0, 0.0, 0, False, 8, True),
        (8, None, 0, False, 8, True),
        (9, None, 0, False, 1, False),  # more than these were answered together before: that is no limit
    ],
)
def test_answers_beside_a_wave_of_refusals_let_others_go(
    answered_before: int, says: float | None, sent: int, again: bool, level: int, crowded: bool
) -> None:
    auto = AutoLimiter()
    for _ in range(answered_before):
        auto.sent(0.0)
        auto.observe(Ended("page", latency=0.1, in_flight=answered_before, now=0.1))
    for _ in range(20):
        auto.sent(1.0)
    for number in range(12):
        auto.observe(Ended("refused", latency=0.01, in_flight=20 - number, now=1.01, retry_after=says))
    for _ in range(sent):
        auto.sent(1.1)
    if again:
        auto.observe(Ended("refused", latency=0.01, in_flight=8, now=1.11))
    assert (auto.level, auto.crowded) == (level, crowded)


@pytest.mark.parametrize(
    ("answered", "level", "waits"),
    [
        (8, 8, True),  # as many as were answered together
        (18, 16, True),  # 30 % less at least: it was 23 by then
        (0, 10, False),  # an outage
    ],
)
def test_a_time_out_takes_the_level_to_what_was_answered_beside_it(answered: int, level: int, waits: bool) -> None:
    """And for eight times as long no more are tried."""
    auto = AutoLimiter()
    for number in range(answered):
        auto.observe(Ended("page", latency=0.1, in_flight=AUTO_START - number, now=0.1))
    auto.observe(Ended("failed", latency=5.0, in_flight=AUTO_START - answered, now=5.0))
    assert auto.level == level
    levels = []
    for tenth in range(800):
        for _ in range(auto.level):
            auto.observe(Ended("page", latency=0.1, in_flight=auto.level, now=5.1 + tenth / 10))
        levels.append(auto.level)
    assert (max(levels[:390]) == level, max(levels) > level) == (waits, True)


@pytest.mark.parametrize(
    ("answered", "in_flight", "level"),
    [
        (15, 16, 16),  # others got past it, and no more than are known to be answered together
        (15, 19, 11),  # perhaps one too many
        (8, 16, 8),  # the server answers fewer by now
    ],
)
def test_a_time_out_that_others_get_past_says_nothing_of_the_level(answered: int, in_flight: int, level: int) -> None:
    auto = AutoLimiter()
    for number in range(18):
        auto.observe(Ended("page", latency=0.1, in_flight=AUTO_START - number, now=0.1))
    auto.observe(Ended("failed", latency=5.0, in_flight=2, now=5.0))
    for _ in range(answered):
        auto.observe(Ended("page", latency=0.1, in_flight=16, now=5.2))
    auto.observe(Ended("failed", latency=5.0, in_flight=in_flight, now=10.1))
    assert auto.level == level


def test_requests_that_time_out_are_not_sent_again_and_again() -> None:
    """Where more than eight at once time out, each of the few that try that costs five seconds."""
    auto = AutoLimiter()
    timed_out, now = 0, 0.0
    for _ in range(2_000):
        now += 1.0
        if auto.level > 8:
            auto.observe(Ended("failed", latency=0.5, in_flight=auto.level, now=now))
            timed_out += 1
        else:
            auto.observe(Ended("page", latency=0.5, in_flight=auto.level, now=now))
    assert timed_out <= 12


@pytest.mark.parametrize(
    ("passed", "says", "blocked_until", "window"),
    [
        (5, 1.0, 1.2, 1.0),  # rounded up to whole seconds
        (30, 1.0, 0.9, 0.9),  # shorter than any usual stretch
        (30, 1.0, 8.0, 1.0),
        (100, 1.0, 70.0, 1.0),
        (30, 3.0, 5.5, 5.0),
        (30, 7.0, 11.0, 10.0),
        (30, 50.0, 62.0, 60.0),
    ],
)
def test_a_window_is_measured(passed: int, says: float, blocked_until: float, window: float) -> None:
    """And three hundredths are added: clocks differ."""
    rate = RateWindow()
    for number in range(passed):
        rate.sent(number / 1000)
        rate.passed(number / 1000, 0.2)
    rate.sent(0.2)
    rate.refused(0.25, says)
    assert rate.blocked
    rate.sent(blocked_until)
    rate.passed(blocked_until, blocked_until + 0.1)
    assert not rate.blocked
    assert (rate.limit, rate.window) == (passed, pytest.approx(1.03 * window))


def learned() -> RateWindow:
    """Ten in a second, from 1.4 on."""
    rate = RateWindow()
    for number in range(10):
        rate.sent(number / 100)
        rate.passed(number / 100, 0.2)
    rate.refused(0.25, 1.0)
    rate.passed(1.3, 1.4)
    return rate


@pytest.mark.parametrize(
    ("passed", "many", "limit", "later"),
    [
        (5, True, 10 / 1.9 * 1.03 / 2, 4.2),  # as many as have passed
        (4, True, 2.5, 4.2),  # a fourth, at least
        (39, True, 7.0, 4.2),  # less by three tenths, at least
        (39, False, 9.0, 4.2),  # a single one
        (40, True, 10.0, 2.1),  # a limit that has held so long is none that a refusal is for
    ],
)
def test_a_limit_is_corrected(passed: int, many: bool, limit: float, later: float) -> None:
    """And raised by a twentieth after twice as long, or by a fourth where it had held."""
    rate = learned()
    for _ in range(passed - 1):
        rate.passed(1.4, 1.5)
    rate.refused(3.0, 1.0)
    rate.passed(3.2, 3.3, many=many)
    assert rate.limit == pytest.approx(limit)
    rate.passed(3.4, 3.3 + later - 0.2)
    assert rate.limit == pytest.approx(limit)
    rate.passed(3.4, 3.3 + later)
    assert rate.limit == pytest.approx(limit * (1.25 if later < 4 else 1.05))


@pytest.mark.parametrize(
    ("others_passed", "many", "says", "lasts", "refusals"),
    [
        (0, True, 1.0, 3.0, 1),
        (0, True, None, 1.9, 1),
        (0, True, None, 2.1, 2),  # it may have been an outage
        (0, False, 1.0, 1.9, 3),
        (1, False, 1.0, 1.9, 5),
        (3, False, 1.0, 1.9, 9),
        (9, False, 1.0, 1.9, 9),
    ],
)
def test_how_many_refusals_teach_a_limit(
    others_passed: int, many: bool, says: float | None, lasts: float, refusals: int
) -> None:
    rate, now = RateWindow(), 0.0
    rate.sent(now)
    for _ in range(others_passed):
        rate.refused(now, says)
        rate.forgive(now)
    count = 0
    while rate.limit is None:
        rate.passed(now, now + 0.1, many=many)
        rate.refused(now + 0.2, says)
        now += lasts
        rate.passed(now, now, many=many)
        count += 1
    assert count == refusals


@pytest.mark.parametrize(("refused", "many"), [(5, False), (6, True)])
def test_a_refusal_weighs_as_much_as_three_of_the_latest_answers(refused: int, many: bool) -> None:
    refusals = LoneRefusals()
    for number in range(30):
        refusals.passed(number)
    for _ in range(refused):
        refusals.refused(30.0, 30.1)
    assert refusals.many is many


@pytest.mark.parametrize(("latency", "level"), [(0.01, 2), (0.11, 3), (0.21, 5), (1.0, 20)])
def test_twice_as_many_as_use_all_of_the_rate_are_in_flight(latency: float, level: int) -> None:
    rate = RateWindow()
    rate.limit, rate.window = 10.0, 1.0
    assert rate.level_for(latency) == level


def test_one_request_is_caught_up_with_after_a_pause() -> None:
    rate, sent = RateWindow(), 0
    rate.limit, rate.window = 10.0, 1.0
    while rate.delay(10.0) == 0:
        rate.sent(10.0)
        sent += 1
    assert sent == 1 + 1


def test_a_learned_rate_spaces_requests() -> None:
    rate = RateWindow()
    rate.limit, rate.window = 2.0, 1.0
    assert rate.delay(10.0) == 0.0
    rate.sent(10.0)
    assert rate.delay(10.1) == 0.0
    rate.sent(10.1)
    assert rate.delay(10.2) == pytest.approx(0.8)
    assert rate.delay(11.0) == 0.0


Said = list[tuple[float, float, int, float]]  # sent and answered when, what is left for how long


@pytest.mark.parametrize(
    ("said", "sent", "delay"),
    [
        ([], 100, 0.0),
        ([(0.0, 0.1, 5, 9.0)], 4, 0.0),
        ([(0.0, 0.1, 5, 9.0)], 5, 8.9),  # at 0.2
        ([(0.0, 0.1, 5, 9.0)] * 3, 5, 0.0),  # it does not count down
        ([(0.0, 0.1, 0, 60.0)], 0, 0.0),  # nor is it known to
        ([(0.0, 0.1, 1, 60.0), (0.1, 0.2, 0, 59.9)], 0, 59.9),
        ([(0.0, 0.1, 1, 0.0), (0.1, 0.2, 0, 59.9)], 0, 59.9),
        ([(0.0, 0.1, 0, 0.0), (0.1, 0.2, 0, 0.0)], 9, 0.0),  # of a window that is over
    ],
)
def test_what_is_left_of_a_limit(said: Said, sent: int, delay: float) -> None:
    for made in (FixedLimiter(20), AutoLimiter()):
        for began, now, left, seconds in said:
            made.quota.told(left, seconds, began, now)
        for _ in range(sent):
            made.sent(0.2)
        assert made.delay(0.2) == pytest.approx(delay)


@pytest.mark.parametrize(
    ("said", "latency", "seconds"),
    [
        (lambda second, number: (2 - number % 3, 5.0 - second % 5), 0.1, 5 * 13 + 0.2),  # three in five seconds
        (lambda second, number: (1 - number % 2, 59.0), 0.1, 59.1 * 19 + 4),
        (lambda second, number: (0, 60.0), 0.1, 4.1),  # nobody waits for it
        (lambda second, number: (0, 1.0), 1.5, 61),  # nor for a window after another that had nothing
        (lambda second, number: (9 if number < 1 else 0, 60.0), 0.1, 4.1 + 60),  # nor twice
        (lambda second, number: (7, 60.0), 0.1, 4.1),
    ],
)
def test_how_long_forty_requests_wait_for_what_is_said(
    said: Callable[[float, int], tuple[int, float]], latency: float, seconds: float
) -> None:
    quota, now = Quota(), 0.0
    for number in range(40):
        while (delay := quota.delay(now)) > 0:
            now += delay
        quota.sent(now)
        now += latency
        quota.told(*said(now, number), now - latency, now)
    assert now <= seconds
    assert not quota.binds or quota.believed


def test_a_limit_that_is_not_reached_for_long_is_still_believed() -> None:
    """Also where the end of a window is rounded up, so that it never comes."""
    quota = Quota()
    for tenth in range(100):
        assert quota.delay(tenth / 10) == 0.0
        quota.sent(tenth / 10)
        quota.told(99 - tenth % 10, 1.0, tenth / 10, tenth / 10 + 0.05)
    assert quota.believed
    for _ in range(99 - 9):
        quota.sent(10.0)
    assert quota.delay(10.0) > 0


Says = Callable[[float], tuple[int, float] | None]


def keeping_to(quota: Quota, says: Says, level: int, requests: int, latency: float = 0.3) -> tuple[float, int]:
    """Send so many at once, answered out of order; return when all were, and how many were refused."""
    dice, flights, now, refused = random.Random(1), [], 0.0, 0
    while requests or flights:
        delay = quota.delay(now)
        if requests and len(flights) < level and not delay:
            quota.sent(now)
            flights.append((now + latency * dice.uniform(0.2, 1.0), now, says(now)))
            requests -= 1
        elif flights and (not requests or len(flights) == level or min(flights)[0] <= now + delay):
            ended, began, said = flights.pop(flights.index(min(flights)))
            now = max(now, ended)
            refused += said is None
            if said is not None:
                quota.told(*said, began, now)
        else:
            now += delay
    return now, refused


@pytest.mark.parametrize("level", [1, 20])
@pytest.mark.parametrize(
    ("most", "window", "latency"), [(2, 1.0, 0.3), (30, 1.0, 0.3), (30, 10.0, 0.3), (5, 0.4, 0.3), (5, 10.0, 4.0)]
)
def test_a_server_that_counts_down_refuses_nothing(most: int, window: float, latency: float, level: int) -> None:
    passed: list[float] = []

    def says(now: float) -> tuple[int, float] | None:
        this = [each for each in passed if each // window == now // window]
        if len(this) == most:
            return None
        passed.append(now)
        return most - len(this) - 1, float(ceil(window - now % window))  # rounded up, as most do

    quota = Quota()
    quota.sent(0.0)  # the landing page comes first
    quota.told(*(says(0.0) or (0, 0.0)), 0.0, 0.1)
    ended, refused = keeping_to(quota, says, level, 10 * most, latency)
    assert (refused, quota.believed) == (0, True)
    assert ended <= 11 * (ceil(window) + latency) + latency * 10 * most / level


@pytest.mark.parametrize(
    ("says", "waits", "levels"),
    [
        (lambda now: (0, 60.0), 0, (1, 2, 20)),
        (lambda now: (0, 1.0), 0, (1, 2, 20)),
        (lambda now: (7, 60.0), 1, (1, 2, 20)),
        (lambda now: (9 if now == 0 else 0, 60.0), 2, (1, 2, 20)),
        (lambda now: (7 * (now % 0.02 > 0.01), 60.0), 1, (20,)),  # two nodes; fewer requests cannot tell that
    ],
)
def test_who_counts_nothing_holds_nobody(says: Says, waits: int, levels: tuple[int, ...]) -> None:
    for level in levels:
        quota = Quota()
        ended, _ = keeping_to(quota, says, level, 200, 1.0)
        assert (quota.believed, quota.binds) == (False, False)
        assert ended < 60.5 * waits + 150 / level


def test_a_window_is_as_large_as_the_last_one() -> None:
    quota = Quota()
    quota.told(2, 5.0, 0.0, 0.1)
    for _ in range(2):
        quota.sent(0.2)
    assert quota.delay(0.3) > 4
    assert quota.binds
    assert [quota.delay(5.2), quota.left] == [0.0, 3]


def wave(capacity: Capacity, now: float, level: int, answered: int) -> None:
    """So many requests at once, of which the first are answered after 0.1 s, and the others refused at once."""
    for number in range(level - answered):
        capacity.refused(now, now + 0.01, level - number)
    for _ in range(answered):
        capacity.passed(now, now + 0.1)


@pytest.mark.parametrize("most", [1, 2, 5])
def test_as_many_as_are_answered_together_are_sent_at_once(most: int) -> None:
    capacity = Capacity()
    wave(capacity, 0.0, 8, most)
    capacity.passed(0.5, 0.6)
    assert (capacity.level, capacity.guess) == (None, most), "it may be the rate"
    assert capacity.most == most, "one more may be refused: only a long search is worth that"
    for second in (1, 2):
        wave(capacity, second, most, most)
    assert capacity.most == most + 1
    wave(capacity, 3.0, most + 1, most)
    assert capacity.level == most
    for second in range(4, 4 + FIRST_ROUNDS):
        wave(capacity, second, most, most)
    assert capacity.level == most + 1, "one more is tried, now and then"


def test_a_limit_on_the_rate_is_none_on_the_number() -> None:
    capacity = Capacity()
    for second in range(20):
        wave(capacity, second, 8, 8 if second % 2 else 0)
    assert capacity.level is None


def test_a_wave_of_refusals_ends_where_nobody_is_in_flight_any_more() -> None:
    fixed = limiter(8)
    for second in (1.0, 2.0):  # two of eight are answered, and come together
        for refused in range(6):
            fixed.observe(Ended("refused", latency=0.1, in_flight=8 - refused, now=second + 0.1))
        for in_flight in (2, 1):
            fixed.observe(Ended("other", latency=0.5, in_flight=in_flight, beside=4.0, now=second + 0.5))
    assert fixed.level == 2


def test_the_option() -> None:
    fixed: Limiter = limiter(7)
    for outcome in ("page", "other", "refused", "failed"):
        fixed.observe(Ended(outcome, latency=9.0, in_flight=7, now=9.0))
    assert (fixed.level, fixed.ceiling, fixed.planned, fixed.delay(9.0)) == (7, 7, 7, 0.0)
    assert isinstance(limiter("auto"), AutoLimiter)
