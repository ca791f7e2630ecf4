"""Instructions an item, counted by valgrind: the same whatever else the machine is doing."""

import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from . import _api_server, _compat, _datasets

DRIVER = Path(__file__).with_name("_driver.py")
SMALL, LARGE = 200, 2000
# callgrind without its call graph: the same count of instructions in half the time.
COUNT = ("valgrind", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={os.devnull}")
DEADLINE_SECONDS = 600


class Instructions:
    """The difference of a fetch of 2000 items and one of 200, by 1800: what an item costs, start-up cancelled out.

    `api_page` is API mode with 100 items a page, its local server not counted.
    """

    param_names = ["path"]
    params = (["directory", "ndjson", "featurecollection", "api_page"],)
    unit = "instructions/item"
    version = "1"
    timeout = 1800

    def setup(self, path):
        _compat.require()
        if shutil.which(COUNT[0]) is None:
            raise NotImplementedError("valgrind is not installed")

    def track_instructions_per_item(self, path):
        return (_instructions(path, LARGE) - _instructions(path, SMALL)) / (LARGE - SMALL)


def _instructions(path, items):
    if path == "api_page":
        fetch = ("api", _api_server.start(_datasets.data_set(items, "ndjson")))
    else:
        fetch = ("file", str(_datasets.data_set(items, path)))
    _compile_once(*fetch, items)
    said = _run(*COUNT, sys.executable, DRIVER, *fetch, items).stderr
    return int(re.search(r"I\s+refs:\s+([\d,]+)", said)[1].replace(",", ""))


@functools.cache
def _compile_once(*fetch):
    """Let the interpreter write its .pyc files, which only the first run would count."""
    _run(sys.executable, DRIVER, *fetch)


def _run(*command):
    done = subprocess.run(
        list(map(str, command)),
        env={**os.environ, "PYTHONHASHSEED": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the counted fetch failed: {done.stderr.strip()[-1000:]}")
    return done
