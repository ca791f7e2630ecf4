"""Realistic STAC items, the same for the same seed, on disk in the layouts that file ingestion reads."""

from .items import generate_item, iter_items
from .program import progress_bar
from .sets import DataSet, ensure, find
from .spec import DATETIME_KINDS, GENERATOR_VERSION, LAYOUTS, PROFILE_NAMES, DataSetSpec

__all__ = [
    "DATETIME_KINDS",
    "GENERATOR_VERSION",
    "LAYOUTS",
    "PROFILE_NAMES",
    "DataSet",
    "DataSetSpec",
    "ensure",
    "find",
    "generate_item",
    "iter_items",
    "progress_bar",
]
