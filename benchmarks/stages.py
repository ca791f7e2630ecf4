"""Where the time of file mode goes, and what other architectures make of the same work.

docs/concurrency.md and docs/file-mode.md hold what these measured when the architecture was chosen.
"""

import asyncio
import multiprocessing
import os
from collections import deque
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import islice

from . import _compat, _datasets, _page_cache, _timing

BATCH_FILES = 32
AHEAD_FILES = 32
THREADS = 4
AT_ONCE = 10
PARQUET_FILES = 4
PROCESSES = os.cpu_count() or 1


class FileStages(_timing.Timed):
    """Time of each stage alone; `all` is the IngestModule at concurrency 10. Cold: every file evicted, or n/a.

    `bare_loop` reads and decodes in one thread with nothing around it; `hinted` tells the system what is read next. The
    last six are architectures that file mode does not have: a task a file and a semaphore; workers and a queue; threads
    that read, or read and decode, batches; processes that send the items, or use a share of them each.
    """

    param_names = ["stage", "page_cache", "test_size"]
    params = (
        ["discover", "read_1_thread", "read_8_threads", "decode", "all", "read_16_threads", "read_hinted", "bare_loop",
         "bare_loop_hinted", "semaphore", "queue", "threads_read", "threads_decode", "processes_send",
         "processes_apart"],
        ["warm", "cold"],
        [10000],
    )  # fmt: skip
    version = "2"
    warmup_time = 0

    def setup(self, stage, page_cache, test_size):
        folder = _datasets.data_set(test_size)
        self.folder = folder
        self.paths = sorted(entry.path for entry in os.scandir(folder))
        self.run = getattr(self, f"_{stage}")
        if stage.endswith("hinted") and not hasattr(os, "posix_fadvise"):
            raise NotImplementedError("this system takes no hints on what will be read")
        if stage == "all":
            self.module = _compat.ingest_module("file", folder, concurrency=10)
        if page_cache == "cold":
            if stage in ("discover", "decode"):
                raise NotImplementedError(f"{stage} reads no documents")
            _page_cache.evict(folder)
        else:
            self.documents = [_read(path) for path in self.paths]
        if stage == "discover":
            self.run()  # or n/a, where the commit cannot

    def time_stage(self, stage, page_cache, test_size):
        count = self.run()
        if count != test_size:
            raise RuntimeError(f"{count} came out, {test_size} went in")

    def _discover(self):
        return _compat.discovered(self.folder)

    def _read_1_thread(self):
        return sum(_read(path) != b"" for path in self.paths)

    def _read_8_threads(self):
        return self._read_in_threads(8)

    def _read_16_threads(self):
        return self._read_in_threads(16)

    def _read_in_threads(self, threads):
        """Batches of files, so that a thread pool is at its best; nothing is kept, as in the other stages."""
        with ThreadPoolExecutor(threads) as pool:
            return sum(pool.map(lambda paths: sum(_read(path) != b"" for path in paths), self._batches()))

    def _read_hinted(self):
        return sum(_content(file) != b"" for file in _hinted(self.paths))

    def _bare_loop(self):
        return _decoded(_read(path) for path in self.paths)

    def _bare_loop_hinted(self):
        return _decoded(map(_content, _hinted(self.paths)))

    def _decode(self):
        return _decoded(self.documents)

    def _all(self):
        return _compat.drain(self.module)[0]

    def _semaphore(self):
        async def run():
            turn = asyncio.Semaphore(AT_ONCE)

            async def one(path):
                async with turn:
                    return _decoded([await asyncio.to_thread(_read, path)])

            return sum(await asyncio.gather(*map(one, self.paths)))

        return asyncio.run(run())

    def _queue(self):
        async def run():
            left, items = iter(self.paths), asyncio.Queue(AT_ONCE)

            async def worker():
                for path in left:
                    await items.put(_decoded([await asyncio.to_thread(_read, path)]))

            async with asyncio.TaskGroup() as workers:
                for _ in range(AT_ONCE):
                    workers.create_task(worker())
                return sum([await items.get() for _ in self.paths])

        return asyncio.run(run())

    def _threads_read(self):
        with ThreadPoolExecutor(THREADS) as pool:
            return sum(map(_decoded, _few_ahead(pool, _read_all, self._batches(), 2 * THREADS)))

    def _threads_decode(self):
        with ThreadPoolExecutor(THREADS) as pool:
            return sum(map(len, _few_ahead(pool, _items, self._batches(), 2 * THREADS)))

    def _processes_send(self):
        with _processes() as pool:
            return sum(map(len, _few_ahead(pool, _items, self._batches(), 2 * PROCESSES)))

    def _processes_apart(self):
        with _processes() as pool:
            return sum(pool.map(_count, [self.paths[start::PROCESSES] for start in range(PROCESSES)]))

    def _batches(self):
        return [self.paths[start : start + BATCH_FILES] for start in range(0, len(self.paths), BATCH_FILES)]


class ParquetStages(_timing.Timed):
    """Four GeoParquet files: the columns alone, all of it, and a thread or a process a file, page cache warm.

    `columns` reads every column in Arrow and makes no items, in one thread or in Arrow's own.
    """

    param_names = ["stage", "test_size"]
    params = (
        ["columns", "columns_in_threads", "all", "threads", "processes_send", "processes_apart"],
        [20000],
    )
    version = "1"
    repeat = (1, 3, 10.0)
    warmup_time = 0

    def setup(self, stage, test_size):
        _compat.require()
        each = test_size // PARQUET_FILES
        self.paths = [_datasets.data_set(each, "geoparquet", seed=seed) for seed in range(PARQUET_FILES)]
        self.run = getattr(self, f"_{stage}")
        for path in self.paths:
            path.read_bytes()

    def time_stage(self, stage, test_size):
        count = self.run()
        if count != test_size:
            raise RuntimeError(f"{count} came out, {test_size} went in")

    def _columns(self, threads=False):
        import pyarrow.parquet

        rows = 0
        for path in self.paths:
            with pyarrow.parquet.ParquetFile(path) as file:
                rows += sum(batch.num_rows for batch in file.iter_batches(200, use_threads=threads))
        return rows

    def _columns_in_threads(self):
        return self._columns(threads=True)

    def _all(self):
        return sum(map(_drained, self.paths))

    def _threads(self):
        with ThreadPoolExecutor(PARQUET_FILES) as pool:
            return sum(pool.map(_drained, self.paths))

    def _processes_send(self):
        with _processes() as pool:
            return sum(map(len, pool.map(_compat.items, self.paths)))

    def _processes_apart(self):
        with _processes() as pool:
            return sum(pool.map(_drained, self.paths))


def _processes():
    """Make a pool of a process a core, of copies of this one: where the system cannot copy it, it is n/a."""
    if "fork" not in multiprocessing.get_all_start_methods():
        raise NotImplementedError("this system cannot fork")
    return ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("fork"))


def _few_ahead(pool, function, jobs, ahead):
    """Yield results in the order of the jobs, with `ahead` of them on their way."""
    running, left = deque(), iter(jobs)
    while True:
        running.extend(pool.submit(function, job) for job in islice(left, ahead - len(running)))
        if not running:
            return
        yield running.popleft().result()


def _hinted(paths):
    """Open files, in bursts, and tell the system to fetch them before they are read one after another."""
    left, ahead = iter(paths), deque()
    while True:
        if len(ahead) <= AHEAD_FILES // 2:
            for path in islice(left, AHEAD_FILES - len(ahead)):
                file = os.open(path, os.O_RDONLY)
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_WILLNEED)
                ahead.append(file)
        if not ahead:
            return
        yield ahead.popleft()


def _decoded(documents):
    import orjson

    loads = orjson.loads
    return sum(loads(document)["type"] == "Feature" for document in documents)


def _read_all(paths):
    return list(map(_read, paths))


def _items(paths):
    import orjson

    return [orjson.loads(_read(path)) for path in paths]


def _count(paths):
    return _decoded(map(_read, paths))


def _drained(path):
    return _compat.drain(_compat.ingest_module("file", path))[0]


def _read(path):
    return _content(os.open(path, os.O_RDONLY))


def _content(file):
    """Read and close. A buffer of the size of the file: a larger one costs more than the read."""
    try:
        return os.read(file, os.fstat(file).st_size)
    finally:
        os.close(file)
