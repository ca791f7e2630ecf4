"""Whether what is at DEST is what its manifest says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from importlib import import_module
from pathlib import Path

import orjson

from stac_manager.exceptions import ConfigurationError, DataProcessingError
from stac_manager.files.compression import zstd
from stac_manager.files.parquet.arrow import naming_damage
from stac_manager.sinks.folder import Folder
from stac_manager.sinks.layout import MANIFEST, layout_of
from stac_manager.sinks.model import Format
from stac_manager.words import many

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Verified:
    """What was counted, and in what that differs from the manifest. Of the problems, so many name a file."""

    items: int
    parts: int
    problems: tuple[str, ...]
    damaged: int = 0


def verify(dest: str | Path, *, unique: bool = False) -> Verified:
    """Read all parts, with the checksums that zstd and Parquet have of their content, and count their items.

    The footer of Parquet is compared with its digest in the manifest. What was edited in NDJSON that is not compressed
    and is as long as before is not noticed.

    Raises:
        DataProcessingError: If there is no manifest, or it cannot be read: no run has ended here.
        ConfigurationError: If DEST is not there, or its manifest is damaged.
    """
    layout = layout_of(dest)
    folder = Folder(layout)
    try:
        os.lstat(dest)
        manifest = folder.read_manifest()
    except FileNotFoundError:
        raise ConfigurationError(f"{dest}: does not exist") from None
    except OSError as error:
        raise DataProcessingError(f"{error.filename}: cannot be read: {error.strerror}") from error
    if manifest is None:
        begun = "the run has not finished; run ingest again to resume" if layout.plan.exists() else "no run wrote it"
        raise DataProcessingError(f"{dest}: has no manifest: {begun}")
    problems: list[str] = []
    seen: set[bytes] | None = set() if unique else None
    items = twice = 0
    for part in manifest.parts:
        path = folder.path_of(part)
        try:
            size, count = path.stat().st_size, 0
            if folder.has_another_footer(part):
                raise ValueError("its footer is not the one that was written")
            for identity in identities(path, manifest.format):
                count += 1
                if seen is not None:
                    before = len(seen)
                    seen.add(identity)
                    twice += len(seen) == before
        except (OSError, ValueError) as error:
            problems.append(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}")
            continue
        items += count
        if (size, count) != (part["bytes"], part["items"]):
            wanted = f"{many(part['items'], 'item')} in {part['bytes']:,} bytes"
            problems.append(f"{path}: {many(count, 'item')} in {size:,} bytes; the manifest says {wanted}")
    if not layout.file:
        known = {part["file"] for part in manifest.parts} | {MANIFEST}
        visible = (path for path in layout.parts.iterdir() if not path.name.startswith("."))
        problems += [f"{path}: is not in the manifest" for path in visible if path.name not in known]
    damaged = len(problems)
    if twice:
        problems.append(f"{many(twice, 'item')} more than once")
    if items != manifest.items:
        problems.append(f"{many(items, 'item')}; the manifest says {manifest.items:,}")
    return Verified(items, len(manifest.parts), tuple(problems), damaged)


def identities(path: Path, format: Format) -> Iterator[bytes]:
    """Yield a digest of the collection and id of each item in a part.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is damaged, or not of this format.
    """
    if format == "geoparquet":
        yield from _of_parquet(path)
        return
    for number, line in enumerate(lines(path, format), start=1):
        try:
            found = identity_of_line(line)
        except ValueError:
            raise ValueError(f"line {number} is not an item") from None
        yield found


def identity(collection: object, id: object) -> bytes:
    """Return a digest by which an item is told from others."""
    return blake2b(orjson.dumps([collection, id]), digest_size=16).digest()


def identity_of_line(line: bytes) -> bytes:
    """Return the same of a line of NDJSON.

    Raises:
        ValueError: If it holds no item.
    """
    item = orjson.loads(line)
    try:
        return identity(item.get("collection"), item["id"])
    except (KeyError, AttributeError):
        raise ValueError("a line is not an item") from None


def lines(path: Path, format: Format) -> Iterator[bytes]:
    """Yield the lines of an NDJSON part, each with its line break.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is compressed and damaged.
    """
    if format == "ndjson":
        with open(path, "rb", buffering=CHUNK_BYTES) as file:
            yield from file
    else:
        try:
            with zstd().open(path, "rb") as file:
                yield from file
        except (zstd().ZstdError, EOFError) as error:
            raise ValueError(str(error)) from None


def require_arrow() -> None:
    """Check that GeoParquet can be read and written here.

    Raises:
        ConfigurationError: If a package is missing.
    """
    try:
        import_module("stac_manager.sinks.geoparquet")
    except ImportError as error:
        raise ConfigurationError(
            f"GeoParquet needs {error.name}, which is not installed: pip install pyarrow shapely"
        ) from None


def _of_parquet(path: Path) -> Iterator[bytes]:
    require_arrow()
    import pyarrow.parquet as pq

    from stac_manager.sinks.geoparquet import opened

    with naming_damage(), opened(path) as source, pq.ParquetFile(source, page_checksum_verification=True) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)  # all of it: a damaged column is found here
            count = table.num_rows
            collections = table["collection"].to_pylist() if "collection" in table.column_names else [None] * count
            if "id" not in table.column_names:
                raise ValueError("it has no column 'id'")
            yield from map(identity, collections, table["id"].to_pylist())
