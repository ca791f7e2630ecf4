"""Which items a configuration asks for, and what of them: one predicate, and what it lets a reader leave out.

The conditions are those of a STAC API (item-search), all of which must hold: `collection_id` or `collections`, `ids`,
`datetime`, `bbox`, `intersects`, `filter`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from stac_manager.checks import END_OF_DAY
from stac_manager.config import IngestConfig
from stac_manager.exceptions import printable
from stac_manager.files.filtering import expressions
from stac_manager.files.filtering.boxes import item_matches
from stac_manager.geojson import Box, boxes_of
from stac_manager.parsing.fields import WHOLE, Decode, Fields, Path, path_of
from stac_manager.parsing.items import SHOWN_CHARACTERS
from stac_manager.protocols import Item
from stac_manager.timestamps import interval, nanoseconds
from stac_manager.words import without_a_time

TIMES = ("datetime", "start_datetime", "end_datetime")
Predicate: TypeAlias = Callable[[Item], bool]


class Timeless:
    """Items that a condition on the time leaves out since theirs is missing or not understood.

    Attributes:
        count: How many.
        first: The id of the first, and its time.
    """

    def __init__(self) -> None:
        self.count = 0
        self.first = ""

    def add(self, item: Item, properties: dict[str, Any]) -> None:
        """Take note of one."""
        self.count += 1
        if not self.first:
            times = [found for name in TIMES if (found := properties.get(name)) is not None]
            said = next((found for found in times if nanoseconds(found) is None), None)
            time = "without a time" if said is None else f"of {str(said)[:SHOWN_CHARACTERS]!r}"
            self.first = f"{str(item.get('id'))[:SHOWN_CHARACTERS]!r} {time}"

    def note(self, *, redacted: bool) -> str | None:
        """Which they are, in a sentence, `redacted` without what they say; None where there are none."""
        if not self.count:
            return None
        left_out = without_a_time(self.count)
        return left_out if redacted else f"{left_out}, the first: {printable(self.first)}"


@dataclass(frozen=True)
class Filters:
    """The conditions of a configuration."""

    predicates: tuple[Predicate, ...] = ()  # all must hold, the cheapest first
    period: tuple[int | None, int | None] = (None, None)  # first and last nanosecond since 1970 that was asked for
    boxes: tuple[Box, ...] = ()  # where the geometry must be, in degrees; nothing for everywhere
    description: str = ""  # in words, for messages
    may_be_empty: bool = False  # they select among the items, so that none may be left
    fields: Fields | None = None  # what is kept of an item; None for all of it
    whole: Decode = WHOLE  # what decodes items of which all is kept
    paths: frozenset[Path] = frozenset()  # members that the conditions read
    timeless: Timeless = field(default_factory=Timeless, compare=False)

    @property
    def decode(self) -> Decode:
        """What decodes JSON: of an item, no more than is wanted."""
        return self.whole if self.fields is None else self.fields.decode

    @property
    def keep(self) -> Callable[[Item], Item] | None:
        """What leaves out of an item what only the conditions had to read; None where that is nothing."""
        return None if self.fields is None or self.fields.is_exact else self.fields.keep

    def __bool__(self) -> bool:
        return bool(self.predicates)

    def matches(self, item: Item) -> bool:
        """Tell whether an item meets every condition."""
        return all(predicate(item) for predicate in self.predicates)


EVERYTHING = Filters()


def filters_of(config: IngestConfig, collection_id: str | None = None) -> Filters:
    """Compile the conditions of a configuration; `collection_id` counts where the configuration names no collection.

    Raises:
        ConfigurationError: If `filter` or `intersects` is not understood, or needs a package that is not installed.
    """
    predicates: list[Predicate] = []
    paths: set[Path] = set()
    words: list[str] = []
    period: tuple[int | None, int | None] = (None, None)
    boxes: tuple[Box, ...] = ()
    timeless = Timeless()
    collections = config.collections or tuple(filter(None, [config.collection_id or collection_id]))
    if collections:
        predicates.append(_one_of("collection", frozenset(collections)))
        paths.add(("collection",))
        words.append(f"of collection {' or '.join(map(repr, collections))}")
    if config.ids is not None:
        predicates.append(_one_of("id", frozenset(config.ids)))
        words.append("with one of the ids")
    if config.datetime is not None:
        period = _to_the_last_nanosecond(config.datetime)
        predicates.append(_during(*period, timeless))
        paths |= {("properties", name) for name in TIMES}
        words.append(f"in {config.datetime}")
    if config.bbox is not None:
        boxes = boxes_of(config.bbox)
        predicates.append(_inside(boxes, config.bbox))
        paths |= {("geometry",), ("bbox",)}
        words.append("in the bbox")
    for name in ("intersects", "filter"):
        expression = getattr(config, name)
        if expression is None:
            continue
        if name == "intersects":
            expression = {"op": "s_intersects", "args": [{"property": "geometry"}, expression]}
        predicate, names = expressions.compiled(expression)
        predicates.append(predicate)
        found = {path for each in names for path in ((each,), path_of(each))}
        paths |= found | {("properties", *path) for path in found}
        words.append(f"that the {name!r} lets through")
    may_be_empty = len(predicates) > bool(collections)
    fields = None if config.fields is None else Fields(config.fields, paths)
    return Filters(
        tuple(predicates), period, boxes, ", ".join(words), may_be_empty, fields, paths=frozenset(paths),
        timeless=timeless,
    )  # fmt: skip


def _one_of(member: str, wanted: frozenset[str]) -> Predicate:
    def is_one(item: Item) -> bool:
        value: Any = item.get(member)
        return isinstance(value, str) and value in wanted

    return is_one


def _to_the_last_nanosecond(text: str) -> tuple[int | None, int | None]:
    """Read an interval; the end of a day, which goes to APIs in microseconds, is its last nanosecond."""
    first, last = interval(text)
    return first, last if last is None or not text.endswith(END_OF_DAY) else last + 999


def _during(first: int | None, last: int | None, timeless: Timeless) -> Predicate:
    """An item is where its start and end are, with `datetime` in place of one that is missing (PgSTAC, rustac)."""

    def is_during(item: Item) -> bool:
        properties = item.get("properties")
        if not isinstance(properties, dict):
            timeless.add(item, {})
            return False
        moment = properties.get("datetime")
        start = nanoseconds(moment if (found := properties.get("start_datetime")) is None else found)
        end = nanoseconds(moment if (found := properties.get("end_datetime")) is None else found)
        if start is None or end is None:
            timeless.add(item, properties)
            return False
        return (last is None or start <= last) and (first is None or end >= first)

    return is_during


def _inside(boxes: tuple[Box, ...], bbox: Sequence[float]) -> Predicate:
    heights = (bbox[2], bbox[5]) if len(bbox) == 6 else None
    return lambda item: item_matches(item, boxes, heights)
