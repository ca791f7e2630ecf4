"""Landsat Collection 2 Level-2: one item a scene, by path and row of WRS-2."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from .footprints import bbox, degrees_wide, tilted_ring
from .parts import COG, EXTENSIONS, HOST, STAC_VERSION, links, milliseconds, preview_link, rendered
from .scene import Json, Profile, Scene

_WRS_PATHS, _WRS_ROWS = 233, 119  # Rows by day: about 60 degrees either side of row 60, the equator.

# For each band: asset, file, title, band, common name, description, center wavelength, full width half max.
_BANDS = (
    ("coastal", "SR_B1", "Coastal/Aerosol", "OLI_B1", "coastal", "Coastal/Aerosol", 0.44, 0.02),
    ("blue", "SR_B2", "Blue", "OLI_B2", "blue", "Visible blue", 0.48, 0.06),
    ("green", "SR_B3", "Green", "OLI_B3", "green", "Visible green", 0.56, 0.06),
    ("red", "SR_B4", "Red", "OLI_B4", "red", "Visible red", 0.65, 0.04),
    ("nir08", "SR_B5", "Near Infrared 0.8", "OLI_B5", "nir08", "Near infrared", 0.87, 0.03),
    ("swir16", "SR_B6", "Short-wave Infrared 1.6", "OLI_B6", "swir16", "Short-wave infrared", 1.61, 0.09),
    ("swir22", "SR_B7", "Short-wave Infrared 2.2", "OLI_B7", "swir22", "Short-wave infrared", 2.2, 0.19),
)
# For each band: asset, file, title, unit and scale.
_TEMPERATURE = (
    ("qa", "ST_QA", "Surface Temperature Quality Assessment", "kelvin", 0.01),
    ("trad", "ST_TRAD", "Thermal Radiance", "watt/steradian/square_meter/micrometer", 0.001),
    ("urad", "ST_URAD", "Upwelled Radiance", "watt/steradian/square_meter/micrometer", 0.001),
    ("drad", "ST_DRAD", "Downwelled Radiance", "watt/steradian/square_meter/micrometer", 0.001),
    ("emis", "ST_EMIS", "Emissivity", "emissivity coefficient", 0.0001),
    ("emsd", "ST_EMSD", "Emissivity Standard Deviation", "emissivity coefficient", 0.0001),
    ("atran", "ST_ATRAN", "Atmospheric Transmittance", "1", 0.0001),
    ("cdist", "ST_CDIST", "Cloud Distance", "kilometer", 0.01),
)
# For each file: asset, file, title, media type.
_METADATA = (
    ("ang", "ANG.txt", "Angle Coefficients File", "text/plain"),
    ("mtl.txt", "MTL.txt", "Product Metadata File (txt)", "text/plain"),
    ("mtl.xml", "MTL.xml", "Product Metadata File (xml)", "application/xml"),
    ("mtl.json", "MTL.json", "Product Metadata File (json)", "application/json"),
)


def _bit(name: str, offset: int, description: str, no: str, yes: str) -> Json:
    return {
        "name": name,
        "length": 1,
        "offset": offset,
        "classes": [
            {"name": f"not_{name}", "value": 0, "description": no},
            {"name": name, "value": 1, "description": yes},
        ],
        "description": description,
    }


def _levels(name: str, offset: int, subject: str, names: Sequence[str]) -> Json:
    return {
        "name": name,
        "length": 2,
        "offset": offset,
        "classes": [
            {"name": level, "value": value, "description": f"{subject}: {level.replace('_', ' ')}"}
            for value, level in enumerate(names)
        ],
        "description": f"{subject} levels",
    }


_CONFIDENCE = ("not_set", "low", "reserved", "high")
_QA_PIXEL = [
    _bit("fill", 0, "Image or fill data", "Image data", "Fill data"),
    _bit("dilated_cloud", 1, "Dilated cloud", "Cloud is not dilated or no cloud", "Cloud dilation"),
    _bit("cirrus", 2, "Cirrus mask", "No or low confidence cirrus", "High confidence cirrus"),
    _bit("cloud", 3, "Cloud mask", "Cloud confidence is not high", "High confidence cloud"),
    _bit("cloud_shadow", 4, "Cloud shadow mask", "Shadow confidence is not high", "High confidence cloud shadow"),
    _bit("snow", 5, "Snow/Ice mask", "Snow/Ice confidence is not high", "High confidence snow cover"),
    _bit("clear", 6, "Clear mask", "Cloud or dilated cloud bits are set", "Cloud bits are not set"),
    _bit("water", 7, "Water mask", "Land or cloud", "Water"),
    _levels("cloud_confidence", 8, "Cloud confidence", ("not_set", "low", "medium", "high")),
    _levels("cloud_shadow_confidence", 10, "Cloud shadow confidence", _CONFIDENCE),
    _levels("snow_confidence", 12, "Snow/ice confidence", _CONFIDENCE),
    _levels("cirrus_confidence", 14, "Cirrus confidence", _CONFIDENCE),
]
_QA_RADSAT = [
    *(
        _bit(f"band{band}", band - 1, f"Band {band} radiometric saturation", "Not saturated", "Saturated")
        for band in (1, 2, 3, 4, 5, 6, 7, 9)
    ),
    _bit("occlusion", 11, "Terrain not visible from the sensor", "Terrain is not occluded", "Terrain is occluded"),
]
_QA_AEROSOL = [
    _bit("fill", 0, "Image or fill data", "Pixel is not fill", "Pixel is fill"),
    _bit("retrieval", 1, "Valid aerosol retrieval", "Retrieval is not valid", "Retrieval is valid"),
    _bit("water", 2, "Water mask", "Pixel is not water", "Pixel is water"),
    _bit("interpolated", 5, "Aerosol interpolation", "Aerosol is not interpolated", "Aerosol is interpolated"),
    _levels("level", 6, "Aerosol", ("climatology", "low", "medium", "high")),
]
# For each band: asset, file, title, nodata, data type, roles, bit fields.
_QUALITY = (
    (
        "qa_pixel",
        "QA_PIXEL",
        "Pixel Quality Assessment Band",
        1,
        "uint16",
        ["cloud", "cloud-shadow", "snow-ice", "water-mask"],
        _QA_PIXEL,
    ),
    (
        "qa_radsat",
        "QA_RADSAT",
        "Radiometric Saturation and Terrain Occlusion Quality Assessment Band",
        0,
        "uint16",
        ["saturation"],
        _QA_RADSAT,
    ),
    (
        "qa_aerosol",
        "SR_QA_AEROSOL",
        "Aerosol Quality Assessment Band",
        1,
        "uint8",
        ["data-mask", "water-mask"],
        _QA_AEROSOL,
    ),
)
_EXTENSIONS = [
    f"{EXTENSIONS}/raster/v2.0.0/schema.json",
    f"{EXTENSIONS}/eo/v2.0.0/schema.json",
    f"{EXTENSIONS}/view/v1.0.0/schema.json",
    f"{EXTENSIONS}/projection/v2.0.0/schema.json",
    "https://landsat.usgs.gov/stac/landsat-extension/v1.1.1/schema.json",
    f"{EXTENSIONS}/classification/v2.0.0/schema.json",
    f"{EXTENSIONS}/scientific/v1.0.0/schema.json",
]


def _item(scene: Scene) -> Json:
    draw, time = scene.draw, scene.time
    place, turn = scene.place(_WRS_PATHS * _WRS_ROWS, 11_003)
    path, row = place // _WRS_ROWS + 1, place % _WRS_ROWS + 1
    south, west = 60 - row + 0.0, -180 + (path * 1.545 + row * 0.3) % 352
    width = degrees_wide(2.2, south)
    ring = tilted_ring(draw, west, south, width, 1.9)

    number = draw.pick((8, 9))
    # The round goes into the processing date: two items of one place and day differ at least there.
    processed = time + timedelta(days=1 + turn)
    name = f"LC{number:02d}_L2SP_{path:03d}{row:03d}_{time:%Y%m%d}_{processed:%Y%m%d}_02_T1"
    file_stem = f"{HOST}/landsat-c2/level-2/standard/oli-tirs/{time.year}/{path:03d}/{row:03d}/{name}_SR/{name}"
    size = [draw.integer(7_500, 7_900) + draw.integer(0, 200), draw.integer(7_500, 7_900)]
    transform = [30.0, 0.0, 15.0 + 30 * draw.integer(5_000, 20_000), 0.0, -30.0, 15.0 + 30 * draw.integer(0, 160_000)]
    zone = int((west + 180) // 6) % 60 + 1

    assets: Json = {}
    for asset, file, title, band, common, description, center, wavelengths in _BANDS:
        assets[asset] = {
            "href": f"{file_stem}_{file}.TIF",
            "type": COG,
            "title": f"{title} Band",
            "description": f"Collection 2 Level-2 {title} Band ({file}) Surface Reflectance",
            "bands": [
                {
                    "name": band,
                    "description": description,
                    "eo:common_name": common,
                    "eo:center_wavelength": center,
                    "eo:full_width_half_max": wavelengths,
                }
            ],
            "nodata": 0,
            "data_type": "uint16",
            "raster:scale": 2.75e-05,
            "raster:offset": -0.2,
            "raster:spatial_resolution": 30,
            "roles": ["data", "reflectance"],
        }
    assets["lwir11"] = {
        "href": f"{file_stem}_ST_B10.TIF",
        "type": COG,
        "title": "Surface Temperature Band",
        "description": "Collection 2 Level-2 Thermal Infrared Band (ST_B10) Surface Temperature",
        "gsd": 100,
        "bands": [
            {
                "name": "TIRS_B10",
                "description": "Long-wave infrared",
                "eo:common_name": "lwir11",
                "eo:center_wavelength": 10.9,
                "eo:full_width_half_max": 0.59,
            }
        ],
        "unit": "kelvin",
        "nodata": 0,
        "data_type": "uint16",
        "raster:scale": 0.00341802,
        "raster:offset": 149.0,
        "raster:spatial_resolution": 30,
        "roles": ["data", "temperature"],
    }
    for asset, file, title, unit, scale in _TEMPERATURE:
        assets[asset] = {
            "href": f"{file_stem}_{file}.TIF",
            "type": COG,
            "title": f"{title} Band",
            "description": f"Collection 2 Level-2 {title} Band ({file}) Surface Temperature Product",
            "unit": unit,
            "nodata": -9999,
            "data_type": "int16",
            "raster:scale": scale,
            "raster:spatial_resolution": 30,
            "roles": ["data"],
        }
    quality = _QUALITY if draw.share() < 0.85 else _QUALITY[:2]
    for asset, file, title, nodata, data_type, roles, bitfields in quality:
        assets[asset] = {
            "href": f"{file_stem}_{file}.TIF",
            "type": COG,
            "title": title,
            "description": f"Collection 2 {title} ({file})",
            "classification:bitfields": bitfields,
            "unit": "bit index",
            "nodata": nodata,
            "data_type": data_type,
            "raster:spatial_resolution": 30,
            "roles": roles,
        }
    for asset, file, title, media_type in _METADATA:
        assets[asset] = {
            "href": f"{file_stem}_{file}",
            "type": media_type,
            "title": title,
            "description": f"Collection 2 Level-2 {title}",
            "roles": ["metadata"],
        }
    assets.update(
        rendered(
            "landsat-c2-l2",
            name,
            "assets=red&assets=green&assets=blue"
            "&color_formula=gamma+RGB+2.7%2C+saturation+1.5%2C+sigmoidal+RGB+15+0.55&format=png",
        )
    )

    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "id": name,
        "properties": {
            **scene.datetime_properties,
            "created": milliseconds(processed + timedelta(hours=9), draw),
            "description": "Landsat Collection 2 Level-2",
            "platform": f"landsat-{number}",
            "instruments": ["oli", "tirs"],
            "gsd": 30,
            "eo:cloud_cover": draw.rounded(0, 100, 2),
            "view:off_nadir": 0,
            "view:sun_azimuth": draw.rounded(20, 170, 8),
            "view:sun_elevation": draw.rounded(5, 75, 8),
            "proj:code": f"EPSG:{32_600 + zone}",
            "proj:shape": size,
            "proj:transform": transform,
            "landsat:scene_id": f"LC{number}{path:03d}{row:03d}{time:%Y%j}LGN{turn:02d}",
            "landsat:wrs_type": "2",
            "landsat:wrs_path": f"{path:03d}",
            "landsat:wrs_row": f"{row:03d}",
            "landsat:correction": "L2SP",
            "landsat:cloud_cover_land": draw.rounded(0, 100, 2),
            "landsat:collection_number": "02",
            "landsat:collection_category": "T1",
            "sci:doi": "10.5555/landsat.example",
        },
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": bbox(ring),
        "links": [
            *links("landsat-c2-l2", name),
            {
                "rel": "cite-as",
                "href": "https://doi.org/10.5555/landsat.example",
                "title": "Landsat 8-9 OLI/TIRS Collection 2 Level-2",
            },
            {
                "rel": "via",
                "href": f"{HOST}/stac-server/collections/landsat-c2l2-sr/items/{name}_SR",
                "type": "application/json",
                "title": "Surface Reflectance Item",
            },
            {
                "rel": "via",
                "href": f"{HOST}/stac-server/collections/landsat-c2l2-st/items/{name}_ST",
                "type": "application/json",
                "title": "Surface Temperature Item",
            },
            preview_link("landsat-c2-l2", name),
        ],
        "assets": assets,
        "stac_extensions": _EXTENSIONS,
        "collection": "landsat-c2-l2",
    }


PROFILE = Profile(
    "landsat-c2-l2",
    "Landsat Collection 2 Level-2",
    "Made-up items in the manner of Landsat surface reflectance and temperature scenes.",
    "other",
    _item,
)
