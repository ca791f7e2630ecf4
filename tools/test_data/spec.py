"""What a data set holds, and what it is called."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import date

from .scene import Json

GENERATOR_VERSION = 1
"""Of the data: every change of what a spec yields needs another number, then old sets are made anew."""

MIXED = "mixed"
PROFILE_NAMES = ("sentinel-2-l2a", "landsat-c2-l2", "sentinel-1-rtc", "naip", MIXED)
LAYOUTS = ("directory", "featurecollection", "ndjson", "geoparquet", "collection")
DATETIME_KINDS = ("instant", "interval", "subsecond", "mixed")

MAX_ITEMS = 10_000_000
"""Ids are unique up to here."""

_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2200, 1, 1)


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
