"""Starts and stops the local STAC API: in a process of its own, so that its work is not measured as ours."""

import atexit
import functools
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SERVER = Path(__file__).resolve().parent.parent / "tools" / "stac_api_server.py"
START_SECONDS = 120.0


@functools.cache
def start(items_path, latency_seconds):
    """Start a server with the items of an NDJSON file, once in this process, and return its address.

    It is killed when this process ends, however it ends.
    """
    with tempfile.TemporaryDirectory() as folder:
        port_file = Path(folder) / "address"
        command = [sys.executable, SERVER, items_path, "--port", "0", "--latency", str(latency_seconds)]
        command += ["--port-file", port_file, "--die-with-parent"]
        quiet = subprocess.DEVNULL
        server = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
        atexit.register(_stop, server)
        deadline = time.monotonic() + START_SECONDS
        while not port_file.exists():
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the local STAC API did not start (exit code {server.poll()})")
            time.sleep(0.01)
        return port_file.read_text().strip()


def _stop(server):
    server.kill()
    server.wait()
