"""Counts that come out the same on every machine: what a fetch asks for, holds and imports."""

import subprocess
import sys
from pathlib import Path

from . import _api_server, _compat, _datasets, _page_cache

DRIVER = Path(__file__).with_name("_driver.py")
ITEMS = 1000
FEW_ITEMS = 10
EVICTED_ITEMS = 150  # of a folder that no other benchmark reads, and so brings back into the page cache


class Requests:
    """Requests that API mode sends for 1,000 items, 100 a page, the landing page included."""

    unit = "requests/1,000 items"
    version = "1"
    timeout = 300

    def setup(self):
        server = _api_server.start(_datasets.data_set(ITEMS, "ndjson"), 0.0)
        self.module = _compat.ingest_module("api", server, limit=100)
        _compat.require_count(self.module, "requests")

    def track_requests(self):
        _compat.drain(self.module, ITEMS)
        return self.module.stats.requests * 1000 / ITEMS


class Buffer:
    """The most documents that file mode held open at one time, of a folder that is not in the page cache.

    Files that are there are read one by one at any concurrency. n/a where it cannot be shown that they are not.
    """

    param_names = ["concurrency"]
    params = ([1, 10],)
    unit = "documents"
    version = "2"
    timeout = 300

    def setup(self, concurrency):
        source = _datasets.data_set(EVICTED_ITEMS)
        self.module = _compat.ingest_module("file", source, concurrency=concurrency)
        _compat.require_count(self.module, "peak_buffer")
        _page_cache.evict(source)

    def track_peak_buffer(self, concurrency):
        _compat.drain(self.module, EVICTED_ITEMS)
        return self.module.stats.peak_buffer


class Modules:
    """Modules that a fresh interpreter has imported after `import stac_manager`, and after a fetch in each mode."""

    param_names = ["after"]
    params = (["import", "file", "api"],)
    unit = "modules"
    version = "1"
    timeout = 300

    def setup(self, after):
        _compat.require()
        source = _datasets.data_set(FEW_ITEMS, "ndjson")
        if after == "api":
            source = _api_server.start(source, 0.0)
        self.fetch = () if after == "import" else (str(source), str(FEW_ITEMS))

    def track_modules(self, after):
        command = [sys.executable, str(DRIVER), after, *self.fetch]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the fetch failed: {done.stderr.strip()[-1000:]}")
        return int(done.stdout)
