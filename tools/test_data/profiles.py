"""What an item starts from (`Scene`): its place in the profile, its time, its own random numbers. And the mutators: of
that, each collection makes an outline and the first values of its template (`items.py`), which makes texts and
further random numbers of them.

Sizes and shapes were fitted to public items of Sentinel-2 L2A, Landsat Collection 2 Level-2, Sentinel-1 RTC and NAIP;
the content is made up. The bands follow STAC 1.1 (`bands`, with `eo:` 2.0 and `raster:` 2.0 fields; `proj:code` of
`proj:` 2.0). Three rules keep the data the same everywhere:

- Random numbers come from `random.Random.random` and `getrandbits` alone: they do not change between Python versions.
  No trigonometry: the last digit of `sin` differs between C libraries.
- They are drawn in this order: here, then the values of the template, its assets, its properties.
- Ids are unique by construction: the index walks through all places (tile, path and row, quadrangle) before a place
  comes again, and the number of that round is part of the id.

A change of what an item contains needs a new `GENERATOR_VERSION`.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypeVar

Json: TypeAlias = dict[str, Any]
Ring: TypeAlias = list[list[float]]
Mutated: TypeAlias = tuple[Ring, Json]  # the outline and the values
T = TypeVar("T")

_SEED_STRIDE = 7_919  # Another seed starts at another place.


class Draw:
    """Random numbers that are the same on every Python version."""

    def __init__(self, seed: int) -> None:
        source = random.Random(seed)
        self.share = source.random
        self.bits = source.getrandbits

    def real(self, low: float, high: float) -> float:
        """A number in [low, high) with all its digits."""
        return low + (high - low) * self.share()

    def rounded(self, low: float, high: float, digits: int) -> float:
        """A number in [low, high] with at most `digits` decimals."""
        return round(low + (high - low) * self.share(), digits)

    def integer(self, low: int, high: int, divisor: int = 1) -> int:
        """An integer in [low, high), divided."""
        return (low + int((high - low) * self.share())) // divisor

    def pick(self, choices: Sequence[T]) -> T:
        return choices[int(len(choices) * self.share())]

    def later(self, time: datetime, low: int, high: int) -> datetime:
        return time + timedelta(seconds=self.integer(low, high))

    def milliseconds(self, time: datetime) -> str:
        """A time as RFC 3339, with milliseconds of its own."""
        return f"{time:%Y-%m-%dT%H:%M:%S}.{self.integer(0, 1000):03d}Z"


@dataclass(frozen=True)
class Scene:
    """What one item starts from: which one it is, when it was, and its own random numbers."""

    index: int
    seed: int
    time: datetime  # the instant, or the start of the interval; in UTC
    datetime_properties: Json  # `datetime`, and `start_datetime` and `end_datetime` of interval items
    draw: Draw

    def place(self, places: int, stride: int) -> tuple[int, int]:
        """A place below `places`, once a round, and the round; `stride`, coprime with `places`, spreads neighbours."""
        turn, step = divmod(self.index, places)
        return (step * stride + self.seed * _SEED_STRIDE) % places, turn


def degrees_wide(degrees: float, latitude: float) -> float:
    """The width in longitude of what is `degrees` wide at the equator: about degrees / cos(latitude)."""
    away = abs(latitude) / 90
    return degrees / (1 - 0.85 * away * away)


def tilted_ring(draw: Draw, west: float, south: float, width: float, height: float) -> Ring:
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


def swath_ring(draw: Draw, west: float, south: float, width: float, height: float) -> Ring:
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


def bbox(ring: Ring) -> list[float]:
    longitudes, latitudes = [x for x, _ in ring], [y for _, y in ring]
    return [min(longitudes), min(latitudes), max(longitudes), max(latitudes)]


_MGRS_BANDS = "CDEFGHJKLMNPQRSTUVWX"
_MGRS_COLUMNS = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")  # By zone modulo 3.
_MGRS_ROWS = "ABCDEFGHJKLMNPQRSTUV"
_MGRS_ROWS_IN_BAND = 9
_TILES = 60 * 20 * 8 * _MGRS_ROWS_IN_BAND


def sentinel_2(scene: Scene) -> Mutated:
    """One item a tile of the MGRS grid and pass."""
    tile, sequence = scene.place(_TILES, 36_857)
    tile, zone0 = divmod(tile, 60)
    tile, band = divmod(tile, 20)
    row, column = divmod(tile, 8)
    zone, letter = zone0 + 1, _MGRS_BANDS[band]
    square = _MGRS_COLUMNS[zone % 3][column] + _MGRS_ROWS[(row + 9 * band) % 20]
    west, south = -180 + 6 * zone0 + 0.75 * column, -80 + 8 * band + 0.88 * row
    ring = swath_ring(scene.draw, west, south, degrees_wide(0.98, south), 0.98)
    return ring, {
        "zone": zone,
        "letter": letter,
        "square": square,
        "sequence": sequence,
        "epsg": (32_700 if south < 0 else 32_600) + zone,
        "centroid": {"south": south + 0.4, "north": south + 0.6, "west": west + 0.3, "east": west + 0.5},
        "x0": 100_000 * (column + 1) + 99_960,
        "y0": 100_000 * int(south * 1.106) + (10_000_000 if south < 0 else 100_000),
    }


_WRS_PATHS, _WRS_ROWS = 233, 119  # Rows by day: about 60 degrees either side of row 60, the equator.


def landsat(scene: Scene) -> Mutated:
    """One item a scene, by path and row of WRS-2."""
    draw = scene.draw
    place, turn = scene.place(_WRS_PATHS * _WRS_ROWS, 11_003)
    path, row = place // _WRS_ROWS + 1, place % _WRS_ROWS + 1
    south, west = 60 - row + 0.0, -180 + (path * 1.545 + row * 0.3) % 352
    ring = tilted_ring(draw, west, south, degrees_wide(2.2, south), 1.9)
    # The round goes into the processing date: two items of one place and day differ at least there.
    processed = scene.time + timedelta(days=1 + turn)
    return ring, {
        "number": draw.pick((8, 9)),
        "path": path,
        "row": row,
        "turn": turn,
        "processed": processed,
        "published": processed + timedelta(hours=9),
        "shape": [draw.integer(7_500, 7_900) + draw.integer(0, 200), draw.integer(7_500, 7_900)],
        "transform": [30.0, 0.0, 15.0 + 30 * draw.integer(5_000, 20_000),
                      0.0, -30.0, 15.0 + 30 * draw.integer(0, 160_000)],
        "epsg": 32_600 + _utm_zone(west),
    }  # fmt: skip


_DATATAKES = 1 << 24
_SCENE_SECONDS = 25


def sentinel_1(scene: Scene) -> Mutated:
    """One item a scene of 25 seconds, somewhere on land or coast."""
    draw = scene.draw
    datatake, _ = scene.place(_DATATAKES, 10_368_889)
    west, south = draw.real(-178, 172), draw.real(-60, 72)
    ring = tilted_ring(draw, west, south, min(degrees_wide(2.4, south), 178 - west), 1.6)
    if draw.share() < 0.5:  # Some scenes are cut off at a coast.
        ring.insert(-1, [(ring[-2][0] + ring[0][0]) / 2, ring[-2][1] + draw.real(0.01, 0.2)])

    begin = scene.time - timedelta(microseconds=draw.integer(1, 500_000 * _SCENE_SECONDS))
    end = begin + timedelta(seconds=_SCENE_SECONDS)
    created = draw.milliseconds(draw.later(end, 3 * 3600, 72 * 3600))
    orbit = draw.integer(30_000, 54_000)
    return ring, {
        "begin": begin,
        "end": end,
        "created": created,
        "datatake": datatake,
        "orbit": orbit,
        "relative_orbit": (orbit - 73) % 175 + 1,
        "direction": draw.pick(("ascending", "descending")),
        "unique": draw.bits(16),
        "epsg": (32_700 if south < 0 else 32_600) + _utm_zone(west),
        **_raster(10.0, height=draw.integer(20_500, 22_500), width=draw.integer(27_500, 29_900),
                  left=draw.integer(20_000, 60_000), top=draw.integer(100_000, 900_000)),
    }  # fmt: skip


_LATITUDES = range(25, 49)
_LONGITUDES = range(68, 124)
_QUADRANGLES = 64  # 7.5 minutes each, in a square degree, row by row from the north-west.
_QUARTERS = ("nw", "ne", "sw", "se")
_PLACES = len(_LATITUDES) * len(_LONGITUDES) * _QUADRANGLES * len(_QUARTERS)
_STATES = ("al", "az", "ca", "co", "ga", "ia", "ks", "mi", "mt", "nc", "nm", "ny", "oh", "tx", "ut", "wa")


def naip(scene: Scene) -> Mutated:
    """One item a quarter quadrangle of the United States."""
    draw = scene.draw
    place, turn = scene.place(_PLACES, 150_007)
    place, quarter = divmod(place, len(_QUARTERS))
    place, quadrangle = divmod(place, _QUADRANGLES)
    latitude = _LATITUDES[place // len(_LONGITUDES)]
    longitude = _LONGITUDES[place % len(_LONGITUDES)]
    state = draw.pick(_STATES)
    north = latitude + 1 - quadrangle // 8 * 0.125 - quarter // 2 * 0.0625
    west = -longitude - 1 + quadrangle % 8 * 0.125 + quarter % 2 * 0.0625
    margin = draw.real(0.002, 0.004)
    south, east = north - 0.0625 - margin, west + 0.0625 + margin
    ring = [[east, south], [east, north + margin], [west - margin, north + margin], [west - margin, south]]
    ring.append([*ring[0]])
    zone = _utm_zone(west)
    gsd, resolution = draw.pick(((0.6, "060"), (0.3, "030")))
    return ring, {
        "latitude": latitude,
        "longitude": longitude,
        "quadrangle": quadrangle + 1,
        "quarter": _QUARTERS[quarter],
        "zone": zone,
        "resolution": resolution,
        "delivered": scene.time + timedelta(days=60 + turn),  # the round again, as for Landsat
        "state": state,
        "gsd": gsd,
        "minus_gsd": -gsd,
        "epsg": 26_900 + zone,
        **_raster(gsd, width=draw.integer(9_200, 11_000), height=draw.integer(11_800, 12_900),
                  left=draw.integer(400_000, 1_200_000), top=draw.integer(5_000_000, 9_000_000)),
    }  # fmt: skip


def _utm_zone(west: float) -> int:
    return int((west + 180) // 6) % 60 + 1


def _raster(gsd: float, *, width: int, height: int, left: int, top: int) -> Json:
    """Its place in metres; `left` and `top` count pixels from the origin of the zone."""
    x, y = gsd * left, gsd * top
    proj_bbox = [x, y - gsd * height, x + gsd * width, y]
    return {"width": width, "height": height, "left": x, "top": y, "proj_bbox": proj_bbox}


MUTATORS: dict[str, Callable[[Scene], Mutated]] = {
    "sentinel-2-l2a": sentinel_2, "landsat-c2-l2": landsat, "sentinel-1-rtc": sentinel_1, "naip": naip,
}  # fmt: skip
"""By collection."""
