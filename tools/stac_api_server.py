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
import contextlib
import gc
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

if not __package__:  # Started as a program: the folder above is not on the path.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from tools.stac_api.catalog import Catalog
from tools.stac_api.items import InputError, read_items
from tools.stac_api.manners import parse_arguments
from tools.stac_api.server import Server

HOST = "127.0.0.1"
MAX_URL_BYTES = 2**20  # a GET search may carry thousands of ids or a detailed geometry
SHUTDOWN_SECONDS = 0.2
BACKLOG = 1024


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM, SIGINT or, with `--until-eof`, the end of standard input; return the exit code: 0 after a
    clean end, 2 when the input or the address cannot be used.
    """
    options = parse_arguments(argv)
    try:
        # Millions of small objects that all stay: looking for garbage among them would only take time.
        gc.disable()
        catalog = Catalog(read_items(options.items))
        gc.freeze()
        gc.enable()
        asyncio.run(serve(catalog, options))
    except (InputError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except KeyboardInterrupt:  # before it listened
        return 130
    return 0


async def serve(catalog: Catalog, options: Namespace) -> None:
    """Listen, say where, and wait for the signal to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.until_eof:
        try:
            file = sys.stdin.fileno()

            def read_until_eof() -> None:
                if not os.read(file, 4096):
                    stop.set()

            loop.add_reader(file, read_until_eof)
        except (PermissionError, AttributeError):  # a file, which is at its end, or closed
            stop.set()
    runner = web.AppRunner(
        Server(catalog, options).application(),
        access_log=None,
        shutdown_timeout=SHUTDOWN_SECONDS,
        max_line_size=MAX_URL_BYTES,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, options.port, backlog=BACKLOG).start()
        with contextlib.suppress(OSError):  # unbuffered, so that a closed pipe is noticed here and not at exit
            os.write(sys.stdout.fileno(), f"listening on http://{HOST}:{runner.addresses[0][1]}\n".encode())
        await stop.wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    sys.exit(main())
