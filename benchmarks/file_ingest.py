"""File mode: a folder of item files, at every concurrency."""

import gc
import os

from . import _compat, _datasets, _page_cache, _timing


def folder(concurrency, test_size, *, page_cache="warm"):
    """Return the module that reads `test_size` Sentinel-2 items of 16 KB, a file each.

    Cold: every file is dropped from the page cache, which is verified, or it is n/a.
    """
    source = _datasets.data_set(test_size)
    module = _compat.ingest_module("file", source, concurrency=concurrency)
    if page_cache == "cold":
        _page_cache.evict(source)
    return module


class FileIngest(_timing.Timed):
    """Time and peak memory of reading `test_size` Sentinel-2 items of 16 KB, a file each, page cache warm."""

    param_names = ["concurrency", "test_size"]
    params = ([1, 5, 10, 20, 50], [1000, 10000])
    version = "1"

    def setup(self, concurrency, test_size):
        self.module = folder(concurrency, test_size)

    def time_ingest(self, concurrency, test_size):
        _compat.drain(self.module, test_size)

    def peakmem_ingest(self, concurrency, test_size):
        _compat.drain(self.module, test_size)


class ColdFileIngest(_timing.Timed):
    """The same with a cold page cache: every file is dropped before each sample, which is verified, or it is n/a."""

    param_names = ["concurrency", "test_size"]
    params = ([1, 5, 10, 20, 50], [10000])
    version = "1"
    warmup_time = 0

    def setup(self, concurrency, test_size):
        self.module = folder(concurrency, test_size, page_cache="cold")

    def time_ingest(self, concurrency, test_size):
        _compat.drain(self.module, test_size)


LAYOUTS = ["directory", "ndjson", "featurecollection", "geoparquet"]


class FormatIngest(_timing.Timed):
    """The same items in each layout that file mode reads, page cache warm."""

    param_names = ["layout", "test_size"]
    params = (LAYOUTS, [1000])
    version = "1"

    def setup(self, layout, test_size):
        self.module = _compat.ingest_module("file", _datasets.data_set(test_size, layout))

    def time_format(self, layout, test_size):
        _compat.drain(self.module, test_size)

    def peakmem_format(self, layout, test_size):
        _compat.drain(self.module, test_size)


class EveryFormatIngest(_timing.Timed):
    """The layouts of FormatIngest one after the other: one timing that every way of decoding is part of.

    Without stac-geoparquet, which asv's environments have, `compare` reads the others on both sides.
    """

    param_names = ["test_size"]
    params = ([250],)
    version = "1"

    def setup(self, test_size):
        sources = [_datasets.data_set(test_size, layout) for layout in LAYOUTS if _datasets.can_make(layout)]
        self.modules = [_compat.ingest_module("file", source) for source in sources]

    def time_formats(self, test_size):
        for module in self.modules:
            _compat.drain(module, test_size)


class AutoFileIngest(_timing.Timed):
    """The folder of FileIngest with `concurrency="auto"`, page cache warm and cold."""

    param_names = ["page_cache", "test_size"]
    params = (["warm", "cold"], [10000])
    version = "1"
    warmup_time = 0

    def setup(self, page_cache, test_size):
        self.module = folder("auto", test_size, page_cache=page_cache)

    def time_auto(self, page_cache, test_size):
        _compat.drain(self.module, test_size)


class KeptFileIngest(_timing.Timed):
    """Items dropped and items kept in a list, the garbage collector on as users run it (asv switches it off).

    `bare_kept_collector_off` is the bare loop that keeps them without a collector: the best that can be had.
    """

    param_names = ["use", "test_size"]
    params = (["dropped", "kept", "bare_kept_collector_off"], [10000])
    version = "1"

    def setup(self, use, test_size):
        source = _datasets.data_set(test_size)
        self.paths = sorted(entry.path for entry in os.scandir(source))
        self.module = _compat.ingest_module("file", source)
        self.run = {"dropped": _compat.drain, "kept": _compat.kept}.get(use, self._bare)

    def time_use(self, use, test_size):
        was_on = gc.isenabled()
        if use != "bare_kept_collector_off":
            gc.enable()
        try:
            self.run(self.module, test_size)
        finally:
            if not was_on:
                gc.disable()

    def _bare(self, module, expected):
        import orjson

        items = []
        for path in self.paths:
            file = os.open(path, os.O_RDONLY)
            items.append(orjson.loads(os.read(file, os.fstat(file).st_size)))
            os.close(file)
        if len(items) != expected:
            raise RuntimeError(f"{len(items)} items came out, {expected} went in")


class PartialFileIngest(_timing.Timed):
    """Four fields of each item, and all of it, in the layouts from which a part can be read for less."""

    param_names = ["fields", "layout", "test_size"]
    params = (["four", "all"], ["directory", "ndjson", "geoparquet"], [10_000])
    version = "1"

    def setup(self, fields, layout, test_size):
        wanted = {"fields": ["id", "properties.datetime", "bbox", "assets.green.href"]} if fields == "four" else {}
        self.module = _compat.ingest_module("file", _datasets.data_set(test_size, layout), **wanted)

    def time_fields(self, fields, layout, test_size):
        _compat.drain(self.module, test_size)
