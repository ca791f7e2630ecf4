"""Items from JSON templates: `templates/<collection>.json` is an item with gaps, filled anew for each one.

A gap is `{name}` in a text. It holds what the mutator of the collection (`profiles.py`) gives for that name, or what
`values` in the template do, one after another; as in Python, `{time.year}` is an attribute and `{centroid[west]}` a
member of that, and a format may follow: `{orbit:06d}`, `{time:%Y}`. Or it is what a method of `Draw` makes of numbers
and names: `{integer 5 75}`, `{later time 60 3600}`, `{pick A|B|C}`. A text that is one gap becomes the value itself.

`assets` is a list of steps. One with `draw` draws a share of 1; one with `below` is left out where that share is not.
"""

import functools
import re
import string
from pathlib import Path
from typing import Any

import orjson

from .profiles import MUTATORS, Draw, Json, Scene, bbox

FOLDER = Path(__file__).with_name("templates")
STAC_VERSION = "1.1.0"
_FIELDS = string.Formatter()
_GAP = re.compile(r'"\{([^{}"]+)\}"|\{([^{}"]+)\}')


class Template:
    """One collection: what its items have in common, and how the rest is filled in."""

    def __init__(self, collection: str) -> None:
        content = orjson.loads((FOLDER / f"{collection}.json").read_bytes())
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
            "stac_version": STAC_VERSION,
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
    found = [_named(each, values) if isinstance(each, str) else each for each in arguments]
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


def _named(name: str, values: Json) -> Any:
    """What a name stands for, called where that is a method."""
    value = values[name] if name in values else _FIELDS.get_field(name, (), values)[0]
    return value() if callable(value) else value
