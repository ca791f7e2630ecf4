"""The project's own STAC API, for runs that name no catalogue: a process of its own, gone when the block ends."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SERVER = Path(__file__).resolve().with_name("stac_api_server.py")
START_SECONDS = 120.0


@contextmanager
def running(items: Path, *, latency_seconds: float, options: Sequence[str] = ()) -> Iterator[str]:
    """Serve an NDJSON file on a free port of this machine and give the address.

    `options` are further ones of `stac_api_server.py`.

    Raises:
        OSError: If the server does not start.
    """
    with tempfile.TemporaryDirectory(prefix="stac-manager-") as folder:
        address = Path(folder) / "address"
        command: list[str | Path] = [sys.executable, SERVER, items, "--port", "0", "--latency", str(latency_seconds)]
        command += ["--port-file", address, "--die-with-parent", *options]
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True) as server:
            try:
                deadline = time.monotonic() + START_SECONDS
                while not address.exists():
                    if server.poll() is not None or time.monotonic() > deadline:
                        raise OSError(f"the local STAC API did not start (exit code {server.poll()})")
                    time.sleep(0.01)
                yield address.read_text(encoding="utf-8").strip()
            finally:
                server.kill()
