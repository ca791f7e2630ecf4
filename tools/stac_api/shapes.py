"""Geometries, of which shapely is asked; only a search with one needs it."""

import importlib
from typing import Any

from .errors import SearchError


def shape_of(geojson: Any) -> Any:
    """A shapely geometry. Raises SearchError where shapely is missing, and `shapely_failures`."""
    try:
        shapes = importlib.import_module("shapely.geometry")
    except ImportError:
        raise SearchError("intersects needs shapely") from None
    return shapes.shape(geojson)


def prepared(shape: Any) -> Any:
    """The same shape, ready to be compared with many others."""
    importlib.import_module("shapely").prepare(shape)
    return shape


def shapely_failures() -> tuple[type[Exception], ...]:
    """What shapely raises for something that is no geometry, depending on where it notices."""
    basic = (ValueError, TypeError, AttributeError, KeyError, IndexError)
    try:
        return (*basic, importlib.import_module("shapely.errors").ShapelyError)
    except ImportError:
        return basic
