"""What a sink writes down about itself: values, as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeAlias, get_args

from stac_manager.context import Failure
from stac_manager.exceptions import ConfigurationError, printable
from stac_manager.plan import PartitionReport

Format: TypeAlias = Literal["ndjson", "ndjson.zst", "geoparquet"]
FORMATS: tuple[Format, ...] = get_args(Format)
SUFFIXES: dict[Format, str] = {"ndjson": ".ndjson", "ndjson.zst": ".ndjson.zst", "geoparquet": ".parquet"}

VERSION = 1
"""Of the files that a sink keeps. A sink of another version is refused."""
FAILURES_KEPT = 1_000
"""Failures of one partition that are named; the rest is counted."""


@dataclass(frozen=True)
class Mark:
    """How far a time of the items reaches, for a later run that takes only what is newer.

    Attributes:
        items: How many items have this time, as RFC 3339 in UTC.
        latest: The latest of them, as the item has it; None where none has it.
    """

    items: int = 0
    latest: str | None = None

    def __add__(self, other: Mark) -> Mark:
        latest = max(filter(None, (self.latest, other.latest)), default=None)
        return Mark(self.items + other.items, latest)


@dataclass(frozen=True)
class PartRecord:
    """One partition that is done: a line of the journal.

    Attributes:
        key: Of the partition.
        file: Name of its part in the folder; None where it has no item.
        items: Items in the part.
        bytes: Size of the part.
        report: What came of the partition.
        failures: What could not be delivered, the first `FAILURES_KEPT`.
        updated, datetime: How far these times of its items reach.
    """

    key: str
    file: str | None
    items: int
    bytes: int
    report: PartitionReport
    failures: tuple[Failure, ...] = ()
    updated: Mark = Mark()
    datetime: Mark = Mark()

    @property
    def whole(self) -> bool:
        """Nothing failed, and nothing speaks against its being complete."""
        return not self.report.failed and not self.failures and self.report.problem is None

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object; `record_of` is the way back."""
        failures = [{**asdict(each), "source": printable(each.source)} for each in self.failures]
        return {**asdict(self), "report": self.report.to_json(), "failures": failures}


def record_of(document: Mapping[str, Any]) -> PartRecord:
    """Make the record that `PartRecord.to_json` wrote.

    Raises:
        ValueError: If it is none.
    """
    try:
        report = {**document["report"], "doubtful": tuple(document["report"].get("doubtful", ()))}
        known = {each.name for each in fields(PartitionReport)}
        return PartRecord(
            **{name: document[name] for name in ("key", "file", "items", "bytes")},
            report=PartitionReport(**{name: value for name, value in report.items() if name in known}),
            failures=tuple(Failure(**each) for each in document["failures"]),
            updated=Mark(**document["updated"]),
            datetime=Mark(**document["datetime"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a record of a part: {error!r}") from None


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
    """

    source: str
    options: dict[str, Any]
    identity: str
    format: Format
    items: int
    bytes: int
    counted: int | None
    status: str
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    failed: int
    failures: tuple[str, ...]
    parts: tuple[dict[str, Any], ...]
    updated: Mark
    datetime: Mark
    finished: str

    @property
    def summary(self) -> str:
        """What came of it, in a line."""
        failed = f", {self.failed:,} not delivered" if self.failed else ""
        parts = "part" if len(self.parts) == 1 else "parts"
        size = f"{self.bytes / 1e6:,.1f} MB"
        return f"{self.items:,} items in {len(self.parts):,} {parts}, {size}{failed}: {self.status}"

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as a JSON object; `manifest_of` is the way back."""
        return {"version": VERSION, **asdict(self)}


def manifest_of(document: Any, where: str) -> Manifest:
    """Make the manifest that `Manifest.to_json` wrote.

    Raises:
        ConfigurationError: If it is none, or of another version.
    """
    if not isinstance(document, dict) or document.get("version") != VERSION:
        found = document.get("version") if isinstance(document, dict) else None
        raise ConfigurationError(f"{where}: version {found!r} of the format, this program reads {VERSION}")
    try:
        members = {each.name: document[each.name] for each in fields(Manifest)}
        for name in ("problems", "notes", "failures", "parts"):
            members[name] = tuple(members[name])
        for name in ("updated", "datetime"):
            members[name] = Mark(**members[name])
        return Manifest(**members)
    except (KeyError, TypeError) as error:
        raise ConfigurationError(f"{where}: not a manifest: {error!r}") from None


def total(marks: Iterable[Mark]) -> Mark:
    """Add marks up."""
    return sum(marks, Mark())
