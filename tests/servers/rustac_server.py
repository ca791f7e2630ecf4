"""`rustac serve`: pages by a POST body with `skip`, gives no counts, matches ranges of time."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.processes import answers, serving_on_a_free_port


@contextmanager
def serving(items: Path) -> Iterator[str]:
    """Serve an NDJSON file and give the address."""
    program = Path(sys.executable).with_name("rustac")
    with (
        tempfile.TemporaryDirectory() as folder,
        serving_on_a_free_port(
            lambda port: [program, "serve", items, "-a", f"127.0.0.1:{port}", "--create-collections"],
            lambda port: answers(f"http://127.0.0.1:{port}/"),
            Path(folder) / "log",
        ) as port,
    ):
        yield f"http://127.0.0.1:{port}/"
