"""File mode: a folder of item files, at every concurrency."""

from . import _compat, _datasets


class FileIngest:
    """Time and peak memory of reading `test_size` Sentinel-2 items of 16 KB, a file each, page cache warm."""

    param_names = ["concurrency", "test_size"]
    params = ([1, 5, 10, 20, 50], [1000, 10000])
    version = "1"
    number = 1
    repeat = (3, 5, 10.0)
    rounds = 2
    timeout = 900

    def setup(self, concurrency, test_size):
        source = _datasets.data_set(test_size)
        self.module = _compat.ingest_module("file", source, concurrency=concurrency)

    def time_ingest(self, concurrency, test_size):
        _compat.drain(self.module, test_size)

    def peakmem_ingest(self, concurrency, test_size):
        _compat.drain(self.module, test_size)
