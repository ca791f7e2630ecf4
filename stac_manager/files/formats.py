"""What a file holds: by its name, by its first bytes, by its first line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Literal, NamedTuple, TypeAlias, overload

Format: TypeAlias = Literal["json", "ndjson", "parquet"]
Magic: TypeAlias = Literal["gzip", "zstd", "parquet"]

SUFFIXES: dict[str, Format] = {
    ".json": "json",
    ".geojson": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".jsonlines": "ndjson",
    ".ndjsonl": "ndjson",
    ".geojsonl": "ndjson",
    ".geojsons": "ndjson",
    ".geojsonseq": "ndjson",
    ".parquet": "parquet",
    ".geoparquet": "parquet",
    ".parq": "parquet",
    ".pq": "parquet",
}
ENTRY_FILES = ("catalog.json", "collection.json")
"""What catalogs and collections are called."""
LOCAL_ENTRIES = tuple(name + suffix for suffix in ("", ".gz", ".zst") for name in ENTRY_FILES)
"""The same where they may have been compressed in place."""
PACKED_SUFFIXES = (".gz", ".gzip", ".zst", ".zstd")
_OTHER_CODECS = (
    ".bz2", ".xz", ".lz4", ".snappy", ".deflate", ".lzo", ".br", ".brotli", ".lzma", ".lz", ".z", ".zz", ".zlib",
)  # fmt: skip
_ARCHIVE_SUFFIXES = (
    ".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".tzst", ".zip", ".7z", ".rar",
    *_OTHER_CODECS, *map(".tar".__add__, PACKED_SUFFIXES),
)  # fmt: skip

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"
PARQUET = (b"PAR1", b"PARE")
BOM = b"\xef\xbb\xbf"
HIVE = "collection="
"""Is in the path of a hive partition that gives its items their collection."""
RECORD_SEPARATOR = 0x1E
"""Begins each text of a JSON text sequence (RFC 7464, RFC 8142)."""

HEAD_BYTES = 512
"""So much of a file is looked at to tell what it is."""
_ENCODINGS: dict[tuple[bool, ...], str] = {
    (True, False, False, False): "UTF-32LE",
    (False, False, False, True): "UTF-32BE",
    (True, False, True, False): "UTF-16LE",
    (False, True, False, True): "UTF-16BE",
}
"""Which of the first four bytes are not zero: JSON begins with two characters of ASCII (RFC 4627, 3)."""
_BEGIN_VALUES = b'{["-0123456789tfn \t\r\n\x1e'
"""Bytes with which JSON begins."""
_BYTE_ORDER_MARKS = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_OTHER_FORMATS = (
    (b"\x1f\x9d", "packed by compress (.Z); unpack it first, or use gzip or zstd"),
    (b"BZh", "bzip2; unpack it first, or use gzip or zstd"),
    (b"\xfd7zXZ\0", "xz; unpack it first, or use gzip or zstd"),
    (b"\x04\x22\x4d\x18", "lz4; unpack it first, or use gzip or zstd"),
    (b"\xff\x06\0\0sNaPpY", "snappy; unpack it first, or use gzip or zstd"),
    *(
        (bytes((0x78, level)), "deflate (zlib); unpack it first, or use gzip or zstd")
        for level in (0x01, 0x5E, 0x9C, 0xDA)
    ),
    *((b"PK" + kind, "a zip archive; unpack it first") for kind in (b"\3\4", b"\5\6", b"\7\x08")),
    (b"Rar!", "a rar archive; unpack it first"),
    (b"]\0\0", "lzma; unpack it first, or use gzip or zstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"ARROW1", "Arrow IPC (Feather); write it as Parquet"),
    (b"\xff\xff\xff\xff", "Arrow IPC (a stream); write it as Parquet"),
    (b"fgb", "FlatGeobuf; write it as GeoParquet or GeoJSON"),
    (b"ORC", "ORC; write it as Parquet"),
    (b"Obj\x01", "Avro; write it as Parquet or NDJSON"),
    (b"SQLite format 3", "SQLite (GeoPackage); write it as GeoParquet or GeoJSON"),
    (b"%PDF", "PDF"),
    *(
        (head, "an image; name the Items that tell of it")
        for head in (b"II*\0", b"II+\0", b"MM\0*", b"MM\0+", b"\x89PNG", b"\xff\xd8\xff")
    ),
    *((head, "HDF5 or NetCDF; name the Items that tell of it") for head in (b"\x89HDF", b"CDF\1", b"CDF\2", b"CDF\5")),
    (b"version https://git-lfs", "a pointer of Git LFS; run: git lfs pull"),
    (b"<<<<<<<", "a file with a conflict of git in it; resolve that"),
    (b"<", "XML or HTML, perhaps an error page that was saved"),
)
"""How files begin that are taken for JSON by mistake, and what to do with them."""
_TAR = slice(257, 263)
_TARS = (b"ustar\0", b"ustar ")


class Document(NamedTuple):
    """One file that holds items, and how to read it."""

    path: str
    format: Format  # what its name says of its content; its first bytes have the last word
    first: int = 0  # where a share of it begins: a byte of NDJSON, a row group of Parquet
    stop: int | None = None  # where that share ends; None for a whole file


class Folder(Sequence[Document]):
    """The documents of one folder, as names only: a hundred bytes for each of hundreds of thousands."""

    def __init__(self, path: str, names: list[str], form: Format | None = None) -> None:
        self._prefix = os.path.join(path, "") if path else ""
        self._names = names
        self._form = form

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> Document: ...
    @overload
    def __getitem__(self, index: slice) -> Folder: ...
    def __getitem__(self, index: int | slice) -> Document | Folder:
        if isinstance(index, slice):
            return Folder(self._prefix, self._names[index], self._form)
        return next(iter(Folder(self._prefix, [self._names[index]], self._form)))

    def __iter__(self) -> Iterator[Document]:
        prefix, form = self._prefix, self._form
        make = partial(tuple.__new__, Document)  # a third of the cost of Document()
        for name in self._names:
            found = form or ("json" if name.endswith(".json") else format_of_name(name) or "json")
            yield make((prefix + name, found, 0, None))


def is_archive(name: str) -> bool:
    """Tell from the name of a file whether it has to be unpacked first."""
    return name.lower().endswith(_ARCHIVE_SUFFIXES) and format_of_name(name) is None


def is_manifest(name: str) -> bool:
    """Tell whether a file is the manifest of a sink, which is beside its parts."""
    return name.endswith("manifest.json") and os.path.basename(name).startswith("_")


def format_of_name(name: str) -> Format | None:
    """Return the format that a name says, a suffix of compression aside; None for none of ours."""
    suffix = suffix_of(name)
    if suffix in PACKED_SUFFIXES:
        suffix = suffix_of(name[: -len(suffix)])
    elif suffix in _OTHER_CODECS:  # of its columns, as pandas calls them: `x.parquet.snappy`
        return "parquet" if SUFFIXES.get(suffix_of(name[: -len(suffix)])) == "parquet" else None
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


def why_not_text(head: bytes) -> str | None:
    """Return what a file is that begins so, where that is known and is no JSON; None for any other."""
    if head[_TAR] in _TARS:
        return "it is a tar archive; unpack it first"
    if head and not head.strip(b"\0"):
        return "it begins with zeros, perhaps not written to its end"
    if (encoding := _encoding(head)) is not None:
        return f"it is {encoding}, not UTF-8; convert it: iconv -f {encoding} -t UTF-8"
    head = head.lstrip(b" \t\r\n")
    return next((f"it is {what}" for beginning, what in _OTHER_FORMATS if head.startswith(beginning)), None)


def _encoding(head: bytes) -> str | None:
    """Return the Unicode encoding of a text that is not UTF-8."""
    marked = next((name for mark, name in _BYTE_ORDER_MARKS if head.startswith(mark)), None)
    begins_as_text = head[:4].strip(b"\0")[:1] in _BEGIN_VALUES
    return marked or (_ENCODINGS.get(tuple(map(bool, head[:4]))) if begins_as_text else None)
