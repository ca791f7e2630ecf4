"""The program: it reads the files, listens, and ends when it is told to or its parent is gone."""

import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from aiohttp import web

from .catalog import Catalog
from .items import InputError, read_collections, read_items
from .options import Options, parse_arguments
from .server import Server

MAX_URL_BYTES = 2**20  # a GET search may carry thousands of ids or a detailed geometry
PARENT_POLL_SECONDS = 0.5
SHUTDOWN_SECONDS = 0.2
BACKLOG = 1024


def main(argv: Sequence[str] | None, *, started_by: int) -> int:
    """Serve until SIGTERM, SIGINT or, with `--die-with-parent`, the end of the starting process.

    Args:
        argv: The command line, without the name of the program; None takes that of this process.
        started_by: The parent, whose end is waited for.

    Returns:
        The exit code: 0 after a clean end, 2 when the input or the address cannot be used.
    """
    options = parse_arguments(argv)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit_cleanly)  # until the event loop takes over
    if options.die_with_parent and sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
    try:
        # Millions of small objects that all stay: looking for garbage among them would only take time.
        gc.disable()
        catalog = Catalog(read_items(options.items), read_collections(options.collection))
        gc.freeze()
        gc.enable()
        asyncio.run(serve(catalog, options, started_by))
    except (InputError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


async def serve(catalog: Catalog, options: Options, started_by: int) -> None:
    """Listen, tell the parent where, and wait for the signal to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(
        Server(catalog, options).application(),
        access_log=None,
        shutdown_timeout=SHUTDOWN_SECONDS,
        max_line_size=MAX_URL_BYTES,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, options.host, options.port, backlog=BACKLOG).start()
        host = f"[{options.host}]" if ":" in options.host else options.host
        announce(f"http://{host}:{runner.addresses[0][1]}", options.port_file)
        async with asyncio.TaskGroup() as tasks:
            watcher = tasks.create_task(_stop_without_parent(stop, started_by)) if options.die_with_parent else None
            await stop.wait()
            if watcher:
                watcher.cancel()
    finally:
        await runner.cleanup()


def announce(url: str, port_file: Path | None) -> None:
    """Tell that the server listens: into the port file, all at once, and to stdout if anyone has it open."""
    if port_file:
        unfinished = port_file.with_name(f"{port_file.name}.{os.getpid()}")
        unfinished.write_text(f"{url}\n", encoding="utf-8")
        unfinished.replace(port_file)
    if sys.stdout is not None:
        with contextlib.suppress(OSError):  # unbuffered, so that a closed pipe is noticed here and not at exit
            os.write(sys.stdout.fileno(), f"listening on {url}\n".encode())


async def _stop_without_parent(stop: asyncio.Event, started_by: int) -> None:
    while os.getppid() == started_by:  # noqa: ASYNC110 - the kernel has no event for it
        await asyncio.sleep(PARENT_POLL_SECONDS)
    stop.set()


def _exit_cleanly(number: int, frame: object) -> NoReturn:
    raise SystemExit(0)
