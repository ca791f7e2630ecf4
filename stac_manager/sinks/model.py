"""What a sink writes down about itself: values, as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NotRequired, TypeAlias, TypedDict, TypeVar, get_args

import msgspec

from stac_manager.context import Failure
from stac_manager.exceptions import ConfigurationError, printable
from stac_manager.report import PartitionReport
from stac_manager.words import many

Format: TypeAlias = Literal["ndjson", "ndjson.zst", "geoparquet"]
FORMATS: tuple[Format, ...] = get_args(Format)
SUFFIXES: dict[Format, str] = {"ndjson": ".ndjson", "ndjson.zst": ".ndjson.zst", "geoparquet": ".parquet"}

VERSION = 1
"""Of the files that a sink keeps. A sink of another version is refused."""
FAILURES_KEPT = 1_000
"""Failures of one partition that are named; the rest is counted."""
REMOVE = "; remove this file and run ingest again: completed parts are kept"

Kind = TypeVar("Kind")
FileName: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[^/]+\.\w+$")]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class PartEntry(TypedDict):
    """A part in the manifest: its name, items and bytes; of Parquet, a digest of its footer."""

    file: FileName
    items: Count
    bytes: Count
    footer: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far a time of the items reaches, for a later run that takes only what is newer."""

    items: int = 0  # how many have this time, as RFC 3339 in UTC
    latest: str | None = None  # as the item has it

    def __add__(self, other: Watermark) -> Watermark:
        latest = max(filter(None, (self.latest, other.latest)), default=None)
        return Watermark(self.items + other.items, latest)


@dataclass(frozen=True, slots=True)
class PartRecord:
    """One partition that is done: a line of the journal."""

    key: str  # of the partition
    file: FileName | None  # name of its part in the folder; None where it has no item
    items: Count  # in the part
    bytes: Count  # of the part
    report: PartitionReport
    failures: tuple[Failure, ...] = ()  # what could not be delivered, the first `FAILURES_KEPT`
    updated: Watermark = Watermark()  # how far these times of its items reach
    datetime: Watermark = Watermark()

    @property
    def whole(self) -> bool:
        """Nothing failed, and nothing speaks against its being complete."""
        return not self.report.failed and not self.failures and self.report.problem is None

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object; `record_of` is the way back."""
        failures = [{**asdict(each), "source": printable(each.source)} for each in self.failures]
        return {**asdict(self), "report": self.report.to_json(), "failures": failures}


def record_of(document: object) -> PartRecord:
    """Make the record that `PartRecord.to_json` wrote.

    Raises:
        ValueError: If it is none.
    """
    return converted(document, PartRecord)


def converted(document: object, kind: type[Kind]) -> Kind:
    """Make a value of what JSON holds.

    Raises:
        ValueError: If it is none (msgspec's own error is one from 0.21 on).
    """
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


@dataclass(frozen=True)
class Manifest:
    """What a finished run says: it is written last, and where it is, all partitions were done.

    Attributes:
        source: The source, without its query.
        options: The options that decide which items there are, without headers.
        identity: A digest of the source and these options.
        format: Of the parts.
        items: Items in all parts.
        bytes: Bytes of all parts.
        counted: How many items the server counted, or the files hold by their own account.
        status: `complete`, `unverified` or `incomplete`.
        problems: What is missing or could not be proved, in sentences.
        notes: What the user should know beside that.
        failed: Members and documents that could not be delivered.
        failures: The first of them.
        parts: Name, items and bytes of each part.
        updated, datetime: How far these times of the items reach.
        finished: When the run ended, RFC 3339.
        started: When its plan was made: what has changed since may have been read before. None where nobody knows.
        files: A digest of the names, sizes and times of the source's files, where DEST is one file: there, no plan is
            left that has them.
    """

    source: str
    options: dict[str, Any]
    identity: str
    format: Format
    items: Count
    bytes: Count
    counted: int | None
    status: str
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    failed: int
    failures: tuple[str, ...]
    parts: tuple[PartEntry, ...]
    updated: Watermark
    datetime: Watermark
    finished: str
    files: str | None = None
    started: str | None = None

    @property
    def summary(self) -> str:
        """What came of it, in a line."""
        failed = f", {self.failed:,} not delivered" if self.failed else ""
        size = f"{self.bytes / 1e6:,.1f} MB"
        return f"{many(self.items, 'item')} in {many(len(self.parts), 'part')}, {size}{failed}: {self.status}"

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as a JSON object; `manifest_of` is the way back."""
        return {"version": VERSION, **asdict(self)}


def manifest_of(document: object, where: str) -> Manifest:
    """Make the manifest that `Manifest.to_json` wrote.

    Raises:
        ConfigurationError: If it is none, or of another version.
    """
    try:
        check_version(document, where)
        manifest = converted(document, Manifest)
        for time in (manifest.finished, manifest.started or manifest.finished):
            datetime.fromisoformat(time)
        parts = {part["file"]: (part["items"], part["bytes"]) for part in manifest.parts}
        sums = [sum(of_each) for of_each in zip((0, 0), *parts.values(), strict=True)]
        if len(parts) != len(manifest.parts) or sums != [manifest.items, manifest.bytes]:
            raise ValueError("its parts do not add up")
    except ValueError as error:
        raise ConfigurationError(f"{where}: not a manifest: {error}{REMOVE}") from None
    return manifest


def check_version(document: object, where: str) -> None:
    """Refuse what another version of this program has written.

    Raises:
        ConfigurationError: If it is of one.
        ValueError: If no version has.
    """
    if not isinstance(document, dict) or "version" not in document:
        raise ValueError("it names no version")
    if document["version"] != VERSION:
        raise ConfigurationError(
            f"{where}: version {document['version']!r}, this program reads {VERSION}; use the version that wrote it, "
            "or start over with --restart"
        )


def now() -> str:
    """The time, as plan and manifest have it."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
