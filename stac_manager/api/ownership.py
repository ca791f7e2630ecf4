"""Which partition an item belongs to, by the item alone."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from stac_manager.plan import Interval, NoDatetime, NoGeometry, Partition, Tile
from stac_manager.timestamps import SECOND, nanoseconds


class Owner(Enum):
    """What a partition is to an item that a server returned for it."""

    OWN = "own"
    """The item belongs to it."""
    FOREIGN = "foreign"
    """The item belongs to another one."""
    UNCLEAR = "unclear"
    """The server may have another mind of the item than the rule has."""


def owner(item: Mapping[str, Any], partition: Partition) -> Owner:
    """Tell whether a partition owns an item."""
    match partition:
        case Interval():
            if not partition.by_start and has_null_datetime(item):
                return Owner.FOREIGN
            return _by_time(item, partition.start, partition.end)
        case NoDatetime():
            return Owner.OWN if has_null_datetime(item) else Owner.FOREIGN
        case NoGeometry():
            return Owner.OWN if first_vertex(item.get("geometry")) is None else Owner.FOREIGN
        case Tile():
            return _by_place(item, partition)
    return Owner.OWN


def _by_time(item: Mapping[str, Any], start: int | None, end: int | None) -> Owner:
    time, clear = time_of(item)
    if time is None or not clear:
        return Owner.UNCLEAR
    if (start is None or time >= start) and (end is None or time < end):
        return Owner.OWN
    return Owner.FOREIGN


def _by_place(item: Mapping[str, Any], tile: Tile) -> Owner:
    vertex = first_vertex(item.get("geometry"))
    if vertex is None:
        return Owner.FOREIGN
    x, y = vertex
    inside = (tile.west <= x < tile.east or (x == tile.east == 180)) and (
        tile.south <= y < tile.north or (y == tile.north == 90)
    )
    if not inside or (tile.start is None and tile.end is None):
        return Owner.OWN if inside else Owner.FOREIGN
    return _by_time(item, tile.start, tile.end)


def time_of(item: Mapping[str, Any]) -> tuple[int | None, bool]:
    """The time by which an item belongs: `datetime`, else `start_datetime`, in nanoseconds since 1970.

    Returns:
        It, and whether it is clear: every time of the item can be read, and its `datetime` lies between its start and
        its end. Else a server that looks at the range may return the item for another time than this one.
    """
    properties = item.get("properties")
    if not isinstance(properties, dict):
        return None, False
    written, start, end = map(properties.get, ("datetime", "start_datetime", "end_datetime"))
    if start is None and end is None:
        time = nanoseconds(written)
        return time, time is not None
    low, high = nanoseconds(start), nanoseconds(end)
    time = low if written is None else nanoseconds(written)
    readable = (low is not None or start is None) and (high is not None or end is None)
    if time is None or not readable or (written is None and end is None):
        return time, False
    return time, (low is None or low <= time + SECOND) and (high is None or time <= high + SECOND)


def has_null_datetime(item: Any) -> bool:
    """Tell whether an item has no `datetime`."""
    properties = item.get("properties") if isinstance(item, dict) else None
    return isinstance(properties, dict) and properties.get("datetime") is None


def first_vertex(geometry: Any) -> tuple[float, float] | None:
    """Longitude (-180 to 180) and latitude of the first position of a GeoJSON geometry; None if it has none."""
    for _ in range(10):
        if isinstance(geometry, dict):
            geometry = geometry.get("coordinates") or geometry.get("geometries")
        elif isinstance(geometry, list) and geometry and isinstance(geometry[0], list | dict):
            geometry = geometry[0]
        else:
            break
    if not isinstance(geometry, list) or len(geometry) < 2:
        return None
    x, y = geometry[:2]
    if not all(isinstance(each, int | float) and not isinstance(each, bool) and abs(each) < 1e6 for each in (x, y)):
        return None
    return ((x + 180) % 360 - 180 if not -180 <= x <= 180 else x), min(max(y, -90.0), 90.0)
