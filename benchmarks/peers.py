"""Other ways from a folder of item files to items, on the files that FileIngest reads."""

import asyncio
import importlib
import json
import os
from pathlib import Path

from . import _compat, _datasets


class FilePeers:
    """A bare loop of one thread, the first method of this project, this package, pystac and rustac; items dropped."""

    param_names = ["way", "test_size"]
    params = (["bare_loop", "thread_hop", "stac_manager", "pystac", "rustac"], [1000])
    version = "1"
    number = 1
    repeat = (3, 5, 10.0)
    rounds = 2
    timeout = 900

    def setup(self, way, test_size):
        self.paths = sorted(entry.path for entry in os.scandir(_datasets.data_set(test_size)))
        self.run = getattr(self, f"_{way}")
        if way in ("pystac", "rustac"):
            try:
                importlib.import_module(way)
            except ImportError as error:
                raise NotImplementedError(f"{way} is not installed") from error
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


class ParquetPeers:
    """This package and stac-geoparquet, a batch of 1,000 rows at a time, on the GeoParquet file of FormatIngest."""

    param_names = ["way", "test_size"]
    params = (["stac_manager", "stac_geoparquet"], [1000])
    version = "1"
    number = 1
    repeat = (3, 5, 10.0)
    rounds = 2
    timeout = 900

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
