"""STAC items from files or a STAC API, as an async stream of dicts.

>>> module = IngestModule({"mode": "file", "source": "items/"})
>>> async for item in module.fetch(WorkflowContext.create()):
...     print(item["id"])
"""

TYPE_CHECKING = False  # of `typing`: nothing is imported here, so that the command heeds Ctrl-C at once
if TYPE_CHECKING:
    from stac_manager.config import IngestConfig
    from stac_manager.context import Failure, FailureCollector, WorkflowContext
    from stac_manager.exceptions import ConfigurationError, DataProcessingError, StacManagerError, StatusError
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
    "StatusError",
    "WorkflowContext",
]

_PLACES = {
    "config": ("IngestConfig",),
    "context": ("Failure", "FailureCollector", "WorkflowContext"),
    "exceptions": ("ConfigurationError", "DataProcessingError", "StacManagerError", "StatusError"),
    "ingest": ("ApiIngest", "FileIngest", "IngestModule"),
    "options": ("IngestOptions",),
    "protocols": ("Fetcher", "Item"),
    "stats": ("ApiStats", "FileStats", "IngestStats"),
}
_MODULES = {name: module for module, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a name where it is first used: all of them together take half a second."""
    from stac_manager.lazy import imported

    return imported(__name__, _MODULES, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
