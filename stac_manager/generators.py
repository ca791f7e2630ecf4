"""Async generators that end well: those within another one by their owner, the outermost by the event loop.

A caller who leaves an `async for` early drops a generator that was begun. The loop then closes it, and what it uses, at
its leisure or at its own end (PEP 525, finalization); two things go wrong there, which this module mends.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from functools import wraps
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

P = ParamSpec("P")
T = TypeVar("T")

Hook: TypeAlias = Callable[[AsyncGenerator[Any, Any]], None]

_left: WeakKeyDictionary[asyncio.AbstractEventLoop, set[AsyncGenerator[Any, None]]] = WeakKeyDictionary()


def loop_runs() -> bool:
    """Tell whether an event loop of asyncio runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class Owned(Generic[T]):
    """An async generator of which the event loop does not know.

    At its end a loop closes all generators that it knows of, all at the same time: one that closes another, which is
    being closed already, fails.
    """

    def __init__(self, generator: AsyncGenerator[T, None]) -> None:
        self._generator = generator
        self._begun = False

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    def __anext__(self) -> Awaitable[T]:
        if self._begun:
            return self._generator.__anext__()
        self._begun = True
        return _begin(self._generator, None, None)

    def athrow(self, *error: Any) -> Awaitable[T]:
        """Raise an error where the generator waits."""
        return self._generator.athrow(*error)

    async def aclose(self) -> None:
        """Close the generator."""
        await self._generator.aclose()


def owned_context(make: Callable[P, AsyncGenerator[T, None]]) -> Callable[P, AbstractAsyncContextManager[T]]:
    """As `contextlib.asynccontextmanager`, for a context in which another generator yields."""

    @wraps(make)
    def begun(*args: P.args, **options: P.kwargs) -> Owned[T]:
        return Owned(make(*args, **options))

    return asynccontextmanager(begun)


def owning(generator: AsyncGenerator[T, None]) -> AbstractAsyncContextManager[Owned[T]]:
    """As `contextlib.aclosing`, for a generator that is used within another one."""
    return aclosing(Owned(generator))


class Stream(AsyncGenerator[T, None]):
    """The outermost generator: closed also when it is dropped right before its loop ends.

    A loop begins a task to close a generator that was dropped, and forgets it; `asyncio.run` cancels that task before
    it has begun. Here the loop does not forget: what the task does not do is done when the loop closes what is left.
    """

    def __init__(self, generator: AsyncGenerator[T, None]) -> None:
        self._generator = generator
        self._begun = False

    def __anext__(self) -> Coroutine[Any, Any, T]:
        if self._begun:
            return self._generator.__anext__()
        self._begun = True
        if not loop_runs():  # begun outside of the loop that runs it: no loop will know of it
            return self._generator.__anext__()
        first = sys.get_asyncgen_hooks().firstiter
        return _begin(self._generator, first, _close_later(asyncio.get_running_loop(), first))

    def asend(self, value: None) -> Coroutine[Any, Any, T]:
        """Take the next value: what is sent means nothing."""
        return self.__anext__()

    def athrow(self, *error: Any) -> Coroutine[Any, Any, T]:
        """Raise an error where the generator waits."""
        return self._generator.athrow(*error)

    def aclose(self) -> Coroutine[Any, Any, None]:
        """Close the generator."""
        return self._generator.aclose()


def _begin(
    generator: AsyncGenerator[T, None],
    first: Hook | None,
    last: Hook | None,
) -> Coroutine[Any, Any, T]:
    """Ask for the first value; the generator then has these hooks, which it keeps."""
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(first, last)
    try:
        return generator.__anext__()
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _close_later(loop: asyncio.AbstractEventLoop, first: Hook | None) -> Hook:
    def close(generator: AsyncGenerator[Any, Any]) -> None:
        if loop.is_closed():
            return
        left = _left.setdefault(loop, set())
        left.add(generator)
        if first is not None:  # what was dropped is known to the loop no more
            first(generator)
        loop.call_soon_threadsafe(lambda: loop.create_task(_close(generator, left)))

    return close


async def _close(generator: AsyncGenerator[Any, Any], left: set[AsyncGenerator[Any, None]]) -> None:
    try:
        await generator.aclose()
    finally:
        left.discard(generator)
