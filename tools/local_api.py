"""The project's own STAC API, for runs that name no catalogue: a process of its own, gone when the block ends."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import _api_server


@contextmanager
def running(items: Path, *, latency_seconds: float, options: Sequence[str] = ()) -> Iterator[str]:
    """Serve an NDJSON file on a free port of this machine and give the address.

    `options` are further ones of `stac_api_server.py`.

    Raises:
        OSError: If the server does not start.
    """
    server, address = _api_server.launch(items, latency_seconds, options)
    try:
        yield address
    finally:
        _api_server.stop(server)
