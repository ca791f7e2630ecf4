"""A pause of all requests, after a refusal."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from time import perf_counter


class Hold:
    """Holds requests back for a time, or until they are let go before."""

    def __init__(self) -> None:
        self._until = 0.0
        self._lifted = asyncio.Event()

    @property
    def left(self) -> float:
        """Seconds that it still lasts."""
        return max(self._until - perf_counter(), 0.0)

    def prolong(self, seconds: float) -> float:
        """Let it last so long from now at least, and return by how much that is longer."""
        longer = max(seconds - self.left, 0.0)
        self._until = max(self._until, perf_counter() + seconds)
        return longer

    def lift(self) -> float:
        """Let all go, and return how much sooner that is."""
        left, self._until = self.left, 0.0
        if left:
            self._lifted.set()
            self._lifted.clear()  # who waits goes on nevertheless
        return left

    async def wait(self) -> None:
        """Wait until it is over; then not all at the same moment."""
        while (left := self.left) > 0:  # others may prolong it
            with suppress(TimeoutError):
                async with asyncio.timeout(left * random.uniform(1.0, 1.1)):
                    await self._lifted.wait()
