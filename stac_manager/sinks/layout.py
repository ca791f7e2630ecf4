"""Where a sink keeps what: pure paths."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from stac_manager.exceptions import ConfigurationError
from stac_manager.sinks.model import FORMATS, SUFFIXES, Format
from stac_manager.urls import is_url, shown

STATE = ".stac-manager"
MANIFEST = "_manifest.json"
"""Readers of folders of Parquet files (pyarrow, Dask, Spark) leave out names that begin with `_`."""
_FILE_SUFFIXES: dict[str, Format] = {
    **{suffix: name for name, suffix in SUFFIXES.items()},
    ".jsonl": "ndjson",
    ".jsonl.zst": "ndjson.zst",
    ".geoparquet": "geoparquet",
}

OTHER_FILES = (
    "json", "geojson", "geojsonl", "geojsons", "ndgeojson", "pq", "arrow", "feather", "fgb", "gpkg", "csv", "tsv",
    "txt", "gz", "zst", "bz2", "xz", "zip", "tar", "tgz",
)  # fmt: skip
"""Endings of files that a sink does not write: a folder of such a name is a mistake."""


@dataclass(frozen=True)
class Layout:
    """The paths of one DEST."""

    dest: Path  # as the user named it: a folder, or a file
    format: Format  # of the parts
    file: bool  # whether DEST is one file, into which the parts are joined at the end
    parts: Path  # the folder of the parts
    state: Path  # the folder of what makes a run resumable
    manifest: Path  # the file that says that all is done

    @property
    def plan(self) -> Path:
        """The partitions, one a line, after a line about the run."""
        return self.state / "plan.jsonl"

    @property
    def journal(self) -> Path:
        """A line for each partition that is done."""
        return self.state / "journal.jsonl"

    @property
    def lock(self) -> Path:
        """Locked while a run writes here."""
        return self.state / "lock"

    @property
    def temporary(self) -> Path:
        """The folder of unfinished files; what a dead run has left in it is removed by the next."""
        return self.state / "tmp"

    @property
    def update(self) -> Path:
        """The folder in which `--update` collects what is newer."""
        return self.state / "update"

    @property
    def update_plan(self) -> Path:
        """The plan of what `--update` collects: without it, what else is in that folder is of no use."""
        return self.update / STATE / self.plan.name

    @property
    def previous(self) -> Path:
        """The manifest from before an update, while its items are merged."""
        return self.state / "previous.json"

    @property
    def suffix(self) -> str:
        """Of the parts."""
        return SUFFIXES[self.format]

    @property
    def absolute(self) -> Layout:
        """The same places for a process that works in another folder."""
        places = (self.dest, self.parts, self.state, self.manifest)
        dest, parts, state, manifest = (Path(os.path.abspath(each)) for each in places)
        return replace(self, dest=dest, parts=parts, state=state, manifest=manifest)

    def part(self, key: str) -> Path:
        """The part of the partition with this key."""
        return self.parts / f"{key}{self.suffix}"


def layout_of(dest: str | Path, format: str | None = None) -> Layout:
    """Tell from the name of DEST, and from what is there, whether it is a file or a folder, and of which format.

    Raises:
        ConfigurationError: If the format is unknown or contradicts the name, or DEST is a URL, a device or a pipe.
    """
    if not os.fspath(dest):
        raise ConfigurationError("DEST is empty")
    if is_url(os.fspath(dest)):
        raise ConfigurationError(
            f"{shown(os.fspath(dest))}: is a URL; DEST is a path on this machine, copy the parts from there"
        )
    if os.path.exists(dest) and not os.path.isfile(dest) and not os.path.isdir(dest):
        raise ConfigurationError(f"{dest}: is neither a file nor a folder; for standard output, write -")
    path = Path(os.path.realpath(dest) if os.path.islink(dest) else dest)
    if format is not None and format not in FORMATS:
        raise ConfigurationError(f"format {format!r} is unknown; known: {', '.join(FORMATS)}")
    by_name = next((_FILE_SUFFIXES[suffix] for suffix in _suffixes(path.name) if suffix in _FILE_SUFFIXES), None)
    if by_name is None or path.is_dir() or str(dest).endswith(("/", os.sep)):
        ending = path.suffix.lower()[1:]
        if ending in OTHER_FILES and not path.is_dir() and not str(dest).endswith(("/", os.sep)):
            raise ConfigurationError(
                f"{dest}: .{ending} files are not written; end the name in .ndjson, .ndjson.zst or .parquet, or in / "
                "for a folder"
            )
        chosen: Format = next((each for each in FORMATS if each == format), "ndjson")
        state = path / STATE
        return Layout(path, chosen, False, path, state, path / MANIFEST)
    if format not in (None, by_name):
        raise ConfigurationError(f"{dest}: a file of this name holds {by_name}, not {format}; name a folder for parts")
    state = path.parent / f".{path.name}{STATE}"
    return Layout(path, by_name, True, state / "parts", state, path.with_name(f"_{path.name}.manifest.json"))


def _suffixes(name: str) -> list[str]:
    """The endings of a file name that begin with a dot, longest first."""
    pieces = name.lower().split(".")[1:]
    return ["." + ".".join(pieces[first:]) for first in range(len(pieces))]
