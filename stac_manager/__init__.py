"""STAC items from files or a STAC API, as an async stream of dicts.

>>> module = IngestModule({"mode": "file", "source": "items/"})
>>> async for item in module.fetch(WorkflowContext.create()):
...     print(item["id"])
"""

from stac_manager.config import IngestConfig
from stac_manager.context import Failure, FailureCollector, WorkflowContext
from stac_manager.exceptions import ConfigurationError, DataProcessingError, StacManagerError
from stac_manager.ingest import ApiIngest, FileIngest, IngestModule
from stac_manager.options import IngestOptions
from stac_manager.protocols import Fetcher, Item
from stac_manager.stats import ApiStats, FileStats, IngestStats

__version__ = "0.1.0"

__all__ = [
    "ApiIngest",
    "ApiStats",
    "ConfigurationError",
    "DataProcessingError",
    "Failure",
    "FailureCollector",
    "Fetcher",
    "FileIngest",
    "FileStats",
    "IngestConfig",
    "IngestModule",
    "IngestOptions",
    "IngestStats",
    "Item",
    "StacManagerError",
    "WorkflowContext",
]
