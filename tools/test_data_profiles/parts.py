"""What items of several profiles have alike: links, rendered assets, the words of media types and extensions."""

from __future__ import annotations

from datetime import datetime

from .scene import Draw, Json

HOST = "https://example.com"
STAC_VERSION = "1.1.0"
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
EXTENSIONS = "https://stac-extensions.github.io"


def links(collection: str, name: str) -> list[Json]:
    home = f"{HOST}/stac/collections/{collection}"
    return [
        {"rel": "self", "type": "application/geo+json", "href": f"{home}/items/{name}"},
        {"rel": "parent", "type": "application/json", "href": home},
        {"rel": "collection", "type": "application/json", "href": home},
        {"rel": "root", "type": "application/json", "href": f"{HOST}/stac"},
    ]


def preview_link(collection: str, name: str) -> Json:
    return {
        "rel": "preview",
        "href": f"{HOST}/data/v1/item/map?collection={collection}&item={name}",
        "title": "Map of item",
        "type": "text/html",
    }


def rendered(collection: str, name: str, query: str) -> Json:
    item = f"collection={collection}&item={name}&{query}"
    return {
        "tilejson": {
            "title": "TileJSON with default rendering",
            "href": f"{HOST}/data/v1/item/tilejson.json?{item}",
            "type": "application/json",
            "roles": ["tiles"],
        },
        "rendered_preview": {
            "title": "Rendered preview",
            "href": f"{HOST}/data/v1/item/preview.png?{item}",
            "type": "image/png",
            "roles": ["overview"],
        },
    }


def milliseconds(time: datetime, draw: Draw) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}.{draw.integer(0, 1000):03d}Z"
