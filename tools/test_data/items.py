"""Items by number: which profile, which time, which random numbers; and the spec that says it. No files."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .profiles import MUTATORS, Draw, Json, Scene
from .templates import template_of

GENERATOR_VERSION = 1
"""Of the data: every change of what a spec yields needs another number, then old sets are made anew."""

MIXED = "mixed"
PROFILE_NAMES = (*MUTATORS, MIXED)
LAYOUTS = ("directory", "featurecollection", "ndjson", "geoparquet")
DATETIME_KINDS = ("instant", "interval", "subsecond", "mixed")

MAX_ITEMS = 10_000_000
MAX_SEED = 2**63 - 1
"""Ids are unique up to here."""

START, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
"""The time range of all items."""

# Where the skewed items lie: one percent of the time range, a bit after its middle.
_SKEW_WINDOW_START = 0.6
_SKEW_WINDOW_SHARE = 0.01

# The blend of the mixed profile, and of the mixed kind of datetime, as shares that add up to 1.
_PROFILE_BLEND = (("sentinel-2-l2a", 0.4), ("landsat-c2-l2", 0.2), ("sentinel-1-rtc", 0.2), ("naip", 0.2))
_DATETIME_BLEND = (("instant", 0.5), ("subsecond", 0.25), ("interval", 0.25))


@dataclass(frozen=True)
class DataSetSpec:
    """What a data set is to hold. Raises ValueError for what the choices of the program do not exclude."""

    profile: str = "sentinel-2-l2a"
    items: int = 10_000
    layout: str = "directory"
    seed: int = 0
    datetime_kind: str = "instant"
    skew: float = 0.0
    """The share of items, 0 to 1, whose time lies in one hundredth of the time range."""

    def __post_init__(self) -> None:
        if not 0 <= self.skew <= 1:
            raise ValueError(f"skew must be 0 to 1, not {self.skew}")

    @property
    def name(self) -> str:
        """The name of its folder: another one for every other spec."""
        parts = [self.profile, str(self.items), self.layout, f"seed{self.seed}"]
        if self.datetime_kind != "instant":
            parts.append(self.datetime_kind)
        if self.skew:
            parts.append(f"skew{float(self.skew)}")
        return "-".join(parts)


def build(spec: DataSetSpec, index: int) -> tuple[str, bytes]:
    """The id and the JSON of one item."""
    digest = hashlib.blake2b(f"{spec.profile}/{spec.seed}/{index}".encode(), digest_size=16).digest()
    draw = Draw(int.from_bytes(digest, "big"))
    profile, kind = spec.profile, spec.datetime_kind
    # Every item takes the same numbers here, whatever the options: these change the times, nothing else.
    profile_share, kind_share, skew_share = draw.share(), draw.share(), draw.share()
    if profile == MIXED:
        profile = _blended(_PROFILE_BLEND, profile_share)
    if kind == "mixed":
        kind = _blended(_DATETIME_BLEND, kind_share)
    moment, properties = _times(kind, draw, skewed=skew_share < spec.skew)
    return template_of(profile).fill(Scene(index, spec.seed, moment, properties, draw))


def _times(kind: str, draw: Draw, *, skewed: bool) -> tuple[datetime, Json]:
    share, fraction, length, length_share = draw.share(), draw.share(), draw.share(), draw.share()
    if skewed:
        share = _SKEW_WINDOW_START + _SKEW_WINDOW_SHARE * share
    moment = START + timedelta(seconds=int(share * (END - START).total_seconds()))
    if kind == "instant":
        return moment, {"datetime": rfc3339(moment)}
    if kind == "interval":
        last = min(moment + _interval_length(length, length_share), END)
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
