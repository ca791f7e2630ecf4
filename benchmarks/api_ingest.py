"""API mode: a search of a local STAC API that takes 100 ms a request, at every concurrency."""

from . import _api_server, _compat, _datasets

LATENCY_SECONDS = 0.1


class APIIngest:
    """Time and peak memory of fetching `test_size` Sentinel-2 items of 16 KB, 100 a page."""

    param_names = ["concurrency", "test_size"]
    params = ([1, 5, 10, 20, 50], [500, 5000])
    version = "1"
    number = 1
    repeat = (3, 5, 10.0)
    rounds = 2
    timeout = 900

    def setup(self, concurrency, test_size):
        self.module = _compat.ingest_module("api", "http://localhost/", concurrency=concurrency)
        server = _api_server.start(_datasets.data_set(test_size, "ndjson"), LATENCY_SECONDS)
        self.module = _compat.ingest_module("api", server, concurrency=concurrency, limit=100)

    def time_ingest(self, concurrency, test_size):
        _compat.drain(self.module, test_size)

    def peakmem_ingest(self, concurrency, test_size):
        _compat.drain(self.module, test_size)
