"""File mode: a folder of item files, at every concurrency."""

from . import _compat, _datasets, _page_cache


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


class ColdFileIngest:
    """The same with a cold page cache: every file is dropped before each sample, which is verified, or it is n/a."""

    param_names = ["concurrency", "test_size"]
    params = ([1, 5, 10, 20, 50], [10000])
    version = "1"
    number = 1
    repeat = (3, 5, 10.0)
    rounds = 2
    warmup_time = 0
    timeout = 900

    def setup(self, concurrency, test_size):
        source = _datasets.data_set(test_size)
        self.module = _compat.ingest_module("file", source, concurrency=concurrency)
        _page_cache.evict(source)

    def time_ingest(self, concurrency, test_size):
        _compat.drain(self.module, test_size)


class FormatIngest:
    """The same items in each layout that file mode reads, page cache warm."""

    param_names = ["layout", "test_size"]
    params = (["directory", "ndjson", "featurecollection", "geoparquet"], [1000])
    version = "1"
    number = 1
    repeat = (3, 5, 10.0)
    rounds = 2
    timeout = 900

    def setup(self, layout, test_size):
        self.module = _compat.ingest_module("file", _datasets.data_set(test_size, layout))

    def time_format(self, layout, test_size):
        _compat.drain(self.module, test_size)

    def peakmem_format(self, layout, test_size):
        _compat.drain(self.module, test_size)
