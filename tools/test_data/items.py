"""Items by number: which profile, which time, which random numbers; the spec that says it; and the templates that are
filled so.

`templates/<collection>.json` is an item with gaps, filled anew for each one.

A gap is `{name}` in a text. It holds what the mutator of the collection (`profiles.py`) gives for that name, or what
`values` in the template do, one after another; as in Python, `{time.year}` is an attribute and `{centroid[west]}` a
member of that, and a format may follow: `{orbit:06d}`, `{time:%Y}`. Or it is what a method of `Draw` makes of numbers
and names: `{integer 5 75}`, `{later time 60 3600}`, `{pick A|B|C}`. A text that is one gap becomes the value itself.

`assets` is a list of steps. One with `draw` draws a share of 1; one with `below` is left out where that share is not.
"""

import functools
import hashlib
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from .profiles import MUTATORS, Draw, Json, Scene, bbox

GENERATOR_VERSION = 1
"""Of the data: every change of what a spec yields needs another number, then old sets are made anew."""

MIXED = "mixed"
PROFILE_NAMES = (*MUTATORS, MIXED)
LAYOUTS = ("directory", "featurecollection", "ndjson", "geoparquet")
DATETIME_KINDS = ("instant", "interval", "subsecond", "mixed")

MAX_ITEMS = 10_000_000
MAX_SEED = 2**63 - 1  # ids are unique up to here

START, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)  # the time range of all items

# The blend of the mixed profile, and of the mixed kind of datetime, as shares that add up to 1.
_PROFILE_BLEND = (("sentinel-2-l2a", 0.4), ("landsat-c2-l2", 0.2), ("sentinel-1-rtc", 0.2), ("naip", 0.2))
_DATETIME_BLEND = (("instant", 0.5), ("subsecond", 0.25), ("interval", 0.25))

_GAP = re.compile(r'"\{([^{}"]+)\}"|\{([^{}"]+)\}')


@dataclass(frozen=True)
class DataSetSpec:
    """What a data set is to hold. Raises ValueError for what the choices of the program do not exclude."""

    profile: str = "sentinel-2-l2a"
    items: int = 10_000
    layout: str = "directory"
    seed: int = 0
    datetime_kind: str = "instant"
    skew: float = 0.0  # the share of items, 0 to 1, whose time lies in one hundredth of the time range

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
        share = 0.6 + 0.01 * share  # one percent of the time range, a bit after its middle
    moment = START + timedelta(seconds=int(share * (END - START).total_seconds()))
    if kind == "instant":
        return moment, {"datetime": rfc3339(moment)}
    if kind == "interval":
        # Most are a scene, some a day, few a season or a year.
        days = 0 if length < 0.6 else 1 if length < 0.9 else 30 + int(335 * length_share)
        last = min(moment + timedelta(days=days, seconds=0 if days else 10 + int(50 * length_share)), END)
        return moment, {"datetime": None, "start_datetime": rfc3339(moment), "end_datetime": rfc3339(last)}
    microseconds = 1 + int(fraction * 999_998)
    digits = f".{microseconds:06d}" if fraction < 0.7 else f".{microseconds // 1000:03d}"
    return moment + timedelta(microseconds=microseconds), {"datetime": f"{moment:%Y-%m-%dT%H:%M:%S}{digits}Z"}


def _blended(blend: Sequence[tuple[str, float]], share: float) -> str:
    for name, part in blend:
        share -= part
        if share < 0:
            return name
    return blend[-1][0]


def rfc3339(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


class Template:
    """One collection: what its items have in common, and how the rest is filled in."""

    def __init__(self, collection: str) -> None:
        content = orjson.loads((Path(__file__).with_name("templates") / f"{collection}.json").read_bytes())
        self._collection, self._mutate = collection, MUTATORS[collection]
        self._extensions: list[str] = content["stac_extensions"]
        self._values = {name: _Part(value) for name, value in content["values"].items()}
        self._properties, self._links = _Part(content["properties"]), _Part(content["links"])
        self._steps = [("draw" in step, step.get("below", 1.0), _Part(step["assets"])) for step in content["assets"]]

    def fill(self, scene: Scene) -> tuple[str, bytes]:
        """Make one item: its id, and its JSON. The parts are filled in the order of the random numbers."""
        draw, (ring, values) = scene.draw, self._mutate(scene)
        values["time"] = scene.time
        for name, part in self._values.items():
            values[name] = part.value(values, draw)
        share, assets = 0.0, []
        for draws, below, part in self._steps:
            share = draw.share() if draws else share
            if share < below:
                assets.append(part.fill(values, draw)[1:-1])
        times = orjson.dumps({**values.get("interval", {}), **scene.datetime_properties}).decode()
        item = {
            "type": "Feature",
            "stac_version": "1.1.0",
            "id": values["name"],
            "properties": orjson.Fragment(f"{times[:-1]},{self._properties.fill(values, draw)[1:]}"),
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "bbox": bbox(ring),
            "links": orjson.Fragment(self._links.fill(values, draw)),
            "assets": orjson.Fragment(f"{{{','.join(assets)}}}"),
            "stac_extensions": self._extensions,
            "collection": self._collection,
        }
        return values["name"], orjson.dumps(item)


template_of = functools.cache(Template)


class _Part:
    """The JSON of a part, cut at its gaps."""

    def __init__(self, part: Any) -> None:
        self._start, *pieces = _GAP.split(orjson.dumps(part).decode())
        self._rest = list(zip(pieces[0::3], pieces[1::3], pieces[2::3], strict=True))

    def fill(self, values: Json, draw: Draw) -> str:
        filled = [self._start]
        for whole, within, after in self._rest:
            value = _value(whole or within, values, draw)
            filled += (orjson.dumps(value).decode() if whole else str(value), after)
        return "".join(filled)

    def value(self, values: Json, draw: Draw) -> Any:
        """Of one gap what it holds, which need not be JSON."""
        is_gap = not self._start and self._rest[0][0]
        return _value(self._rest[0][0], values, draw) if is_gap else orjson.loads(self.fill(values, draw))


def _value(gap: str, values: Json, draw: Draw) -> Any:
    kind, arguments, form = _parsed(gap)
    if kind == "pick":
        return draw.pick(arguments)
    found = []
    for each in arguments:
        named = string.Formatter().get_field(each, (), values)[0] if isinstance(each, str) else each
        found.append(named() if callable(named) else named)
    value = getattr(draw, kind)(*found) if kind else found[0]
    return value if form is None else format(value, form)


@functools.cache
def _parsed(gap: str) -> tuple[str, list[Any], str | None]:
    """The method of `Draw`, if any, the names and numbers that it takes, and the format."""
    expression, colon, form = gap.partition(":")
    kind, is_drawn, rest = expression.partition(" ")
    words = rest.split("|" if kind == "pick" else " ") if is_drawn else [expression]
    arguments = [orjson.loads(word) if word[0].isdecimal() and kind != "pick" else word for word in words]
    return kind if is_drawn else "", arguments, form if colon else None
