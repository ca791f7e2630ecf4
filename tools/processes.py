"""Programs that are started and must not outlive us."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

STOP_SECONDS = 5.0


@contextmanager
def stopped(program: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave neither the program nor anything that it started behind, however the block is left.

    asv starts benchmarks in process groups of their own: a signal to its group does not reach them.
    """
    try:
        yield
    finally:
        family = _family(program)
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        _, alive = psutil.wait_procs(family, timeout=STOP_SECONDS)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(alive, timeout=STOP_SECONDS)
        program.wait()


def _family(program: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The program and all below it, children before their parents, so that none is started anew."""
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(program.pid)
        return [*reversed(root.children(recursive=True)), root]
    return []
