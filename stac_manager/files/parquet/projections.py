"""Whether a reference system is one of longitude and latitude, as far as what a file says of it tells.

GeoParquet 1.1 has PROJJSON; GeoArrow and Parquet's own geometries also have codes (`EPSG:3857`) and WKT.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

SHOWN_CHARACTERS = 40
MOST_DEPTH = 4
"""A system may be bound to another one, or be part of a compound."""
_PROJECTED = ("ProjectedCRS", "DerivedProjectedCRS", "EngineeringCRS")
_PROJECTED_WKT = re.compile(r"\b(?:PROJCS|PROJCRS|PROJECTEDCRS|GEOCCS)\s*[\[(]", re.IGNORECASE)
_CODE = re.compile(r"(?:urn:ogc:def:crs:)?(EPSG|ESRI|SRID):(?:[^:]*:)?(\d{1,6})", re.IGNORECASE)
_RANGES = {"EPSG": ((2_000, 3_999), (20_000, 32_799), (900_913, 900_913)), "ESRI": ((102_000, 103_999),)}
"""Codes of projected systems."""
_NOT_PROJECTED = frozenset((3819, 3821, 3823, 3824, 3888, 3889, 3906))
"""Codes of EPSG between them that are none."""


def projection_of(system: Any, depth: int = MOST_DEPTH) -> str | None:
    """Return the name of a reference system that is not in longitude and latitude; None for one that may be."""
    if isinstance(system, str) and system.lstrip().startswith("{"):
        try:
            system = orjson.loads(system)
        except orjson.JSONDecodeError:
            return None
    if isinstance(system, int):
        system = f"EPSG:{system}"
    if isinstance(system, str):
        return _of_text(system.strip())
    if not isinstance(system, dict) or not depth:
        return None
    identifier = system.get("id")
    code = f"{identifier.get('authority')}:{identifier.get('code')}" if isinstance(identifier, dict) else ""
    kind = system.get("type")
    within = system.get("components") if kind == "CompoundCRS" else [system.get("source_crs")]
    if kind in _PROJECTED or _is_geocentric(system):
        return code or f"a projection ({str(system.get('name'))[:SHOWN_CHARACTERS]!r})"
    parts = (projection_of(each, depth - 1) for each in (within if isinstance(within, list) else ()))
    return next(filter(None, parts), None) or (_of_text(code) if not isinstance(kind, str) else None)


def _of_text(text: str) -> str | None:
    if _PROJECTED_WKT.search(text):
        return f"a projection ({text[:SHOWN_CHARACTERS]!r})"
    found = _CODE.fullmatch(text)
    if found is None:
        return None
    authority, code = found[1].upper().replace("SRID", "EPSG"), int(found[2])
    ranges = _RANGES[authority] if code not in _NOT_PROJECTED else ()
    return f"{authority}:{code}" if any(first <= code <= last for first, last in ranges) else None


def _is_geocentric(system: dict[str, Any]) -> bool:
    """Tell whether coordinates are metres from the centre of the Earth."""
    axes = system.get("coordinate_system")
    return system.get("type") == "GeodeticCRS" and isinstance(axes, dict) and axes.get("subtype") == "Cartesian"
