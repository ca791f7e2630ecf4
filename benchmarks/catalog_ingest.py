"""File mode: a static catalog of nested folders, and compressed files."""

import json
import os
import shutil
import zlib
from pathlib import Path

from . import _compat, _datasets, _timing

ITEMS_A_LEAF = 25
LEAVES_A_COLLECTION = 10


def nested_catalog(items):
    """Return the entry point of a catalog of Collections of Catalogs of item files, making it if it is not there."""
    source = _datasets.data_set(items, "ndjson")
    folder = source.parent.parent / f"{source.parent.name}-nested"
    if not (folder / "catalog.json").exists():
        making = Path(f"{folder}.{os.getpid()}")
        shutil.rmtree(making, ignore_errors=True)
        _write_catalog(source, making)
        shutil.rmtree(folder, ignore_errors=True)
        making.rename(folder)
    return folder / "catalog.json"


def _write_catalog(source, folder):
    lines = source.read_bytes().splitlines()
    leaves = [lines[start : start + ITEMS_A_LEAF] for start in range(0, len(lines), ITEMS_A_LEAF)]
    groups = [leaves[start : start + LEAVES_A_COLLECTION] for start in range(0, len(leaves), LEAVES_A_COLLECTION)]
    for number, group in enumerate(groups):
        for month, leaf in enumerate(group):
            place = folder / f"c{number}" / f"{month:02}"
            place.mkdir(parents=True)
            names = [json.loads(line)["id"] for line in leaf]
            for name, line in zip(names, leaf, strict=True):
                (place / f"{name}.json").write_bytes(line)
            _write(
                place / "catalog.json", "Catalog", f"{number}-{month}", [("item", f"./{name}.json") for name in names]
            )
        children = [("child", f"./{month:02}/catalog.json") for month in range(len(group))]
        _write(folder / f"c{number}" / "collection.json", "Collection", f"c{number}", children)
    children = [("child", f"./c{number}/collection.json") for number in range(len(groups))]
    _write(folder / "catalog.json", "Catalog", "root", children)


def _write(path, kind, name, links):
    document = {
        "type": kind,
        "stac_version": "1.1.0",
        "id": name,
        "description": name,
        "license": "other",
        "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}},
        "links": [{"rel": rel, "href": href, "type": "application/json"} for rel, href in links],
    }
    path.write_text(json.dumps(document))


def packed(items, kind):
    """Return NDJSON of so many items, plain or compressed, making it if it is not there."""
    source = _datasets.data_set(items, "ndjson")
    if kind == "plain":
        return source
    path = source.with_name(f"{source.name}.{kind}")
    if not path.exists():
        if kind == "gz":
            packer = zlib.compressobj(6, wbits=31)
            data = packer.compress(source.read_bytes()) + packer.flush()
        else:
            from backports import zstd

            data = zstd.compress(source.read_bytes())
        making = path.with_name(f"{path.name}.{os.getpid()}")
        making.write_bytes(data)
        making.rename(path)
    return path


class CatalogIngest(_timing.Timed):
    """Time and peak memory of a nested static catalog of `test_size` items of 16 KB on disk, page cache warm."""

    param_names = ["concurrency", "test_size"]
    params = ([1, 10], [1000, 10000])
    version = "1"

    def setup(self, concurrency, test_size):
        _compat.require_module("stac_manager.files.catalogs")
        self.module = _compat.ingest_module("file", nested_catalog(test_size), concurrency=concurrency)

    def time_catalog(self, concurrency, test_size):
        _compat.drain(self.module, test_size)

    def peakmem_catalog(self, concurrency, test_size):
        _compat.drain(self.module, test_size)


class PackedIngest(_timing.Timed):
    """NDJSON, gzip and zstd of the same items, and the unpacking alone in the pieces in which file mode does it."""

    param_names = ["packed", "test_size"]
    params = (["plain", "gz", "zst", "unpack_gz", "unpack_zst"], [1000])
    version = "1"

    def setup(self, packed_as, test_size):
        _compat.require_module("stac_manager.files.compression")
        path = packed(test_size, packed_as.removeprefix("unpack_"))
        if packed_as.startswith("unpack_"):
            self.run = lambda: unpack(path)
        else:
            module = _compat.ingest_module("file", path)
            self.run = lambda: _compat.drain(module, test_size)

    def time_packed(self, packed_as, test_size):
        self.run()


def unpack(path):
    """Unpack a file in pieces and return its length."""
    import gzip

    if path.suffix == ".gz":
        opened = gzip.open
    else:
        from backports import zstd

        opened = zstd.open
    with opened(path) as file:
        return sum(iter(lambda: len(file.read(65_536)), 0))
