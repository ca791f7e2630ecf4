"""Items by number: which profile, which time, which random numbers; and the spec that says it. No files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta

import orjson

from .profiles import PROFILES
from .scene import Draw, Json, Scene

GENERATOR_VERSION = 1
"""Of the data: every change of what a spec yields needs another number, then old sets are made anew."""

MIXED = "mixed"
PROFILE_NAMES = ("sentinel-2-l2a", "landsat-c2-l2", "sentinel-1-rtc", "naip", MIXED)
LAYOUTS = ("directory", "featurecollection", "ndjson", "geoparquet", "collection")
DATETIME_KINDS = ("instant", "interval", "subsecond", "mixed")

MAX_ITEMS = 10_000_000
"""Ids are unique up to here."""

_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2200, 1, 1)

# Where the skewed items lie: one percent of the time range, a bit after its middle.
_SKEW_WINDOW_START = 0.6
_SKEW_WINDOW_SHARE = 0.01

# The blend of the mixed profile, and of the mixed kind of datetime, as shares that add up to 1.
_PROFILE_BLEND = (("sentinel-2-l2a", 0.4), ("landsat-c2-l2", 0.2), ("sentinel-1-rtc", 0.2), ("naip", 0.2))
_DATETIME_BLEND = (("instant", 0.5), ("subsecond", 0.25), ("interval", 0.25))


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
        parameters: Json = orjson.loads(orjson.dumps(self))
        return parameters

    @classmethod
    def from_parameters(cls, manifest: Json) -> DataSetSpec:
        """The spec that a manifest was written for. Raises ValueError for anything else."""
        try:
            values = {field.name: manifest[field.name] for field in fields(cls)}
            values |= {edge: date.fromisoformat(values[edge]) for edge in ("start", "end")}
            return cls(**values)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a manifest: {error}") from error


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
    return _own_copy(build(spec, index))


def iter_items(spec: DataSetSpec) -> Iterator[Json]:
    """All items of a data set, without files. The caller may change them."""
    return (_own_copy(build(spec, index)) for index in range(spec.items))


def build(spec: DataSetSpec, index: int) -> Json:
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
        return moment, {"datetime": rfc3339(moment)}
    if kind == "interval":
        last = min(moment + _interval_length(length, length_share), end)
        return moment, {"datetime": None, "start_datetime": rfc3339(moment), "end_datetime": rfc3339(last)}
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


def rfc3339(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def _own_copy(item: Json) -> Json:
    copy: Json = orjson.loads(orjson.dumps(item))
    return copy
