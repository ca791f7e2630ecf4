"""A real catalog, over a real network: only where the environment names one, and asked as little as possible.

STAC_MANAGER_LIVE_CATALOG        its landing page; without it everything here is n/a
STAC_MANAGER_LIVE_COLLECTION     a collection to search
STAC_MANAGER_LIVE_DATETIME       an interval to search
STAC_MANAGER_LIVE_AUTHORIZATION  value of the header Authorization, sent to that catalog and written nowhere
"""

import os

from . import _compat

PREFIX = "STAC_MANAGER_LIVE_"


class LiveAPIIngest:
    """One single run a level: the day, the network and the server's other users are in the figure."""

    param_names = ["concurrency", "max_items"]
    params = ([1, 5, 10], [500])
    version = "1"
    number = 1
    repeat = 1
    rounds = 1
    warmup_time = 0
    timeout = 900

    def setup(self, concurrency, max_items):
        catalog = os.environ.get(f"{PREFIX}CATALOG")
        if not catalog:
            raise NotImplementedError(f"{PREFIX}CATALOG names no catalog")
        options = {"collection_id": os.environ.get(f"{PREFIX}COLLECTION")}
        options["datetime"] = os.environ.get(f"{PREFIX}DATETIME")
        if authorization := os.environ.get(f"{PREFIX}AUTHORIZATION"):
            options["headers"] = {"Authorization": authorization}
        given = {name: value for name, value in options.items() if value}
        self.module = _compat.ingest_module("api", catalog, concurrency=concurrency, max_items=max_items, **given)

    def time_ingest(self, concurrency, max_items):
        count, failures = _compat.drain(self.module)
        if not count or failures:
            raise RuntimeError(f"{count} items came out; failures: {len(failures)}")
