"""Programs that are started and must not outlive us."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

STOP_SECONDS = 5.0


@contextmanager
def stopped(program: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave neither the program nor anything that it started behind, however the block is left.

    asv starts benchmarks in process groups of their own: a signal to its group does not reach them. Give the program
    a session of its own (`start_new_session`), and what outlived the one that started it is found by that.
    """
    try:
        yield
    finally:
        # Politely; then for good, also what the program has started in the meantime.
        for end in (psutil.Process.terminate, psutil.Process.kill):
            family = _family(program)
            for process in family:
                with suppress(psutil.NoSuchProcess):
                    end(process)
            psutil.wait_procs(family, timeout=STOP_SECONDS)
        program.wait()


def _family(program: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The program and all below it, children before their parents; and the rest of its session."""
    family: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(program.pid)
        family = [*reversed(root.children(recursive=True)), root]
    family += [process for process in psutil.process_iter() if _session(process) == program.pid]
    return list(dict.fromkeys(family))


def _session(process: psutil.Process) -> int | None:
    with suppress(OSError, AttributeError):  # it has ended, or this system has no sessions
        return os.getsid(process.pid)
    return None
