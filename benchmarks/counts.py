"""Counts that come out the same on every machine: what a fetch asks for, holds and imports."""

import os
import subprocess
import sys
from pathlib import Path

from . import _api_server, _compat, _datasets

DRIVER = Path(__file__).with_name("_driver.py")
ITEMS = 1000
FEW_ITEMS = 10
BUFFER_ITEMS = 150


class Requests:
    """Requests that API mode sends for 1,000 items, 100 a page, the landing page included."""

    unit = "requests/1,000 items"
    version = "1"
    timeout = 300

    def setup(self):
        server = _api_server.start(_datasets.data_set(ITEMS, "ndjson"))
        self.module = _compat.ingest_module("api", server, limit=100)
        _compat.require_count(self.module, "requests")

    def track_requests(self):
        _compat.drain(self.module, ITEMS)
        return self.module.stats.requests * 1000 / ITEMS


class Buffer:
    """The most documents that file mode held open at one time, where every read has to wait for the disk.

    Files in the page cache are read one by one at any concurrency, so the cold cache is made by hand (`_driver.py`).
    n/a where the system or the commit cannot read without waiting, and so cannot tell.
    """

    param_names = ["concurrency"]
    params = ([1, 10],)
    unit = "documents"
    version = "3"
    timeout = 300

    def setup(self, concurrency):
        if not hasattr(os, "RWF_NOWAIT"):
            raise NotImplementedError("this system cannot read without waiting for the disk")
        source = _datasets.data_set(BUFFER_ITEMS)
        module = _compat.ingest_module("file", source, concurrency=concurrency)
        _compat.require_count(module, "peak_buffer")
        self.peak, refused = map(int, _driven("cold", source, BUFFER_ITEMS, concurrency))
        if refused < BUFFER_ITEMS:
            raise NotImplementedError(f"only {refused} of {BUFFER_ITEMS} reads asked whether they would have to wait")

    def track_peak_buffer(self, concurrency):
        return self.peak


class Modules:
    """Modules that a fresh interpreter has imported with IngestModule, and after a fetch in each mode."""

    param_names = ["after"]
    params = (["import", "file", "api"],)
    unit = "modules"
    version = "2"
    timeout = 300

    def setup(self, after):
        _compat.require()
        source = _datasets.data_set(FEW_ITEMS, "ndjson")
        if after == "api":
            source = _api_server.start(source)
        self.fetch = () if after == "import" else (source, FEW_ITEMS)

    def track_modules(self, after):
        return int(_driven(after, *self.fetch)[0])


def _driven(*arguments):
    """Return the words that `_driver.py` prints."""
    command = [sys.executable, DRIVER, *arguments]
    done = subprocess.run(
        list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the fetch failed: {done.stderr.strip()[-1000:]}")
    return done.stdout.split()
