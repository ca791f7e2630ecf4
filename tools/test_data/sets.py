"""Data sets on disk: whole, or not there.

A set is written into a temporary folder beside its place and renamed when it is whole, so that neither an
interruption nor two generators at the same time can leave a half-written one.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from .items import GENERATOR_VERSION, DataSetSpec, rfc3339
from .layouts import FILES, WRITERS, Texts
from .scene import Json

MANIFEST = "manifest.json"
UNFINISHED = ".unfinished-"
_LEFTOVER_AGE_SECONDS = 24 * 3600


@dataclass(frozen=True)
class DataSet:
    """A whole data set on disk."""

    spec: DataSetSpec
    path: Path
    """What to give to an ingester: a folder or a file."""
    items: int
    bytes: int
    """Size on disk of the files that hold the items."""
    item_bytes: int
    """Size of the items as JSON, equal in all layouts."""
    manifest: Json


def ensure(
    spec: DataSetSpec,
    root: Path,
    *,
    force: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> DataSet:
    """The data set below `root`: the one that is there, or a new one.

    Args:
        spec: What it is to hold.
        root: The folder of all data sets; made when it is missing.
        force: Make it anew, even if it is there.
        progress: Told how many items are made, and of how many.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
        ToolError: Layout `geoparquet` without pyarrow or stac-geoparquet.
    """
    if not force and (found := find(spec, root)) is not None:
        return found
    root.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(root)
    home = root / spec.name
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=root) as folder:
        unfinished = Path(folder) / spec.name
        unfinished.mkdir()
        texts = Texts(spec, progress)
        WRITERS[spec.layout](texts, unfinished)
        _write_manifest(spec, unfinished, texts.bytes)
        if force or find(spec, root) is None:
            with suppress(FileNotFoundError):
                home.rename(Path(folder) / "outdated")
            try:
                unfinished.rename(home)
            except OSError:
                if not home.exists():  # else another generator was faster: the content is the same
                    raise
    made = find(spec, root)
    if made is None:
        raise OSError(f"{home} was changed while it was being made")
    return made


def find(spec: DataSetSpec, root: Path) -> DataSet | None:
    """The data set below `root` if it is there, whole, and made by this version of the generator."""
    home = root / spec.name
    try:
        manifest = orjson.loads((home / MANIFEST).read_bytes())
        count, size = _measure(spec.layout, home)
    except (OSError, orjson.JSONDecodeError):
        return None
    expected = {**spec.parameters(), "generator_version": GENERATOR_VERSION, "bytes": size}
    if not isinstance(manifest, dict) or any(manifest.get(key) != expected[key] for key in expected):
        return None
    if count not in (None, spec.items) or not isinstance(manifest.get("item_bytes"), int):
        return None
    data, _ = FILES[spec.layout]
    return DataSet(spec, home / data, spec.items, size, manifest["item_bytes"], manifest)


def _measure(layout: str, home: Path) -> tuple[int | None, int]:
    """How many item files there are (None: all items are in one file) and their bytes on disk."""
    data, pattern = FILES[layout]
    if "*" not in pattern:
        return None, (home / data).stat().st_size
    if layout == "collection" and not (home / data / "collection.json").is_file():
        raise FileNotFoundError(home / data / "collection.json")
    with os.scandir((home / pattern).parent) as entries:
        sizes = [entry.stat().st_size for entry in entries if entry.name.endswith(".json")]
    return len(sizes), sum(sizes)


def _write_manifest(spec: DataSetSpec, folder: Path, item_bytes: int) -> None:
    data, pattern = FILES[spec.layout]
    _, size = _measure(spec.layout, folder)
    manifest = {
        "generator_version": GENERATOR_VERSION,
        **spec.parameters(),
        "data": data,
        "files": pattern,
        "bytes": size,
        "item_bytes": item_bytes,
        "mean_item_bytes": round(item_bytes / spec.items, 1),
        "created": rfc3339(datetime.now(UTC)),
    }
    (folder / MANIFEST).write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")


def _remove_leftovers(root: Path) -> None:
    """Remove what killed generators left; young folders may belong to one that runs."""
    oldest = time.time() - _LEFTOVER_AGE_SECONDS
    for folder in root.glob(f"{UNFINISHED}*"):
        with suppress(FileNotFoundError):
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)
