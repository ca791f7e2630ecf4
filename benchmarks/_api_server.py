"""Starts and stops the local STAC API: in a process of its own, so that its work is not measured as ours."""

import atexit
import functools
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

SERVER = Path(__file__).resolve().parent.parent / "tools" / "stac_api_server.py"
LATENCY_SECONDS = 0.1
START_SECONDS = 120.0


@functools.cache
def start(items_path, throttle=None):
    """Start a server with the items of an NDJSON file, once in this process, and return its address.

    It is killed when this process ends, however it ends. Above `throttle` requests a second it answers 429.
    """
    with tempfile.TemporaryDirectory() as folder:
        port_file = Path(folder) / "address"
        command = [sys.executable, SERVER, items_path, "--port", "0", "--latency", str(LATENCY_SECONDS)]
        command += ["--port-file", port_file, "--die-with-parent"]
        if throttle:
            command += ["--throttle", str(throttle)]
        quiet = subprocess.DEVNULL
        server = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
        atexit.register(_stop, server)
        deadline = time.monotonic() + START_SECONDS
        while not port_file.exists():
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the local STAC API did not start (exit code {server.poll()})")
            time.sleep(0.01)
        return port_file.read_text().strip()


def served(address):
    """Return what the server has counted since its start or the last reset."""
    with urllib.request.urlopen(f"{address}/_stats") as answer:
        return json.load(answer)


def reset(address):
    """Let the server forget what it has served, for its counters and for its throttle."""
    with urllib.request.urlopen(f"{address}/_stats/reset", data=b"") as answer:
        answer.read()


def _stop(server):
    server.kill()
    server.wait()
