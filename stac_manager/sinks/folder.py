"""The durable state of one DEST: plan, journal, parts, manifest, and what may be believed of them after a crash.

The order of a run: the plan is written and synced; each part is written under a temporary name, synced, renamed, and
then noted in the journal; the manifest comes last. So a line of the journal means that its part is whole and on the
disk, and the manifest means that every partition has such a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from stac_manager.exceptions import ConfigurationError, DataProcessingError
from stac_manager.plan import DIGEST_BYTES, Plan, Rule, partition_of
from stac_manager.sinks.disk import Disk, digest_of_footer
from stac_manager.sinks.layout import MANIFEST, Layout
from stac_manager.sinks.lock import locked
from stac_manager.sinks.model import (
    REMOVE,
    VERSION,
    Format,
    Manifest,
    PartEntry,
    PartRecord,
    check_version,
    converted,
    manifest_of,
    now,
    record_of,
)  # fmt: skip

_PART = re.compile(r"[0-9a-f]{32}(-\d+)?\.(ndjson|ndjson\.zst|parquet)")


@dataclass(frozen=True)
class Header:
    """What a run is about: the first line of its plan."""

    identity: str  # a digest of all that decides which items there are: another one is another run
    source: str  # without its query
    options: dict[str, Any]  # of the search, without headers
    format: Format  # of the parts


@dataclass(frozen=True)
class _First(Header):
    """The first line of a plan, with a digest of the others."""

    rule: Rule
    counted: int | None
    notes: tuple[str, ...]
    digest: str
    made: str | None = None  # when, RFC 3339


class Folder:
    """The state of one DEST. Hold its lock (`owned`) while anything is written."""

    def __init__(self, layout: Layout, disk: Disk | None = None) -> None:
        self.layout = layout
        self.disk = disk or Disk()

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Make the folder, hold its lock, and remove what dead runs have left.

        Raises:
            ConfigurationError: If there is something else in it.
            DataProcessingError: If another run holds it.
        """
        self._check_place()
        layout = self.layout
        made = [folder for folder in (layout.state, *layout.state.parents) if not folder.exists()]
        try:
            with locked(layout.lock, str(layout.dest), self.disk.make_folder, self._is_over):
                self.disk.make_folder(layout.parts)
                self.disk.remove_folder(layout.temporary)
                self.disk.make_folder(layout.temporary)
                try:
                    yield
                finally:  # the workers have ended, also those that could not clear away
                    self.disk.remove_folder(layout.temporary)
                    if self._is_over():
                        self._empty_state()
        finally:
            for folder in dict.fromkeys((layout.state, *made)):
                with suppress(OSError):  # there is something in it
                    folder.rmdir()

    def _is_over(self) -> bool:
        """Tell whether the state may go: that of a file that is finished, or of a run that has not even a plan.

        Of a file without a manifest, it alone says that the file is ours.
        """
        layout = self.layout
        if layout.manifest.exists():
            return layout.file
        return not (layout.plan.exists() or layout.previous.exists() or (layout.file and layout.dest.exists()))

    def is_merging(self) -> bool:
        """Tell whether an update was interrupted while it merged. Of one that has ended, `previous` may be left."""
        return self.layout.previous.exists() and self.layout.update_plan.exists()

    def _empty_state(self) -> None:
        """Remove all of the state but the lock, which protects this."""
        for entry in self.layout.state.iterdir():
            if entry.is_dir():
                self.disk.remove_folder(entry)
            elif entry != self.layout.lock:
                entry.unlink(missing_ok=True)

    def _check_place(self) -> None:
        dest = self.layout.dest
        if self.layout.file:
            if dest.is_dir():
                raise ConfigurationError(f"{dest}: is a folder; name a file, or leave its ending out")
            # The state is looked at first: a run that ends meanwhile writes the manifest before that goes.
            if dest.exists() and not self.layout.state.exists() and not self.layout.manifest.exists():
                raise ConfigurationError(
                    f"{dest}: already exists and was not written by stac-manager; choose another name"
                )
        elif dest.exists():
            if not dest.is_dir():
                raise ConfigurationError(
                    f"{dest}: is a file; choose a folder, or a file ending in .ndjson, .ndjson.zst or .parquet"
                )
            foreign = next((each.name for each in dest.iterdir() if not _ours(each.name)), None)
            if foreign is not None:
                raise ConfigurationError(f"{dest}: contains other files ({foreign}); choose a new or empty folder")

    # The plan

    def write_plan(self, header: Header, plan: Plan, path: Path | None = None) -> None:
        """Write the plan, whole or not at all, after the journal of an earlier run is gone: a partition has the same
        key with other conditions."""
        if path is None and self.layout.journal.exists():
            self.disk.remove(self.layout.journal)
            self.disk.sync_folder(self.layout.state)
        first = {"version": VERSION, **header.__dict__, "rule": plan.rule, "counted": plan.counted}
        lines = b"".join(_line(partition.to_json()) for partition in plan)
        first |= {"notes": list(plan.notes), "digest": _digest(lines), "made": now()}
        self.disk.replace_content(path or self.layout.plan, _line(first) + lines, self.layout.temporary / "plan")

    def read_plan(self, path: Path | None = None) -> tuple[Header, Plan] | None:
        """Return what `write_plan` wrote, None where nothing was.

        Raises:
            ConfigurationError: If it is of another version of this program, or damaged.
        """
        path = path or self.layout.plan
        try:
            head, _, lines = path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        try:
            document = orjson.loads(head)
            check_version(document, str(path))
            first = converted(document, _First)
            if _digest(lines) != first.digest:
                raise ValueError("not what was written")
            partitions = tuple(partition_of(orjson.loads(line)) for line in lines.splitlines())
        except ValueError as error:
            raise ConfigurationError(f"{path}: damaged ({error}); start over with --restart") from None
        header = Header(first.identity, first.source, first.options, first.format)
        return header, Plan(first.source, first.rule, partitions, first.counted, first.notes)

    def began(self) -> str | None:
        """Return when the plan was made, None where it does not say so."""
        with open(self.layout.plan, "rb") as file:
            return converted(orjson.loads(file.readline()), _First).made

    # The journal

    def note(self, record: PartRecord) -> None:
        """Write down that a partition is done. Its part must have its name already."""
        self.disk.append(self.layout.journal, _line(record.to_json()))

    def records(self) -> dict[str, PartRecord]:
        """Return the partitions that are done and whose parts are there, by key; the last line about one counts.

        A last line that was not written to its end (a power loss, a full disk) does not count.
        """
        try:
            content = self.layout.journal.read_bytes()
        except FileNotFoundError:
            return {}
        found: dict[str, PartRecord] = {}
        for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), start=1):
            try:
                record = record_of(orjson.loads(line))
            except ValueError as error:
                raise ConfigurationError(
                    f"{self.layout.journal}:{number}: damaged ({error}); start over with --restart"
                ) from None
            found[record.key] = record
        return {key: record for key, record in found.items() if self._is_there(record)}

    def _is_there(self, record: PartRecord) -> bool:
        if record.file is None:
            return True
        try:
            return (self.layout.parts / record.file).stat().st_size == record.bytes
        except FileNotFoundError:
            return False

    def publish(self, temporary: Path, name: str) -> None:
        """Sync a part that is written to its end and give it its name."""
        with open(temporary, "r+b") as file:  # Windows syncs no file that is open for reading alone
            self.disk.sync(file)
        self.disk.rename(temporary, self.layout.parts / name)

    def sweep(self, keep: Iterable[str]) -> None:
        """Remove the parts of a dead run that no line of the journal speaks of. What is no part is not touched."""
        wanted = set(keep)
        for path in self.layout.parts.iterdir():
            if _PART.fullmatch(path.name) and path.name not in wanted:
                self.disk.remove(path)

    def forget(self) -> None:
        """Remove plan, journal, parts and manifest, in the order that leaves no lie behind."""
        for path in (self.layout.manifest, self.layout.plan, self.layout.journal):
            self.disk.remove(path)
        self.disk.sync_folder(self.layout.state)
        self.disk.sync_folder(self.layout.manifest.parent)
        self.retire_update()
        self.sweep(())

    def retire_update(self) -> None:
        """Let an update go, its plan first: of what is left of the rest, nobody could tell whether it was merged."""
        layout = self.layout
        if layout.update_plan.exists():
            self.disk.remove(layout.update_plan)
            self.disk.sync_folder(layout.update_plan.parent)
        self.disk.remove(layout.previous)
        self.disk.sync_folder(layout.state)
        self.disk.remove_folder(layout.update)

    # The manifest

    def write_manifest(self, manifest: Manifest) -> Manifest:
        """Say that all is done, and return what was said.

        Raises:
            DataProcessingError: If a part was removed or changed after it was written.
        """
        if (gone := self.changed_part(manifest)) is not None:
            raise DataProcessingError(f"{gone}: was removed or changed during the run; run it again to resume")
        if manifest.format == "geoparquet":
            parts = [PartEntry(**{**part, "footer": digest_of_footer(self.path_of(part))}) for part in manifest.parts]
            manifest = replace(manifest, parts=tuple(parts))
        content = orjson.dumps(manifest.to_json(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        self.disk.replace_content(self.layout.manifest, content, self.layout.temporary / MANIFEST)
        return manifest

    def read_manifest(self, path: Path | None = None) -> Manifest | None:
        """Return the manifest, None where there is none.

        Raises:
            ConfigurationError: If it is damaged or of another version.
        """
        path = path or self.layout.manifest
        try:
            return manifest_of(orjson.loads(path.read_bytes()), str(path))
        except FileNotFoundError:
            return None
        except orjson.JSONDecodeError as error:
            raise ConfigurationError(f"{path}: not JSON: {error}{REMOVE}") from None

    def path_of(self, part: PartEntry) -> Path:
        """Return where a part is."""
        return self.layout.dest if self.layout.file else self.layout.parts / part["file"]

    def changed_part(self, manifest: Manifest) -> Path | None:
        """Return the first part that is not there, or not as long as the manifest says; None if all are."""
        paths = ((self.path_of(part), part["bytes"]) for part in manifest.parts)
        return next((path for path, size in paths if not path.is_file() or path.stat().st_size != size), None)

    def has_another_footer(self, part: PartEntry) -> bool:
        """Tell whether a part of Parquet ends otherwise than it was written."""
        return "footer" in part and part["footer"] != digest_of_footer(self.path_of(part))


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=DIGEST_BYTES).hexdigest()


def _line(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def _ours(name: str) -> bool:
    """Hidden files count as well: file managers and network file systems leave some, and nobody reads them as items."""
    return name == MANIFEST or name.startswith(".") or _PART.fullmatch(name) is not None
