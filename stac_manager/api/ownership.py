"""Which partition an item belongs to, by the item alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from stac_manager.geojson import extent, first_vertex
from stac_manager.plan import Interval, NoDatetime, NoGeometry, Pages, Partition, Tile, Whole, is_within
from stac_manager.timestamps import FIRST_SECOND, LAST_SECOND, SECOND, moment_of_second, nanoseconds

ROUNDED = 2 * 86_400 * SECOND  # servers that round times to days, in a time zone of their own, are not off by more
ROUNDED_DEGREES = 0.1


class Owner(Enum):
    """What a partition is to an item that a server returned for it."""

    OWN = "own"  # the item belongs to it
    FOREIGN = "foreign"  # the item belongs to another one
    UNCLEAR = "unclear"  # the server may have another mind of the item than the rule has


OWN, FOREIGN, UNCLEAR = Owner  # to look one up in its class takes as long as to parse a time


def owner(item: Mapping[str, Any], partition: Partition) -> Owner:
    """Tell whether a partition owns an item."""
    if isinstance(partition, Interval):
        if not partition.by_start and has_null_datetime(item):
            return FOREIGN
        return _by_time(item, partition.start, partition.end)
    if isinstance(partition, Tile):
        return _by_place(item, partition)
    if isinstance(partition, NoDatetime):
        return OWN if has_null_datetime(item) else FOREIGN
    if isinstance(partition, NoGeometry):
        return OWN if first_vertex(item.get("geometry")) is None else FOREIGN
    return OWN


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user asked for, as far as an item tells whether it is meant: servers ignore conditions, and their links
    lose some. None each where it was not asked for."""

    collections: frozenset[str] | None = None
    ids: frozenset[str] | None = None
    start: int | None = None  # in nanoseconds since 1970
    end: int | None = None
    bbox: tuple[float, ...] | None = None  # or that around the area

    def also(self, collections: Iterable[str]) -> Asked:
        """The same with more names of Collections."""
        return self if self.collections is None else replace(self, collections=self.collections.union(collections))

    def means(self, item: Mapping[str, Any], *, margin: int = SECOND) -> bool:
        """Tell whether an item may be meant; servers differ in which of its times they compare, and how exactly: one
        may lie outside by the `margin` in nanoseconds."""
        if self.collections is not None and (name := collection_of(item)) is not None and name not in self.collections:
            return False
        if self.ids is not None and isinstance(item.get("id"), str) and item["id"] not in self.ids:
            return False
        if self.bbox is not None and _is_clear_of(item, self.bbox):
            return False
        if self.start is None and self.end is None:
            return True
        properties = item.get("properties")
        if not isinstance(properties, dict):
            return True
        times = [nanoseconds(properties.get(name)) for name in ("datetime", "start_datetime", "end_datetime")]
        known = [time for time in times if time is not None]
        return not known or (
            (self.start is None or max(known) >= self.start - margin)
            and (self.end is None or min(known) <= self.end + margin)
        )


@dataclass(frozen=True, slots=True)
class Glance:
    """Tells of most items in a few steps that a partition owns them and the search means them, and of none wrongly."""

    collections: frozenset[str] | None
    bbox: tuple[float, ...] | None
    since: datetime | None  # whole seconds in which the only time of an item must lie; None where that is no matter
    until: datetime

    @classmethod
    def at(cls, partition: Partition, asked: Asked) -> Glance | None:
        """What tells of the items of a partition; None where it takes more."""
        if not isinstance(partition, Interval | Whole | Pages) or asked.ids is not None:
            return None
        starts = [] if asked.start is None else [asked.start - SECOND]
        ends = [] if asked.end is None else [asked.end + SECOND]
        if isinstance(partition, Interval):
            starts += [] if partition.start is None else [partition.start]
            ends += [] if partition.end is None else [partition.end]
        timed = starts or ends or isinstance(partition, Interval)
        since = moment_of_second(-(-max(starts) // SECOND) if starts else FIRST_SECOND)
        until = moment_of_second(min(ends) // SECOND if ends else LAST_SECOND)
        return cls(asked.collections, asked.bbox, since if timed else None, until)

    def tells(self, item: Mapping[str, Any]) -> bool:
        """Whether the partition owns an item that is meant, as far as can be seen at a glance."""
        if self.collections is not None and collection_of(item) not in self.collections:
            return False
        if self.bbox is not None and _is_clear_of(item, self.bbox):
            return False
        if self.since is None:
            return True
        properties = item.get("properties")
        if not isinstance(properties, dict):
            return False
        look = properties.get
        if look("start_datetime") is not None or look("end_datetime") is not None:
            return False
        try:
            moment = datetime.fromisoformat(look("datetime", ""))
        except (TypeError, ValueError):
            return False
        return moment.tzinfo is UTC and self.since <= moment < self.until


def _is_clear_of(item: Mapping[str, Any], bbox: tuple[float, ...]) -> bool:
    """Whether nothing of an item can be in a box, nor of the box around it, on either side of the antimeridian."""
    half = len(bbox) // 2
    west, south, east, north = bbox[0], bbox[1], bbox[half], bbox[half + 1]
    east += 360 * (west > east)
    vertex = first_vertex(item.get("geometry"))
    if vertex is None or (west <= vertex[0] <= east and south <= vertex[1] <= north):
        return False
    box = extent(item["geometry"])
    if box is None or box[2] - box[0] > 180:
        return False
    low_x, low_y, high_x, high_y = box
    beside = all(
        high_x + turn < west - ROUNDED_DEGREES or low_x + turn > east + ROUNDED_DEGREES for turn in (-360, 0, 360)
    )
    return beside or high_y < south - ROUNDED_DEGREES or low_y > north + ROUNDED_DEGREES


def _by_time(item: Mapping[str, Any], start: int | None, end: int | None) -> Owner:
    time, clear = time_of(item)
    if time is None or not clear:
        return UNCLEAR
    return OWN if is_within(time, start, end) else FOREIGN


def _by_place(item: Mapping[str, Any], tile: Tile) -> Owner:
    vertex = first_vertex(item.get("geometry"))
    if vertex is None:
        return FOREIGN
    x, y = vertex
    inside = (tile.west <= x < tile.east or (x == tile.east == 180)) and (
        tile.south <= y < tile.north or (y == tile.north == 90)
    )
    if tile.nulls is not None and tile.nulls is not has_null_datetime(item):
        return FOREIGN
    if not inside or (tile.start is None and tile.end is None):
        return OWN if inside else FOREIGN
    return _by_time(item, tile.start, tile.end)


def time_of(item: Mapping[str, Any]) -> tuple[int | None, bool]:
    """The time by which an item belongs: `datetime`, else `start_datetime`, in nanoseconds since 1970; and whether it
    is clear: every time of the item can be read, and its `datetime` lies between its start and its end. Else a server
    that looks at the range may return the item for another time than this one."""
    properties = item.get("properties")
    if not isinstance(properties, dict):
        return None, False
    look = properties.get
    written, start, end = look("datetime"), look("start_datetime"), look("end_datetime")
    if start is None and end is None:
        time = nanoseconds(written)
        return time, time is not None
    low, high = nanoseconds(start), nanoseconds(end)
    time = low if written is None else nanoseconds(written)
    readable = (low is not None or start is None) and (high is not None or end is None)
    if time is None or not readable or (written is None and end is None):
        return time, False
    return time, (low is None or low <= time + SECOND) and (high is None or time <= high + SECOND)


def collection_of(member: Any) -> str | None:
    """The Collection of an item; None where it names none."""
    collection = member.get("collection") if isinstance(member, dict) else None
    return collection if isinstance(collection, str) else None


def has_null_datetime(item: Any) -> bool:
    """Tell whether an item has no `datetime`."""
    properties = item.get("properties") if isinstance(item, dict) else None
    return isinstance(properties, dict) and properties.get("datetime") is None
