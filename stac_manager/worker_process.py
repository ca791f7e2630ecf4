"""What runs in a worker process.

Of the package, it imports nothing before it is sure that the process ends with its parent: the imports take longer than
many a run.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
import threading
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from stac_manager.exceptions import StacManagerError
    from stac_manager.plan import Partition
    from stac_manager.sinks.job import Done, Worker

PR_SET_PDEATHSIG = 1

_worker: Worker | StacManagerError | None = None


def begin(job: bytes, parent: int, watched: Connection) -> None:
    """Make ready in a new process: die with the parent, leave Ctrl-C to it, make the module."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    threading.Thread(target=_watch, args=(watched,), daemon=True).start()
    from stac_manager.exceptions import StacManagerError
    from stac_manager.sinks.job import Worker

    try:
        _worker = Worker(pickle.loads(job), notes=True)
        _worker.make_ready()
    except StacManagerError as error:
        _worker = error


def _watch(watched: Connection) -> None:
    """End this process, whatever it does, when the parent closes its end of the pipe or is gone."""
    with suppress(EOFError, OSError):
        watched.recv_bytes()
    os._exit(1)


def ready() -> None:
    """Do nothing: a pool starts its process with the first task."""


def do(partition: Partition, columns: bytes | None) -> Done:
    """Do a partition.

    Raises:
        StacManagerError: If it cannot be done, or nothing can.
    """
    from stac_manager.exceptions import StacManagerError

    if isinstance(_worker, StacManagerError):
        raise _worker
    assert _worker is not None
    return _worker.do(partition, columns)
