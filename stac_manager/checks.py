"""What the values of options must be: each check gives the value as it is used, or says what is wrong with it.

Raises:
    ValueError: From every check here, in words that go on from the option's name.
"""

from __future__ import annotations

import calendar
import inspect
import json
import math
import numbers
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, TypeVar, cast

from stac_manager.parsing.items import ITEM_MEMBERS
from stac_manager.timestamps import FIRST_SECOND, LAST_SECOND, SECOND, nanoseconds

OPEN = ".."
END_OF_DAY = "23:59:59.999999Z"
"""As APIs take it: not all of them read more digits."""

_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_INSTANT = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
    r"(Z|[+-]([01]\d|2[0-3]):[0-5]\d)",
    re.IGNORECASE,
)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_GEOMETRY_MEMBER = {
    **dict.fromkeys(("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"), "coordinates"),
    "GeometryCollection": "geometries",
}

Json = TypeVar("Json", dict[str, Any], dict[str, Any] | str)
Modifier = TypeVar("Modifier", bound=Callable[..., Any])


def plain(value: object) -> object:
    """Write the numbers of numpy, in a list or alone, as those of Python."""
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral) else value


def bbox(edges: tuple[float, ...]) -> tuple[float, ...]:
    """Check against RFC 7946, section 5. West may exceed east: the box then crosses the antimeridian."""
    if len(edges) not in (4, 6):
        raise ValueError(f"needs 4 numbers (west, south, east, north) or 6 with heights, not {len(edges)}")
    if not all(map(math.isfinite, edges)):
        raise ValueError("must be finite numbers")
    half = len(edges) // 2
    west, south, east, north = edges[0], edges[1], edges[half], edges[half + 1]
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= 90 and -90 <= north <= 90):
        raise ValueError("must be longitude and latitude in degrees (west, south, east, north)")
    if south > north:
        raise ValueError(f"has south ({south:g}) above north ({north:g}); the order is west, south, east, north")
    return edges


def interval(value: object) -> str:
    """Check an RFC 3339 instant or interval (STAC API, item-search), or write one of a datetime or of a pair of them.

    Years, months and days become all of what they name. Times without a zone are UTC; None is an open end.
    """
    bounds = value.split("/") if isinstance(value, str) else list(value) if isinstance(value, list | tuple) else [value]
    texts = [_written(each) for each in bounds]
    if len(texts) > 2 or not texts:
        raise ValueError("is one instant, or an interval 'start/end' with '..' for an open end")
    if len(texts) == 1 and not _DATE.fullmatch(texts[0]):
        return _instant(texts[0], texts[0])
    start, end = _bound(texts[0], last=False), _bound(texts[-1], last=True)
    if start == end == OPEN:
        raise ValueError("is open at both ends; leave it out instead")
    first, last = nanoseconds(start), nanoseconds(end)
    if first is not None and last is not None and first > last:
        raise ValueError(f"ends before it begins: {start} is after {end}")
    return f"{start}/{end}"


def listed(value: object) -> object:
    """Make a list of what one may write instead: names with commas between them, a set, a column of a table."""
    if isinstance(value, str):
        return [each.strip() for each in value.split(",")]
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)  # the same in every process: a run is resumed with the same options
    return list(value) if isinstance(value, Iterable) and not isinstance(value, bytes | Mapping) else value


def mapped(value: object) -> object:
    """Make a GeoJSON geometry of its text, of a Feature, or of what has the `__geo_interface__`, such as a shape."""
    if isinstance(value, str):
        try:
            value = json.loads(value, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"must be a GeoJSON geometry; of WKT: shapely.from_wkt(...); not JSON: {error}") from None
    found = _as_json(getattr(value, "__geo_interface__", value))
    is_feature = isinstance(found, dict) and found.get("type") == "Feature"
    return found.get("geometry") or found if is_feature else found


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")


def geometry(value: dict[str, Any]) -> dict[str, Any]:
    """Check that this JSON object is a GeoJSON geometry by its members."""
    member = _GEOMETRY_MEMBER.get(value.get("type", ""))
    if member is None or not isinstance(value.get(member), list):
        one = "; give one of its Features" if value.get("type") == "FeatureCollection" else ""
        raise ValueError(f"must be a GeoJSON geometry with 'type' and 'coordinates', or a Feature with one{one}")
    if not value[member]:
        raise ValueError(f"is an empty {value['type']}: nothing meets it")
    return value


def condition(value: Json) -> Json | None:
    """Check that a search can be sent with this; an empty one is none."""
    return _as_json(value) or None


def _as_json(value: Any) -> Any:
    """What other clients make of the numbers, arrays and shapes in this."""
    try:
        return json.loads(json.dumps(value, allow_nan=False, default=_written_as_json))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"cannot be written as JSON: {error}") from None


def _written_as_json(value: Any) -> Any:
    """Write what numpy has as Python has it, and a shape as GeoJSON."""
    if hasattr(value, "__geo_interface__"):
        return value.__geo_interface__
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def concurrency(level: object) -> object:
    """Check that this is a number of workers, or "auto"."""
    level = plain(level)
    if level != "auto" and (not isinstance(level, int) or isinstance(level, bool) or level < 1):
        raise ValueError(f"is a number from 1 up, or 'auto' (got {short(level)})")
    return level


def paths(names: tuple[str, ...]) -> tuple[str, ...]:
    """Write each as a path from the item: what is no member of an item is one of its properties."""
    for name in names:
        if not all(name.split(".")) or name[0] in "+-" or "*" in name or name != name.strip():
            raise ValueError(f"names members to keep, such as 'properties.datetime' or 'assets.B04.href', not {name!r}")
    written = (name if name.split(".")[0] in ITEM_MEMBERS else f"properties.{name}" for name in names)
    return tuple(dict.fromkeys(written))


def sort_keys(keys: object) -> object:
    """Write each key as an object, as a POST search has them (STAC API, Sort extension)."""
    listed = keys.split(",") if isinstance(keys, str) else keys
    if not isinstance(listed, list | tuple) or not listed:
        raise ValueError("names the fields to sort by, such as '-properties.datetime,+id'")
    return tuple(map(_sort_key, listed))


def modifier(function: Modifier) -> Modifier:
    """Check that items can be given to this."""
    if not callable(function):
        raise ValueError(f"must be a function (got {short(function)})")
    if inspect.iscoroutinefunction(function):
        raise ValueError("must be a plain function, not a coroutine: it is called for each item as it is delivered")
    return function


def header_text(text: str) -> str:
    """Check that this can stand in a header line."""
    if not (text.isascii() and text.isprintable()):
        raise ValueError("must be printable ASCII")
    return text


def headers(given: object) -> Any:
    """Check that these can be sent as header lines; a function is asked later. Values are never quoted."""
    if callable(given):
        return given
    check_headers(given)
    return dict(cast(Mapping[str, str], given))


def check_headers(headers: object) -> None:
    """Check that these can be sent as header lines. Values are never quoted, nor what is no name: it may be one."""
    if not isinstance(headers, Mapping):
        raise ValueError(f"must be a dict of names and values, not {type(headers).__name__}")
    for number, (name, value) in enumerate(headers.items(), 1):
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"name {number} of {len(headers)} is not a header name")
        if not isinstance(value, str):
            raise ValueError(f"the value of {name!r} is not text")
        if "\r" in value or "\n" in value or "\0" in value:
            raise ValueError(f"the value of {name!r} has a line break in it")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError(f"the value of {name!r} is not text that can be sent")


def _sort_key(key: object) -> dict[str, str]:
    """Read one key of `sortby`: a field with + or - before it, or an object with `field` and `direction`."""
    name: object = None
    direction: object = "asc"
    if isinstance(key, str):
        text = key.strip()
        name, direction = text[text[:1] in ("+", "-") :], "desc" if text[:1] == "-" else "asc"
    elif isinstance(key, Mapping) and not set(key) - {"field", "direction"}:
        name, direction = key.get("field"), key.get("direction", "asc")
    if not isinstance(name, str) or not name or not name.isprintable() or direction not in ("asc", "desc"):
        raise ValueError(
            f"has '-properties.datetime' or {{'field': 'properties.datetime', 'direction': 'desc'}}, not {short(key)}"
        )
    return {"field": name, "direction": str(direction)}


def _instant(text: str, given: str) -> str:
    if not _INSTANT.fullmatch(text):
        raise ValueError(
            f"{given!r} is not an RFC 3339 instant (2024-05-01T00:00:00Z) or interval (2024-05-01/2024-05-31)"
        )
    since = nanoseconds(text)
    if since is None or not FIRST_SECOND <= since // SECOND <= LAST_SECOND:  # in UTC
        raise ValueError(f"{given!r} is not a valid date")
    return text


def _written(bound: object) -> str:
    if bound is None:
        return OPEN
    if isinstance(bound, datetime):
        return bound.isoformat() + ("Z" if bound.tzinfo is None else "")
    if isinstance(bound, str | date):
        return str(bound)
    if type(bound).__name__ == "datetime64":  # of numpy
        return f"{bound}Z" if "T" in str(bound) else str(bound)
    raise ValueError(f"is text such as '2024-05-01/2024-05-31', a datetime or a pair of them (got {short(bound)})")


def _bound(text: str, *, last: bool) -> str:
    """Return an end of an interval: of a year, a month or a day its first or last moment."""
    if text in ("", OPEN):
        return OPEN
    if (named := _DATE.fullmatch(text)) is None:
        return _instant(text, text)
    year, month, day = named[1], named[2] or ("12" if last else "01"), named[3]
    if day is None:
        day = str(calendar.monthrange(int(year), int(month))[1]) if last and 1 <= int(month) <= 12 else "01"
    return _instant(f"{year}-{month}-{day}T{END_OF_DAY if last else '00:00:00Z'}", text)


def short(value: object) -> str:
    """Quote a value in a message, its end left out where that is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
