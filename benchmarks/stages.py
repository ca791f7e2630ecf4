"""Where the time of file mode goes: finding, reading, decoding and all of it, on the same 10,000 item files."""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from . import _compat, _datasets, _page_cache, _timing

BATCH_FILES = 32
AHEAD_FILES = 32


class FileStages(_timing.Timed):
    """Time of each stage alone; `all` is the IngestModule at concurrency 10. Cold: every file evicted, or n/a.

    `bare_loop` reads and decodes in one thread with nothing around it; `hinted` tells the system what is read next.
    """

    param_names = ["stage", "page_cache", "test_size"]
    params = (
        ["discover", "read_1_thread", "read_8_threads", "decode", "all", "read_16_threads", "read_hinted", "bare_loop",
         "bare_loop_hinted"],
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
        batches = [self.paths[start : start + BATCH_FILES] for start in range(0, len(self.paths), BATCH_FILES)]
        with ThreadPoolExecutor(threads) as pool:
            return sum(pool.map(lambda paths: sum(_read(path) != b"" for path in paths), batches))

    def _read_hinted(self):
        return sum(_content(file) != b"" for file in _hinted(self.paths))

    def _bare_loop(self):
        return self._decoded(_read(path) for path in self.paths)

    def _bare_loop_hinted(self):
        return self._decoded(map(_content, _hinted(self.paths)))

    def _decode(self):
        return self._decoded(self.documents)

    def _decoded(self, documents):
        import orjson

        loads = orjson.loads
        return sum(loads(document)["type"] == "Feature" for document in documents)

    def _all(self):
        return _compat.drain(self.module)[0]


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


def _read(path):
    return _content(os.open(path, os.O_RDONLY))


def _content(file):
    """Read and close. A buffer of the size of the file: a larger one costs more than the read."""
    try:
        return os.read(file, os.fstat(file).st_size)
    finally:
        os.close(file)
