"""Sentinel-1 RTC: one item a scene of 25 seconds, somewhere on land or coast."""

from __future__ import annotations

from datetime import timedelta

from .footprints import bbox, degrees_wide, tilted_ring
from .parts import COG, EXTENSIONS, HOST, STAC_VERSION, links, milliseconds, preview_link, rendered
from .scene import Json, Profile, Scene

_DATATAKES = 1 << 24
_SCENE_SECONDS = 25
_RENDERING = (
    "assets=vv&assets=vh&tile_format=png&expression=0.03+%2B+log+%2810e-4+-+log+%280.05+%2F+%280.02+%2B+2+%2A+"
    "vv%29%29%29%3B0.05+%2B+exp+%280.25+%2A+%28log+%280.01+%2B+2+%2A+vv%29+%2B+log+%280.02+%2B+5+%2A+vh%29%29%29"
    "&asset_as_band=True&rescale=0%2C.8000&rescale=0%2C1.000&rescale=0%2C1.000&format=png"
)
_POLARIZATIONS = (
    ("vv", "VV: vertical transmit, vertical receive", "with vertical polarization and received with vertical"),
    ("vh", "VH: vertical transmit, horizontal receive", "with vertical polarization and received with horizontal"),
)
_EXTENSIONS = [
    f"{EXTENSIONS}/sar/v1.0.0/schema.json",
    f"{EXTENSIONS}/sat/v1.0.0/schema.json",
    f"{EXTENSIONS}/projection/v2.0.0/schema.json",
    f"{EXTENSIONS}/file/v2.1.0/schema.json",
    f"{EXTENSIONS}/raster/v2.0.0/schema.json",
]


def _item(scene: Scene) -> Json:
    draw, time = scene.draw, scene.time
    datatake, _ = scene.place(_DATATAKES, 10_368_889)
    west, south = draw.real(-178, 172), draw.real(-60, 72)
    ring = tilted_ring(draw, west, south, min(degrees_wide(2.4, south), 178 - west), 1.6)
    if draw.share() < 0.5:  # Some scenes are cut off at a coast.
        ring.insert(-1, [(ring[-2][0] + ring[0][0]) / 2, ring[-2][1] + draw.real(0.01, 0.2)])

    # Real items of this collection have an instant and an interval.
    begin = time - timedelta(microseconds=draw.integer(1, 500_000 * _SCENE_SECONDS))
    end = begin + timedelta(seconds=_SCENE_SECONDS)
    interval = {
        "start_datetime": f"{begin:%Y-%m-%dT%H:%M:%S.%f}Z",
        "end_datetime": f"{end:%Y-%m-%dT%H:%M:%S.%f}Z",
    }
    created = milliseconds(end + timedelta(seconds=draw.integer(3 * 3600, 72 * 3600)), draw)
    orbit, direction = draw.integer(30_000, 54_000), draw.pick(("ascending", "descending"))
    source = f"S1A_IW_GRDH_1SDV_{begin:%Y%m%dT%H%M%S}_{end:%Y%m%dT%H%M%S}_{orbit:06d}_{datatake:06X}"
    name = f"{source}_rtc"
    folder = f"{HOST}/sentinel1-grd-rtc/GRD/{time.year}/{time.month}/{time.day}/IW/DV/{source}_{draw.hex(4).upper()}"
    height, width = draw.integer(20_500, 22_500), draw.integer(27_500, 29_900)
    left, top = 10.0 * draw.integer(20_000, 60_000), 10.0 * draw.integer(100_000, 900_000)
    zone = int((west + 180) // 6) % 60 + 1

    assets: Json = {
        key: {
            "href": f"{folder}/measurement/iw-{key}.rtc.tiff",
            "type": COG,
            "title": title,
            "description": "Terrain-corrected gamma naught values of signal transmitted "
            f"{polarizations} polarization with radiometric terrain correction applied.",
            "nodata": -32_768,
            "data_type": "float32",
            "raster:spatial_resolution": 10.0,
            "file:size": draw.integer(1_600_000_000, 1_999_000_000),
            "file:checksum": "d50110" + draw.hex(32),
            "roles": ["data"],
        }
        for key, title, polarizations in _POLARIZATIONS
    }
    assets.update(rendered("sentinel-1-rtc", name, _RENDERING))

    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "id": name,
        "properties": {
            **interval,
            **scene.datetime_properties,
            "created": created,
            "updated": created,
            "title": f"Sentinel-1A IW RTC, {time:%Y-%m-%d}, orbit {orbit:06d}, {direction} pass",
            "platform": "sentinel-1a",
            "constellation": "sentinel-1",
            "instruments": ["c-sar"],
            "gsd": 10,
            "proj:code": f"EPSG:{(32_700 if south < 0 else 32_600) + zone}",
            "proj:bbox": [left, top - 10.0 * height, left + 10.0 * width, top],
            "proj:shape": [height, width],
            "proj:transform": [10.0, 0.0, left, 0.0, -10.0, top, 0.0, 0.0, 1.0],
            "s1:shape": [width, height],
            "s1:resolution": "high",
            "s1:datatake_id": str(datatake),
            "s1:orbit_source": draw.pick(("PREORB", "RESORB", "POEORB")),
            "s1:slice_number": str(draw.integer(1, 30)),
            "s1:total_slices": "30",
            "s1:processing_level": "1",
            "s1:product_timeliness": draw.pick(("NRT-3h", "Fast-24h")),
            "s1:instrument_configuration_ID": str(draw.integer(5, 8)),
            "sar:product_type": "GRD",
            "sar:polarizations": ["VV", "VH"],
            "sar:frequency_band": "C",
            "sar:center_frequency": 5.405,
            "sar:instrument_mode": "IW",
            "sar:looks_range": 5,
            "sar:looks_azimuth": 1,
            "sar:looks_equivalent_number": 4.4,
            "sar:resolution_range": 20,
            "sar:resolution_azimuth": 22,
            "sar:pixel_spacing_range": 10,
            "sar:pixel_spacing_azimuth": 10,
            "sar:observation_direction": "right",
            "sat:orbit_state": direction,
            "sat:absolute_orbit": orbit,
            "sat:relative_orbit": (orbit - 73) % 175 + 1,
            "sat:platform_international_designator": "2014-016A",
        },
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": bbox(ring),
        "links": [
            *links("sentinel-1-rtc", name),
            {
                "rel": "license",
                "href": f"{HOST}/documents/247904/690755/Sentinel_Data_Legal_Notice",
                "type": "text/html",
                "title": "Terms of use of the data",
            },
            {
                "rel": "derived_from",
                "href": f"{HOST}/stac/collections/sentinel-1-grd/items/{source}",
                "type": "application/json",
                "title": "Sentinel 1 GRD Item",
            },
            preview_link("sentinel-1-rtc", name),
        ],
        "assets": assets,
        "stac_extensions": _EXTENSIONS,
        "collection": "sentinel-1-rtc",
    }


PROFILE = Profile(
    "sentinel-1-rtc",
    "Sentinel-1 Radiometrically Terrain Corrected",
    "Made-up items in the manner of Sentinel-1 backscatter scenes.",
    "other",
    _item,
)
