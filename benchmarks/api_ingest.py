"""API mode: a search of a local STAC API that takes 100 ms a request, at every concurrency."""

from . import _api_server, _compat, _datasets, _timing

PAGE_ITEMS = 100
THROTTLE_REQUESTS_A_SECOND = 30
# Options of the local server, each a way in which public servers differ from one that always takes 100 ms.
WORLDS = {
    "cached documents": ("--instant-documents",),
    "lognormal": ("--instant-documents", "--spread", "lognormal"),
    "bimodal": ("--instant-documents", "--spread", "bimodal"),
    "eight at once": ("--instant-documents", "--at-once", "8"),
    "by size": ("--instant-documents", "--seconds-per-megabyte", "0.1"),
    "throttled": ("--instant-documents", "--throttle", "30"),
    "throttled, mute": ("--instant-documents", "--throttle", "30", "--mute"),
    "outage": ("--instant-documents", "--outage", "20:3"),
}


def search(concurrency, test_size, *, skew=0.0, throttle=None):
    """Return the module that searches a server with `test_size` Sentinel-2 items of 16 KB, and the server's address."""
    # Asked before the server starts, so that a level which the commit does not offer is n/a at once.
    _compat.ingest_module("api", "http://localhost/", concurrency=concurrency)
    server = _api_server.start(_datasets.data_set(test_size, "ndjson", skew=skew), throttle=throttle)
    return _compat.ingest_module("api", server, concurrency=concurrency, limit=PAGE_ITEMS), server


def skewed_search(concurrency, test_size):
    """Return the same where nine of ten items lie in one hundredth of the time range."""
    return search(concurrency, test_size, skew=0.9)


def throttled_search(concurrency, test_size):
    """Return the same from a server that refuses what exceeds 30 requests a second, and has refused nothing yet."""
    module, server = search(concurrency, test_size, throttle=THROTTLE_REQUESTS_A_SECOND)
    _api_server.reset(server)
    return module, server


class APIIngest(_timing.Timed):
    """Time and peak memory of fetching `test_size` items, 100 a page."""

    param_names = ["concurrency", "test_size"]
    params = ([1, 2, 5, 10, 20, 50], [500, 5000])
    version = "1"

    def setup(self, concurrency, test_size):
        self.module, _ = search(concurrency, test_size)

    def time_ingest(self, concurrency, test_size):
        _compat.drain(self.module, test_size)

    def peakmem_ingest(self, concurrency, test_size):
        _compat.drain(self.module, test_size)


class APIIngestAuto(_timing.Timed):
    """The same with the level found while running: apart, so that the axis of APIIngest stays one of numbers."""

    param_names = ["test_size"]
    params = ([500, 5000],)
    version = "1"

    def setup(self, test_size):
        self.module, _ = search("auto", test_size)

    def time_ingest(self, test_size):
        _compat.drain(self.module, test_size)

    def peakmem_ingest(self, test_size):
        _compat.drain(self.module, test_size)


class LongAPIIngest(_timing.Timed):
    """Searches so long that start-up no longer counts, and that memory would show it if it grew with them."""

    param_names = ["concurrency", "test_size"]
    params = ([1, 20], [10000, 50000])
    version = "2"
    repeat = 1
    warmup_time = 0

    def setup(self, concurrency, test_size):
        self.module, _ = search(concurrency, test_size)

    def time_ingest(self, concurrency, test_size):
        _compat.drain(self.module, test_size)

    def peakmem_ingest(self, concurrency, test_size):
        _compat.drain(self.module, test_size)


class SkewedAPIIngest(_timing.Timed):
    """Nine of ten items lie in one hundredth of the time range: cut by time alone, one worker would have them all."""

    param_names = ["concurrency", "test_size"]
    params = ([1, 5, 10, 20], [10000])
    version = "2"
    repeat = (1, 3, 10.0)
    warmup_time = 0

    def setup(self, concurrency, test_size):
        self.module, _ = skewed_search(concurrency, test_size)

    def time_ingest(self, concurrency, test_size):
        _compat.drain(self.module, test_size)


class ThrottledAPIIngest(_timing.Timed):
    """A server that answers 429 above 30 requests a second: the time, and how many requests it refused."""

    param_names = ["concurrency", "test_size"]
    params = ([1, 2, 5, 10, 20], [10000])
    version = "2"
    repeat = (1, 3, 10.0)
    warmup_time = 0

    def setup(self, concurrency, test_size):
        self.module, self.server = throttled_search(concurrency, test_size)

    def time_ingest(self, concurrency, test_size):
        _compat.drain(self.module, test_size)

    def track_refusals(self, concurrency, test_size):
        _compat.drain(self.module, test_size)
        return _api_server.served(self.server)["refused"]

    track_refusals.unit = "refused requests"


class ThrottledAPIIngestAuto(_timing.Timed):
    """The same with the level found while running."""

    param_names = ["test_size"]
    params = ([10000],)
    version = "2"
    repeat = (1, 3, 10.0)
    warmup_time = 0

    def setup(self, test_size):
        self.module, self.server = throttled_search("auto", test_size)

    def time_ingest(self, test_size):
        _compat.drain(self.module, test_size)

    def track_refusals(self, test_size):
        _compat.drain(self.module, test_size)
        return _api_server.served(self.server)["refused"]

    track_refusals.unit = "refused requests"


class AutoAPIIngest(_timing.Timed):
    """Servers as there are: the level found while running beside fixed ones, 50 pages of 100 items."""

    param_names = ["world", "concurrency"]
    params = (list(WORLDS), [5, 20, "auto"])
    version = "1"
    repeat = 1
    rounds = 1
    warmup_time = 0

    def setup(self, world, concurrency):
        _compat.ingest_module("api", "http://localhost/", concurrency=concurrency)
        server = _api_server.start(_datasets.data_set(5000, "ndjson"), options=WORLDS[world])
        _api_server.reset(server)
        self.module = _compat.ingest_module("api", server, concurrency=concurrency, limit=PAGE_ITEMS)

    def time_ingest(self, world, concurrency):
        _compat.drain(self.module, 5000)

    time_ingest.items = 5000


class APIRequests:
    """Requests sent for a search, as the module itself counts them: the pages, and what it takes to plan them.

    Who has no work left takes some of another's, so above 1 the count depends on who was fast: the exact one is
    `counts.Requests`.
    """

    param_names = ["concurrency", "test_size"]
    params = ([1, 2, 5, 10, 20, 50], [5000])
    version = "1"
    timeout = 900

    def setup(self, concurrency, test_size):
        self.module, _ = search(concurrency, test_size)
        _compat.require_count(self.module, "requests")

    def track_requests(self, concurrency, test_size):
        _compat.drain(self.module, test_size)
        return self.module.stats.requests

    track_requests.unit = "requests sent"
