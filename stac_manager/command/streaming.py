"""Items to standard output, as they come."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stac_manager.command.options import say
from stac_manager.context import WorkflowContext
from stac_manager.generators import owning
from stac_manager.ingest import IngestModule
from stac_manager.network.authorities import import_aiohttp_for
from stac_manager.sinks.job import Variables, module_of, run_coroutine
from stac_manager.sinks.ndjson import BUFFER_BYTES

READ_SECONDS = 1.0
"""Whoever reads nothing for so long, when a signal comes, is taken for nobody."""


def stream(config: dict[str, Any], variables: Variables) -> int:
    """Write items as NDJSON and return the exit code."""
    import_aiohttp_for(config["source"])
    module = module_of(config, variables)
    context = WorkflowContext.create()
    try:
        run_coroutine(_stream(module, context))
    except BrokenPipeError:  # whoever reads has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    finally:
        for failure in context.failure_collector.get_all():
            say(f"not delivered: {failure}")
    return 1 if len(context.failure_collector) else 0


async def _stream(module: IngestModule, context: WorkflowContext) -> None:
    output = sys.stdout.fileno()
    at_once = os.isatty(output)
    lines: list[bytes] = []
    pending = 0
    try:
        async with owning(module.texts(context)) as parts:
            async for part in parts:
                for text in part:
                    lines += (text, b"\n")
                    pending += len(text)
                    if at_once or pending >= BUFFER_BYTES:
                        _put(output, lines)
                        pending = 0
    except BrokenPipeError:
        raise
    except asyncio.CancelledError:
        if _is_read(output, 0):
            _put(output, lines)
        raise
    except Exception:
        _put(output, lines)
        raise
    _put(output, lines)


def _put(output: int, lines: list[bytes]) -> None:
    rest = memoryview(b"".join(lines))
    lines.clear()
    with _interrupted_unless_read(output):
        while rest:
            try:
                rest = rest[os.write(output, rest) :]
            except BlockingIOError:  # another program that has this pipe or terminal open has made it so
                select.select((), (output,), ())


@contextmanager
def _interrupted_unless_read(output: int) -> Iterator[None]:
    """Let Ctrl-C end a write for which nobody reads: asyncio would cancel what waits, and let the write go on.

    Where somebody does, it ends behind the write, and so behind a whole line; a second one ends it at once.
    """
    by_asyncio = signal.getsignal(signal.SIGINT)
    if not callable(by_asyncio) or threading.current_thread() is not threading.main_thread():
        yield  # it is ignored, or does not come here
        return
    interrupted = False

    def interrupt(*_: object) -> None:
        nonlocal interrupted
        again, interrupted = interrupted, True
        if again or not _is_read(output, READ_SECONDS):
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, by_asyncio)
    if interrupted:
        raise KeyboardInterrupt


def _is_read(output: int, seconds: float) -> bool:
    """Tell whether there is room in a pipe, or will be soon."""
    return os.name == "nt" or bool(select.select((), (output,), (), seconds)[1])
