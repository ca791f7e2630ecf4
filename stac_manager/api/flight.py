"""Requests in flight: tasks with one owner, never more than the limiter allows, all ended by `close`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from stac_manager.concurrency import Limiter

Work = Coroutine[object, object, None]


class Flight:
    """Runs what `next_work` gives, as much at once as the limiter allows.

    Attributes:
        error: What ended one of the tasks; no other is started after it.
    """

    def __init__(self, limiter: Limiter, next_work: Callable[[], Work | None]) -> None:
        self._limiter = limiter
        self._next_work = next_work
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._closed = False
        self.error: BaseException | None = None

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def idle(self) -> int:
        """How many more tasks there may be."""
        return self._limiter.level - len(self._tasks)

    def start(self) -> None:
        """Start what there is to do and room for."""
        while self.idle > 0 and self.error is None and not self._closed:
            work = self._next_work()
            if work is None:
                return
            task = asyncio.get_running_loop().create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            self.error = self.error or task.exception()
            self.start()
        self._news.set()

    async def news(self) -> None:
        """Wait until a task has ended since the last call."""
        await self._news.wait()
        self._news.clear()

    async def close(self) -> None:
        """Cancel every task and wait until it has ended."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
