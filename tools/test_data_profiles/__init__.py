"""What the items of each profile look like: the sizes and shapes of real catalogs, with made-up content.

Each collection has a module, whose `PROFILE` makes a STAC 1.1.0 Item of a `Scene` (index, seed, time, random numbers).
Sizes were fitted to public items of Sentinel-2 L2A, Landsat Collection 2 Level-2, Sentinel-1 RTC and NAIP;
the bands follow STAC 1.1 (`bands`, with `eo:` 2.0 and `raster:` 2.0 fields; `proj:code` of `proj:` 2.0).

Two rules keep the data the same everywhere:

- Random numbers come from `random.Random.random` and `getrandbits` alone: they do not change between
  Python versions. No trigonometry: the last digit of `sin` differs between C libraries.
- Ids are unique by construction: the index walks through all places (tile, path and row, quadrangle)
  before a place comes again, and the number of that round is part of the id.

A change of what an item contains needs a new `GENERATOR_VERSION` in `test_data_generator.py`.
"""

from .landsat import PROFILE as LANDSAT
from .naip import PROFILE as NAIP
from .parts import STAC_VERSION
from .scene import Draw, Json, Profile, Scene
from .sentinel_1 import PROFILE as SENTINEL_1
from .sentinel_2 import PROFILE as SENTINEL_2

__all__ = ["PROFILES", "STAC_VERSION", "Draw", "Json", "Profile", "Scene"]

PROFILES = {profile.collection: profile for profile in (SENTINEL_2, LANDSAT, SENTINEL_1, NAIP)}
