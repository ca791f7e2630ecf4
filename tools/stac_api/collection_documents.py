"""The Collections that are served: read from files, or derived from the items."""

from collections.abc import Sequence
from pathlib import Path

import orjson

from .errors import InputError
from .formats import Json
from .instants import format_instant
from .items import Item


def read_collections(paths: Sequence[Path]) -> dict[str, Json]:
    """Collections by id. Raises InputError."""
    collections: dict[str, Json] = {}
    for path in paths:
        try:
            document = orjson.loads(path.read_bytes())
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
        except ValueError as error:
            raise InputError(f"{path}: {error}") from None
        if not (
            isinstance(document, dict) and document.get("type") == "Collection" and isinstance(document.get("id"), str)
        ):
            raise InputError(f"{path}: not a STAC Collection")
        collections[document["id"]] = document
    return collections


def derive_collection(id_: str, items: Sequence[Item]) -> Json:
    """A STAC 1.1.0 Collection (but for its links) that says what the items do."""
    boxes = [item.bbox for item in items if item.bbox]
    bounds = [-180.0, -90.0, 180.0, 90.0]
    if boxes:
        around = any(box.west > box.east for box in boxes)  # across the antimeridian: all the way round
        bounds = [
            -180.0 if around else min(box.west for box in boxes),
            min(box.south for box in boxes),
            180.0 if around else max(box.east for box in boxes),
            max(box.north for box in boxes),
        ]
    first, last = min(item.start for item in items), max(item.end for item in items)
    return {
        "type": "Collection",
        "stac_version": "1.1.0",
        "id": id_,
        "title": id_,
        "description": f"The {len(items)} items of {id_} in this API.",
        "license": "other",
        "extent": {
            "spatial": {"bbox": [bounds]},
            "temporal": {"interval": [[format_instant(first), format_instant(last)]]},
        },
    }
