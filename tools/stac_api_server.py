"""A local STAC API with latency: what the API benchmarks run against.

    python tools/stac_api_server.py items.ndjson --port 8080 --latency 0.1

Serves the items of NDJSON files over STAC API 1.0.0 (Core, Collections, Item Search). Every request takes at least the
latency; apart from it the server is as cheap as it can be, so that a benchmark measures the client: a search answers
with the items' own bytes, each as its line in the file, and what a search found is remembered while its pages are
fetched.

Items are ordered newest first: by the start of their range, then by id, both descending. An item's range is
`start_datetime` to `end_datetime` when both are set, else `datetime` twice; it matches a datetime filter when the two
overlap, ends included, to the microsecond.

`--help` lists what makes it behave like other servers. `GET /_stats` counts what was served and `POST /_stats/reset`
starts again, throttle and failures included; neither waits nor is counted itself.

It needs aiohttp, msgspec and orjson, so that any interpreter which has them can run it, and shapely for a search with
`intersects`.
"""

import asyncio
import gc
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

if not __package__:  # Started as a program: the folder above is not on the path.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from tools.stac_api.items import InputError, read_items
from tools.stac_api.manners import parse_arguments
from tools.stac_api.search import Catalog
from tools.stac_api.server import Server

HOST = "127.0.0.1"
SHUTDOWN_SECONDS = 0.2


def main(argv: Sequence[str] | None = None) -> int:
    """Serve to the end; return the exit code: 0, or 2 when the input or the address cannot be used."""
    options = parse_arguments(argv)
    try:
        # Millions of small objects that all stay: looking for garbage among them would only take time.
        gc.disable()
        app = Server(Catalog(read_items(options.items)), options).application()
        gc.freeze()
        gc.enable()
        with socket.create_server((HOST, options.port), backlog=1024) as door:
            app.on_startup.append(partial(_begin, port=door.getsockname()[1], until_eof=options.until_eof))
            how: dict[str, Any] = {"access_log": None, "print": None}
            web.run_app(app, sock=door, shutdown_timeout=SHUTDOWN_SECONDS, **how)
    except (InputError, OSError) as error:
        sys.stderr.write(f"error: {getattr(error, 'strerror', None) or error}\n")
        return 2
    except KeyboardInterrupt:  # before it listened
        return 130
    return 0


async def _begin(_: web.Application, *, port: int, until_eof: bool) -> None:
    loop = asyncio.get_running_loop()

    def read_until_eof(file: int) -> None:
        if not os.read(file, 4096):
            loop.remove_reader(file)
            raise web.GracefulExit

    if until_eof:
        try:
            loop.add_reader(sys.stdin.fileno(), read_until_eof, sys.stdin.fileno())
        except (PermissionError, AttributeError):  # a file, which is at its end, or closed
            raise web.GracefulExit from None
    with suppress(OSError):  # unbuffered, so that a closed pipe is noticed here and not at exit
        os.write(sys.stdout.fileno(), f"listening on http://{HOST}:{port}\n".encode())


if __name__ == "__main__":
    sys.exit(main())
