"""What the metadata of a Parquet file say about its columns: geometries, coverings, the index of pandas.

Sources: GeoParquet 1.1 (`geo`), GeoArrow (extension names), pandas' developer documentation (`pandas`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from stac_manager.files.parquet.projections import projection_of
from stac_manager.parsing.items import ITEM_MEMBERS

ITEM_COLUMNS = frozenset(ITEM_MEMBERS) - {"properties"}
"""The columns of stac-geoparquet that are no properties."""
GEOMETRY_NAMES = ("geometry", "proj:geometry")
"""Hold geometries by their names, also where no metadata say so."""
BBOX_EDGES = (
    ("xmin", "ymin", "zmin", "xmax", "ymax", "zmax"),
    ("minx", "miny", "minz", "maxx", "maxy", "maxz"),
    ("west", "south", "bottom", "east", "north", "top"),
    ("left", "bottom", "", "right", "top", ""),
)
"""How the edges of a bbox are called that is a struct, in small letters and without underscores."""
_USUAL_GEOMETRIES = ("geom", "the_geom", "wkb_geometry", "geometry_wkb", "geometry_wkt")
"""What databases call a geometry: it is one where no column is called as in an item and no metadata say more."""
_COMMON = frozenset(("datetime", "start_datetime", "end_datetime", "created", "updated", "title", "platform"))
SELF_LINK = "self_link"
"""A copy of a link's href that stac-geoparquet writes on demand, and drops when it reads."""
_UNNAMED_INDEX = re.compile(r"__index_level_\d+__")


@dataclass(frozen=True)
class Layout:
    """What the columns of a file mean."""

    names: Mapping[str, str] = field(default_factory=dict)  # the member that a column becomes, if under another name
    dropped: frozenset[str] = frozenset()  # columns that are no members
    encodings: Mapping[str, str] = field(default_factory=dict)  # of columns of geometries: `wkb`, `point`...
    projection: str | None = None  # the reference system of the geometries, if none of longitude and latitude


def layout_of(
    columns: list[str], metadata: Mapping[bytes, bytes], extensions: Mapping[str, tuple[str, bytes | None]]
) -> Layout:
    """Tell what columns mean.

    Args:
        columns: Their names.
        metadata: Of the schema.
        extensions: The names of Arrow extension types, with what they say further, by column.
    """
    geo, pandas = _object(metadata.get(b"geo")), _object(metadata.get(b"pandas"))
    of_geo = {name: each for name, each in _members(geo.get("columns")) if name in columns and isinstance(each, dict)}
    encodings = dict.fromkeys(GEOMETRY_NAMES, "wkb")
    encodings |= {name: str(each.get("encoding", "wkb")).lower() for name, each in of_geo.items()}
    systems = {name: each.get("crs") for name, each in of_geo.items()}
    for name, (extension, said) in extensions.items():
        if extension.startswith("geoarrow."):
            encodings[name] = extension.removeprefix("geoarrow.")
            systems[name] = systems.get(name) or _object(said).get("crs")
    names, dropped = {}, _index_columns(pandas, columns)
    if "links" in columns and "properties" not in columns:
        dropped |= {SELF_LINK} & set(columns)
    primary = _primary(geo, columns, encodings)
    if primary is not None and primary != "geometry":
        names[primary] = "geometry"
        encodings.setdefault(primary, "wkb")
        dropped |= {"geometry"} & set(columns)
    for each in of_geo.values():
        covering = _covering(each)
        if covering not in (None, "bbox") and covering in columns:
            if "bbox" in columns or "bbox" in names.values():
                dropped |= {covering}
            else:
                names[covering] = "bbox"
    return Layout(names, frozenset(dropped), encodings, projection_of(systems.get(primary or "")))


def _primary(geo: Mapping[str, Any], columns: list[str], encodings: Mapping[str, str]) -> str | None:
    """Return the column of the items' geometries: the primary one, else the only one there is."""
    named = geo.get("primary_column")
    if isinstance(named, str) and named in columns:
        return named
    if "geometry" in columns:
        return "geometry"
    others = [name for name in encodings if name in columns and name not in GEOMETRY_NAMES]
    return others[0] if len(others) == 1 else next((name for name in _USUAL_GEOMETRIES if name in columns), None)


def _covering(column: Mapping[str, Any]) -> str | None:
    """Return the column that holds a geometry's bounding box."""
    covering = column.get("covering")
    path = covering["bbox"].get("xmin") if isinstance(covering, dict) and isinstance(covering.get("bbox"), dict) else 0
    return path[0] if isinstance(path, list) and path and isinstance(path[0], str) else None


def _index_columns(pandas: Mapping[str, Any], columns: list[str]) -> set[str]:
    """Return the columns that are an index of pandas and no member of an item: an index may also be called `id`."""
    listed = pandas.get("index_columns")
    named = {name for name in listed if isinstance(name, str)} if isinstance(listed, list) else set()
    return {
        name
        for name in columns
        if (name in named and name not in ITEM_COLUMNS | _COMMON and ":" not in name) or _UNNAMED_INDEX.fullmatch(name)
    }


def _object(text: bytes | None) -> dict[str, Any]:
    try:
        found = orjson.loads(text or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _members(value: object) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []
