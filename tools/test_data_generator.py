"""Make realistic STAC items, the same for the same seed, in the layouts that file ingestion reads.

    python tools/test_data_generator.py --profile sentinel-2-l2a --items 10000 --layout directory

prints the path of the data on standard output and everything else on standard error. A set that is already
there, whole, is used as it is.

Item `index` of a profile depends on (profile, seed, index), the time range, the kind of datetime and the skew;
never on the number of items, the layout or the Python version.

One folder holds one data set:

    test_data/<name>/manifest.json      what it is; a set without it is not there
    test_data/<name>/items/<id>.json    layout `directory`
    test_data/<name>/items.json         layout `featurecollection`
    test_data/<name>/items.ndjson       layout `ndjson`
    test_data/<name>/items.parquet      layout `geoparquet` (needs pyarrow and stac-geoparquet)
    test_data/<name>/collection/        layout `collection`: collection.json and items/<id>.json

A set is written into a temporary folder beside its place and renamed when it is whole, so that neither an
interruption nor two generators at the same time can leave a half-written one.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, NoReturn

import orjson

if not __package__:  # Started as a program: the folder above is not on the path.
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.test_data_profiles import PROFILES, STAC_VERSION, Draw, Json, Scene

__all__ = [
    "DATETIME_KINDS",
    "GENERATOR_VERSION",
    "LAYOUTS",
    "PROFILE_NAMES",
    "DataSet",
    "DataSetSpec",
    "ensure",
    "find",
    "generate_item",
    "iter_items",
    "progress_bar",
]

GENERATOR_VERSION = 1
"""Of the data: every change of what a spec yields needs another number, then old sets are made anew."""

MIXED = "mixed"
PROFILE_NAMES = (*PROFILES, MIXED)
LAYOUTS = ("directory", "featurecollection", "ndjson", "geoparquet", "collection")
DATETIME_KINDS = ("instant", "interval", "subsecond", "mixed")

MAX_ITEMS = 10_000_000
"""Ids are unique up to here."""
ROW_GROUP_ITEMS = 1_000
"""Items in one row group of a GeoParquet file, and the most that are in memory while it is written."""

_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2200, 1, 1)
_MANIFEST = "manifest.json"
_UNFINISHED = ".unfinished"
_LEFTOVER_AGE_SECONDS = 24 * 3600
_PROGRESS_STEP_ITEMS = 100
_PUBLISH_ATTEMPTS = 10
_WRITE_BUFFER_BYTES = 1 << 20

# Where the skewed items lie: one percent of the time range, a bit after its middle.
_SKEW_WINDOW_START = 0.6
_SKEW_WINDOW_SHARE = 0.01

# The blend of the mixed profile, and of the mixed kind of datetime, as shares that add up to 1.
_PROFILE_BLEND = (("sentinel-2-l2a", 0.4), ("landsat-c2-l2", 0.2), ("sentinel-1-rtc", 0.2), ("naip", 0.2))
_DATETIME_BLEND = (("instant", 0.5), ("subsecond", 0.25), ("interval", 0.25))

# Data of one layout: (its path in the folder of the set, the pattern of the files that hold items).
_FILES = {
    "directory": ("items", "items/*.json"),
    "featurecollection": ("items.json", "items.json"),
    "ndjson": ("items.ndjson", "items.ndjson"),
    "geoparquet": ("items.parquet", "items.parquet"),
    "collection": ("collection", "collection/items/*.json"),
}


@dataclass(frozen=True)
class DataSetSpec:
    """What a data set is to hold. Raises ValueError when that cannot be."""

    profile: str = "sentinel-2-l2a"
    items: int = 10_000
    layout: str = "directory"
    seed: int = 0
    datetime_kind: str = "instant"
    skew: float = 0.0
    """The share of items, 0 to 1, whose time lies in one hundredth of the time range."""
    start: date = date(2020, 1, 1)
    """The first day of the time range."""
    end: date = date(2024, 1, 1)
    """The day after the last one."""
    indent: bool = False
    """Pretty-printed items: 1.4 to 1.8 times as large."""

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("profile", self.profile, PROFILE_NAMES),
            ("layout", self.layout, LAYOUTS),
            ("datetime kind", self.datetime_kind, DATETIME_KINDS),
        ):
            if value not in choices:
                raise ValueError(f"unknown {name} {value!r}, choose from {', '.join(choices)}")
        if not 1 <= self.items <= MAX_ITEMS:
            raise ValueError(f"items must be 1 to {MAX_ITEMS}, not {self.items}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, not {self.seed}")
        if not 0 <= self.skew <= 1:
            raise ValueError(f"skew must be 0 to 1, not {self.skew}")
        if not _FIRST_DAY <= self.start <= self.end <= _LAST_DAY:
            raise ValueError(f"start and end must be {_FIRST_DAY} to {_LAST_DAY}")
        if self.start >= self.end:
            raise ValueError(f"start must be before end, not {self.start} and {self.end}")
        if self.indent and self.layout in ("ndjson", "geoparquet"):
            raise ValueError(f"layout {self.layout} cannot be indented")
        if self.profile == MIXED and self.layout == "collection":
            raise ValueError("layout collection holds one collection, profile mixed has several")

    @property
    def name(self) -> str:
        """The name of its folder: another one for every other spec."""
        parts = [self.profile, str(self.items), self.layout, f"seed{self.seed}"]
        if self.datetime_kind != "instant":
            parts.append(self.datetime_kind)
        if self.skew:
            parts.append(f"skew{float(self.skew)}")
        if (self.start, self.end) != (DataSetSpec.start, DataSetSpec.end):
            parts.append(f"{self.start:%Y%m%d}-{self.end:%Y%m%d}")
        if self.indent:
            parts.append("indent")
        return "-".join(parts)

    def parameters(self) -> Json:
        """The spec as JSON values, for the manifest."""
        return {
            **asdict(self),
            "skew": float(self.skew),
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
        }

    @classmethod
    def from_parameters(cls, manifest: Json) -> DataSetSpec:
        """The spec that a manifest was written for. Raises ValueError for anything else."""
        try:
            values = {field.name: manifest[field.name] for field in fields(cls)}
            values |= {edge: date.fromisoformat(values[edge]) for edge in ("start", "end")}
            return cls(**values)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a manifest: {error}") from error


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
    """Size of the items as JSON; equal in all layouts but for indentation."""
    manifest: Json


def generate_item(
    profile: str,
    index: int,
    *,
    seed: int = 0,
    datetime_kind: str = "instant",
    skew: float = 0.0,
    start: date = DataSetSpec.start,
    end: date = DataSetSpec.end,
) -> Json:
    """Item number `index` (from 0) of a profile. The caller may change it."""
    if index < 0:
        raise ValueError(f"index must not be negative, not {index}")
    spec = DataSetSpec(profile, index + 1, seed=seed, datetime_kind=datetime_kind, skew=skew, start=start, end=end)
    return _own_copy(_build(spec, index))


def iter_items(spec: DataSetSpec) -> Iterator[Json]:
    """All items of a data set, without files. The caller may change them."""
    return (_own_copy(_build(spec, index)) for index in range(spec.items))


def ensure(
    spec: DataSetSpec,
    root: Path,
    *,
    force: bool = False,
    advance: Callable[[int], None] | None = None,
) -> DataSet:
    """The data set below `root`: the one that is there, or a new one.

    Args:
        spec: What it is to hold.
        root: The folder of all data sets; made when it is missing.
        force: Make it anew, even if it is there.
        advance: Called with the number of items made since the last call.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
        ModuleNotFoundError: Layout `geoparquet` without pyarrow or stac-geoparquet.
    """
    if not force and (found := find(spec, root)) is not None:
        return found

    root.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(root)
    unfinished = root / f".{spec.name}.{uuid.uuid4().hex}{_UNFINISHED}"
    try:
        unfinished.mkdir()
        item_bytes = _WRITERS[spec.layout](spec, unfinished, advance or _ignore)
        _write_manifest(spec, unfinished, item_bytes)
        _publish(spec, unfinished, root, force=force)
    finally:
        if unfinished.exists():
            shutil.rmtree(unfinished, ignore_errors=True)

    made = find(spec, root)
    if made is None:
        raise OSError(f"{root / spec.name} was changed while it was being made")
    return made


def find(spec: DataSetSpec, root: Path) -> DataSet | None:
    """The data set below `root` if it is there, whole, and made by this version of the generator."""
    home = root / spec.name
    try:
        manifest = orjson.loads((home / _MANIFEST).read_bytes())
        count, size = _measure(spec.layout, home)
    except (OSError, orjson.JSONDecodeError):
        return None
    expected = {**spec.parameters(), "generator_version": GENERATOR_VERSION, "bytes": size}
    if not isinstance(manifest, dict) or any(manifest.get(key) != expected[key] for key in expected):
        return None
    if count not in (None, spec.items) or not isinstance(manifest.get("item_bytes"), int):
        return None
    data, _ = _FILES[spec.layout]
    return DataSet(spec, home / data, spec.items, size, manifest["item_bytes"], manifest)


# --- Items --------------------------------------------------------------------------------------------------


def _build(spec: DataSetSpec, index: int) -> Json:
    """One item. It shares parts with the templates: to be written at once, never to be changed."""
    digest = hashlib.blake2b(f"{spec.profile}/{spec.seed}/{index}".encode(), digest_size=16).digest()
    draw = Draw(int.from_bytes(digest, "big"))
    profile, kind = spec.profile, spec.datetime_kind
    # Every item takes the same numbers here, whatever the options: these change the times, nothing else.
    profile_share, kind_share, skew_share = draw.share(), draw.share(), draw.share()
    if profile == MIXED:
        profile = _blended(_PROFILE_BLEND, profile_share)
    if kind == "mixed":
        kind = _blended(_DATETIME_BLEND, kind_share)
    moment, properties = _times(spec, kind, draw, skewed=skew_share < spec.skew)
    return PROFILES[profile].build(Scene(index, spec.seed, moment, properties, draw))


def _times(spec: DataSetSpec, kind: str, draw: Draw, *, skewed: bool) -> tuple[datetime, Json]:
    start = datetime(spec.start.year, spec.start.month, spec.start.day, tzinfo=UTC)
    end = datetime(spec.end.year, spec.end.month, spec.end.day, tzinfo=UTC)
    share, fraction, length, length_share = draw.share(), draw.share(), draw.share(), draw.share()
    if skewed:
        share = _SKEW_WINDOW_START + _SKEW_WINDOW_SHARE * share
    moment = start + timedelta(seconds=int(share * (end - start).total_seconds()))
    if kind == "instant":
        return moment, {"datetime": _rfc3339(moment)}
    if kind == "interval":
        last = min(moment + _interval_length(length, length_share), end)
        return moment, {"datetime": None, "start_datetime": _rfc3339(moment), "end_datetime": _rfc3339(last)}
    microseconds = 1 + int(fraction * 999_998)
    digits = f".{microseconds:06d}" if fraction < 0.7 else f".{microseconds // 1000:03d}"
    return moment + timedelta(microseconds=microseconds), {"datetime": f"{moment:%Y-%m-%dT%H:%M:%S}{digits}Z"}


def _interval_length(length: float, share: float) -> timedelta:
    """Most intervals are a scene, some a day, few a season or a year."""
    if length < 0.6:
        return timedelta(seconds=10 + int(50 * share))
    if length < 0.9:
        return timedelta(days=1)
    return timedelta(days=30 + int(335 * share))


def _blended(blend: Sequence[tuple[str, float]], share: float) -> str:
    for name, part in blend:
        share -= part
        if share < 0:
            return name
    return blend[-1][0]


def _rfc3339(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def _own_copy(item: Json) -> Json:
    copy: Json = orjson.loads(orjson.dumps(item))
    return copy


# --- Layouts ------------------------------------------------------------------------------------------------
# Every writer gets the spec, the folder to fill and what to tell about progress, and returns the bytes of the
# items as JSON.


def _write_directory(spec: DataSetSpec, folder: Path, advance: Callable[[int], None]) -> int:
    items = folder / "items"
    items.mkdir()
    return sum(_write_item(items, name, text) for name, text in _texts(spec, advance))


def _write_collection(spec: DataSetSpec, folder: Path, advance: Callable[[int], None]) -> int:
    items = folder / "collection" / "items"
    items.mkdir(parents=True)
    collection = _collection(spec)
    links = collection.pop("links")
    total = 0
    # The link to each item is written as the item is: no list of all of them.
    with (folder / "collection" / "collection.json").open("wb", _WRITE_BUFFER_BYTES) as file:
        file.write(orjson.dumps(collection)[:-1] + b',"links":' + orjson.dumps(links)[:-1])
        for name, text in _texts(spec, advance):
            total += _write_item(items, name, text)
            link = {"rel": "item", "href": f"./items/{name}.json", "type": "application/geo+json"}
            file.write(b",\n" + orjson.dumps(link))
        file.write(b"]}\n")
    return total


def _write_featurecollection(spec: DataSetSpec, folder: Path, advance: Callable[[int], None]) -> int:
    total, separator = 0, b'{"type":"FeatureCollection","features":[\n'
    with (folder / "items.json").open("wb", _WRITE_BUFFER_BYTES) as file:
        for _, text in _texts(spec, advance):
            file.write(separator)
            file.write(text)
            total, separator = total + len(text), b",\n"
        file.write(b"\n]}\n")
    return total


def _write_ndjson(spec: DataSetSpec, folder: Path, advance: Callable[[int], None]) -> int:
    with (folder / "items.ndjson").open("wb", _WRITE_BUFFER_BYTES) as file:
        return _write_lines(spec, file, advance)


def _write_geoparquet(spec: DataSetSpec, folder: Path, advance: Callable[[int], None]) -> int:
    from stac_geoparquet.arrow import parse_stac_ndjson_to_parquet

    # Two passes over lines on disk, the first one for a schema that fits every item: bounded memory.
    lines = folder / "items.ndjson"
    with lines.open("wb", _WRITE_BUFFER_BYTES) as file:
        total = _write_lines(spec, file, advance)
    parse_stac_ndjson_to_parquet(lines, folder / "items.parquet", chunk_size=ROW_GROUP_ITEMS)
    lines.unlink()
    return total


_WRITERS: dict[str, Callable[[DataSetSpec, Path, Callable[[int], None]], int]] = {
    "directory": _write_directory,
    "featurecollection": _write_featurecollection,
    "ndjson": _write_ndjson,
    "geoparquet": _write_geoparquet,
    "collection": _write_collection,
}


def _texts(spec: DataSetSpec, advance: Callable[[int], None]) -> Iterator[tuple[str, bytes]]:
    """The id and the JSON of every item."""
    option = orjson.OPT_INDENT_2 if spec.indent else 0
    for index in range(spec.items):
        item = _build(spec, index)
        yield item["id"], orjson.dumps(item, option=option)
        if (index + 1) % _PROGRESS_STEP_ITEMS == 0:
            advance(_PROGRESS_STEP_ITEMS)
    advance(spec.items % _PROGRESS_STEP_ITEMS)


def _write_lines(spec: DataSetSpec, file: IO[bytes], advance: Callable[[int], None]) -> int:
    total = 0
    for _, text in _texts(spec, advance):
        file.write(text)
        file.write(b"\n")
        total += len(text)
    return total


def _write_item(folder: Path, name: str, text: bytes) -> int:
    return (folder / f"{name}.json").write_bytes(text)


def _collection(spec: DataSetSpec) -> Json:
    profile = PROFILES[spec.profile]
    interval = [_rfc3339(datetime(edge.year, edge.month, edge.day, tzinfo=UTC)) for edge in (spec.start, spec.end)]
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "id": profile.collection,
        "title": profile.title,
        "description": profile.description,
        "license": profile.license,
        "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [interval]}},
        "links": [{"rel": "root", "href": "./collection.json", "type": "application/json"}],
    }


# --- Whole or not there -------------------------------------------------------------------------------------


def _measure(layout: str, home: Path) -> tuple[int | None, int]:
    """How many item files there are (None: all items are in one file) and their bytes on disk."""
    data, pattern = _FILES[layout]
    if "*" not in pattern:
        return None, (home / data).stat().st_size
    if layout == "collection" and not (home / data / "collection.json").is_file():
        raise FileNotFoundError(home / data / "collection.json")
    with os.scandir((home / pattern).parent) as entries:
        sizes = [entry.stat().st_size for entry in entries if entry.name.endswith(".json")]
    return len(sizes), sum(sizes)


def _write_manifest(spec: DataSetSpec, folder: Path, item_bytes: int) -> None:
    data, pattern = _FILES[spec.layout]
    _, size = _measure(spec.layout, folder)
    manifest = {
        "generator_version": GENERATOR_VERSION,
        **spec.parameters(),
        "data": data,
        "files": pattern,
        "bytes": size,
        "item_bytes": item_bytes,
        "mean_item_bytes": round(item_bytes / spec.items, 1),
        "created": _rfc3339(datetime.now(UTC)),
    }
    (folder / _MANIFEST).write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")


def _publish(spec: DataSetSpec, unfinished: Path, root: Path, *, force: bool) -> None:
    """Give the finished set its name, unless another generator was faster: the content is the same."""
    home = root / spec.name
    for _ in range(_PUBLISH_ATTEMPTS):
        try:
            unfinished.rename(home)  # Atomic; fails when there is a set with files.
            return
        except OSError:
            if not home.exists():
                raise
        if not force and find(spec, root) is not None:
            return
        outdated = root / f".{spec.name}.{uuid.uuid4().hex}{_UNFINISHED}"
        with suppress(FileNotFoundError):  # Another generator has just moved it away.
            home.rename(outdated)
        shutil.rmtree(outdated, ignore_errors=True)
    raise OSError(f"{home} is being made by too many programs at the same time")


def _remove_leftovers(root: Path) -> None:
    """Remove what killed generators left; young folders may belong to one that runs."""
    oldest = time.time() - _LEFTOVER_AGE_SECONDS
    for folder in root.glob(f".*.{'[0-9a-f]' * 32}{_UNFINISHED}"):
        with suppress(FileNotFoundError):
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)


def _ignore(_: int) -> None:
    pass


# --- The program --------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="test_data_generator.py",
        description="Make realistic STAC items, the same for the same seed. Prints the path of the data.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    default = DataSetSpec()
    parser.add_argument("--profile", default=default.profile, help=f"what the items look like: {_or(PROFILE_NAMES)}")
    parser.add_argument("--items", type=int, default=default.items, metavar="N", help="number of items")
    parser.add_argument("--layout", default=default.layout, help=f"how they lie on disk: {_or(LAYOUTS)}")
    parser.add_argument("--seed", type=int, default=default.seed, metavar="N", help="another seed, other items")
    parser.add_argument("--datetime-kind", default=default.datetime_kind, help=f"{_or(DATETIME_KINDS)}")
    parser.add_argument(
        "--skew", type=float, default=default.skew, metavar="SHARE", help="share of items in 1%% of the time range"
    )
    day = date.fromisoformat
    parser.add_argument("--start", type=day, default=default.start, metavar="DATE", help="first day of the time range")
    parser.add_argument("--end", type=day, default=default.end, metavar="DATE", help="the day after the last one")
    parser.add_argument("--indent", action="store_true", help="pretty-print the items")
    parser.add_argument(
        "--output", type=Path, default=Path("test_data"), metavar="FOLDER", help="the folder of all data sets"
    )
    parser.add_argument("--force", action="store_true", help="make the set anew, even if it is there")
    parser.add_argument("--list", action="store_true", help="list the data sets in the output folder and stop")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code: 0, 1 for a failure, 2 for wrong options, 130 for Ctrl-C."""
    parser = _parser()
    options = parser.parse_args(arguments)
    root: Path = options.output
    try:
        if options.list:
            sys.stdout.write(_listing(root))
            return 0
        try:
            spec = DataSetSpec(**{field.name: getattr(options, field.name) for field in fields(DataSetSpec)})
        except ValueError as error:
            parser.error(str(error))
        with progress_bar(spec) as advance:
            data_set = ensure(spec, root, force=options.force, advance=advance)
        sys.stdout.write(f"{data_set.path.resolve()}\n")
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: no data set was made\n")
        return 130
    except ModuleNotFoundError as error:
        sys.stderr.write(f"error: layout {options.layout} needs pyarrow and stac-geoparquet ({error})\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"error: cannot make the data set in {root}: {error}\n")
        return 1
    return 0


@contextmanager
def progress_bar(spec: DataSetSpec) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, if rich is installed; nothing in a pipe. It shows up with the first items."""
    if not sys.stderr.isatty():
        yield _ignore
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    except ModuleNotFoundError:
        yield _ignore
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"{spec.profile} items", total=spec.items, visible=False)

        def advance(items: int) -> None:
            progress.update(task, advance=items, visible=True)

        yield advance


def _listing(root: Path) -> str:
    """One line a data set: its name, its number of items, its size, and whether it is whole."""
    homes = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    lines = []
    for home in homes:
        if home.name.startswith("."):
            if home.name.endswith(_UNFINISHED):
                lines.append(f"{home.name}  unfinished")
            continue
        found = _find_by_manifest(home)
        if found is None:
            lines.append(f"{home.name}  not whole")
        else:
            lines.append(f"{home.name}  {found.items} items  {found.bytes / 1e6:.1f} MB  whole")
    return "".join(f"{line}\n" for line in lines) or f"no data sets in {root}\n"


def _find_by_manifest(home: Path) -> DataSet | None:
    try:
        spec = DataSetSpec.from_parameters(orjson.loads((home / _MANIFEST).read_bytes()))
    except (OSError, ValueError):
        return None
    return find(spec, home.parent) if spec.name == home.name else None


def _or(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


if __name__ == "__main__":
    sys.exit(main())
