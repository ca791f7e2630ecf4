"""Test data on disk, by profile, size and layout: made once by the generator, the same for every commit."""

import functools
import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GENERATOR = ROOT / "tools" / "test_data_generator.py"
TEST_DATA = ROOT / "test_data"


def can_make(layout):
    """Whether what writes this layout is installed: `make bench` installs nothing for GeoParquet."""
    return layout != "geoparquet" or importlib.util.find_spec("stac_geoparquet") is not None


@functools.cache
def data_set(items, layout="directory", profile="sentinel-2-l2a", *, seed=0, skew=0.0):
    """Return the path of a whole data set, making it if it is not there.

    `skew` is the share of the items that lie in one hundredth of the time range.
    """
    if not can_make(layout):
        raise NotImplementedError(f"nothing that is installed writes {layout}")
    command = [sys.executable, GENERATOR, "--profile", profile, "--items", str(items)]
    command += ["--layout", layout, "--seed", str(seed), "--skew", str(skew), "--output", TEST_DATA]
    made = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if made.returncode:
        raise RuntimeError(f"the test data could not be made: {made.stderr.strip()}")
    return Path(made.stdout.strip())
