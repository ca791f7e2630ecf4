"""Parts -> one file, in the order of the plan."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from stac_manager.sinks.folder import Folder
from stac_manager.sinks.model import PartRecord
from stac_manager.sinks.ndjson import part_of

CHUNK_BYTES = 1 << 20


def join(folder: Folder, records: Sequence[PartRecord]) -> None:
    """Write the parts one after another into DEST, which appears under its name when it is whole."""
    layout, disk = folder.layout, folder.disk
    paths = [layout.parts / record.file for record in records if record.file]
    temporary = layout.temporary / layout.dest.name
    if layout.format == "geoparquet":
        from stac_manager.sinks.arrow import NO_ITEMS
        from stac_manager.sinks.geoparquet import copy, schema_of

        copy(disk, paths, temporary, schema_of(paths[0]) if paths else NO_ITEMS)
    elif not paths:
        part_of(layout.format, disk, temporary).finish()
    else:
        with disk.create(temporary) as target:
            for path in paths:
                with open(path, "rb") as source:
                    shutil.copyfileobj(source, target, CHUNK_BYTES)
    with open(temporary, "r+b") as written:
        disk.sync(written)
    disk.rename(temporary, layout.dest)
