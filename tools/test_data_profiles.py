"""What the items of each profile look like: the sizes and shapes of real catalogs, with made-up content.

A profile is a function from a `Scene` (index, seed, time, random numbers) to one STAC 1.1.0 Item.
Sizes were fitted to public items of Sentinel-2 L2A, Landsat Collection 2 Level-2, Sentinel-1 RTC and NAIP;
the bands follow STAC 1.1 (`bands`, with `eo:` 2.0 and `raster:` 2.0 fields; `proj:code` of `proj:` 2.0).

Two rules keep the data the same everywhere:

- Random numbers come from `random.Random.random` and `getrandbits` alone: they do not change between
  Python versions. No trigonometry: the last digit of `sin` differs between C libraries.
- Ids are unique by construction: the index walks through all places (tile, path and row, quadrangle)
  before a place comes again, and the number of that round is part of the id.

A change of what an item contains needs a new `GENERATOR_VERSION` in `test_data_generator.py`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypeVar

Json: TypeAlias = dict[str, Any]
Ring: TypeAlias = list[list[float]]
T = TypeVar("T")

HOST = "https://example.com"
STAC_VERSION = "1.1.0"

_COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_EXTENSIONS = "https://stac-extensions.github.io"
_SEED_STRIDE = 7_919  # Another seed starts at another place.


class Draw:
    """Random numbers that are the same on every Python version."""

    def __init__(self, seed: int) -> None:
        source = random.Random(seed)
        self.share = source.random
        self._bits = source.getrandbits

    def real(self, low: float, high: float) -> float:
        """A number in [low, high) with all its digits."""
        return low + (high - low) * self.share()

    def rounded(self, low: float, high: float, digits: int) -> float:
        """A number in [low, high] with at most `digits` decimals."""
        return round(low + (high - low) * self.share(), digits)

    def integer(self, low: int, high: int) -> int:
        """An integer in [low, high)."""
        return low + int((high - low) * self.share())

    def pick(self, choices: Sequence[T]) -> T:
        """One of `choices`."""
        return choices[int(len(choices) * self.share())]

    def hex(self, digits: int) -> str:
        """`digits` hexadecimal digits."""
        return f"{self._bits(4 * digits):0{digits}x}"


@dataclass(frozen=True)
class Scene:
    """What one item starts from: which one it is, when it was, and its own random numbers."""

    index: int
    seed: int
    time: datetime
    """The instant, or the start of the interval; in UTC."""
    datetime_properties: Json
    """`datetime`, and `start_datetime` and `end_datetime` of interval items."""
    draw: Draw

    def place(self, places: int, stride: int) -> tuple[int, int]:
        """A place below `places` and the round: no place comes twice in a round.

        `stride` must have no common factor with `places`; it spreads neighbours in the index over the Earth.
        """
        turn, step = divmod(self.index, places)
        return (step * stride + self.seed * _SEED_STRIDE) % places, turn


@dataclass(frozen=True)
class Profile:
    """One collection and the way its items are made."""

    collection: str
    title: str
    description: str
    license: str
    build: Callable[[Scene], Json]


# --- Sentinel-2 L2A -----------------------------------------------------------------------------------------

_MGRS_BANDS = "CDEFGHJKLMNPQRSTUVWX"
_MGRS_COLUMNS = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")  # By zone modulo 3.
_MGRS_ROWS = "ABCDEFGHJKLMNPQRSTUV"
_MGRS_ROWS_IN_BAND = 9
_S2_TILES = 60 * 20 * 8 * _MGRS_ROWS_IN_BAND

# For each band: asset, file, title, band, common name, center wavelength, full width half max, and gsd in metres.
_S2_BANDS = (
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
_S2_TRUE_COLOR = [
    {"name": band, "eo:common_name": common, "eo:center_wavelength": center, "eo:full_width_half_max": width}
    for _, band, _, common, center, width, _ in (_S2_BANDS[3], _S2_BANDS[2], _S2_BANDS[1])
]
# For each map: asset, file, title, gsd in metres, data type, further fields.
_S2_MAPS: tuple[tuple[str, str, str, int, str, Json], ...] = (
    ("aot", "AOT", "Aerosol optical thickness (AOT)", 20, "uint16", {"raster:scale": 0.001, "raster:offset": 0}),
    ("wvp", "WVP", "Water Vapour (WVP)", 20, "uint16", {"unit": "cm", "raster:scale": 0.001, "raster:offset": 0}),
    ("scl", "SCL", "Scene classification map (SCL)", 20, "uint8", {}),
)
# Not every processing baseline has these two.
_S2_PROBABILITIES: tuple[tuple[str, str, str, int, str, Json], ...] = (
    ("cloud", "CLD_20m", "Cloud Probabilities", 20, "uint8", {}),
    ("snow", "SNW_20m", "Snow Probabilities", 20, "uint8", {}),
)
_S2_METADATA = (
    ("granule_metadata", "metadata.xml", "application/xml"),
    ("product_metadata", "product_metadata.xml", "application/xml"),
    ("tileinfo_metadata", "tileInfo.json", "application/json"),
)
_S2_EXTENSIONS = [
    f"{_EXTENSIONS}/eo/v2.0.0/schema.json",
    f"{_EXTENSIONS}/file/v2.1.0/schema.json",
    f"{_EXTENSIONS}/grid/v1.1.0/schema.json",
    f"{_EXTENSIONS}/mgrs/v1.0.0/schema.json",
    f"{_EXTENSIONS}/processing/v1.2.0/schema.json",
    f"{_EXTENSIONS}/projection/v2.0.0/schema.json",
    f"{_EXTENSIONS}/raster/v2.0.0/schema.json",
    f"{_EXTENSIONS}/sentinel-2/v1.0.0/schema.json",
    f"{_EXTENSIONS}/view/v1.0.0/schema.json",
]


def _sentinel_2_l2a(scene: Scene) -> Json:
    draw, time = scene.draw, scene.time
    tile, sequence = scene.place(_S2_TILES, 36_857)
    tile, zone0 = divmod(tile, 60)
    tile, band = divmod(tile, 20)
    row, column = divmod(tile, 8)
    zone, letter = zone0 + 1, _MGRS_BANDS[band]
    square = _MGRS_COLUMNS[zone % 3][column] + _MGRS_ROWS[(row + 9 * band) % 20]
    west, south = -180 + 6 * zone0 + 0.75 * column, -80 + 8 * band + 0.88 * row
    ring = _swath_ring(draw, west, south, _degrees_wide(0.98, south), 0.98)

    platform = draw.pick(("2A", "2B"))
    name = f"S{platform}_{zone}{letter}{square}_{time:%Y%m%d}_{sequence}_L2A"
    folder = f"{HOST}/sentinel-2-l2a/{zone}/{letter}/{square}/{time.year}/{time.month}/{name}"
    generated = time + timedelta(seconds=draw.integer(3 * 3600, 12 * 3600))
    created = _milliseconds(generated + timedelta(seconds=draw.integer(3600, 6 * 3600)), draw)
    baseline = draw.pick(("05.00", "05.09", "05.10"))
    orbit, relative_orbit = draw.integer(20_000, 48_000), draw.integer(1, 144)
    sensed, made = f"{time:%Y%m%dT%H%M%S}", f"{generated:%Y%m%dT%H%M%S}"
    x0 = 100_000 * (column + 1) + 99_960
    y0 = 100_000 * int(south * 1.106) + (10_000_000 if south < 0 else 100_000)

    assets: Json = {}
    for asset, file, title, common, center, width, gsd in _S2_BANDS:
        assets[asset] = {
            "href": f"{folder}/{file}.tif",
            "type": _COG,
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
    maps = _S2_MAPS + _S2_PROBABILITIES if draw.share() < 0.7 else _S2_MAPS
    for asset, file, title, gsd, data_type, further in maps:
        assets[asset] = {
            "href": f"{folder}/{file}.tif",
            "type": _COG,
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
        "type": _COG,
        "title": "True color image",
        "gsd": 10,
        "bands": _S2_TRUE_COLOR,
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
        "type": _COG,
        "title": "True color preview",
        "bands": _S2_TRUE_COLOR,
        "file:checksum": "1220" + draw.hex(64),
        "file:size": draw.integer(20_000, 200_000),
        "roles": ["overview"],
    }
    for asset, file, media_type in _S2_METADATA:
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
        "bbox": _bbox(ring),
        "links": [
            *_links("sentinel-2-l2a", name),
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
        "stac_extensions": _S2_EXTENSIONS,
        "collection": "sentinel-2-l2a",
    }


# --- Landsat Collection 2 Level-2 ---------------------------------------------------------------------------

_WRS_PATHS, _WRS_ROWS = 233, 119  # Rows by day: about 60 degrees either side of row 60, the equator.

# For each band: asset, file, title, band, common name, description, center wavelength, full width half max.
_LANDSAT_BANDS = (
    ("coastal", "SR_B1", "Coastal/Aerosol", "OLI_B1", "coastal", "Coastal/Aerosol", 0.44, 0.02),
    ("blue", "SR_B2", "Blue", "OLI_B2", "blue", "Visible blue", 0.48, 0.06),
    ("green", "SR_B3", "Green", "OLI_B3", "green", "Visible green", 0.56, 0.06),
    ("red", "SR_B4", "Red", "OLI_B4", "red", "Visible red", 0.65, 0.04),
    ("nir08", "SR_B5", "Near Infrared 0.8", "OLI_B5", "nir08", "Near infrared", 0.87, 0.03),
    ("swir16", "SR_B6", "Short-wave Infrared 1.6", "OLI_B6", "swir16", "Short-wave infrared", 1.61, 0.09),
    ("swir22", "SR_B7", "Short-wave Infrared 2.2", "OLI_B7", "swir22", "Short-wave infrared", 2.2, 0.19),
)
# For each band: asset, file, title, unit and scale.
_LANDSAT_TEMPERATURE = (
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
_LANDSAT_METADATA = (
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
_LANDSAT_QA_PIXEL = [
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
_LANDSAT_QA_RADSAT = [
    *(
        _bit(f"band{band}", band - 1, f"Band {band} radiometric saturation", "Not saturated", "Saturated")
        for band in (1, 2, 3, 4, 5, 6, 7, 9)
    ),
    _bit("occlusion", 11, "Terrain not visible from the sensor", "Terrain is not occluded", "Terrain is occluded"),
]
_LANDSAT_QA_AEROSOL = [
    _bit("fill", 0, "Image or fill data", "Pixel is not fill", "Pixel is fill"),
    _bit("retrieval", 1, "Valid aerosol retrieval", "Retrieval is not valid", "Retrieval is valid"),
    _bit("water", 2, "Water mask", "Pixel is not water", "Pixel is water"),
    _bit("interpolated", 5, "Aerosol interpolation", "Aerosol is not interpolated", "Aerosol is interpolated"),
    _levels("level", 6, "Aerosol", ("climatology", "low", "medium", "high")),
]
# For each band: asset, file, title, nodata, data type, roles, bit fields.
_LANDSAT_QUALITY = (
    (
        "qa_pixel",
        "QA_PIXEL",
        "Pixel Quality Assessment Band",
        1,
        "uint16",
        ["cloud", "cloud-shadow", "snow-ice", "water-mask"],
        _LANDSAT_QA_PIXEL,
    ),
    (
        "qa_radsat",
        "QA_RADSAT",
        "Radiometric Saturation and Terrain Occlusion Quality Assessment Band",
        0,
        "uint16",
        ["saturation"],
        _LANDSAT_QA_RADSAT,
    ),
    (
        "qa_aerosol",
        "SR_QA_AEROSOL",
        "Aerosol Quality Assessment Band",
        1,
        "uint8",
        ["data-mask", "water-mask"],
        _LANDSAT_QA_AEROSOL,
    ),
)
_LANDSAT_EXTENSIONS = [
    f"{_EXTENSIONS}/raster/v2.0.0/schema.json",
    f"{_EXTENSIONS}/eo/v2.0.0/schema.json",
    f"{_EXTENSIONS}/view/v1.0.0/schema.json",
    f"{_EXTENSIONS}/projection/v2.0.0/schema.json",
    "https://landsat.usgs.gov/stac/landsat-extension/v1.1.1/schema.json",
    f"{_EXTENSIONS}/classification/v2.0.0/schema.json",
    f"{_EXTENSIONS}/scientific/v1.0.0/schema.json",
]


def _landsat_c2_l2(scene: Scene) -> Json:
    draw, time = scene.draw, scene.time
    place, turn = scene.place(_WRS_PATHS * _WRS_ROWS, 11_003)
    path, row = place // _WRS_ROWS + 1, place % _WRS_ROWS + 1
    south, west = 60 - row + 0.0, -180 + (path * 1.545 + row * 0.3) % 352
    width = _degrees_wide(2.2, south)
    ring = _tilted_ring(draw, west, south, width, 1.9)

    number = draw.pick((8, 9))
    # The round goes into the processing date: two items of one place and day differ at least there.
    processed = time + timedelta(days=1 + turn)
    name = f"LC{number:02d}_L2SP_{path:03d}{row:03d}_{time:%Y%m%d}_{processed:%Y%m%d}_02_T1"
    file_stem = f"{HOST}/landsat-c2/level-2/standard/oli-tirs/{time.year}/{path:03d}/{row:03d}/{name}_SR/{name}"
    size = [draw.integer(7_500, 7_900) + draw.integer(0, 200), draw.integer(7_500, 7_900)]
    transform = [30.0, 0.0, 15.0 + 30 * draw.integer(5_000, 20_000), 0.0, -30.0, 15.0 + 30 * draw.integer(0, 160_000)]
    zone = int((west + 180) // 6) % 60 + 1

    assets: Json = {}
    for asset, file, title, band, common, description, center, wavelengths in _LANDSAT_BANDS:
        assets[asset] = {
            "href": f"{file_stem}_{file}.TIF",
            "type": _COG,
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
        "type": _COG,
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
    for asset, file, title, unit, scale in _LANDSAT_TEMPERATURE:
        assets[asset] = {
            "href": f"{file_stem}_{file}.TIF",
            "type": _COG,
            "title": f"{title} Band",
            "description": f"Collection 2 Level-2 {title} Band ({file}) Surface Temperature Product",
            "unit": unit,
            "nodata": -9999,
            "data_type": "int16",
            "raster:scale": scale,
            "raster:spatial_resolution": 30,
            "roles": ["data"],
        }
    quality = _LANDSAT_QUALITY if draw.share() < 0.85 else _LANDSAT_QUALITY[:2]
    for asset, file, title, nodata, data_type, roles, bitfields in quality:
        assets[asset] = {
            "href": f"{file_stem}_{file}.TIF",
            "type": _COG,
            "title": title,
            "description": f"Collection 2 {title} ({file})",
            "classification:bitfields": bitfields,
            "unit": "bit index",
            "nodata": nodata,
            "data_type": data_type,
            "raster:spatial_resolution": 30,
            "roles": roles,
        }
    for asset, file, title, media_type in _LANDSAT_METADATA:
        assets[asset] = {
            "href": f"{file_stem}_{file}",
            "type": media_type,
            "title": title,
            "description": f"Collection 2 Level-2 {title}",
            "roles": ["metadata"],
        }
    assets.update(
        _rendered(
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
            "created": _milliseconds(processed + timedelta(hours=9), draw),
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
        "bbox": _bbox(ring),
        "links": [
            *_links("landsat-c2-l2", name),
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
            _preview_link("landsat-c2-l2", name),
        ],
        "assets": assets,
        "stac_extensions": _LANDSAT_EXTENSIONS,
        "collection": "landsat-c2-l2",
    }


# --- Sentinel-1 RTC -----------------------------------------------------------------------------------------

_S1_DATATAKES = 1 << 24
_S1_SCENE_SECONDS = 25
_S1_RENDERING = (
    "assets=vv&assets=vh&tile_format=png&expression=0.03+%2B+log+%2810e-4+-+log+%280.05+%2F+%280.02+%2B+2+%2A+"
    "vv%29%29%29%3B0.05+%2B+exp+%280.25+%2A+%28log+%280.01+%2B+2+%2A+vv%29+%2B+log+%280.02+%2B+5+%2A+vh%29%29%29"
    "&asset_as_band=True&rescale=0%2C.8000&rescale=0%2C1.000&rescale=0%2C1.000&format=png"
)
_S1_POLARIZATIONS = (
    ("vv", "VV: vertical transmit, vertical receive", "with vertical polarization and received with vertical"),
    ("vh", "VH: vertical transmit, horizontal receive", "with vertical polarization and received with horizontal"),
)
_S1_EXTENSIONS = [
    f"{_EXTENSIONS}/sar/v1.0.0/schema.json",
    f"{_EXTENSIONS}/sat/v1.0.0/schema.json",
    f"{_EXTENSIONS}/projection/v2.0.0/schema.json",
    f"{_EXTENSIONS}/file/v2.1.0/schema.json",
    f"{_EXTENSIONS}/raster/v2.0.0/schema.json",
]


def _sentinel_1_rtc(scene: Scene) -> Json:
    draw, time = scene.draw, scene.time
    datatake, _ = scene.place(_S1_DATATAKES, 10_368_889)
    west, south = draw.real(-178, 172), draw.real(-60, 72)
    ring = _tilted_ring(draw, west, south, min(_degrees_wide(2.4, south), 178 - west), 1.6)
    if draw.share() < 0.5:  # Some scenes are cut off at a coast.
        ring.insert(-1, [(ring[-2][0] + ring[0][0]) / 2, ring[-2][1] + draw.real(0.01, 0.2)])

    # Real items of this collection have an instant and an interval.
    begin = time - timedelta(microseconds=draw.integer(1, 500_000 * _S1_SCENE_SECONDS))
    end = begin + timedelta(seconds=_S1_SCENE_SECONDS)
    interval = {
        "start_datetime": f"{begin:%Y-%m-%dT%H:%M:%S.%f}Z",
        "end_datetime": f"{end:%Y-%m-%dT%H:%M:%S.%f}Z",
    }
    created = _milliseconds(end + timedelta(seconds=draw.integer(3 * 3600, 72 * 3600)), draw)
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
            "type": _COG,
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
        for key, title, polarizations in _S1_POLARIZATIONS
    }
    assets.update(_rendered("sentinel-1-rtc", name, _S1_RENDERING))

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
        "bbox": _bbox(ring),
        "links": [
            *_links("sentinel-1-rtc", name),
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
            _preview_link("sentinel-1-rtc", name),
        ],
        "assets": assets,
        "stac_extensions": _S1_EXTENSIONS,
        "collection": "sentinel-1-rtc",
    }


# --- NAIP ---------------------------------------------------------------------------------------------------

_NAIP_LATITUDES = range(25, 49)
_NAIP_LONGITUDES = range(68, 124)
_NAIP_QUADRANGLES = 64  # 7.5 minutes each, in a square degree, row by row from the north-west.
_NAIP_QUARTERS = ("nw", "ne", "sw", "se")
_NAIP_PLACES = len(_NAIP_LATITUDES) * len(_NAIP_LONGITUDES) * _NAIP_QUADRANGLES * len(_NAIP_QUARTERS)
_NAIP_STATES = ("al", "az", "ca", "co", "ga", "ia", "ks", "mi", "mt", "nc", "nm", "ny", "oh", "tx", "ut", "wa")
_NAIP_BANDS = [
    {"name": "Red", "eo:common_name": "red"},
    {"name": "Green", "eo:common_name": "green"},
    {"name": "Blue", "eo:common_name": "blue"},
    {"name": "NIR", "eo:common_name": "nir", "description": "near-infrared"},
]
_NAIP_PROVIDERS = [
    {"name": "Farm Service Agency", "roles": ["producer", "licensor"], "url": f"{HOST}/naip/producer"},
    {"name": "Example Archive", "roles": ["host", "processor"], "url": f"{HOST}/naip"},
]
_NAIP_EXTENSIONS = [
    f"{_EXTENSIONS}/eo/v2.0.0/schema.json",
    f"{_EXTENSIONS}/projection/v2.0.0/schema.json",
]


def _naip(scene: Scene) -> Json:
    draw, time = scene.draw, scene.time
    place, turn = scene.place(_NAIP_PLACES, 150_007)
    place, quarter = divmod(place, len(_NAIP_QUARTERS))
    place, quadrangle = divmod(place, _NAIP_QUADRANGLES)
    latitude = _NAIP_LATITUDES[place // len(_NAIP_LONGITUDES)]
    longitude = _NAIP_LONGITUDES[place % len(_NAIP_LONGITUDES)]
    state = draw.pick(_NAIP_STATES)
    north = latitude + 1 - quadrangle // 8 * 0.125 - quarter // 2 * 0.0625
    west = -longitude - 1 + quadrangle % 8 * 0.125 + quarter % 2 * 0.0625
    margin = draw.real(0.002, 0.004)
    ring = _rectangle(west - margin, north - 0.0625 - margin, west + 0.0625 + margin, north + margin)

    zone = int((west + 180) // 6) + 1
    delivered = time + timedelta(days=60 + turn)  # The round again, as for Landsat.
    gsd, resolution = draw.pick(((0.6, "060"), (0.3, "030")))
    name = (
        f"{state}_m_{latitude:02d}{longitude:03d}{quadrangle + 1:02d}_{_NAIP_QUARTERS[quarter]}_{zone}"
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
            "providers": _NAIP_PROVIDERS,
        },
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": _bbox(ring),
        "links": [*_links("naip", name), _preview_link("naip", name)],
        "assets": {
            "image": {
                "href": f"{folder}/{name}.tif",
                "type": _COG,
                "title": "RGBIR COG tile",
                "bands": _NAIP_BANDS,
                "roles": ["data"],
            },
            "thumbnail": {
                "href": f"{folder}/{name}.200.jpg",
                "type": "image/jpeg",
                "title": "Thumbnail",
                "roles": ["thumbnail"],
            },
            **_rendered("naip", name, "assets=image&asset_bidx=image%7C1%2C2%2C3&format=png"),
        },
        "stac_extensions": _NAIP_EXTENSIONS,
        "collection": "naip",
    }


# --- Shared by the profiles ---------------------------------------------------------------------------------


def _links(collection: str, name: str) -> list[Json]:
    home = f"{HOST}/stac/collections/{collection}"
    return [
        {"rel": "self", "type": "application/geo+json", "href": f"{home}/items/{name}"},
        {"rel": "parent", "type": "application/json", "href": home},
        {"rel": "collection", "type": "application/json", "href": home},
        {"rel": "root", "type": "application/json", "href": f"{HOST}/stac"},
    ]


def _preview_link(collection: str, name: str) -> Json:
    return {
        "rel": "preview",
        "href": f"{HOST}/data/v1/item/map?collection={collection}&item={name}",
        "title": "Map of item",
        "type": "text/html",
    }


def _rendered(collection: str, name: str, query: str) -> Json:
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


def _milliseconds(time: datetime, draw: Draw) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}.{draw.integer(0, 1000):03d}Z"


def _degrees_wide(degrees: float, latitude: float) -> float:
    """The width in longitude of what is `degrees` wide at the equator: about degrees / cos(latitude)."""
    away = abs(latitude) / 90
    return degrees / (1 - 0.85 * away * away)


def _rectangle(west: float, south: float, east: float, north: float) -> Ring:
    return [[east, south], [east, north], [west, north], [west, south], [east, south]]


def _tilted_ring(draw: Draw, west: float, south: float, width: float, height: float) -> Ring:
    """The footprint of a satellite scene: a parallelogram that leans, counter-clockwise."""
    lean, fall = draw.real(0.15, 0.25) * width, draw.real(0.15, 0.25) * height
    first = [west, south + fall]
    return [
        first,
        [west + width - lean, south],
        [west + width, south + height - fall],
        [west + lean, south + height],
        [*first],
    ]


def _swath_ring(draw: Draw, west: float, south: float, width: float, height: float) -> Ring:
    """A tile, whole or cut by the edge of a swath: 5 to 34 positions, counter-clockwise."""
    east, north = min(west + width, 180.0), south + height
    east -= draw.real(0, 0.001)
    ring = [
        [west, south + draw.real(0, 0.001)],
        [east, south + draw.real(0, 0.001)],
        [east - draw.real(0, 0.01), north],
        [west + draw.real(0, 0.01), north - draw.real(0, 0.001)],
    ]
    if draw.share() < 0.4:
        cuts = draw.integer(2, 31)
        lean = draw.real(0.2, 0.8) * (east - west)
        step = 1 / cuts
        ring[3][0] = west + lean
        for cut in range(1, cuts):
            part = 1 - cut * step
            ring.append([west + lean * part + draw.real(0, 0.002), south + 0.001 + (height - 0.002) * part])
    ring.append([*ring[0]])
    return ring


def _bbox(ring: Ring) -> list[float]:
    longitudes, latitudes = [x for x, _ in ring], [y for _, y in ring]
    return [min(longitudes), min(latitudes), max(longitudes), max(latitudes)]


PROFILES: dict[str, Profile] = {
    "sentinel-2-l2a": Profile(
        "sentinel-2-l2a",
        "Sentinel-2 Level-2A",
        "Made-up items in the manner of Sentinel-2 surface reflectance tiles.",
        "other",
        _sentinel_2_l2a,
    ),
    "landsat-c2-l2": Profile(
        "landsat-c2-l2",
        "Landsat Collection 2 Level-2",
        "Made-up items in the manner of Landsat surface reflectance and temperature scenes.",
        "other",
        _landsat_c2_l2,
    ),
    "sentinel-1-rtc": Profile(
        "sentinel-1-rtc",
        "Sentinel-1 Radiometrically Terrain Corrected",
        "Made-up items in the manner of Sentinel-1 backscatter scenes.",
        "other",
        _sentinel_1_rtc,
    ),
    "naip": Profile(
        "naip",
        "National Agriculture Imagery Program",
        "Made-up items in the manner of aerial image quarter quadrangles.",
        "other",
        _naip,
    ),
}
