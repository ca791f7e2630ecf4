"""Items from JSON templates: `templates/<collection>.json` is an item with gaps, filled anew for each one.

A gap is `{name}` in a text. It holds what the mutator of the profile (`profiles.py`) gives for that name; a format may
follow, as in Python: `{orbit:06d}`, `{time:%Y}`. Or it is a random number, drawn when its turn comes by that method of
`Draw`: `{integer 5 75}`, `{pick A|B|C}`. A text that is one gap becomes the value itself, not its text.

`assets` is a list of steps. One with `draw` draws a share of 1; one with `below` is left out where that share is not.
"""

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from .scene import Draw

FOLDER = Path(__file__).with_name("templates")
_GAP = re.compile(r'"\{([^{}"]+)\}"|\{([^{}"]+)\}')

Values: TypeAlias = Mapping[str, Any]
"""What the gaps hold, by name; what can be called is called when its turn comes."""


class Template:
    """One collection: what its items have in common, and how the rest is filled in."""

    def __init__(self, collection: str) -> None:
        content = orjson.loads((FOLDER / f"{collection}.json").read_bytes())
        self.extensions: list[str] = content["stac_extensions"]
        self._properties, self._links = _Part(content["properties"]), _Part(content["links"])
        self._steps = [("draw" in step, step.get("below", 1.0), _Part(step["assets"])) for step in content["assets"]]

    def fill(self, values: Values, draw: Draw) -> tuple[str, str, str]:
        """The JSON of `assets`, `properties` and `links`, drawn in this order."""
        share, assets = 0.0, []
        for draws, below, part in self._steps:
            share = draw.share() if draws else share
            if share < below:
                assets.append(part.fill(values, draw)[1:-1])
        return f"{{{','.join(assets)}}}", self._properties.fill(values, draw), self._links.fill(values, draw)


class _Part:
    """The JSON of a part, cut at its gaps."""

    def __init__(self, part: Any) -> None:
        pieces = _GAP.split(orjson.dumps(part).decode())
        self._start = pieces[0]
        self._rest = list(zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True))

    def fill(self, values: Values, draw: Draw) -> str:
        filled = [self._start]
        for whole, within, after in self._rest:
            value = _value(whole or within, values, draw)
            filled += (orjson.dumps(value).decode() if whole else str(value), after)
        return "".join(filled)


def _value(gap: str, values: Values, draw: Draw) -> Any:
    kind, space, rest = gap.partition(" ")
    if kind == "pick":
        return draw.pick(rest.split("|"))
    if space:
        return getattr(draw, kind)(*_numbers(rest))
    name, colon, form = gap.partition(":")
    value = values[name]
    value = value() if callable(value) else value
    return format(value, form) if colon else value


@functools.cache
def _numbers(text: str) -> list[float]:
    return [orjson.loads(word) for word in text.split()]
