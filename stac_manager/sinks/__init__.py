"""Where items go: NDJSON or GeoParquet parts, with a manifest that makes a run resumable.

>>> write(Sink({"source": "items/"}, "out/"), workers=2).items
1000
"""

from typing import TYPE_CHECKING

from stac_manager.lazy import imported

if TYPE_CHECKING:
    from stac_manager.sinks.model import Manifest
    from stac_manager.sinks.sink import Sink, run, write

__all__ = ["Manifest", "Sink", "run", "write"]

_MODULES = {"Manifest": "model", "Sink": "sink", "run": "sink", "write": "sink"}


def __getattr__(name: str) -> object:
    """Import a name where it is first used: workers need none of them."""
    return imported(__name__, _MODULES, name)
