"""Runs shares of work in this process: tasks with one owner, and one buffer bounded over all of them.

Shares wait in a queue. As many are worked on at once as the level allows; what they produce waits for the one consumer.
A share may be replaced by others while it is worked on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Generic, TypeVar
from weakref import WeakSet

Share = TypeVar("Share")
Part = TypeVar("Part")

FEWEST_WAITING = 4


def pages_at_once(level: int) -> int:
    """How many pages are in flight, or wait for the consumer, at most: answers come in bursts, and while the consumer
    is at them the next ones should be on their way."""
    return level + max(FEWEST_WAITING, level // 2)


class Turns:
    """Lets tasks through while there is room, and wakes those that wait when that may have changed."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], None] = {}  # in the order in which they came

    async def until(self, free: Callable[[], bool]) -> None:
        """Wait until there is room. Nothing else runs between that and the return."""
        while not free():
            waiter = asyncio.get_running_loop().create_future()
            self._waiting[waiter] = None
            try:
                await waiter
            finally:
                del self._waiting[waiter]

    def changed(self) -> None:
        """Let those that wait look again."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)


TURN_SECONDS = 0.02


class Breaks:
    """Gives the event loop its turn after so many seconds of work on one thing after another."""

    def __init__(self) -> None:
        self._until = perf_counter() + TURN_SECONDS

    async def take(self) -> None:
        """Have a break, if it is time for one."""
        if perf_counter() >= self._until:
            await asyncio.sleep(0)
            self._until = perf_counter() + TURN_SECONDS


HEAVY_BYTES = 262_144
"""Who has unpacked or parsed so much leaves the next one to the next turn of the event loop."""
_had: WeakSet[asyncio.AbstractEventLoop] = WeakSet()  # loops in which somebody did so in this turn


async def light_turn() -> None:
    """Wait for a turn of the event loop in which nobody has done heavy work yet: answers that come together would hold
    it up together."""
    loop = asyncio.get_running_loop()
    while loop in _had:  # noqa: ASYNC110 - which lasts one turn
        await asyncio.sleep(0)


def did(size: int) -> None:
    """Take note of work on so many bytes."""
    if size >= HEAVY_BYTES:
        loop = asyncio.get_running_loop()
        _had.add(loop)
        loop.call_soon(_had.discard, loop)


class Slots:
    """So many requests at once as the level allows now."""

    def __init__(self, level: Callable[[], int]) -> None:
        self._level = level
        self.used = 0
        self._alone = 0
        self._turns = Turns()

    @asynccontextmanager
    async def one(self, *, alone: bool = False) -> AsyncGenerator[None, None]:
        """Wait for a slot; `alone`, until no other one is used, which nobody else takes meanwhile."""
        self._alone += alone
        try:
            await self._turns.until(lambda: not self.used if alone else self.used < self._level() and not self._alone)
            self.used += 1
            try:
                yield
            finally:
                self.used -= 1
        finally:
            self._alone -= alone
            self._turns.changed()


class Room:
    """What may be in flight, or wait for the consumer, or be with it: a number of pages, and of bytes over all.

    There is always room for one page, however large.
    """

    def __init__(self, most_bytes: int, most_pages: Callable[[], int]) -> None:
        self._most_bytes = most_bytes
        self._most_pages = most_pages
        self._turns = Turns()
        self.pages = 0
        self.bytes = 0

    async def enter(self, size: int, *, when: Callable[[], bool] = lambda: True) -> None:
        """Wait for room for a page of about so many bytes."""
        await self._turns.until(lambda: self._has_room(size) and when())
        self.pages += 1
        self.bytes += size

    def _has_room(self, size: int) -> bool:
        return not self.pages or (self.pages < self._most_pages() and self.bytes + size <= self._most_bytes)

    def resize(self, before: int, after: int) -> None:
        """Take note of what a page really takes."""
        self.bytes += after - before
        if after < before:
            self._turns.changed()

    def leave(self, size: int) -> None:
        """Give the room of a page back."""
        self.pages -= 1
        self.bytes -= size
        self._turns.changed()

    def changed(self) -> None:
        """Let those that wait look again."""
        self._turns.changed()


class Runner(Generic[Share, Part]):
    """Works on shares until each was finished.

    Args:
        work: Works on one share, and hands what it produces to `put`.
        level: How many shares are worked on at once.
        weight: How much there is to do in a share: the heaviest is begun first.
        idle: Asked for more shares when there are fewer than the level allows; tells whether it added some.
    """

    def __init__(
        self,
        work: Callable[[Share], Coroutine[object, object, None]],
        level: Callable[[], int],
        weight: Callable[[Share], float],
        idle: Callable[[int], bool],
    ) -> None:
        self._work, self._level, self._weight, self._idle = work, level, weight, idle
        self.queue: list[Share] = []
        self._ready: asyncio.Queue[Part | None] = asyncio.Queue()  # None at the end
        self._active = 0
        self._unfinished = 0
        self._spawned: list[Coroutine[object, object, None]] = []
        self._changed = asyncio.Event()

    def add(self, shares: Iterable[Share]) -> None:
        """Put shares into the queue. Each must be reported as finished once."""
        before = len(self.queue)
        self.queue.extend(shares)
        self._unfinished += len(self.queue) - before
        self._changed.set()

    def withdraw(self, share: Share) -> None:
        """Take a share that nobody works on out of the queue; it is finished by that."""
        self.queue.remove(share)
        self.finished()

    def finished(self) -> None:
        """Take note that a share is finished: nothing more will come of it."""
        self._unfinished -= 1
        self._changed.set()

    @property
    def unfinished(self) -> int:
        """How many shares are not finished."""
        return self._unfinished

    def put(self, part: Part) -> None:
        """Hand something to the consumer."""
        self._ready.put_nowait(part)
        self._changed.set()

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Do something beside the shares; it ends with them at the latest."""
        self._spawned.append(work)
        self._changed.set()

    async def parts(self) -> AsyncGenerator[Part, None]:
        """Yield what the shares produce, until every share is finished.

        Raises:
            Exception: What ended the work on a share, after what had been produced before; all others are ended.
        """
        owner = asyncio.create_task(self._own())
        owner.add_done_callback(lambda _: self._ready.put_nowait(None))
        try:
            while (part := await self._ready.get()) is not None:
                yield part
            owner.result()
        finally:
            owner.cancel()
            await asyncio.gather(owner, return_exceptions=True)

    async def _own(self) -> None:
        async with owned_tasks() as tasks:
            beside: list[asyncio.Task[None]] = []
            while self._unfinished:
                while self._spawned:
                    beside.append(tasks.create_task(self._spawned.pop()))
                while self.queue and self._active < self._level():
                    share = max(self.queue, key=self._weight)
                    self.queue.remove(share)
                    self._active += 1
                    tasks.create_task(self._work_on(share))
                if self._found_more():
                    continue
                self._changed.clear()
                await self._changed.wait()
            for task in beside:
                task.cancel()
            for work in self._spawned:
                work.close()

    async def _work_on(self, share: Share) -> None:
        try:
            await self._work(share)
        finally:
            self._active -= 1
            self._changed.set()
        self._found_more()  # before the consumer sees that all of what was handed out is finished

    def _found_more(self) -> bool:
        """Ask for more shares if there are hands without work."""
        idle = self._level() - self._active - len(self.queue)
        return idle > 0 and self._idle(idle)


@asynccontextmanager
async def owned_tasks() -> AsyncIterator[asyncio.TaskGroup]:
    """Own tasks as `asyncio.TaskGroup` does, and raise the first error, which ended the others, as it is."""
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except BaseExceptionGroup as group:
        raise _first(group) from None


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of a group, however deep."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
