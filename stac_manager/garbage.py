"""Fewer garbage collections while items are made.

Items are trees of dicts and lists: they hold no reference cycles, so Python's cyclic garbage collector has nothing to
find in them. Yet a caller who keeps them makes it walk a growing heap again and again, at three times the cost of
parsing (docs/file-mode.md). Young objects are collected as ever; the older generations wait longer, within a bound.
"""

from __future__ import annotations

import gc
import os
import threading
from types import TracebackType
from typing import Self

OBJECTS_BETWEEN_OLDER_COLLECTIONS = 2_000_000
"""So many objects may survive the youngest generation before the older ones are collected: the bound."""
GARBAGE_SHARE = 0.02
GARBAGE_OBJECTS = 5_000
"""A caller who makes more garbage in cycles than this many objects and that share gets the collector back as it was.

A few there always are: asyncio makes some, and so does everything before the fetch that was not collected yet.
"""

_lock = threading.RLock()
"""Reentrant: `__del__` may be called while it is held."""
_users = 0
_before: tuple[int, int, int] | None = None
_raised: tuple[int, int, int] | None = None


class OlderCollectionsDeferred:
    """Raises the collector's second threshold for the whole process, until the last of its users leaves.

    Does nothing where the caller has switched the collector off, and takes itself back once the collector finds cyclic
    garbage (`look`). Thresholds that somebody else has set meanwhile stay. A user that is dropped without leaving (its
    event loop was closed early) leaves as it is dropped, and a forked child gets the thresholds as they were.
    """

    _entered = False

    def __enter__(self) -> Self:
        global _users
        with _lock:
            _users += 1
            if _users == 1:
                _raise_threshold()
        self._entered, self._process = True, os.getpid()
        self._at_first = _youngest()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def __del__(self) -> None:
        self._leave()

    def _leave(self) -> None:
        global _users
        if not self._entered or self._process != os.getpid():
            return
        self._entered = False
        with _lock:
            _users -= 1
            if not _users and _restore():
                _age_survivors()

    def look(self) -> None:
        """Give the collector back if there is garbage for it. Costs a microsecond: for every few milliseconds."""
        if _raised is None:
            return
        runs, found = _youngest()
        runs_before, found_before = self._at_first
        if found - found_before > GARBAGE_OBJECTS + GARBAGE_SHARE * _raised[0] * (runs - runs_before):
            with _lock:
                _restore()


def _youngest() -> tuple[int, int]:
    """Return how often the youngest generation was collected, and how many objects in cycles were found there."""
    youngest = gc.get_stats()[0]
    return youngest["collections"], youngest["collected"]


def _raise_threshold() -> None:
    global _before, _raised
    first, second, third = _before = gc.get_threshold()
    if not gc.isenabled() or first <= 0:
        _before = None
        return
    _raised = (first, max(second, OBJECTS_BETWEEN_OLDER_COLLECTIONS // first), third)
    gc.set_threshold(*_raised)


def _restore() -> bool:
    """Give the collector back as it was; False if it is not ours any more."""
    global _before, _raised
    ours = _before is not None and gc.get_threshold() == _raised
    if ours and _before is not None:
        gc.set_threshold(*_before)
    _before = _raised = None
    return ours


def _age_survivors() -> None:
    """Move all that survived to the oldest generation, unvisited, where the next full collection finds it.

    Else what was put off would fall due at once: the next collection would walk everything that the caller keeps.
    Not done where the caller has frozen objects of his own, since they would thaw.
    """
    if not gc.get_freeze_count():
        gc.freeze()
        gc.unfreeze()


def _forget_in_child() -> None:
    """Give a forked child the collector as it was: nobody there will leave."""
    global _users, _lock
    _lock = threading.RLock()
    _users = 0
    _restore()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
