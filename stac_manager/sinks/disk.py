"""File operations that are durable once they return. All that a sink writes goes through them.

The order is what survives a power loss: the content of a file is on the disk before its name is, and the name before
anything that says so (`rename` alone promises neither: Pillai et al., "All File Systems Are Not Created Equal", 2014).
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from hashlib import blake2b, file_digest
from pathlib import Path
from time import sleep
from typing import BinaryIO

from stac_manager.exceptions import DataProcessingError
from stac_manager.sinks.lock import alone

TRIES, PAUSE_SECONDS = 6, 0.05
"""On Windows: so often is a file renamed or removed that another program has open, the pause doubles each time."""
PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Errors after which a run can go on, once there is room, a limit is raised or the disk is well."""
NO_SUCH_SYNC = (errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.ENOTSUP)
"""Answers of file systems that cannot sync a folder, such as SMB and some in user space (FUSE)."""
MOST_BUFFERS = 512
"""Buffers of one `writev`; IOV_MAX is 1,024 on Linux and 16 at least elsewhere."""
FOOTER_END_BYTES = 8
"""Parquet ends with the length of its footer and `PAR1`, of 4 bytes each."""
TAIL_BYTES = 4_096
"""So much is read at a time from the end of a journal."""


class DiskError(DataProcessingError):
    """DEST cannot be written: no partition can be."""


def disk_error(error: OSError, where: Path) -> DiskError:
    """Put an error of the disk into words that say what to do."""
    what = f"{where}: cannot be written: {error.strerror or error}"
    if error.errno in PASSING:
        return DiskError(f"{what}; completed parts are kept: run it again to resume")
    return DiskError(f"{what} ({error.filename})" if error.filename not in (None, str(where)) else what)


class Disk:
    """The disk of this machine. Tests put one in its place that forgets what was not synced."""

    def create(self, path: Path) -> BinaryIO:
        """Open a new file for writing, unbuffered; an old one of this name is emptied."""
        return open(path, "wb", buffering=0)

    def write(self, file: BinaryIO, buffers: Sequence[bytes]) -> None:
        """Write all buffers, in as few calls as the system allows, without copying them together."""
        for first in range(0, len(buffers), MOST_BUFFERS):
            batch = buffers[first : first + MOST_BUFFERS]
            written = os.writev(file.fileno(), batch) if hasattr(os, "writev") else 0  # which Windows has not
            if written < sum(map(len, batch)):  # interrupted, or the disk is full, which the next call says
                rest = memoryview(b"".join(batch))[written:]
                while rest:
                    rest = rest[file.write(rest) :]

    def begin_sync(self, file: BinaryIO, start: int, stop: int) -> None:
        """Let the system begin to bring these bytes to the disk, so that `sync` has less to wait for.

        What Linux does for it first is to write what is not on the disk yet; of that, nothing leaves the page cache.
        """
        if hasattr(os, "posix_fadvise"):
            with suppress(OSError):
                os.posix_fadvise(file.fileno(), start, stop - start, os.POSIX_FADV_DONTNEED)

    def append(self, path: Path, content: bytes) -> None:
        """Add lines to the end of a file, made if need be, and sync it and its name.

        Of several processes, one does so after the other. What a full disk has cut off is taken back, and so is what a
        process has left that was killed meanwhile: the system ends its call between two pages.
        """
        with open(path, "a+b", buffering=0) as file, alone(file.fileno()):
            size = _whole_lines(file)
            try:
                self.write(file, [content])
                self.sync(file)
            except OSError:
                file.truncate(size)
                raise
            if not size:
                self.sync_folder(path.parent)

    def sync(self, file: BinaryIO) -> None:
        """Wait until the content of an open file is on the disk."""
        os.fsync(file.fileno())

    def sync_folder(self, path: Path) -> None:
        """Wait until the names in a folder are on the disk, where the system can: Windows and some network file
        systems have no such call."""
        if os.name == "nt":
            return
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        except OSError as error:
            if error.errno not in NO_SUCH_SYNC:
                raise
        finally:
            os.close(folder)

    def rename(self, old: Path, new: Path) -> None:
        """Give a synced file its final name, in place of what had it, and sync the name."""
        _patiently(partial(os.replace, old, new))
        self.sync_folder(new.parent)

    def remove(self, path: Path) -> None:
        """Remove a file if it is there."""
        _patiently(partial(path.unlink, missing_ok=True))

    def remove_folder(self, path: Path) -> None:
        """Remove a folder with all that is in it, as far as the system lets that."""
        shutil.rmtree(path, ignore_errors=True)

    def make_folder(self, path: Path) -> None:
        """Make a folder with those above it, and sync the new names."""
        if path.is_dir():
            return
        self.make_folder(path.parent)
        path.mkdir(exist_ok=True)
        self.sync_folder(path.parent)

    def replace_content(self, path: Path, content: bytes, temporary: Path) -> None:
        """Write a whole file anew: under its name there is the old content or the new, and never a part of it."""
        with self.create(temporary) as file:
            self.write(file, [content])
            self.sync(file)
        self.rename(temporary, path)


def digest_of_footer(path: Path) -> str:
    """Return a digest of the end of a Parquet file (columns, places, statistics), of which it has no checksum itself.

    Raises:
        OSError: If it cannot be read.
    """
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - FOOTER_END_BYTES, 0))
        length = int.from_bytes(file.read(4), "little")
        file.seek(max(size - FOOTER_END_BYTES - length, 0))
        return file_digest(file, partial(blake2b, digest_size=16)).hexdigest()  # a wrong length may be the whole file


def _whole_lines(file: BinaryIO) -> int:
    """Return the length of a file of lines, without a last one that was not written to its end, which is cut off."""
    size = end = file.seek(0, os.SEEK_END)
    while end:
        start = max(end - TAIL_BYTES, 0)
        file.seek(start)
        if found := file.read(end - start).rfind(b"\n") + 1:
            end = start + found
            break
        end = start
    if end < size:
        file.truncate(end)
    return end


def _patiently(change: Callable[[], None]) -> None:
    """Change a name. On Windows, a scanner or an indexer that looks at the file meanwhile lets that fail."""
    for tried in range(TRIES):
        try:
            change()
            return
        except PermissionError:
            if sys.platform != "win32" or tried == TRIES - 1:
                raise
            sleep(PAUSE_SECONDS * 2**tried)
