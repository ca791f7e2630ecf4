"""Items from JSON templates: `templates/<collection>.json` is an item with gaps, filled anew for each one.

A gap is `{name}` in a text. It holds what the mutator of the profile (`profiles.py`) gives for that name, or a random
number that is drawn when its turn comes. A format may follow the name, as in Python: `{orbit:06d}`, `{time:%Y}`.

    {integer LOW HIGH}  {integer LOW HIGH // DIVISOR}  {digits LOW HIGH} (as text)  {real LOW HIGH}
    {rounded LOW HIGH DIGITS}  {pick A|B|C}  {hex DIGITS}

A text that is one gap becomes the value itself, not its text. `assets` is a list of steps: `assets` adds some, `draw`
draws a share of 1 and gives it a name, and a step with `when` is done where that share is below its limit.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from .scene import Draw, Json

FOLDER = Path(__file__).with_name("templates")
_GAP = re.compile(r"\{([^{}]+)\}")

Values: TypeAlias = Mapping[str, Any]
"""What the gaps hold, by name; what can be called is called when its turn comes."""
Filler: TypeAlias = Callable[[Values, Draw], Any]


class Template:
    """One collection: what its items have in common, and how the rest is filled in."""

    def __init__(self, collection: str) -> None:
        content = json.loads((FOLDER / f"{collection}.json").read_text(encoding="utf-8"))
        self.collection = collection
        self.title: str = content["title"]
        self.description: str = content["description"]
        self.license: str = content["license"]
        self.extensions: list[str] = content["stac_extensions"]
        self._properties = _compiled(content["properties"])
        self._links = _compiled(content["links"])
        self._steps = [{**step, "assets": _compiled(step.get("assets", {}))} for step in content["assets"]]

    def fill(self, values: Values, draw: Draw) -> Json:
        """What differs of an item, drawn in this order: `assets`, `properties`, `links`."""
        assets = self._assets(values, draw)
        properties = _filled(self._properties, values, draw)
        return {"assets": assets, "properties": properties, "links": _filled(self._links, values, draw)}

    def _assets(self, values: Values, draw: Draw) -> Json:
        shares: dict[str, float] = {}
        assets: Json = {}
        for step in self._steps:
            if "draw" in step:
                shares[step["draw"]] = draw.share()
            name, limit = step.get("when", (None, 0.0))
            if name is None or shares[name] < limit:
                assets.update(_filled(step["assets"], values, draw))
        return assets


def _filled(part: Any, values: Values, draw: Draw) -> Any:
    return part(values, draw) if callable(part) else part


def _compiled(part: Any) -> Any:
    """What fills this part; the part itself where it has no gap, which all items then share."""
    if isinstance(part, str):
        return _text(part)
    if isinstance(part, dict):
        fillers = {key: _compiled(value) for key, value in part.items()}
        if not any(map(callable, fillers.values())):
            return part
        items = tuple(fillers.items())
        return lambda values, draw: {
            key: each(values, draw) if callable(each) else each for key, each in items
        }  # fmt: skip
    if isinstance(part, list):
        members = [_compiled(value) for value in part]
        if not any(map(callable, members)):
            return part
        return lambda values, draw: [each(values, draw) if callable(each) else each for each in members]
    return part


def _text(text: str) -> Any:
    gaps = [_gap(found[1]) for found in _GAP.finditer(text)]
    if not gaps:
        return text
    between = _GAP.sub("\0", text).split("\0")
    if between == ["", ""]:
        return gaps[0]

    def fill(values: Values, draw: Draw) -> str:
        parts = [between[0]]
        for gap, after in zip(gaps, between[1:], strict=True):
            parts += (str(gap(values, draw)), after)
        return "".join(parts)

    return fill


def _gap(text: str) -> Filler:
    kind, _, rest = text.partition(" ")
    if not rest:
        return _named(*kind.partition(":"))
    if kind == "pick":
        choices = rest.split("|")
        return lambda _, draw: draw.pick(choices)
    numbers = [float(word) if "." in word else int(word) for word in rest.split() if word != "//"]
    return _DRAWS[kind](*numbers)


def _named(name: str, colon: str, form: str) -> Filler:
    def fill(values: Values, _: Draw) -> Any:
        value = values[name]
        value = value() if callable(value) else value
        return format(value, form) if colon else value

    return fill


def _integer(low: int, high: int, divisor: int = 1) -> Filler:
    return lambda _, draw: draw.integer(low, high) // divisor


_DRAWS: dict[str, Callable[..., Filler]] = {
    "integer": _integer,
    "digits": lambda low, high: lambda _, draw: str(draw.integer(low, high)),
    "real": lambda low, high: lambda _, draw: draw.real(low, high),
    "rounded": lambda low, high, digits: lambda _, draw: draw.rounded(low, high, digits),
    "hex": lambda digits: lambda _, draw: draw.hex(digits),
}
