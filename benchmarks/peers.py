"""Other ways to items: from the files that FileIngest reads, and from the API that APIIngest searches."""

import asyncio
import importlib
import json
import os
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from . import _api_server, _compat, _datasets, _timing, catalog_ingest


def _require(module):
    """Raise NotImplementedError where a module is not installed. For setup, where that means n/a."""
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise NotImplementedError(f"{module} is not installed") from error


class FilePeers(_timing.Timed):
    """A bare loop of one thread, the first method of this project, this package, pystac and rustac; items dropped."""

    param_names = ["way", "test_size"]
    params = (["bare_loop", "thread_hop", "stac_manager", "pystac", "rustac", "lines", "one_document"], [1000])
    version = "1"

    def setup(self, way, test_size):
        self.paths = sorted(entry.path for entry in os.scandir(_datasets.data_set(test_size)))
        self.run = getattr(self, f"_{way}")
        if way in ("pystac", "rustac"):
            _require(way)
        if way == "stac_manager":
            _compat.require()

    def time_read(self, way, test_size):
        count = self.run()
        if count != test_size:
            raise RuntimeError(f"{count} items came out, {test_size} went in")

    def _bare_loop(self):
        import orjson

        count = 0
        for path in self.paths:
            file = os.open(path, os.O_RDONLY)
            data = os.read(file, os.fstat(file).st_size)
            os.close(file)
            count += orjson.loads(data)["type"] == "Feature"
        return count

    def _lines(self):
        """The same items as NDJSON, each line parsed."""
        import orjson

        with open(_datasets.data_set(len(self.paths), "ndjson"), "rb") as file:
            return sum(orjson.loads(line)["type"] == "Feature" for line in file)

    def _one_document(self):
        """The same items as a FeatureCollection, parsed whole."""
        import orjson

        return len(orjson.loads(_datasets.data_set(len(self.paths), "featurecollection").read_bytes())["features"])

    def _thread_hop(self):
        async def read():
            count = 0
            for path in self.paths:
                count += json.loads(await asyncio.to_thread(Path(path).read_text))["type"] == "Feature"
            return count

        return asyncio.run(read())

    def _stac_manager(self):
        return _compat.drain(_compat.ingest_module("file", Path(self.paths[0]).parent))[0]

    def _pystac(self):
        import pystac

        return sum(pystac.Item.from_file(path).id != "" for path in self.paths)

    def _rustac(self):
        import rustac

        async def read():
            count = 0
            for start in range(0, len(self.paths), 50):
                found = await asyncio.gather(*map(rustac.read, self.paths[start : start + 50]))
                count += sum(item["type"] == "Feature" for item in found)
            return count

        return asyncio.run(read())


class ParquetPeers(_timing.Timed):
    """This package and stac-geoparquet, a batch of 1,000 rows at a time, on the GeoParquet file of FormatIngest."""

    param_names = ["way", "test_size"]
    params = (["stac_manager", "stac_geoparquet"], [1000])
    version = "1"

    def setup(self, way, test_size):
        self.path = _datasets.data_set(test_size, "geoparquet")
        self.run = getattr(self, f"_{way}")
        if way == "stac_manager":
            _compat.require()

    def time_read(self, way, test_size):
        count = self.run()
        if count != test_size:
            raise RuntimeError(f"{count} items came out, {test_size} went in")

    def _stac_manager(self):
        return _compat.drain(_compat.ingest_module("file", self.path))[0]

    def _stac_geoparquet(self):
        import pyarrow
        import pyarrow.parquet
        from stac_geoparquet.arrow import stac_table_to_items

        count = 0
        with pyarrow.parquet.ParquetFile(self.path) as file:
            for batch in file.iter_batches(1000):
                for item in stac_table_to_items(pyarrow.Table.from_batches([batch])):
                    count += item["type"] == "Feature"
        return count


AT_ONCE = 10
SLICES_A_WORKER = 4


class CatalogPeers(_timing.Timed):
    """This package and pystac on the nested static catalog of CatalogIngest."""

    param_names = ["way", "test_size"]
    params = (["stac_manager", "pystac"], [1000])
    version = "1"

    def setup(self, way, test_size):
        if way == "pystac":
            _require("pystac")
        else:
            _compat.require_module("stac_manager.files.catalogs")
        self.entry = catalog_ingest.nested_catalog(test_size)
        self.run = getattr(self, f"_{way}")

    def time_read(self, way, test_size):
        count = self.run()
        if count != test_size:
            raise RuntimeError(f"{count} items came out, {test_size} went in")

    def _stac_manager(self):
        return _compat.drain(_compat.ingest_module("file", self.entry))[0]

    def _pystac(self):
        import pystac

        return sum(item.id != "" for item in pystac.Catalog.from_file(str(self.entry)).get_items(recursive=True))


class _APIPeers:
    """Every way sends the same search, 100 items a page, to the same local STAC API; items dropped."""

    param_names = ["way", "test_size"]
    version = "1"
    timeout = 900
    skew = 0.0

    def setup(self, way, test_size):
        module = {"pystac_client": "pystac_client", "rustac": "rustac"}.get(way, "aiohttp")
        if way.startswith("stac_manager"):
            concurrency = int(way.rpartition("_")[2])
            _compat.ingest_module("api", "http://localhost/", concurrency=concurrency)
        else:
            _require(module)
        self.server = _api_server.start(_datasets.data_set(test_size, "ndjson", skew=self.skew))
        if way.startswith("stac_manager"):
            self.module = _compat.ingest_module("api", self.server, concurrency=concurrency, limit=100)
            way = "stac_manager"
        self.run = getattr(self, f"_{way}")

    def _fetch(self, test_size):
        count = self.run()
        if count != test_size:
            raise RuntimeError(f"{count} items came out, {test_size} went in")

    def _bare_aiohttp(self):
        """Page by page, each read whole and parsed at once: the least that Python can do."""
        import aiohttp

        async def read():
            async with aiohttp.ClientSession() as session:
                return sum([len(items) async for items in self._pages(session, {"limit": 100})])

        return asyncio.run(read())

    def _equal_slices(self):
        """Time cut into as many equal slices as workers, each worker follows its own."""
        return asyncio.run(self._sliced(AT_ONCE))

    def _queue_of_slices(self):
        """Time cut into more equal slices than workers, who take the next one when theirs is read."""
        return asyncio.run(self._sliced(SLICES_A_WORKER * AT_ONCE))

    async def _sliced(self, parts):
        """Items at a shared edge come twice, so the ids are remembered."""
        import aiohttp

        seen = set()
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{self.server}/collections") as response:
                (collection,) = (await response.json())["collections"]
            low, high = map(datetime.fromisoformat, collection["extent"]["temporal"]["interval"][0])
            width = (high - low) / parts
            edges = [f"{low + width * part:%Y-%m-%dT%H:%M:%SZ}" for part in range(parts)]
            left = pairwise([*edges, f"{datetime(2200, 1, 1, tzinfo=UTC):%Y-%m-%dT%H:%M:%SZ}"])

            async def worker():
                for start, end in left:
                    async for items in self._pages(session, {"limit": 100, "datetime": f"{start}/{end}"}):
                        seen.update(item["id"] for item in items)

            async with asyncio.TaskGroup() as workers:
                for _ in range(AT_ONCE):
                    workers.create_task(worker())
        return len(seen)

    async def _pages(self, session, body):
        import orjson

        while body is not None:
            async with session.post(f"{self.server}/search", data=orjson.dumps(body)) as response:
                page = orjson.loads(await response.read())
            yield page["features"]
            body = next((link["body"] for link in page["links"] if link["rel"] == "next"), None)

    def _pystac_client(self):
        import pystac_client

        search = pystac_client.Client.open(self.server).search(limit=100)
        return sum(item["type"] == "Feature" for item in search.items_as_dicts())

    def _rustac(self):
        import rustac

        async def search():
            return len(await rustac.search(self.server, limit=100))

        return asyncio.run(search())

    def _stac_manager(self):
        return _compat.drain(self.module)[0]


class APIPeers(_APIPeers, _timing.Timed):
    """Time of aiohttp with orjson alone, pystac-client, rustac's client, and this package with 1 and 10 workers.

    Then aiohttp with 10 workers on equal slices of time: one slice each, or four times as many in a queue.
    """

    version = "2"
    params = (
        ["bare_aiohttp", "pystac_client", "rustac", "stac_manager_1", "stac_manager_10", "equal_slices",
         "queue_of_slices"],
        [5000],
    )  # fmt: skip
    repeat = (1, 3, 10.0)
    warmup_time = 0

    def time_read(self, way, test_size):
        self._fetch(test_size)


class SkewedAPIPeers(_APIPeers, _timing.Timed):
    """Equal slices where nine of ten items lie in one hundredth of the time range, as in SkewedAPIIngest."""

    params = (["equal_slices", "queue_of_slices"], [10000])
    repeat = (1, 3, 10.0)
    warmup_time = 0
    skew = 0.9

    def time_read(self, way, test_size):
        self._fetch(test_size)


class APIPeersCPU(_APIPeers):
    """CPU seconds of this process for an item, the garbage collector on: what is left when waiting costs nothing."""

    params = (["bare_aiohttp", "stac_manager_1", "stac_manager_10"], [5000])

    def track_cpu_seconds_per_item(self, way, test_size):
        self._fetch(test_size)  # imports what is imported late
        started = time.process_time()
        self._fetch(test_size)
        return (time.process_time() - started) / test_size

    track_cpu_seconds_per_item.unit = "seconds"
