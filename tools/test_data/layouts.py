"""How items lie on disk. Every writer gets the spec, the folder to fill and what to tell about progress, and returns
the bytes of the items as JSON."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import orjson

from .items import DataSetSpec, build, rfc3339
from .profiles import PROFILES, STAC_VERSION
from .scene import Json

ROW_GROUP_ITEMS = 1_000
"""Items in one row group of a GeoParquet file, and the most that are in memory while it is written."""

_PROGRESS_STEP_ITEMS = 100
_WRITE_BUFFER_BYTES = 1 << 20

# Data of one layout: (its path in the folder of the set, the pattern of the files that hold items).
FILES = {
    "directory": ("items", "items/*.json"),
    "featurecollection": ("items.json", "items.json"),
    "ndjson": ("items.ndjson", "items.ndjson"),
    "geoparquet": ("items.parquet", "items.parquet"),
    "collection": ("collection", "collection/items/*.json"),
}


def _write_directory(spec: DataSetSpec, folder: Path, advance: Callable[[int], None]) -> int:
    items = folder / "items"
    items.mkdir()
    return sum(_write_item(items, name, text) for name, text in _texts(spec, advance))


def _write_collection(spec: DataSetSpec, folder: Path, advance: Callable[[int], None]) -> int:
    items = folder / "collection" / "items"
    items.mkdir(parents=True)
    collection = _collection(spec)
    links = collection.pop("links")
    total = 0
    # The link to each item is written as the item is: no list of all of them.
    with (folder / "collection" / "collection.json").open("wb", _WRITE_BUFFER_BYTES) as file:
        file.write(orjson.dumps(collection)[:-1] + b',"links":' + orjson.dumps(links)[:-1])
        for name, text in _texts(spec, advance):
            total += _write_item(items, name, text)
            link = {"rel": "item", "href": f"./items/{name}.json", "type": "application/geo+json"}
            file.write(b",\n" + orjson.dumps(link))
        file.write(b"]}\n")
    return total


def _write_featurecollection(spec: DataSetSpec, folder: Path, advance: Callable[[int], None]) -> int:
    total, separator = 0, b'{"type":"FeatureCollection","features":[\n'
    with (folder / "items.json").open("wb", _WRITE_BUFFER_BYTES) as file:
        for _, text in _texts(spec, advance):
            file.write(separator)
            file.write(text)
            total, separator = total + len(text), b",\n"
        file.write(b"\n]}\n")
    return total


def _write_ndjson(spec: DataSetSpec, folder: Path, advance: Callable[[int], None]) -> int:
    with (folder / "items.ndjson").open("wb", _WRITE_BUFFER_BYTES) as file:
        return _write_lines(spec, file, advance)


def _write_geoparquet(spec: DataSetSpec, folder: Path, advance: Callable[[int], None]) -> int:
    from stac_geoparquet.arrow import parse_stac_ndjson_to_parquet

    # Two passes over lines on disk, the first one for a schema that fits every item: bounded memory.
    lines = folder / "items.ndjson"
    with lines.open("wb", _WRITE_BUFFER_BYTES) as file:
        total = _write_lines(spec, file, advance)
    parse_stac_ndjson_to_parquet(lines, folder / "items.parquet", chunk_size=ROW_GROUP_ITEMS)
    lines.unlink()
    return total


WRITERS: dict[str, Callable[[DataSetSpec, Path, Callable[[int], None]], int]] = {
    "directory": _write_directory,
    "featurecollection": _write_featurecollection,
    "ndjson": _write_ndjson,
    "geoparquet": _write_geoparquet,
    "collection": _write_collection,
}


def _texts(spec: DataSetSpec, advance: Callable[[int], None]) -> Iterator[tuple[str, bytes]]:
    """The id and the JSON of every item."""
    option = orjson.OPT_INDENT_2 if spec.indent else 0
    for index in range(spec.items):
        item = build(spec, index)
        yield item["id"], orjson.dumps(item, option=option)
        if (index + 1) % _PROGRESS_STEP_ITEMS == 0:
            advance(_PROGRESS_STEP_ITEMS)
    advance(spec.items % _PROGRESS_STEP_ITEMS)


def _write_lines(spec: DataSetSpec, file: IO[bytes], advance: Callable[[int], None]) -> int:
    total = 0
    for _, text in _texts(spec, advance):
        file.write(text)
        file.write(b"\n")
        total += len(text)
    return total


def _write_item(folder: Path, name: str, text: bytes) -> int:
    return (folder / f"{name}.json").write_bytes(text)


def _collection(spec: DataSetSpec) -> Json:
    profile = PROFILES[spec.profile].template
    interval = [rfc3339(datetime(edge.year, edge.month, edge.day, tzinfo=UTC)) for edge in (spec.start, spec.end)]
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "id": profile.collection,
        "title": profile.title,
        "description": profile.description,
        "license": profile.license,
        "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [interval]}},
        "links": [{"rel": "root", "href": "./collection.json", "type": "application/json"}],
    }
