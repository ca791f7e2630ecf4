"""Sentinel-2 L2A: one item a tile of the MGRS grid and pass."""

from __future__ import annotations

from datetime import timedelta

from .footprints import bbox, degrees_wide, swath_ring
from .parts import COG, EXTENSIONS, HOST, STAC_VERSION, links, milliseconds
from .scene import Json, Profile, Scene

_MGRS_BANDS = "CDEFGHJKLMNPQRSTUVWX"
_MGRS_COLUMNS = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")  # By zone modulo 3.
_MGRS_ROWS = "ABCDEFGHJKLMNPQRSTUV"
_MGRS_ROWS_IN_BAND = 9
_TILES = 60 * 20 * 8 * _MGRS_ROWS_IN_BAND

# For each band: asset, file, title, band, common name, center wavelength, full width half max, and gsd in metres.
_BANDS = (
    ("coastal", "B01", "Coastal - 60m", "coastal", 0.443, 0.027, 60),
    ("blue", "B02", "Blue - 10m", "blue", 0.49, 0.098, 10),
    ("green", "B03", "Green - 10m", "green", 0.56, 0.045, 10),
    ("red", "B04", "Red - 10m", "red", 0.665, 0.038, 10),
    ("rededge1", "B05", "Red Edge 1 - 20m", "rededge071", 0.704, 0.019, 20),
    ("rededge2", "B06", "Red Edge 2 - 20m", "rededge075", 0.74, 0.018, 20),
    ("rededge3", "B07", "Red Edge 3 - 20m", "rededge078", 0.783, 0.028, 20),
    ("nir", "B08", "NIR 1 - 10m", "nir", 0.842, 0.145, 10),
    ("nir08", "B8A", "NIR 2 - 20m", "nir08", 0.865, 0.033, 20),
    ("nir09", "B09", "NIR 3 - 60m", "nir09", 0.945, 0.026, 60),
    ("swir16", "B11", "SWIR 1.6μm - 20m", "swir16", 1.61, 0.143, 20),
    ("swir22", "B12", "SWIR 2.2μm - 20m", "swir22", 2.19, 0.242, 20),
)
_TRUE_COLOR = [
    {"name": band, "eo:common_name": common, "eo:center_wavelength": center, "eo:full_width_half_max": width}
    for _, band, _, common, center, width, _ in (_BANDS[3], _BANDS[2], _BANDS[1])
]
# For each map: asset, file, title, gsd in metres, data type, further fields.
_MAPS: tuple[tuple[str, str, str, int, str, Json], ...] = (
    ("aot", "AOT", "Aerosol optical thickness (AOT)", 20, "uint16", {"raster:scale": 0.001, "raster:offset": 0}),
    ("wvp", "WVP", "Water Vapour (WVP)", 20, "uint16", {"unit": "cm", "raster:scale": 0.001, "raster:offset": 0}),
    ("scl", "SCL", "Scene classification map (SCL)", 20, "uint8", {}),
)
# Not every processing baseline has these two.
_PROBABILITIES: tuple[tuple[str, str, str, int, str, Json], ...] = (
    ("cloud", "CLD_20m", "Cloud Probabilities", 20, "uint8", {}),
    ("snow", "SNW_20m", "Snow Probabilities", 20, "uint8", {}),
)
_METADATA = (
    ("granule_metadata", "metadata.xml", "application/xml"),
    ("product_metadata", "product_metadata.xml", "application/xml"),
    ("tileinfo_metadata", "tileInfo.json", "application/json"),
)
_EXTENSIONS = [
    f"{EXTENSIONS}/eo/v2.0.0/schema.json",
    f"{EXTENSIONS}/file/v2.1.0/schema.json",
    f"{EXTENSIONS}/grid/v1.1.0/schema.json",
    f"{EXTENSIONS}/mgrs/v1.0.0/schema.json",
    f"{EXTENSIONS}/processing/v1.2.0/schema.json",
    f"{EXTENSIONS}/projection/v2.0.0/schema.json",
    f"{EXTENSIONS}/raster/v2.0.0/schema.json",
    f"{EXTENSIONS}/sentinel-2/v1.0.0/schema.json",
    f"{EXTENSIONS}/view/v1.0.0/schema.json",
]


def _item(scene: Scene) -> Json:
    draw, time = scene.draw, scene.time
    tile, sequence = scene.place(_TILES, 36_857)
    tile, zone0 = divmod(tile, 60)
    tile, band = divmod(tile, 20)
    row, column = divmod(tile, 8)
    zone, letter = zone0 + 1, _MGRS_BANDS[band]
    square = _MGRS_COLUMNS[zone % 3][column] + _MGRS_ROWS[(row + 9 * band) % 20]
    west, south = -180 + 6 * zone0 + 0.75 * column, -80 + 8 * band + 0.88 * row
    ring = swath_ring(draw, west, south, degrees_wide(0.98, south), 0.98)

    platform = draw.pick(("2A", "2B"))
    name = f"S{platform}_{zone}{letter}{square}_{time:%Y%m%d}_{sequence}_L2A"
    folder = f"{HOST}/sentinel-2-l2a/{zone}/{letter}/{square}/{time.year}/{time.month}/{name}"
    generated = time + timedelta(seconds=draw.integer(3 * 3600, 12 * 3600))
    created = milliseconds(generated + timedelta(seconds=draw.integer(3600, 6 * 3600)), draw)
    baseline = draw.pick(("05.00", "05.09", "05.10"))
    orbit, relative_orbit = draw.integer(20_000, 48_000), draw.integer(1, 144)
    sensed, made = f"{time:%Y%m%dT%H%M%S}", f"{generated:%Y%m%dT%H%M%S}"
    x0 = 100_000 * (column + 1) + 99_960
    y0 = 100_000 * int(south * 1.106) + (10_000_000 if south < 0 else 100_000)

    assets: Json = {}
    for asset, file, title, common, center, width, gsd in _BANDS:
        assets[asset] = {
            "href": f"{folder}/{file}.tif",
            "type": COG,
            "title": title,
            "gsd": gsd,
            "bands": [
                {
                    "name": file,
                    "eo:common_name": common,
                    "eo:center_wavelength": center,
                    "eo:full_width_half_max": width,
                }
            ],
            "nodata": 0,
            "data_type": "uint16",
            "proj:shape": [109_800 // gsd, 109_800 // gsd],
            "proj:transform": [gsd, 0, x0, 0, -gsd, y0],
            "raster:spatial_resolution": gsd,
            "raster:scale": 0.0001,
            "raster:offset": -0.1,
            "file:checksum": "1220" + draw.hex(64),
            "file:size": draw.integer(50_000_000, 500_000_000) // gsd,
            "roles": ["data", "reflectance"],
        }
    maps = _MAPS + _PROBABILITIES if draw.share() < 0.7 else _MAPS
    for asset, file, title, gsd, data_type, further in maps:
        assets[asset] = {
            "href": f"{folder}/{file}.tif",
            "type": COG,
            "title": title,
            "gsd": gsd,
            "nodata": 0,
            "data_type": data_type,
            "proj:shape": [109_800 // gsd, 109_800 // gsd],
            "proj:transform": [gsd, 0, x0, 0, -gsd, y0],
            "raster:spatial_resolution": gsd,
            **further,
            "file:checksum": "1220" + draw.hex(64),
            "file:size": draw.integer(30_000, 3_000_000),
            "roles": ["data"],
        }
    assets["visual"] = {
        "href": f"{folder}/TCI.tif",
        "type": COG,
        "title": "True color image",
        "gsd": 10,
        "bands": _TRUE_COLOR,
        "nodata": 0,
        "data_type": "uint8",
        "proj:shape": [10_980, 10_980],
        "proj:transform": [10, 0, x0, 0, -10, y0],
        "raster:spatial_resolution": 10,
        "file:checksum": "1220" + draw.hex(64),
        "file:size": draw.integer(5_000_000, 40_000_000),
        "roles": ["visual"],
    }
    assets["preview"] = {
        "href": f"{folder}/L2A_PVI.tif",
        "type": COG,
        "title": "True color preview",
        "bands": _TRUE_COLOR,
        "file:checksum": "1220" + draw.hex(64),
        "file:size": draw.integer(20_000, 200_000),
        "roles": ["overview"],
    }
    for asset, file, media_type in _METADATA:
        assets[asset] = {
            "href": f"{folder}/{file}",
            "type": media_type,
            "file:checksum": "1220" + draw.hex(64),
            "file:size": draw.integer(1_000, 600_000),
            "roles": ["metadata"],
        }
    assets["thumbnail"] = {
        "href": f"{folder}/L2A_PVI.jpg",
        "type": "image/jpeg",
        "title": "Thumbnail of preview image",
        "file:checksum": "1220" + draw.hex(64),
        "file:size": draw.integer(5_000, 40_000),
        "roles": ["thumbnail"],
    }

    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "id": name,
        "properties": {
            **scene.datetime_properties,
            "created": created,
            "updated": created,
            "platform": f"sentinel-{platform.lower()}",
            "constellation": "sentinel-2",
            "instruments": ["msi"],
            "gsd": 10,
            "eo:cloud_cover": draw.rounded(0, 100, 6),
            "proj:code": f"EPSG:{(32_700 if south < 0 else 32_600) + zone}",
            "proj:centroid": {
                "lat": draw.rounded(south + 0.4, south + 0.6, 5),
                "lon": draw.rounded(west + 0.3, west + 0.5, 5),
            },
            "mgrs:utm_zone": zone,
            "mgrs:latitude_band": letter,
            "mgrs:grid_square": square,
            "grid:code": f"MGRS-{zone:02d}{letter}{square}",
            "view:azimuth": draw.real(90, 300),
            "view:incidence_angle": draw.real(2, 12),
            "view:sun_azimuth": draw.real(20, 180),
            "view:sun_elevation": draw.real(5, 75),
            "s2:tile_id": f"S{platform}_OPER_MSI_L2A_TL_2APS_{made}_A{orbit:06d}"
            f"_T{zone:02d}{letter}{square}_N{baseline}",
            "s2:degraded_msi_data_percentage": draw.rounded(0, 1, 4),
            "s2:nodata_pixel_percentage": draw.rounded(0, 80, 6),
            "s2:saturated_defective_pixel_percentage": 0,
            "s2:dark_features_percentage": draw.rounded(0, 3, 6),
            "s2:cloud_shadow_percentage": draw.rounded(0, 9, 6),
            "s2:vegetation_percentage": draw.rounded(0, 60, 6),
            "s2:not_vegetated_percentage": draw.rounded(0, 40, 6),
            "s2:water_percentage": draw.rounded(0, 30, 6),
            "s2:unclassified_percentage": draw.rounded(0, 4, 6),
            "s2:medium_proba_clouds_percentage": draw.rounded(0, 20, 6),
            "s2:high_proba_clouds_percentage": draw.rounded(0, 60, 6),
            "s2:thin_cirrus_percentage": draw.rounded(0, 9, 6),
            "s2:snow_ice_percentage": draw.rounded(0, 5, 6),
            "s2:product_type": "S2MSI2A",
            "s2:processing_baseline": baseline,
            "s2:product_uri": f"S{platform}_MSIL2A_{sensed}_N{baseline.replace('.', '')}"
            f"_R{relative_orbit:03d}_T{zone:02d}{letter}{square}_{made}.SAFE",
            "s2:generation_time": f"{generated:%Y-%m-%dT%H:%M:%S}.000000Z",
            "s2:datatake_id": f"GS{platform}_{sensed}_{orbit:06d}_N{baseline}",
            "s2:datatake_type": "INS-NOBS",
            "s2:datastrip_id": f"S{platform}_OPER_MSI_L2A_DS_2APS_{made}_S{sensed}_N{baseline}",
            "s2:reflectance_conversion_factor": draw.real(0.96, 1.04),
            "processing:level": "L2",
            "processing:facility": draw.pick(("2APS", "REPS", "Mission Ground Segment")),
            "processing:software": {"sentinel-2-to-stac": draw.pick(("v2023.11.06", "v2024.02.01"))},
        },
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": bbox(ring),
        "links": [
            *links("sentinel-2-l2a", name),
            {
                "rel": "canonical",
                "href": f"{folder}/{name}.json",
                "type": "application/json",
            },
            {
                "rel": "via",
                "href": f"{HOST}/roda/tiles/{zone}/{letter}/{square}/{time.year}/{time.month}/{time.day}/{sequence}"
                "/metadata.xml",
                "type": "application/xml",
                "title": "Granule Metadata in the Archive",
            },
            {
                "rel": "thumbnail",
                "href": f"{HOST}/stac/collections/sentinel-2-l2a/items/{name}/thumbnail",
            },
        ],
        "assets": assets,
        "stac_extensions": _EXTENSIONS,
        "collection": "sentinel-2-l2a",
    }


PROFILE = Profile(
    "sentinel-2-l2a",
    "Sentinel-2 Level-2A",
    "Made-up items in the manner of Sentinel-2 surface reflectance tiles.",
    "other",
    _item,
)
