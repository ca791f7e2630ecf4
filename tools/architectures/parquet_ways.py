"""Ways to the items of several GeoParquet files. The decoder is the package's in all of them."""

from __future__ import annotations

import glob
import os
import queue
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

from stac_manager.files.parquet import ROWS_PER_BATCH, items_of_parquet
from tools.architectures.outcome import Outcome, Way

THREADS = 4
PROCESSES = os.cpu_count() or 1
BATCHES_AHEAD = 8


def bare_decoder(pattern: str) -> Outcome:
    """One thread, file after file."""
    return Outcome(sum(map(_use, _paths(pattern))))


def arrow_alone(*, threads: bool) -> Way:
    """Make the way that reads every column in Arrow and makes no dict: rows are counted, not items."""

    def run(pattern: str) -> Outcome:
        import pyarrow.parquet

        rows = 0
        for path in _paths(pattern):
            with pyarrow.parquet.ParquetFile(path) as file:
                rows += sum(batch.num_rows for batch in file.iter_batches(ROWS_PER_BATCH, use_threads=threads))
        return Outcome(rows)

    return run


def thread_a_file(pattern: str) -> Outcome:
    """Threads decode a file each and hand batches of items over."""
    paths = _paths(pattern)
    batches: queue.Queue[list[Any] | None] = queue.Queue(BATCHES_AHEAD)

    def decode(path: str) -> None:
        try:
            for rows in items_of_parquet(path):
                batches.put(list(rows))
        finally:
            batches.put(None)

    outcome = Outcome()
    with ThreadPoolExecutor(THREADS) as pool:
        jobs = [pool.submit(decode, path) for path in paths]
        ended = 0
        while ended < len(paths):
            batch = batches.get()
            if batch is None:
                ended += 1
            else:
                outcome.items += len(batch)
        for job in jobs:
            job.result()
    return outcome


def processes(pattern: str) -> Outcome:
    """Processes decode a file each and send its dicts, pickled."""
    return _in_processes(_items, pattern, len)


def processes_apart(pattern: str) -> Outcome:
    """Processes decode a file each and use its items themselves; only counts come back."""
    return _in_processes(_use, pattern, int)


WAYS: dict[str, Way] = {
    "decoder alone": bare_decoder,
    "Arrow alone, 1 thread": arrow_alone(threads=False),
    "Arrow alone, its threads": arrow_alone(threads=True),
    f"{THREADS} threads, a file each": thread_a_file,
    f"{PROCESSES} processes, pickled": processes,
    f"{PROCESSES} processes, apart": processes_apart,
}


def _paths(pattern: str) -> list[str]:
    return sorted(glob.glob(pattern))


def _use(path: str) -> int:
    return sum(1 for rows in items_of_parquet(path) for _ in rows)


def _items(path: str) -> list[Any]:
    return [item for rows in items_of_parquet(path) for item in rows]


def _in_processes(job: Callable[[str], Any], pattern: str, count: Callable[[Any], int]) -> Outcome:
    outcome = Outcome()
    with ProcessPoolExecutor(PROCESSES) as pool:
        for result in pool.map(job, _paths(pattern)):
            outcome.items += count(result)
    return outcome
