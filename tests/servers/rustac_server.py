"""`rustac serve`: pages by a POST body with `skip`, gives no counts, matches ranges of time."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.processes import answers, free_port, running, wait_until


@contextmanager
def serving(items: Path) -> Iterator[str]:
    """Serve an NDJSON file and give the address."""
    address = f"127.0.0.1:{free_port()}"
    command = [Path(sys.executable).with_name("rustac"), "serve", items, "-a", address, "--create-collections"]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with running(command, log) as server:
            wait_until(lambda: answers(f"http://{address}/"), server, log)
            yield f"http://{address}/"
