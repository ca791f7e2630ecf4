"""A disk that loses power: what was not synced is gone, and so are names that were not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from stac_manager.sinks.disk import Disk


class PowerLostError(BaseException):
    """The machine is off. Nothing in the program can catch it."""


class FaultyDisk(Disk):
    """Works on the real file system and remembers what a real disk would still have.

    As forgetful as POSIX allows: content counts when its file was synced, a name when its folder was. Content that does
    not count is zeros, of the right length.

    Args:
        operations: So many are done; the next one finds no power.
    """

    def __init__(self, operations: int) -> None:
        self.left = operations
        self._contents: dict[int, bytes] = {}
        self._names: dict[Path, dict[str, int | None]] = {}

    def _step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise PowerLostError

    def create(self, path: Path) -> BinaryIO:
        self._step()
        file = super().create(path)
        self._contents.pop(os.fstat(file.fileno()).st_ino, None)  # an old file had this number
        return file

    def write(self, file: BinaryIO, buffers: Sequence[bytes]) -> None:
        self._step()
        super().write(file, buffers)

    def truncate(self, path: Path, size: int) -> None:
        self._step()
        super().truncate(path, size)

    def sync(self, file: BinaryIO) -> None:
        self._step()
        self._contents[os.fstat(file.fileno()).st_ino] = Path(file.name).read_bytes()

    def sync_folder(self, path: Path) -> None:
        self._step()
        entries = {entry.name: None if entry.is_dir() else entry.inode() for entry in os.scandir(path)}
        self._names[path] = entries

    def rename(self, old: Path, new: Path) -> None:
        self._step()
        super().rename(old, new)

    def remove(self, path: Path) -> None:
        self._step()
        super().remove(path)

    def after_power_loss(self, folder: Path, target: Path) -> None:
        """Write what is left of `folder` to `target`."""
        target.mkdir()
        for name, inode in self._names.get(folder, {}).items():
            if inode is None:
                self.after_power_loss(folder / name, target / name)
            else:
                (target / name).write_bytes(self._contents.get(inode, self._unwritten(folder / name)))

    @staticmethod
    def _unwritten(path: Path) -> bytes:
        """The length of a file may be on the disk before its content."""
        return bytes(path.stat().st_size) if path.exists() else b""
