"""Where items go: NDJSON or GeoParquet parts, with a manifest that makes a run resumable.

>>> write(Sink({"source": "items/"}, "out/"), workers=2).items
1000
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stac_manager.sinks.model import Manifest
    from stac_manager.sinks.sink import Sink, write

__all__ = ["Manifest", "Sink", "write"]

_MODULES = {"Manifest": "model", "Sink": "sink", "write": "sink"}


def __getattr__(name: str) -> object:
    """Import a name where it is first used (PEP 562): workers need none of them."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = found
    return found
