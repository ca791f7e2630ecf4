"""Items by number: which profile, which time, which random numbers. No files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import orjson

from .profiles import PROFILES
from .scene import Draw, Json, Scene
from .spec import MIXED, DataSetSpec

# Where the skewed items lie: one percent of the time range, a bit after its middle.
_SKEW_WINDOW_START = 0.6
_SKEW_WINDOW_SHARE = 0.01

# The blend of the mixed profile, and of the mixed kind of datetime, as shares that add up to 1.
_PROFILE_BLEND = (("sentinel-2-l2a", 0.4), ("landsat-c2-l2", 0.2), ("sentinel-1-rtc", 0.2), ("naip", 0.2))
_DATETIME_BLEND = (("instant", 0.5), ("subsecond", 0.25), ("interval", 0.25))


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
