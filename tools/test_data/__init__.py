"""Realistic STAC items, the same for the same seed, on disk in the layouts that file ingestion reads."""

from .items import DATETIME_KINDS, GENERATOR_VERSION, LAYOUTS, PROFILE_NAMES, DataSetSpec
from .sets import DataSet, ensure, find

__all__ = [
    "DATETIME_KINDS", "GENERATOR_VERSION", "LAYOUTS", "PROFILE_NAMES", "DataSet", "DataSetSpec", "ensure", "find",
]  # fmt: skip
