"""Static catalogs over HTTP at 50 ms: catalogs of ten Collections of a hundred items of 16 KB, on a local server."""

import asyncio
import importlib
import json
import time
from urllib.parse import urljoin

from . import _compat, _datasets, _static_server, _timing

LARGEST_AT_ONE = 500
"""One after another, 10,000 items take more than eight minutes: smaller catalogs tell the same for each item."""


def address(test_size):
    return _static_server.start(_datasets.data_set(10_000, "ndjson"), test_size)


class RemoteCatalogIngest(_timing.Timed):
    """A nested static catalog at each number of requests in flight. One after another only the small one."""

    param_names = ["concurrency", "test_size"]
    params = ([1, 5, 20, 64, "auto"], [500, 10_000])
    version = "1"
    repeat = (1, 3, 20.0)
    warmup_time = 0

    def setup(self, concurrency, test_size):
        if concurrency == 1 and test_size > LARGEST_AT_ONE:
            raise NotImplementedError("takes too long")
        self.module = _compat.remote_module(address(test_size), concurrency=concurrency)

    def time_ingest(self, concurrency, test_size):
        _compat.drain(self.module, test_size)


class RemoteCatalogPeers(_timing.Timed):
    """The same catalog with pystac, with stac-asset (20 documents at once), and with this package.

    rustac 0.9 does not follow the relative links of a catalog on a server.
    """

    param_names = ["way", "test_size"]
    params = (["pystac", "stac_asset_20", "stac_manager_1", "stac_manager_20"], [500])
    version = "1"
    repeat = (1, 2, 20.0)
    warmup_time = 0

    def setup(self, way, test_size):
        self.run = getattr(self, f"_{way.rstrip('_0123456789')}")
        if way.startswith("stac_manager"):
            self.module = _compat.remote_module(address(test_size), concurrency=int(way.rpartition("_")[2]))
            return
        try:
            importlib.import_module(way.rstrip("_0123456789"))
        except ImportError as error:
            raise NotImplementedError(f"{way} is not installed") from error
        self.address = address(test_size)

    def time_read(self, way, test_size):
        count = self.run()
        if count != test_size:
            raise RuntimeError(f"{count} items came out, {test_size} went in")

    def _stac_manager(self):
        return _compat.drain(self.module)[0]

    def _pystac(self):
        import pystac

        return sum(item.id != "" for item in pystac.Catalog.from_file(self.address).get_items(recursive=True))

    def _stac_asset(self):
        """It reads documents, and follows no links."""
        import stac_asset

        async def walk():
            places = asyncio.Semaphore(20)

            async def count_in(href):
                async with places:
                    document = json.loads(await stac_asset.read_href(href))
                if document["type"] == "Feature":
                    return 1
                hrefs = [urljoin(href, link["href"]) for link in document["links"] if link["rel"] in ("item", "child")]
                return sum(await asyncio.gather(*map(count_in, hrefs)))

            return await count_in(self.address)

        return asyncio.run(walk())


class RemoteCatalogCPU:
    """CPU seconds of this process for an item: what is left when waiting costs nothing."""

    param_names = ["concurrency", "test_size"]
    params = ([20], [500])
    version = "1"
    timeout = 900

    def setup(self, concurrency, test_size):
        self.module = _compat.remote_module(address(test_size), concurrency=concurrency)

    def track_cpu_seconds_per_item(self, concurrency, test_size):
        _compat.drain(self.module, test_size)  # imports what is imported late
        started = time.process_time()
        _compat.drain(self.module, test_size)
        return (time.process_time() - started) / test_size

    track_cpu_seconds_per_item.unit = "seconds"
