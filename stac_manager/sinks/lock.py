"""One run at a time on one DEST. The system drops the lock of a process that dies, however it dies."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stac_manager.exceptions import DataProcessingError


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file `path`; its folder must be there.

    Raises:
        DataProcessingError: If another process holds it.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)  # not inherited by children (PEP 446)
    try:
        if not _lock(file):
            holder = os.pread(file, 32, 0).decode("ascii", "replace").strip() if hasattr(os, "pread") else ""
            by = f" (process {holder})" if holder else ""
            raise DataProcessingError(
                f"{what}: another run is writing here{by}; wait for it to end, or choose another DEST"
            )
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(file)


@contextmanager
def alone(file: int) -> Iterator[None]:
    """Wait until no other process holds an open file, and hold it."""
    _lock(file, wait=True)
    try:
        yield
    finally:
        _unlock(file)


if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    PLACE = 1 << 30
    """Far behind what is written: Windows lets nobody else read what is locked."""

    def _lock(file: int, *, wait: bool = False) -> bool:
        try:
            os.lseek(file, PLACE, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        except OSError:
            if wait:
                raise
            return False
        os.lseek(file, 0, os.SEEK_SET)
        return True

    def _unlock(file: int) -> None:
        os.lseek(file, PLACE, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: int, *, wait: bool = False) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
