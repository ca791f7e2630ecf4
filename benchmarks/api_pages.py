"""API mode: what a page costs this process. The server answers at once, as 100 ms a request would hide it."""

from . import _api_server, _compat, _datasets, _timing

PAGE_ITEMS = 100
FEW_PAGE_ITEMS = 10


def paged(test_size, limit):
    """Return the module that searches for `test_size` items, `limit` a page, one page after the other."""
    _compat.require()
    server = _api_server.start(_datasets.data_set(test_size, "ndjson"), latency_seconds=0.0)
    return _compat.ingest_module("api", server, concurrency=1, limit=limit)


class APIPages(_timing.Timed):
    """Time and peak memory of fetching `test_size` items, 100 a page, one page after the other."""

    param_names = ["test_size"]
    params = ([1000],)
    version = "1"

    def setup(self, test_size):
        self.module = paged(test_size, PAGE_ITEMS)

    def time_pages(self, test_size):
        _compat.drain(self.module, test_size)

    def peakmem_pages(self, test_size):
        _compat.drain(self.module, test_size)


class APISmallPages(_timing.Timed):
    """Time of fetching `test_size` items, 10 a page, one page after the other: what every page costs shows here."""

    param_names = ["test_size"]
    params = ([500],)
    version = "1"

    def setup(self, test_size):
        self.module = paged(test_size, FEW_PAGE_ITEMS)

    def time_pages(self, test_size):
        _compat.drain(self.module, test_size)
