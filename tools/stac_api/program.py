"""The program: it reads the files, listens, and ends when it is told to or its parent is gone."""

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Sequence

from aiohttp import web

from .catalog import Catalog
from .items import InputError, read_items
from .options import Options, parse_arguments
from .server import Server

HOST = "127.0.0.1"
MAX_URL_BYTES = 2**20  # a GET search may carry thousands of ids or a detailed geometry
SHUTDOWN_SECONDS = 0.2
BACKLOG = 1024


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM, SIGINT or, with `--until-eof`, the end of standard input.

    Returns:
        The exit code: 0 after a clean end, 2 when the input or the address cannot be used.
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


async def serve(catalog: Catalog, options: Options) -> None:
    """Listen, say where, and wait for the signal to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.until_eof:
        loop.add_reader(sys.stdin.fileno(), _read_until_eof, sys.stdin.fileno(), stop)
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


def _read_until_eof(file: int, ended: asyncio.Event) -> None:
    if not os.read(file, 4096):
        ended.set()
