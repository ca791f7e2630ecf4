"""One run at a time on one DEST. The system drops the lock of a process that dies, however it dies."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stac_manager.exceptions import DataProcessingError

REMOVED_WHILE_OPEN = sys.platform != "win32"


@contextmanager
def locked(path: Path, what: str, make_folder: Callable[[Path], None], over: Callable[[], bool]) -> Iterator[None]:
    """Hold the lock file `path`; its folder is made if need be. In the end, it is removed if `over` says so.

    Raises:
        DataProcessingError: If another process holds it, or files cannot be locked there.
    """
    file = _held(path, what, make_folder)
    try:
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        yield
    finally:
        remove = over()
        if remove and REMOVED_WHILE_OPEN:
            path.unlink(missing_ok=True)
        _unlock(file)  # Windows gives no time by which a file that is closed is unlocked
        os.close(file)
        if remove and not REMOVED_WHILE_OPEN:
            with suppress(OSError):  # the next run has it open
                path.unlink(missing_ok=True)


def _held(path: Path, what: str, make_folder: Callable[[Path], None]) -> int:
    """Open the lock file and lock it. One that the last run has removed meanwhile protects nothing."""
    while True:
        make_folder(path.parent)
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)  # not inherited by children (PEP 446)
        except FileNotFoundError:
            continue
        try:
            if not _lock(file):
                holder = os.read(file, 32).decode("ascii", "replace").strip()
                by = f" (process {holder})" if holder else ""
                raise DataProcessingError(
                    f"{what}: another run is writing here{by}; wait for it to end, or choose another DEST"
                )
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file), os.stat(path)):
                    return file
        except OSError as error:
            held = os.fstat(file).st_size  # whoever holds it writes its number into it
            os.close(file)
            if not held:
                with suppress(OSError):
                    path.unlink()
            raise DataProcessingError(
                f"{what}: files cannot be locked here ({error.strerror}); choose a DEST on another file system"
            ) from error
        except BaseException:
            os.close(file)
            raise
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
    HELD = (errno.EACCES, errno.EDEADLK)
    """Another process holds it: at once, and after the ten seconds for which Windows waits."""

    def _lock(file: int, *, wait: bool = False) -> bool:
        os.lseek(file, PLACE, os.SEEK_SET)
        try:
            while True:
                try:
                    msvcrt.locking(file, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
                    return True
                except OSError as error:
                    if error.errno not in HELD:
                        raise
                    if not wait:
                        return False
        finally:
            os.lseek(file, 0, os.SEEK_SET)

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
