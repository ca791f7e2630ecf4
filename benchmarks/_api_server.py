"""Starts and stops the local STAC API: in a process of its own, so that its work is not measured as ours."""

import atexit
import contextlib
import functools
import json
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path

SERVER = Path(__file__).resolve().parent.parent / "tools" / "stac_api_server.py"
LATENCY_SECONDS = 0.1
START_SECONDS = 120.0


def launch(items_path, latency_seconds, options=()):
    """Start a server with the items of an NDJSON file on a free port, and return it and its address.

    It ends with this process, however that ends: with its standard input. `options` are further ones of the server.

    Raises:
        OSError: If it does not start.
    """
    command = [sys.executable, SERVER, items_path, "--port", "0", "--latency", str(latency_seconds)]
    command += ["--until-eof", *options]
    with tempfile.TemporaryFile() as errors:
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        patience = threading.Timer(START_SECONDS, server.kill)
        patience.start()
        try:
            said = server.stdout.readline()  # "listening on http://127.0.0.1:12345"
            if said:
                return server, said.split()[-1]
        except BaseException:
            server.kill()
            raise
        finally:
            patience.cancel()
        code = server.wait()
        errors.seek(0)
        reason = errors.read().decode(errors="replace").strip().rpartition("\n")[-1]
        raise OSError(f"the local STAC API did not start (exit code {code}): {reason or 'it said nothing'}")


def stop(server):
    server.kill()
    server.wait()
    server.stdin.close()
    server.stdout.close()


@contextlib.contextmanager
def running(items_path, *, latency_seconds, options=()):
    """Give the address of such a server; it is gone when the block ends. Raises OSError if it does not start."""
    server, address = launch(items_path, latency_seconds, options)
    try:
        yield address
    finally:
        stop(server)


@functools.cache
def start(items_path, throttle=None, latency_seconds=LATENCY_SECONDS, options=()):
    """Start a server once in this process, and return its address.

    Above `throttle` requests a second it answers 429. `options` are further ones of the server.
    """
    options = (*options, "--throttle", str(throttle)) if throttle else options
    server, address = launch(items_path, latency_seconds, options)
    atexit.register(stop, server)
    return address


def served(address):
    """Return what the server has counted since its start or the last reset."""
    with urllib.request.urlopen(f"{address}/_stats") as answer:
        return json.load(answer)


def reset(address):
    """Let the server forget what it has served, for its counters and for its throttle."""
    with urllib.request.urlopen(f"{address}/_stats/reset", data=b"") as answer:
        answer.read()
