"""Which row groups of a Parquet file can hold items that are asked for, by the statistics in its footer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from stac_manager.files.filtering.filters import Filters
from stac_manager.files.parquet.arrow import schema_of
from stac_manager.geojson import HALF_TURN, Box

SLACK_NS = 2_000_000
"""Writers round what they write of a column's range."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Range = tuple[Any, Any]


def may_match(file: Any, index: int, filters: Filters) -> bool:
    """Tell whether a row group may hold an item that meets the conditions. What is not known may."""
    if not filters.boxes and filters.period == (None, None):
        return True
    group = file.metadata.row_group(index)
    columns = schema_of(file.metadata)
    leaves = {columns.column(leaf).path: leaf for leaf in range(len(columns))}
    nested = any(path.partition(".")[0] == "properties" for path in leaves)
    times = () if nested else ("datetime", "start_datetime", "end_datetime")
    ranges: dict[str, Range | None] = {}
    for name in (*times, *(f"bbox.{edge}" for edge in ("xmin", "ymin", "xmax", "ymax"))):
        if name in leaves:
            statistics = group.column(leaves[name]).statistics
            if name.startswith("bbox") and (statistics is None or statistics.null_count != 0):
                ranges[name] = None  # a row without a bbox is where its geometry is
            else:
                ranges[name] = _range(statistics)
    asks_for_time = filters.period != (None, None)
    return (not asks_for_time or may_be_during(ranges, filters.period)) and may_be_inside(ranges, filters.boxes)


def _range(statistics: Any) -> Range | None:
    if statistics is None or not statistics.has_min_max:
        only_nulls = statistics is not None and statistics.has_null_count and not statistics.num_values
        return (None, None) if only_nulls else None
    try:
        return statistics.min, statistics.max
    except (OverflowError, ValueError):  # a timestamp that datetime cannot hold
        return None


def may_be_during(ranges: dict[str, Range | None], period: tuple[int | None, int | None]) -> bool:
    """Compare a period with the ranges of the columns of times.

    Args:
        ranges: Least and greatest value by column; (None, None) for one without values, None for an unknown range.
        period: First and last nanosecond; None is open.
    """
    starts = [ranges[name] for name in ("datetime", "start_datetime") if name in ranges]
    ends = [ranges[name] for name in ("datetime", "end_datetime") if name in ranges]
    if None in starts or None in ends or not starts:
        return True
    try:
        earliest = [_nanoseconds(each[0]) for each in starts if each is not None and each[0] is not None]
        latest = [_nanoseconds(each[1]) for each in ends if each is not None and each[1] is not None]
    except TypeError:  # text
        return True
    first, last = period
    if not earliest or not latest:
        return False
    return (last is None or min(earliest) <= last + SLACK_NS) and (first is None or max(latest) >= first - SLACK_NS)


def may_be_inside(ranges: dict[str, Range | None], boxes: tuple[Box, ...]) -> bool:
    """Compare boxes with the ranges of the columns of a bbox.

    Rows may cross the antimeridian, west above east. Where the ranges allow one that does (narrower than half of the
    globe), only latitudes tell.
    """
    known = [ranges.get(f"bbox.{edge}") for edge in ("xmin", "ymin", "xmax", "ymax")]
    if not boxes or any(each is None or each[0] is None or each[1] is None for each in known):
        return True
    (west, west_most), (south, _), (east_least, east), (_, north) = (each for each in known if each is not None)
    if not all(isinstance(edge, (int, float)) for edge in (west, west_most, south, east_least, east, north)):
        return True
    crossing = west_most - east_least > HALF_TURN
    return any(
        south <= box.north and north >= box.south and (crossing or (west <= box.east and east >= box.west))
        for box in boxes
    )


def _nanoseconds(value: Any) -> int:
    if not isinstance(value, datetime):
        raise TypeError
    since = (value if value.tzinfo else value.replace(tzinfo=UTC)) - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
