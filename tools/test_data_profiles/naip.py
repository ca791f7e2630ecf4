"""NAIP: one item a quarter quadrangle of the United States."""

from __future__ import annotations

from datetime import timedelta

from .footprints import bbox, rectangle
from .parts import COG, EXTENSIONS, HOST, STAC_VERSION, links, preview_link, rendered
from .scene import Json, Profile, Scene

_LATITUDES = range(25, 49)
_LONGITUDES = range(68, 124)
_QUADRANGLES = 64  # 7.5 minutes each, in a square degree, row by row from the north-west.
_QUARTERS = ("nw", "ne", "sw", "se")
_PLACES = len(_LATITUDES) * len(_LONGITUDES) * _QUADRANGLES * len(_QUARTERS)
_STATES = ("al", "az", "ca", "co", "ga", "ia", "ks", "mi", "mt", "nc", "nm", "ny", "oh", "tx", "ut", "wa")
_BANDS = [
    {"name": "Red", "eo:common_name": "red"},
    {"name": "Green", "eo:common_name": "green"},
    {"name": "Blue", "eo:common_name": "blue"},
    {"name": "NIR", "eo:common_name": "nir", "description": "near-infrared"},
]
_PROVIDERS = [
    {"name": "Farm Service Agency", "roles": ["producer", "licensor"], "url": f"{HOST}/naip/producer"},
    {"name": "Example Archive", "roles": ["host", "processor"], "url": f"{HOST}/naip"},
]
_EXTENSIONS = [
    f"{EXTENSIONS}/eo/v2.0.0/schema.json",
    f"{EXTENSIONS}/projection/v2.0.0/schema.json",
]


def _item(scene: Scene) -> Json:
    draw, time = scene.draw, scene.time
    place, turn = scene.place(_PLACES, 150_007)
    place, quarter = divmod(place, len(_QUARTERS))
    place, quadrangle = divmod(place, _QUADRANGLES)
    latitude = _LATITUDES[place // len(_LONGITUDES)]
    longitude = _LONGITUDES[place % len(_LONGITUDES)]
    state = draw.pick(_STATES)
    north = latitude + 1 - quadrangle // 8 * 0.125 - quarter // 2 * 0.0625
    west = -longitude - 1 + quadrangle % 8 * 0.125 + quarter % 2 * 0.0625
    margin = draw.real(0.002, 0.004)
    ring = rectangle(west - margin, north - 0.0625 - margin, west + 0.0625 + margin, north + margin)

    zone = int((west + 180) // 6) + 1
    delivered = time + timedelta(days=60 + turn)  # The round again, as for Landsat.
    gsd, resolution = draw.pick(((0.6, "060"), (0.3, "030")))
    name = (
        f"{state}_m_{latitude:02d}{longitude:03d}{quadrangle + 1:02d}_{_QUARTERS[quarter]}_{zone}"
        f"_{resolution}_{time:%Y%m%d}_{delivered:%Y%m%d}"
    )
    folder = f"{HOST}/naip/v002/{state}/{time.year}/{state}_{resolution}cm_{time.year}/{latitude}{longitude:03d}"
    width, height = draw.integer(9_200, 11_000), draw.integer(11_800, 12_900)
    left, top = gsd * draw.integer(400_000, 1_200_000), gsd * draw.integer(5_000_000, 9_000_000)

    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "id": name,
        "properties": {
            **scene.datetime_properties,
            "gsd": gsd,
            "naip:year": str(time.year),
            "naip:state": state,
            "proj:code": f"EPSG:{26_900 + zone}",
            "proj:bbox": [left, top - gsd * height, left + gsd * width, top],
            "proj:shape": [height, width],
            "proj:transform": [gsd, 0.0, left, 0.0, -gsd, top, 0.0, 0.0, 1.0],
            "providers": _PROVIDERS,
        },
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": bbox(ring),
        "links": [*links("naip", name), preview_link("naip", name)],
        "assets": {
            "image": {
                "href": f"{folder}/{name}.tif",
                "type": COG,
                "title": "RGBIR COG tile",
                "bands": _BANDS,
                "roles": ["data"],
            },
            "thumbnail": {
                "href": f"{folder}/{name}.200.jpg",
                "type": "image/jpeg",
                "title": "Thumbnail",
                "roles": ["thumbnail"],
            },
            **rendered("naip", name, "assets=image&asset_bidx=image%7C1%2C2%2C3&format=png"),
        },
        "stac_extensions": _EXTENSIONS,
        "collection": "naip",
    }


PROFILE = Profile(
    "naip",
    "National Agriculture Imagery Program",
    "Made-up items in the manner of aerial image quarter quadrangles.",
    "other",
    _item,
)
