"""A plan of partitions: what a fetch is divided into, as values that travel between processes and runs.

Every item of a source belongs to exactly one partition, decided by the item (or by its place in a file) alone. So
partitions can be read at once, in other processes, on other machines or tomorrow, and nothing comes twice or is lost.

A partition holds no credentials: whoever reads it has the configuration.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from hashlib import blake2b
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

from stac_manager.parsing.texts import canonical

DIGEST_BYTES = 16
"""Keys and identities are blake2b digests of 128 bits, the same in every process (`hash()` is not)."""
MOST_PARTITIONS = 100_000
"""A plan has no more, whatever a server counts."""

Rule: TypeAlias = Literal["document", "time", "space", "pages", "whole"]
"""What decides which partition owns an item: its place in a file, its time, its first vertex, its page, or nothing."""


def digest(value: object) -> str:
    """Return a digest of a JSON value: 32 hexadecimal digits, the same whatever the order of its members."""
    return blake2b(canonical(value), digest_size=DIGEST_BYTES).hexdigest()


def is_within(time: float, start: float | None, end: float | None) -> bool:
    """Whether a time lies in [start, end), each of which may be open."""
    return (start is None or time >= start) and (end is None or time < end)


@dataclass(frozen=True)
class Partition:
    """A share of a source that can be read by itself. One subclass a kind.

    Attributes:
        estimate: How many items it should hold, None where nobody knows. It is no part of what the partition is.
    """

    kind: ClassVar[str]
    estimate: int | None = field(default=None, compare=False, kw_only=True)

    @cached_property
    def key(self) -> str:
        """A digest of what this partition is: equal for equal partitions, in every process and run."""
        return digest({name: value for name, value in self.to_json().items() if name != "estimate"})

    def to_json(self) -> dict[str, Any]:
        """Return the partition as a JSON object; `partition_of` is the way back."""
        members = {each.name: value for each in fields(self) if (value := getattr(self, each.name)) is not None}
        if "document" in members:
            members["document"] = _document_to_json(members["document"])
        if "documents" in members:
            members["documents"] = [_document_to_json(each) for each in members["documents"]]
        return {"kind": self.kind, **members}


class Document(NamedTuple):
    """One file. A tuple, because of some sources there are hundreds of thousands.

    Attributes:
        path: Its path, or its URL.
        format: How it is read.
        size: Its bytes when the plan was made, None where nobody looked.
        modified_ns: Its time of modification then, in nanoseconds since 1970, None where nobody looked.
        problem: Why it could not be read when the plan was made: it is not read, and is a failure.
        etag: A digest of the strong entity tag that its server gave then, None where there was none.
    """

    path: str
    format: str
    size: int | None = None
    modified_ns: int | None = None
    problem: str | None = None
    etag: str | None = None


def _of_columns(*columns: tuple[Any, ...]) -> Documents:
    return Documents(tuple(map(partial(tuple.__new__, Document), zip(*columns, strict=True))))


def _document_to_json(document: Document) -> dict[str, Any]:
    """Names of files may hold bytes that are no UTF-8, which JSON cannot have: these go as hexadecimal digits."""
    path, form, size, modified_ns, problem, etag = document
    members: dict[str, Any] = {"path": path, "format": form}
    if not path.isascii():
        try:
            path.encode()
        except UnicodeEncodeError:
            members = {"format": form, "path_hex": os.fsencode(path).hex()}
    further = {"size": size, "modified_ns": modified_ns, "problem": problem, "etag": etag}
    return members | {name: value for name, value in further.items() if value is not None}


def _document_of(members: Mapping[str, Any]) -> Document:
    members = dict(members)
    if "path_hex" in members:
        members["path"] = os.fsdecode(bytes.fromhex(members.pop("path_hex")))
    return Document(**members)


@dataclass(frozen=True)
class Documents(Partition):
    """Whole files, in order."""

    kind: ClassVar[str] = "documents"
    documents: tuple[Document, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        """Be pickled as columns: a fifth of the time that a tuple for each file takes."""
        rest = {name: value for name, value in vars(self).items() if name != "documents"}
        return _of_columns, tuple(zip(*self.documents, strict=True)), rest


@dataclass(frozen=True)
class Lines(Partition):
    """The lines of an NDJSON file of which the first byte lies in [start, stop)."""

    kind: ClassVar[str] = "lines"
    document: Document
    start: int
    stop: int


@dataclass(frozen=True)
class RowGroups(Partition):
    """The row groups [first, stop) of a Parquet file."""

    kind: ClassVar[str] = "row_groups"
    document: Document
    first: int
    stop: int


@dataclass(frozen=True)
class Interval(Partition):
    """The items of a search of which the time (`datetime`, else `start_datetime`) lies in [start, end).

    Attributes:
        start: Nanoseconds since 1970; None in the first interval, which is open at this end.
        end: Nanoseconds since 1970; None in the last.
        by_start: Whether an item without `datetime` belongs to the interval of its `start_datetime`; else the plan has
            a `NoDatetime` for all of these.
    """

    kind: ClassVar[str] = "interval"
    start: int | None
    end: int | None
    by_start: bool = True


@dataclass(frozen=True)
class NoDatetime(Partition):
    """The items of a search of which `datetime` is null, where no filter on `datetime` finds them."""

    kind: ClassVar[str] = "no_datetime"


@dataclass(frozen=True)
class Tile(Partition):
    """The items of a search of which the first vertex lies in [west, east) x [south, north), in degrees.

    The last tile in a direction is closed at its outer edge, so that +180 and +90 have an owner.

    Attributes:
        start, end: An interval of time to which it is limited as well, as in `Interval`.
        nulls: Whether only items without `datetime` are in it, or none; None for both.
    """

    kind: ClassVar[str] = "tile"
    west: float
    south: float
    east: float
    north: float
    start: int | None = None
    end: int | None = None
    nulls: bool | None = None


@dataclass(frozen=True)
class NoGeometry(Partition):
    """The items of a search that have no geometry, so that no tile owns them."""

    kind: ClassVar[str] = "no_geometry"


@dataclass(frozen=True)
class Pages(Partition):
    """The pages [first, stop) of a search whose `next` links count.

    Attributes:
        page_size: Items a page, as asked for.
        parameter: The number of the link that counts, such as `offset`, `skip`, `page`, `_o`.
        step: By how much it grows a page.
        origin: Its value on the page number 0.
    """

    kind: ClassVar[str] = "pages"
    first: int
    stop: int | None
    page_size: int
    parameter: str
    step: int
    origin: int


@dataclass(frozen=True)
class Whole(Partition):
    """A search as a whole, read page after page."""

    kind: ClassVar[str] = "whole"


_KINDS: dict[str, type[Partition]] = {
    kind.kind: kind
    for kind in (Documents, Lines, RowGroups, Interval, NoDatetime, Tile, NoGeometry, Pages, Whole)
}  # fmt: skip


def partition_of(document: Mapping[str, Any]) -> Partition:
    """Make the partition that `Partition.to_json` wrote.

    Raises:
        ValueError: If it is none.
    """
    kind = _KINDS.get(str(document.get("kind")))
    if kind is None:
        raise ValueError(f"not a partition: kind {document.get('kind')!r} (known: {', '.join(_KINDS)})")
    names = {each.name for each in fields(kind)}
    members = {name: value for name, value in document.items() if name in names}
    try:
        if "document" in members:
            members["document"] = _document_of(members["document"])
        if "documents" in members:
            members["documents"] = tuple(map(_document_of, members["documents"]))
        optional = {name: None for name in ("start", "end", "stop") if name in names and name not in members}
        return kind(**optional, **members)
    except (TypeError, ValueError) as error:
        raise ValueError(f"not a partition of kind {kind.kind!r}: {error}") from None


@dataclass(frozen=True)
class Plan:
    """How a source is divided.

    Attributes:
        source: The source, as configured.
        rule: What decides which partition owns an item.
        partitions: The partitions, in the order of the source; no item belongs to two of them.
        counted: How many items the server counted, or the files hold by their own account; None where nobody knows.
        notes: What the user should know about how it is divided, in sentences.
    """

    source: str
    rule: Rule
    partitions: tuple[Partition, ...] = field(repr=False)
    counted: int | None = None
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Partition]:
        return iter(self.partitions)

    def __len__(self) -> int:
        return len(self.partitions)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as a JSON object; `plan_of` is the way back."""
        return {
            "source": self.source,
            "rule": self.rule,
            "counted": self.counted,
            "notes": list(self.notes),
            "partitions": [partition.to_json() for partition in self.partitions],
        }


def plan_of(document: Mapping[str, Any]) -> Plan:
    """Make the plan that `Plan.to_json` wrote.

    Raises:
        ValueError: If it is none.
    """
    try:
        return Plan(
            source=document["source"],
            rule=document["rule"],
            partitions=tuple(map(partition_of, document["partitions"])),
            counted=document.get("counted"),
            notes=tuple(document.get("notes", ())),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a plan: {error!r}") from None
