"""How items lie on disk: every writer gets the id and the JSON of each item, and the folder to fill."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

import orjson

from tools.errors import ToolError

from .items import END, START, DataSetSpec, rfc3339
from .profiles import PROFILES, STAC_VERSION
from .scene import Json

ROW_GROUP_ITEMS = 1_000
"""Items in one row group of a GeoParquet file, and the most that are in memory while it is written."""
_WRITE_BUFFER_BYTES = 1 << 20

Texts: TypeAlias = Iterable[tuple[str, bytes]]
Writer: TypeAlias = Callable[[DataSetSpec, Texts, Path], None]


def _write_directory(spec: DataSetSpec, texts: Texts, folder: Path) -> None:
    items = folder / "items"
    items.mkdir()
    for name, text in texts:
        (items / f"{name}.json").write_bytes(text)


def _write_collection(spec: DataSetSpec, texts: Texts, folder: Path) -> None:
    items = folder / "collection" / "items"
    items.mkdir(parents=True)
    # The link to each item is written as the item is: no list of all of them.
    with (folder / "collection" / "collection.json").open("wb", _WRITE_BUFFER_BYTES) as file:
        file.write(orjson.dumps(_collection(spec))[:-2])
        for name, text in texts:
            (items / f"{name}.json").write_bytes(text)
            link = {"rel": "item", "href": f"./items/{name}.json", "type": "application/geo+json"}
            file.write(b",\n" + orjson.dumps(link))
        file.write(b"]}\n")


def _write_featurecollection(spec: DataSetSpec, texts: Texts, folder: Path) -> None:
    separator = b'{"type":"FeatureCollection","features":[\n'
    with (folder / "items.json").open("wb", _WRITE_BUFFER_BYTES) as file:
        for _, text in texts:
            file.write(separator + text)
            separator = b",\n"
        file.write(b"\n]}\n")


def _write_ndjson(spec: DataSetSpec, texts: Texts, folder: Path) -> None:
    with (folder / "items.ndjson").open("wb", _WRITE_BUFFER_BYTES) as file:
        for _, text in texts:
            file.write(text + b"\n")


def _write_geoparquet(spec: DataSetSpec, texts: Texts, folder: Path) -> None:
    try:
        from stac_geoparquet.arrow import parse_stac_ndjson_to_parquet
    except ModuleNotFoundError as error:
        raise ToolError(f"layout geoparquet needs pyarrow and stac-geoparquet ({error})") from error

    # Two passes over lines on disk, the first one for a schema that fits every item: bounded memory.
    _write_ndjson(spec, texts, folder)
    lines = folder / "items.ndjson"
    parse_stac_ndjson_to_parquet(lines, folder / "items.parquet", chunk_size=ROW_GROUP_ITEMS)
    lines.unlink()


WRITERS: dict[str, tuple[str, Writer]] = {
    "directory": ("items", _write_directory),
    "featurecollection": ("items.json", _write_featurecollection),
    "ndjson": ("items.ndjson", _write_ndjson),
    "geoparquet": ("items.parquet", _write_geoparquet),
    "collection": ("collection", _write_collection),
}
"""By layout: what is made in the folder of the set, and what makes it."""


def _collection(spec: DataSetSpec) -> Json:
    profile = PROFILES[spec.profile].template
    interval = [rfc3339(START), rfc3339(END)]
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "id": spec.profile,
        "title": profile.title,
        "description": profile.description,
        "license": profile.license,
        "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [interval]}},
        "links": [{"rel": "root", "href": "./collection.json", "type": "application/json"}],
    }
