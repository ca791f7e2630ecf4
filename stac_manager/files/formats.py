"""What a file holds: by its name, by its first bytes, by its first line."""

from __future__ import annotations

import os
from typing import Literal, NamedTuple, TypeAlias

Format: TypeAlias = Literal["json", "ndjson", "parquet"]
Magic: TypeAlias = Literal["gzip", "zstd", "parquet"]

SUFFIXES: dict[str, Format] = {
    ".json": "json",
    ".geojson": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".ndjsonl": "ndjson",
    ".geojsonl": "ndjson",
    ".geojsons": "ndjson",
    ".geojsonseq": "ndjson",
    ".parquet": "parquet",
    ".geoparquet": "parquet",
    ".pq": "parquet",
}
PACKED_SUFFIXES = (".gz", ".gzip", ".zst", ".zstd")

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"
PARQUET = (b"PAR1", b"PARE")
BOM = b"\xef\xbb\xbf"
RECORD_SEPARATOR = 0x1E
"""Begins each text of a JSON text sequence (RFC 7464, RFC 8142)."""


class Document(NamedTuple):
    """One file that holds items, and how to read it.

    Attributes:
        path: Its path.
        format: What its name says of its content; its first bytes have the last word.
        first: Where a share of it begins: a byte of NDJSON, a row group of Parquet.
        stop: Where that share ends; None for a whole file.
    """

    path: str
    format: Format
    first: int = 0
    stop: int | None = None


def is_manifest(name: str) -> bool:
    """Tell whether a file is the manifest of a sink, which is beside its parts."""
    return name.endswith("manifest.json") and os.path.basename(name).startswith("_")


def format_of_name(name: str) -> Format | None:
    """Return the format that a name says, a suffix of compression aside; None for none of ours."""
    suffix = suffix_of(name)
    if suffix in PACKED_SUFFIXES:
        suffix = suffix_of(name[: -len(suffix)])
    return SUFFIXES.get(suffix)


def suffix_of(name: str) -> str:
    """Return what follows the last dot, with it and in lower case: `os.path.splitext` at a third of the cost."""
    return name[name.rfind(".") :].lower()


def magic(head: bytes) -> Magic | None:
    """Tell from the first bytes of a file whether it is compressed or Parquet."""
    if head[:2] == GZIP:
        return "gzip"
    if head[:4] == ZSTD or (head[1:4] == _ZSTD_SKIPPABLE and head[0] >> 4 == 5):
        return "zstd"
    return "parquet" if head[:4] in PARQUET else None
