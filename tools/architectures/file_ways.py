"""Ways to the items of a folder of JSON files, an item each. All but one read with the same two calls and parse with
orjson, so that only the architecture differs."""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import orjson

from tools.architectures.outcome import Outcome, Way

T = TypeVar("T")

AT_ONCE = 10
THREADS = 4
PROCESSES = os.cpu_count() or 1
FILES_A_BATCH = 32
"""A job for a pool: a file each costs a hop each."""


def bare_loop(folder: str) -> Outcome:
    """One thread, nothing around it: the least that Python can do."""
    return _counted(map(_item, _paths(folder)))


def first_method(folder: str) -> Outcome:
    """How this project began: a thread hop and `json.loads` a file, one after another."""

    async def run() -> Outcome:
        outcome = Outcome()
        for path in _paths(folder):
            text = await asyncio.to_thread(Path(path).read_text, errors="replace")
            _count(outcome, _loaded(text, json.loads))
        return outcome

    return asyncio.run(run())


def semaphore(folder: str) -> Outcome:
    """A task a file, `AT_ONCE` of them let through at a time, each read in a thread."""

    async def run() -> Outcome:
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(path: str) -> Any:
            async with turn:
                return _loaded(await asyncio.to_thread(_read, path))

        outcome = Outcome()
        for item in asyncio.as_completed([one(path) for path in _paths(folder)]):
            _count(outcome, await item)
        return outcome

    return asyncio.run(run())


def queue(folder: str) -> Outcome:
    """`AT_ONCE` workers that take a path, read it in a thread and put the item into a queue with a bound."""

    async def run() -> Outcome:
        paths = _paths(folder)
        left = iter(paths)
        items: asyncio.Queue[Any] = asyncio.Queue(AT_ONCE)

        async def worker() -> None:
            for path in left:
                await items.put(_loaded(await asyncio.to_thread(_read, path)))

        outcome = Outcome()
        async with asyncio.TaskGroup() as workers:
            for _ in range(AT_ONCE):
                workers.create_task(worker())
            for _ in paths:
                _count(outcome, await items.get())
        return outcome

    return asyncio.run(run())


def threads_read(folder: str) -> Outcome:
    """Threads read batches of files, the consumer's thread decodes."""
    with ThreadPoolExecutor(THREADS) as pool:
        batches = _in_order(pool, _read_batch, _batches(_paths(folder)), 2 * THREADS)
        return _counted(_loaded(data) for batch in batches for data in batch)


def threads_decode(folder: str) -> Outcome:
    """Threads read and decode batches of files."""
    with ThreadPoolExecutor(THREADS) as pool:
        batches = _in_order(pool, _item_batch, _batches(_paths(folder)), 2 * THREADS)
        return _counted(item for batch in batches for item in batch)


def processes(folder: str) -> Outcome:
    """Processes read and decode batches of files and send the dicts, pickled."""
    with ProcessPoolExecutor(PROCESSES) as pool:
        batches = _in_order(pool, _item_batch, _batches(_paths(folder)), 2 * PROCESSES)
        return _counted(item for batch in batches for item in batch)


def processes_apart(folder: str) -> Outcome:
    """Each process reads a share of the files and uses the items itself; only counts come back."""
    paths = _paths(folder)
    outcome = Outcome()
    with ProcessPoolExecutor(PROCESSES) as pool:
        for part in pool.map(_use, [paths[start::PROCESSES] for start in range(PROCESSES)]):
            outcome.items += part.items
            outcome.failures += part.failures
    return outcome


WAYS: dict[str, Way] = {
    "bare loop": bare_loop,
    "first method": first_method,
    f"semaphore, {AT_ONCE}": semaphore,
    f"queue, {AT_ONCE} workers": queue,
    f"{THREADS} threads read": threads_read,
    f"{THREADS} threads decode": threads_decode,
    f"{PROCESSES} processes, pickled": processes,
    f"{PROCESSES} processes, apart": processes_apart,
}


def _paths(folder: str) -> list[str]:
    return sorted(entry.path for entry in os.scandir(folder))


def _batches(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    return (paths[start : start + FILES_A_BATCH] for start in range(0, len(paths), FILES_A_BATCH))


def _read(path: str) -> bytes | None:
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        return os.read(file, os.fstat(file).st_size)
    finally:
        os.close(file)


def _loaded(data: Any, loads: Callable[[Any], Any] = orjson.loads) -> Any:
    """Return the item, None where there is none."""
    try:
        item = loads(data)
    except (ValueError, TypeError):
        return None
    return item if isinstance(item, dict) and item.get("type") == "Feature" and "stac_version" in item else None


def _item(path: str) -> Any:
    return _loaded(_read(path))


def _read_batch(paths: Sequence[str]) -> list[bytes | None]:
    return [_read(path) for path in paths]


def _item_batch(paths: Sequence[str]) -> list[Any]:
    return [_item(path) for path in paths]


def _use(paths: Sequence[str]) -> Outcome:
    return _counted(map(_item, paths))


def _count(outcome: Outcome, item: Any) -> None:
    if item is None:
        outcome.failures += 1
    else:
        outcome.items += 1


def _counted(items: Iterable[Any]) -> Outcome:
    outcome = Outcome()
    for item in items:
        _count(outcome, item)
    return outcome


def _in_order(
    pool: Executor, function: Callable[[Sequence[str]], T], jobs: Iterator[Sequence[str]], ahead: int
) -> Iterator[T]:
    """Results in the order of the jobs, `ahead` of them on their way."""
    running: deque[Future[T]] = deque()
    for job in jobs:
        running.append(pool.submit(function, job))
        if len(running) == ahead:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()
