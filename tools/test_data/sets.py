"""Data sets on disk: how items lie in them; whole, or not there.

A set is written into a temporary folder beside its place and renamed when it is whole, so that neither an
interruption nor two generators at the same time can leave a half-written one.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import msgspec
import orjson

from tools.errors import ToolError

from .items import GENERATOR_VERSION, DataSetSpec, build, rfc3339
from .profiles import Json

MANIFEST = "manifest.json"
UNFINISHED = ".unfinished-"
_LEFTOVER_AGE_SECONDS = 24 * 3600
_PROGRESS_STEP_ITEMS = 100
ROW_GROUP_ITEMS = 1_000
"""Items in one row group of a GeoParquet file, and the most that are in memory while it is written."""
_WRITE_BUFFER_BYTES = 1 << 20

Texts: TypeAlias = Iterable[tuple[str, bytes]]  # the id and the JSON of each item
Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True)
class DataSet:
    """A whole data set on disk: `path` is what to give to an ingester, `bytes` the size of the files with items."""

    spec: DataSetSpec
    path: Path
    bytes: int


def ensure(spec: DataSetSpec, root: Path, *, progress: Progress = lambda done, total: None) -> DataSet:
    """The data set below `root`: the one that is there, or a new one; `progress` is told how many items are made."""
    home = root / spec.name
    if (found := read(home)) is not None:
        return found
    root.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(root)
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=root) as folder:
        unfinished = Path(folder) / spec.name
        unfinished.mkdir()
        name, write = WRITERS[spec.layout]
        write(_texts(spec, progress), unfinished / name)
        _write_manifest(spec, unfinished)
        if read(home) is None:
            with suppress(FileNotFoundError):
                home.rename(Path(folder) / "outdated")
            try:
                unfinished.rename(home)
            except OSError:
                if not home.exists():  # else another generator was faster: the content is the same
                    raise
    if (made := read(home)) is None:
        raise OSError(f"{home} was changed while it was being made")
    return made


def read(home: Path) -> DataSet | None:
    """The data set in this folder, if it is there, has its name, is whole, and of this version of the generator."""
    try:
        manifest = orjson.loads((home / MANIFEST).read_bytes())
        spec = msgspec.convert(manifest, DataSetSpec)
        count, size = _measure(spec, home)
    except (OSError, ValueError, KeyError):
        return None
    is_whole = (spec.name, spec.items) == (home.name, count) and _manifest(spec, size).items() <= manifest.items()
    return DataSet(spec, home / WRITERS[spec.layout][0], size) if is_whole else None


def _texts(spec: DataSetSpec, progress: Progress) -> Texts:
    for index in range(spec.items):
        yield build(spec, index)
        if (index + 1) % _PROGRESS_STEP_ITEMS == 0:
            progress(index + 1, spec.items)


def _measure(spec: DataSetSpec, home: Path) -> tuple[int, int]:
    """How many items there are (all of them, where they are in one file) and their bytes on disk."""
    data = home / WRITERS[spec.layout][0]
    if spec.layout != "directory":
        return spec.items, data.stat().st_size
    with os.scandir(data) as entries:
        sizes = [entry.stat().st_size for entry in entries if entry.name.endswith(".json")]
    return len(sizes), sum(sizes)


def _manifest(spec: DataSetSpec, size: int) -> Json:
    return {"generator_version": GENERATOR_VERSION, **asdict(spec), "bytes": size}


def _write_manifest(spec: DataSetSpec, folder: Path) -> None:
    manifest = {**_manifest(spec, _measure(spec, folder)[1]), "created": rfc3339(datetime.now(UTC))}
    (folder / MANIFEST).write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")


def _remove_leftovers(root: Path) -> None:
    """Remove what killed generators left; young folders may belong to one that runs."""
    oldest = time.time() - _LEFTOVER_AGE_SECONDS
    for folder in root.glob(f"{UNFINISHED}*"):
        with suppress(FileNotFoundError):
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)


def _write_directory(texts: Texts, folder: Path) -> None:
    folder.mkdir()
    for name, text in texts:
        (folder / f"{name}.json").write_bytes(text)


def _write_featurecollection(texts: Texts, path: Path) -> None:
    separator = b'{"type":"FeatureCollection","features":[\n'
    with path.open("wb", _WRITE_BUFFER_BYTES) as file:
        for _, text in texts:
            file.write(separator + text)
            separator = b",\n"
        file.write(b"\n]}\n")


def _write_ndjson(texts: Texts, path: Path) -> None:
    with path.open("wb", _WRITE_BUFFER_BYTES) as file:
        file.writelines(text + b"\n" for _, text in texts)


def _write_geoparquet(texts: Texts, path: Path) -> None:
    try:
        from stac_geoparquet.arrow import parse_stac_ndjson_to_parquet
    except ModuleNotFoundError as error:
        raise ToolError(f"layout geoparquet needs pyarrow and stac-geoparquet ({error})") from error

    # Two passes over lines on disk, the first one for a schema that fits every item: bounded memory.
    lines = path.with_suffix(".ndjson")
    _write_ndjson(texts, lines)
    parse_stac_ndjson_to_parquet(lines, path, chunk_size=ROW_GROUP_ITEMS)
    lines.unlink()


WRITERS: dict[str, tuple[str, Callable[[Texts, Path], None]]] = {
    "directory": ("items", _write_directory),
    "featurecollection": ("items.json", _write_featurecollection),
    "ndjson": ("items.ndjson", _write_ndjson),
    "geoparquet": ("items.parquet", _write_geoparquet),
}
"""By layout: the name of the data in the folder of the set, and what writes it."""
