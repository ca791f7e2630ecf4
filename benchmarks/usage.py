"""Where the time of file and API mode goes: what a report concludes the bottleneck from, beside the speedup.

One run for each level, all in one process (`setup_cache`); asv then asks for one quantity after the other. The report
finds these by their names: `<Class>Usage.track_usage` explains `<Class>.time_ingest`.
"""

from . import _compat, _usage, api_ingest, file_ingest

FILE_QUANTITIES = [
    "wall_seconds",
    "cpu_seconds",
    "queue_seconds",
    "waiting_seconds",
    "reading_seconds",
    "decoding_seconds",
]
API_QUANTITIES = [
    "wall_seconds",
    "cpu_seconds",
    "queue_seconds",
    "waiting_seconds",
    "decoding_seconds",
    "paused_seconds",
    "tasks",
    "refusals",
]


class _Usage:
    param_names = ["concurrency", "test_size", "quantity"]
    version = "1"
    timeout = 900
    unit = "seconds or count"

    def setup(self, runs, concurrency, test_size, quantity):
        run = runs[concurrency, test_size]
        if "error" not in run and run.get(quantity) is None:
            raise NotImplementedError(run.get("missing", f"{quantity} is not counted"))

    def track_usage(self, runs, concurrency, test_size, quantity):
        if "error" in runs[concurrency, test_size]:
            raise RuntimeError(runs[concurrency, test_size]["error"])
        return runs[concurrency, test_size][quantity]


class FileIngestUsage(_Usage):
    """Reading the folders of FileIngest once, page cache warm."""

    params = ([1, 5, 10, 20, 50], [1000, 10000], FILE_QUANTITIES)

    # asv tells caches apart by the line of the function: one that two classes inherit would be one cache.
    def setup_cache(self):
        return _runs(self, _file_module)


class ColdFileIngestUsage(_Usage):
    """Reading the folder of ColdFileIngest once a level, every file dropped from the page cache before, or n/a."""

    params = ([1, 5, 10, 20, 50], [10000], FILE_QUANTITIES)

    def setup_cache(self):
        return _runs(self, _cold_file_module)


class APIIngestUsage(_Usage):
    """Fetching the items of APIIngest once, from a local STAC API that takes 100 ms a request."""

    version = "2"
    params = ([1, 5, 10, 20, 50], [500, 5000], API_QUANTITIES)

    def setup_cache(self):
        return _runs(self, _api_module)


class LongAPIIngestUsage(_Usage):
    """Fetching the items of LongAPIIngest once."""

    params = ([1, 20], [10000, 50000], API_QUANTITIES)

    def setup_cache(self):
        return _runs(self, _api_module)


class SkewedAPIIngestUsage(_Usage):
    """Fetching the items of SkewedAPIIngest once."""

    params = ([1, 5, 10, 20], [10000], API_QUANTITIES)

    def setup_cache(self):
        return _runs(self, _skewed_api_module)


class ThrottledAPIIngestUsage(_Usage):
    """Fetching the items of ThrottledAPIIngest once, from a server that refuses what comes too often."""

    params = ([1, 2, 5, 10, 20], [10000], API_QUANTITIES)

    def setup_cache(self):
        return _runs(self, _throttled_api_module)


def _file_module(concurrency, test_size):
    module = file_ingest.folder(concurrency, test_size)
    _compat.drain(module, test_size)  # warms the page cache
    return module


def _cold_file_module(concurrency, test_size):
    return file_ingest.folder(concurrency, test_size, page_cache="cold")


def _api_module(concurrency, test_size):
    return api_ingest.search(concurrency, test_size)[0]


def _skewed_api_module(concurrency, test_size):
    return api_ingest.skewed_search(concurrency, test_size)[0]


def _throttled_api_module(concurrency, test_size):
    return api_ingest.throttled_search(concurrency, test_size)[0]


def _runs(benchmark, make_module):
    levels, sizes, _ = benchmark.params
    return {(level, size): _run(make_module, level, size) for level in levels for size in sizes}


def _run(make_module, concurrency, test_size):
    """Return the quantities of one run, or why there are none: a level must not take the others with it."""
    usage = {}
    try:
        module = make_module(concurrency, test_size)
        with _usage.measured(usage):
            _compat.drain(module, test_size)
    except NotImplementedError as error:
        return {"missing": str(error)}
    except Exception as error:  # noqa: BLE001 - it is raised again by the level that it belongs to
        return {"error": f"{type(error).__name__}: {error}"}
    counted = _usage.counted(getattr(module, "stats", None))
    stages = {f"{name}_seconds": seconds for name, seconds in counted.pop("stages").items()}
    return {**usage, **stages, **counted}
