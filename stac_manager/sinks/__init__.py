"""Where items go: NDJSON or GeoParquet parts, with a manifest that makes a run resumable.

>>> write(Sink({"source": "items/"}, "out/"), workers=2).items
1000
"""

from stac_manager.sinks.model import Manifest
from stac_manager.sinks.sink import Sink, write

__all__ = ["Manifest", "Sink", "write"]
