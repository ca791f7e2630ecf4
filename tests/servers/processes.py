"""What every server needs: a free port, a process that ends with the test, an answer before the test goes on."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

STARTUP_SECONDS = 120.0
STOP_SECONDS = 20.0
PORTS_TRIED = 3


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str | Path], log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program, its output in `log`, until the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **options
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Raise RuntimeError with the end of the log where the server ends, or does not answer in time."""
    deadline = time.monotonic() + STARTUP_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if ready() and process.poll() is None:  # what answers may be another one, on the port that ours did not get
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} did not start:\n{log.read_text(errors='replace')[-2_000:]}")


@contextmanager
def serving_on_a_free_port(
    command: Callable[[int], Sequence[str | Path]], ready: Callable[[int], bool], log: Path, **options: Any
) -> Iterator[int]:
    """Run a server that takes no port 0. A port that was free may be taken before the server has it: then another."""
    for attempt in range(PORTS_TRIED):
        port = free_port()
        with running(command(port), log, **options) as process:
            try:
                wait_until(partial(ready, port), process, log)
            except RuntimeError:
                if attempt + 1 == PORTS_TRIED:
                    raise
                continue
            yield port
            return


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=STARTUP_SECONDS):
            return True
    except OSError:
        return False
