"""Where the time of one run goes: CPU, clock on the wall, waiting for a CPU, and the stages that the package counts."""

import time
from contextlib import contextmanager
from pathlib import Path

_SCHEDULER = Path("/proc/thread-self/schedstat")


@contextmanager
def measured(usage):
    """Put wall, CPU and queue seconds of the block into `usage`; the queue is this thread's, None but on Linux."""
    queued, cpu, wall = _queue_seconds(), time.process_time(), time.perf_counter()
    yield
    usage["wall_seconds"] = time.perf_counter() - wall
    usage["cpu_seconds"] = time.process_time() - cpu
    usage["queue_seconds"] = None if queued is None else _queue_seconds() - queued


def counted(stats):
    """Return what `module.stats` says, whatever the commit counts: stages, tasks to share, refusals.

    `stats` is None where the commit counts nothing.
    """
    names = [name for name in dir(stats) if name.startswith("seconds_")]
    tasks = [getattr(stats, name) for name in ("pages", "documents") if hasattr(stats, name)]
    return {
        "stages": {name.removeprefix("seconds_"): getattr(stats, name) for name in names},
        "tasks": tasks[0] if tasks else None,
        "refusals": getattr(stats, "refusals", None),
    }


def _queue_seconds():
    """Seconds that this thread was ready to run and something else ran; proc(5), the second field is nanoseconds."""
    try:
        return int(_SCHEDULER.read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return None
