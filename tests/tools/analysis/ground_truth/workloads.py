"""Workloads whose nature is known, for asv to measure and the report to name.

Their clocks move only by what they wait and compute, so that no busy machine changes their nature.
"""

import asyncio
import selectors
from types import SimpleNamespace

from . import _usage

LEVELS = [1, 2, 4, 8]
TASKS = 16
WAIT_SECONDS = 0.02
CPU_SECONDS = 0.005
COHERENCY = 0.15
"""What each pair of workers costs each other, as in the Universal Scalability Law."""


class _Clock:
    wall = cpu = 0.0
    calls = 0

    @classmethod
    def pass_by(cls, seconds):
        """Let time pass, now a little more and now a little less: samples have a spread."""
        cls.calls += 1
        cls.wall += seconds * (1 + cls.calls % 7 / 200)


class _Selector(selectors.DefaultSelector):
    """An event loop waits here: the clock moves on instead."""

    def select(self, timeout=None):
        if timeout:
            _Clock.pass_by(timeout)
        return super().select(0)


def _loop():
    loop = asyncio.SelectorEventLoop(_Selector())
    loop.time = lambda: _Clock.wall
    return loop


_usage.time = SimpleNamespace(perf_counter=lambda: _Clock.wall, process_time=lambda: _Clock.cpu)
_usage._queue_seconds = lambda: 0.0


class _Workload:
    params = [LEVELS]
    param_names = ["concurrency"]
    version = "1"
    number = 1
    repeat = 5
    rounds = 1
    warmup_time = 0
    timeout = 60
    tasks = TASKS
    timer = staticmethod(lambda: _Clock.wall)

    def time_ingest(self, concurrency):
        self.run(concurrency)

    def run(self, concurrency):
        """Let the workers share the tasks."""

        async def worker(left):
            for _ in left:
                await self.task()

        async def pool():
            left = iter(range(self.tasks))
            await asyncio.gather(*(worker(left) for _ in range(concurrency)))

        self.workers, self.lock, self.next_start = concurrency, asyncio.Lock(), 0.0
        with asyncio.Runner(loop_factory=_loop) as runner:
            runner.run(pool())


class Wait(_Workload):
    async def task(self):
        await asyncio.sleep(WAIT_SECONDS)


class Cpu(_Workload):
    async def task(self):
        _compute(CPU_SECONDS)


class HalfAndHalf(_Workload):
    async def task(self):
        _compute(WAIT_SECONDS / 2)
        await asyncio.sleep(WAIT_SECONDS / 2)


class Lock(_Workload):
    tasks = TASKS // 2

    async def task(self):
        async with self.lock:
            await asyncio.sleep(WAIT_SECONDS)


class Retrograde(_Workload):
    tasks = TASKS // 2

    async def task(self):
        await asyncio.sleep(WAIT_SECONDS * (1 + COHERENCY * self.workers * (self.workers - 1)))


class RateLimit(_Workload):
    """No more than four starts in the time of one task."""

    async def task(self):
        start = max(_Clock.wall, self.next_start)
        self.next_start = start + WAIT_SECONDS / 4
        await asyncio.sleep(start - _Clock.wall)
        await asyncio.sleep(WAIT_SECONDS)


class _Usage:
    param_names = ["concurrency", "quantity"]
    params = (LEVELS, ["wall_seconds", "cpu_seconds", "queue_seconds", "tasks"])
    version = "1"
    timeout = 60

    def setup(self, runs, concurrency, quantity):
        if runs[concurrency][quantity] is None:
            raise NotImplementedError

    def track_usage(self, runs, concurrency, quantity):
        return runs[concurrency][quantity]


# asv tells caches apart by the line of the function.
class WaitUsage(_Usage):
    def setup_cache(self):
        return _runs(Wait())


class CpuUsage(_Usage):
    def setup_cache(self):
        return _runs(Cpu())


class HalfAndHalfUsage(_Usage):
    def setup_cache(self):
        return _runs(HalfAndHalf())


class LockUsage(_Usage):
    def setup_cache(self):
        return _runs(Lock())


class RetrogradeUsage(_Usage):
    def setup_cache(self):
        return _runs(Retrograde())


class RateLimitUsage(_Usage):
    def setup_cache(self):
        return _runs(RateLimit())


def _runs(workload):
    runs = {level: {"tasks": workload.tasks} for level in LEVELS}
    for level, usage in runs.items():
        with _usage.measured(usage):
            workload.run(level)
    return runs


def _compute(seconds):
    """Keep a core busy."""
    before = _Clock.wall
    _Clock.pass_by(seconds)
    _Clock.cpu += _Clock.wall - before
