"""What is asked for a partition: the search of the user, narrowed down."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor
from typing import Any, ClassVar

from stac_manager.api.endpoint import Endpoint
from stac_manager.api.ownership import Asked
from stac_manager.api.requests import Request, as_query
from stac_manager.geojson import Box, box_around, ring_of
from stac_manager.plan import Interval, NoDatetime, NoGeometry, Pages, Partition, Tile, Whole
from stac_manager.timestamps import SECOND, seconds, text_of_second

MARGIN_SECONDS = 1  # so much more is asked on each side of an interval, whatever a server rounds to
MARGIN_DEGREES = 1e-6  # and around a tile: a tenth of a metre
SHORTEST_SECONDS = 4  # less is not worth cutting
OPEN = ".."
FIRST_TEXT, LAST_TEXT = "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"
# What `ordered` asks for where it can be asked for; the last key of any other sort, so that it tells ties apart.
BY_ID = {"field": "id", "direction": "asc"}
NEWEST_FIRST = [{"field": "properties.datetime", "direction": "desc"}, BY_ID]
NO_ITEM = "no-such-item-9b1c6f"
NOWHERE = (-123.39333, -48.87667, -123.39332, -48.87666)
"""A box in which there is hardly anything: a metre of the Pacific, as far from land as one can be."""
HARDLY_ANYTHING = "2200-01-01T00:00:00.000Z/2200-01-01T00:00:01.000Z"  # a second likewise
LONGEST_ADDRESS = 4_000
"""So long an address may be: Gunicorn takes a line of 4,094 bytes, others of 8,190 (RFC 9110 asks for 8,000)."""
_FRACTION = re.compile(r"\.\d")


@dataclass(frozen=True, slots=True)
class Bounds:
    """The interval of the user: what is sent, and the seconds between which a cut makes sense."""

    low_text: str
    high_text: str
    low: float | None
    high: float | None
    fractions: bool = True  # whether they are sent

    @classmethod
    def parse(cls, interval: str | None) -> Bounds:
        """Read an option `datetime` that was validated before."""
        low_text, _, high_text = (interval or f"{OPEN}/{OPEN}").partition("/")
        return cls(low_text, high_text, seconds(low_text), seconds(high_text or low_text))

    def plainer(self, sent: str) -> Bounds | None:
        """The same for a server that may have refused what was sent for it; None where nothing is plainer."""
        if OPEN in sent and self != self.closed:
            return self.closed
        return replace(self, fractions=False) if self.fractions and _FRACTION.search(sent) else None

    @property
    def closed(self) -> Bounds:
        """The same for a server that refuses open intervals."""
        low, high = (FIRST_TEXT if self.low_text == OPEN else self.low_text), self.high_text
        return replace(self, low_text=low, high_text=LAST_TEXT if high == OPEN else high)

    @property
    def splittable(self) -> bool:
        return self.low is None or self.high is None or self.high - self.low >= SHORTEST_SECONDS

    def reach(self, part: Interval) -> bool:
        """Whether the user asks for any time in an interval."""
        too_late = self.high is not None and part.start is not None and part.start > self.high * SECOND
        return not too_late and not (self.low is not None and part.end is not None and part.end < self.low * SECOND)

    def text(self, start: int | None, end: int | None, margin: int = 0) -> str | None:
        """Write an interval of a search with a margin, the user's own bounds at its open ends; None for no bounds. It
        is closed, as intervals of searches are, and never exceeds the user's own."""
        low_text, high_text = self.low_text, self.high_text
        low = None if start is None else start // SECOND - margin
        high = None if end is None else end // SECOND + margin
        if low is not None and (self.low is None or low > self.low):
            low_text = text_of_second(low)
        if high is not None and (self.high is None or high < self.high):
            high_text = text_of_second(high)
        if low_text in (OPEN, FIRST_TEXT) and high_text in (OPEN, LAST_TEXT):
            return None
        if not self.fractions:
            low_text, high_text = _whole(low_text, floor), _whole(high_text or low_text, ceil)
            high_text = "" if high_text == low_text else high_text
        return low_text if not high_text else f"{low_text}/{high_text}"


def _whole(text: str, rounded: Callable[[float], int]) -> str:
    second = seconds(text) if _FRACTION.search(text) else None
    return text if second is None else text_of_second(rounded(second)).replace(".000", "")


@dataclass(frozen=True)
class Named(Partition):
    """The items of a search with some of the ids or Collections that it lists. It is read where it was made only."""

    kind: ClassVar[str] = "named"
    member: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A search of the user at an endpoint: `body` is its members, with the largest page that it asks for."""

    endpoint: Endpoint
    body: Mapping[str, Any]
    bounds: Bounds
    longest: int = LONGEST_ADDRESS  # characters that an address may have

    def request(self, partition: Partition, limit: int, others: Mapping[str, Any] | None = None) -> Request:
        """Build the request for the first page of a partition, with other members of the search in place of its own."""
        own = {**self.body, "datetime": self.bounds.text(None, None), "limit": limit}
        members = {**own, **self._narrowed(partition), **(others or {})}
        return self.endpoint.request({name: value for name, value in members.items() if value is not None})

    @property
    def names(self) -> tuple[str, ...]:
        """The Collections that are searched, as far as they are named."""
        return self.endpoint.names(self.body)

    @property
    def apart(self) -> bool:
        """Whether several are searched one by one."""
        return self.endpoint.apart and len(self.names) > 1

    @property
    def is_sorted(self) -> bool:
        """Whether parts of it are no search of the user's: what only `ordered` asks for may be lost."""
        keys = self.body.get("sortby", ())
        return len(keys) > 0 and not (self.apart and keys[0] is NEWEST_FIRST[0])

    def by_names(self, partition: Partition, request: Request) -> list[Named]:
        """Parts of a search of which the address is too long, each with some of its ids or Collections, or with one of
        these where no more are taken, or an id that GET takes for two; none where it is not so, or where their order
        matters."""
        length = len(request.url)
        if not isinstance(partition, Whole) or self.is_sorted:
            return []
        member, names = "collections", self.names
        ids = tuple(dict.fromkeys(self.body.get("ids", ())))
        alone = [] if self.apart or self.endpoint.post else [name for name in ids if "," in name]
        if alone or (not self.apart and len(as_query([*ids])) > len(as_query([*names]))):
            member, names = "ids", ids
        if len(names) < 2 or not (alone or self.apart or length > self.longest):
            return []
        size = 1 if self.apart else max(len(names) * self.longest // (2 * length), 1)
        rest = [name for name in names if name not in alone]
        parts = [(name,) for name in alone] + [tuple(rest[at : at + size]) for at in range(0, len(rest), size)]
        return [Named(member, part) for part in parts]

    def halves(self, partition: Partition) -> list[Named]:
        """Two parts of a search for ids, or of one of its parts; none where there is one id, or their order matters."""
        ids = tuple(dict.fromkeys(self.body.get("ids", ()))) if isinstance(partition, Whole) else ()
        ids = partition.names if isinstance(partition, Named) and partition.member == "ids" else ids
        half = len(ids) // 2
        return [Named("ids", ids[:half]), Named("ids", ids[half:])] if half and not self.is_sorted else []

    def within(self, partition: Partition) -> Query:
        """The search as one of the names of a partition only."""
        if not isinstance(partition, Named):
            return self
        return replace(self, body={**self.body, partition.member: list(partition.names)})

    @property
    def asked(self) -> Asked:
        """What the user asked for, as far as an item tells whether it is meant."""
        low, high = self.bounds.low, self.bounds.high
        return Asked(
            frozenset(self.body.get("collections", ())) or None,
            frozenset(self.body.get("ids", ())) or None,
            None if low is None else int(low * SECOND),
            None if high is None else int(high * SECOND),
            tuple(self.body["bbox"]) if self.body.get("bbox") else box_around(self.body.get("intersects")),
        )

    @property
    def unpromised(self) -> tuple[str, ...]:
        """What the server may ignore, and no item tells, in words."""
        return tuple(
            f"The server may ignore `{name}`: it does not conform to that extension."
            for name in ("filter", "query")
            if name in self.body and name not in self.endpoint.offers
        )

    def datetime(self, partition: Partition) -> str | None:
        """The interval that a partition is, its edges shared with its neighbours; None without bounds."""
        if isinstance(partition, Interval | Tile):
            return self.bounds.text(partition.start, partition.end)
        return self.bounds.text(None, None)

    @staticmethod
    def place(partition: Partition) -> str | None:
        """What a partition is called where an interval of time does not say it."""
        match partition:
            case NoDatetime():
                return "items without datetime"
            case NoGeometry():
                return "items without geometry"
            case Tile():
                return f"bbox {partition.west:g},{partition.south:g},{partition.east:g},{partition.north:g}"
            case Named():
                return f"{partition.member} {' to '.join(dict.fromkeys((partition.names[0], partition.names[-1])))}"
            case Pages():
                return f"pages {partition.first} to {'the last' if partition.stop is None else partition.stop - 1}"
        return None

    def _narrowed(self, partition: Partition) -> dict[str, Any]:
        match partition:
            case Interval():
                return {"datetime": self.bounds.text(partition.start, partition.end, MARGIN_SECONDS)}
            case Named():
                return {partition.member: list(partition.names)}
            case NoDatetime():
                return null_filter(self.body.get("filter"), "datetime")
            case NoGeometry():
                return null_filter(self.body.get("filter"), "geometry")
            case Tile():
                return {
                    "bbox": padded(partition, self.body.get("bbox")),
                    "datetime": self.bounds.text(partition.start, partition.end, MARGIN_SECONDS),
                    **(null_filter(self.body.get("filter"), "datetime") if partition.nulls else {}),
                }
        return {}


def total_order(keys: Sequence[Mapping[str, str]] | None) -> list[Mapping[str, str]]:
    """The keys of a sort, or of newest first, and the id as the last: servers give ties in any order on each page."""
    keys = keys or NEWEST_FIRST
    return [*keys] if any(key["field"] == "id" for key in keys) else [*keys, BY_ID]


def null_filter(own: Any, name: str) -> dict[str, Any]:
    """The members of a search for items without a property (CQL2 `IS NULL`), the user's own filter kept."""
    return _and(own, f"{name} IS NULL", {"op": "isNull", "args": [{"property": name}]})


def in_vain(name: str, own: Any) -> dict[str, Any]:
    """The members of a search that finds nothing, unless the server ignores the condition `name`, of which the user has
    his `own`; in an area, it may find items that are everywhere."""
    if name == "filter":
        return _and(own, f"id = '{NO_ITEM}'", {"op": "=", "args": [{"property": "id"}, NO_ITEM]})
    if name == "query":
        return {"query": {**(own if isinstance(own, dict) else {}), NO_ITEM: {"eq": NO_ITEM}}}
    return {"intersects": {"type": "Polygon", "coordinates": [ring_of(Box(*NOWHERE))]}}


def _and(own: Any, text: str, condition: dict[str, Any]) -> dict[str, Any]:
    if isinstance(own, str):
        return {"filter": f"({own}) AND {text}", "filter-lang": "cql2-text"}
    return {"filter": condition if own is None else {"op": "and", "args": [own, condition]}, "filter-lang": "cql2-json"}


def padded(tile: Tile, own: Any) -> list[float]:
    """The box to ask for a tile: a bit larger, but no larger than the user's own box at its edges."""
    west, east = max(tile.west - MARGIN_DEGREES, -180.0), min(tile.east + MARGIN_DEGREES, 180.0)
    south, north = max(tile.south - MARGIN_DEGREES, -90.0), min(tile.north + MARGIN_DEGREES, 90.0)
    if own and len(own) == 6:
        return [west, south, own[2], east, north, own[5]]
    return [west, south, east, north]
