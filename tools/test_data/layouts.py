"""How items lie on disk. Every writer gets the items as JSON and the folder to fill."""

from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from tools.errors import ToolError

from .items import END, START, DataSetSpec, build, rfc3339
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


class Texts:
    """The id and the JSON of every item, made while they are asked for.

    Attributes:
        bytes: Of the JSON of those that were made.
    """

    def __init__(self, spec: DataSetSpec, progress: Callable[[int, int], None]) -> None:
        self.spec = spec
        self.progress = progress
        self.bytes = 0

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        for index in range(self.spec.items):
            item = build(self.spec, index)
            text = orjson.dumps(item)
            self.bytes += len(text)
            yield item["id"], text
            if (index + 1) % _PROGRESS_STEP_ITEMS == 0:
                self.progress(index + 1, self.spec.items)


def _write_directory(texts: Texts, folder: Path) -> None:
    items = folder / "items"
    items.mkdir()
    for name, text in texts:
        _write_item(items, name, text)


def _write_collection(texts: Texts, folder: Path) -> None:
    items = folder / "collection" / "items"
    items.mkdir(parents=True)
    collection = _collection(texts.spec)
    links = collection.pop("links")
    # The link to each item is written as the item is: no list of all of them.
    with (folder / "collection" / "collection.json").open("wb", _WRITE_BUFFER_BYTES) as file:
        file.write(orjson.dumps(collection)[:-1] + b',"links":' + orjson.dumps(links)[:-1])
        for name, text in texts:
            _write_item(items, name, text)
            link = {"rel": "item", "href": f"./items/{name}.json", "type": "application/geo+json"}
            file.write(b",\n" + orjson.dumps(link))
        file.write(b"]}\n")


def _write_featurecollection(texts: Texts, folder: Path) -> None:
    separator = b'{"type":"FeatureCollection","features":[\n'
    with (folder / "items.json").open("wb", _WRITE_BUFFER_BYTES) as file:
        for _, text in texts:
            file.write(separator)
            file.write(text)
            separator = b",\n"
        file.write(b"\n]}\n")


def _write_ndjson(texts: Texts, folder: Path) -> None:
    with (folder / "items.ndjson").open("wb", _WRITE_BUFFER_BYTES) as file:
        for _, text in texts:
            file.write(text)
            file.write(b"\n")


def _write_geoparquet(texts: Texts, folder: Path) -> None:
    try:
        from stac_geoparquet.arrow import parse_stac_ndjson_to_parquet
    except ModuleNotFoundError as error:
        raise ToolError(f"layout geoparquet needs pyarrow and stac-geoparquet ({error})") from error

    # Two passes over lines on disk, the first one for a schema that fits every item: bounded memory.
    _write_ndjson(texts, folder)
    lines = folder / "items.ndjson"
    parse_stac_ndjson_to_parquet(lines, folder / "items.parquet", chunk_size=ROW_GROUP_ITEMS)
    lines.unlink()


WRITERS: dict[str, Callable[[Texts, Path], None]] = {
    "directory": _write_directory,
    "featurecollection": _write_featurecollection,
    "ndjson": _write_ndjson,
    "geoparquet": _write_geoparquet,
    "collection": _write_collection,
}


def _write_item(folder: Path, name: str, text: bytes) -> None:
    (folder / f"{name}.json").write_bytes(text)


def _collection(spec: DataSetSpec) -> Json:
    profile = PROFILES[spec.profile].template
    interval = [rfc3339(START), rfc3339(END)]
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "id": profile.collection,
        "title": profile.title,
        "description": profile.description,
        "license": profile.license,
        "extent": {
            "spatial": {"bbox": [[-180, -90, 180, 90]]},
            "temporal": {"interval": [interval]},
        },
        "links": [{"rel": "root", "href": "./collection.json", "type": "application/json"}],
    }
