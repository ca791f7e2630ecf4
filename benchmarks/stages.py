"""Where the time of file mode goes: finding, reading, decoding and all of it, on the same 10,000 item files."""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from . import _compat, _datasets, _page_cache

BATCH_FILES = 32
READ_BYTES = 1_048_576


class FileStages:
    """Time of each stage alone; `all` is the IngestModule at concurrency 10. Cold: every file evicted, or n/a."""

    param_names = ["stage", "page_cache", "test_size"]
    params = (["discover", "read_1_thread", "read_8_threads", "decode", "all"], ["warm", "cold"], [10000])
    version = "1"
    number = 1
    repeat = (3, 5, 10.0)
    rounds = 2
    warmup_time = 0
    timeout = 900

    def setup(self, stage, page_cache, test_size):
        folder = _datasets.data_set(test_size)
        self.folder = folder
        self.paths = sorted(entry.path for entry in os.scandir(folder))
        self.run = getattr(self, f"_{stage}")
        if stage == "all":
            self.module = _compat.ingest_module("file", folder, concurrency=10)
        if page_cache == "cold":
            if stage in ("discover", "decode"):
                raise NotImplementedError(f"{stage} reads no documents")
            _page_cache.evict(folder)
        else:
            self.documents = [_read(path) for path in self.paths]

    def time_stage(self, stage, page_cache, test_size):
        count = self.run()
        if count != test_size:
            raise RuntimeError(f"{count} came out, {test_size} went in")

    def _discover(self):
        return _compat.discovered(self.folder)

    def _read_1_thread(self):
        return sum(_read(path) != b"" for path in self.paths)

    def _read_8_threads(self):
        """Batches of files, so that a thread pool is at its best; twice as many batches under way as threads."""
        batches = [self.paths[start : start + BATCH_FILES] for start in range(0, len(self.paths), BATCH_FILES)]
        count, under_way = 0, deque()
        with ThreadPoolExecutor(8) as pool:
            for batch in batches:
                under_way.append(pool.submit(lambda paths: list(map(_read, paths)), batch))
                if len(under_way) == 16:
                    count += len(under_way.popleft().result())
            return count + sum(len(future.result()) for future in under_way)

    def _decode(self):
        import orjson

        return sum(orjson.loads(document)["type"] == "Feature" for document in self.documents)

    def _all(self):
        return _compat.drain(self.module)[0]


def _read(path):
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, READ_BYTES)
    finally:
        os.close(file)
