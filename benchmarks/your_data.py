"""One run on data that the user names, for `tools/benchmark_ingest.py file` and `api`.

There is nothing here to discover unless the command line asks for it through the environment, so that the history of
the suite holds the same names everywhere. Whatever asv's own result file has no place for (items, memory and
CPU time of the timed runs, reasons of failures) goes to a file of observations, one JSON line each.
"""

import functools
import json
import os

from . import _compat, _memory, _usage

REQUEST_VARIABLE = "STAC_MANAGER_BENCHMARK"
_request = json.loads(os.environ.get(REQUEST_VARIABLE, "null"))


def _observe(concurrency, **observation):
    with open(_request["observations"], "a", encoding="utf-8") as file:
        file.write(json.dumps({"concurrency": concurrency, **observation}) + "\n")


@functools.cache
def _import_bytes(mode):
    """Return the peak memory once everything is imported, before the first item is fetched in this process."""
    _compat.load(mode)
    return _memory.peak_bytes()


if _request:

    class YourData:
        """Time and peak memory of fetching what the user named."""

        param_names = ["concurrency"]
        params = [_request["concurrency"]]
        version = "1"
        number = 1
        rounds = 1
        repeat = _request["repeat"]
        min_run_count = 1
        warmup_time = 1e-9 if _request["warm_up"] else 0
        timeout = 3600

        def setup(self, concurrency):
            options = _request["options"]
            self.import_bytes = _import_bytes(options["mode"])
            try:
                self.module = _compat.ingest_module(**options, concurrency=concurrency)
            except NotImplementedError as error:
                _observe(concurrency, missing=str(error))
                raise

        def time_ingest(self, concurrency):
            usage = {}
            try:
                with _usage.measured(usage):
                    self.items, self.failures = _compat.drain(self.module, _request["items"])
                self.usage = usage
            except Exception as error:
                _observe(concurrency, error=f"{error}" or type(error).__name__)
                raise

        def teardown(self, concurrency):
            if hasattr(self, "items"):
                _observe(
                    concurrency,
                    items=self.items,
                    failed=len(self.failures),
                    first_failure=str(self.failures[0]) if self.failures else None,
                    peak_bytes=_memory.peak_bytes(),
                    import_bytes=self.import_bytes,
                    usage={**self.usage, **_usage.counted(getattr(self.module, "stats", None))},
                )
