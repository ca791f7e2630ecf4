"""A disk that loses power: what was not synced is gone, and so are names that were not."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, TypeAlias

from stac_manager.sinks.disk import Disk

FOLDER, GONE = -1, -2
Names: TypeAlias = dict[Path, dict[str, int]]
"""Of each folder the names in it, with the inodes of files."""


class PowerLostError(BaseException):
    """The machine is off. Nothing in the program can catch it."""


class SteadyDisk(Disk):
    """Never loses power, and so waits for no sync."""

    def sync(self, file: BinaryIO) -> None:
        pass

    def sync_folder(self, path: Path) -> None:
        pass


class FaultyDisk(Disk):
    """Works on the real file system and remembers what a real disk would still have.

    As forgetful as POSIX allows: content counts when its file was synced, a name when its folder was. Content that does
    not count is zeros, of the right length. Of changes of names that do not count, any may be there all the same, but
    a rename is one change, as on every file system with a journal.

    Args:
        operations: So many are done; the next one finds no power.
        there: A folder of which all was on the disk before.
    """

    def __init__(self, operations: int, there: Path | None = None) -> None:
        self.left = operations
        self._contents: dict[int, bytes] = {}
        self._names: Names = {}
        self._changes: list[list[tuple[Path, int]]] = []  # of names, which do not count yet
        for folder, _, files in os.walk(there) if there else ():
            path = Path(folder)
            self._contents |= {(path / name).stat().st_ino: (path / name).read_bytes() for name in files}
            self._names[path] = {entry.name: _inode(Path(entry.path)) for entry in os.scandir(path)}

    def _step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise PowerLostError

    def create(self, path: Path) -> BinaryIO:
        self._step()
        file = super().create(path)
        self._contents.pop(os.fstat(file.fileno()).st_ino, None)  # an old file had this number
        self._changes.append([(path, _inode(path))])
        return file

    def append(self, path: Path, content: bytes) -> None:
        if not path.exists():
            path.touch()
            self._changes.append([(path, _inode(path))])
        super().append(path, content)

    def write(self, file: BinaryIO, buffers: Sequence[bytes]) -> None:
        self._step()
        super().write(file, buffers)

    def sync(self, file: BinaryIO) -> None:
        self._step()
        self._contents[os.fstat(file.fileno()).st_ino] = Path(file.name).read_bytes()

    def sync_folder(self, path: Path) -> None:
        self._step()
        touching = [change for change in self._changes if any(name.parent == path for name, _ in change)]
        for change in touching:
            self._changes.remove(change)
            _apply(self._names, change)

    def rename(self, old: Path, new: Path) -> None:
        assert not old.is_dir(), "overlayfs renames no folder of a lower layer"
        self._step()
        self._changes.append([(new, _inode(old)), (old, GONE)])
        super().rename(old, new)

    def remove(self, path: Path) -> None:
        self._step()
        super().remove(path)
        self._changes.append([(path, GONE)])

    def remove_folder(self, path: Path) -> None:
        """One name after another: power may be lost after each."""
        for folder, folders, files in os.walk(path, topdown=False):
            for name in (*files, *folders):
                each = Path(folder, name)
                self._step()
                each.rmdir() if name in folders else each.unlink()
                self._changes.append([(each, GONE)])
        self._changes.append([(path, GONE)])
        super().remove_folder(path)

    def make_folder(self, path: Path) -> None:
        if not path.is_dir():
            self._changes.append([(path, FOLDER)])
        super().make_folder(path)

    def after_power_loss(self, folder: Path, target: Path, survives: Callable[[], bool] = lambda: False) -> None:
        """Write what is left of `folder` to `target`; `survives` is asked of each change that was not synced."""
        names = {path: dict(entries) for path, entries in self._names.items()}
        for change in self._changes:
            if survives():
                _apply(names, change)
        self._write(names, folder, target)

    def _write(self, names: Names, folder: Path, target: Path) -> None:
        target.mkdir()
        for name, inode in names.get(folder, {}).items():
            if inode == FOLDER:
                self._write(names, folder / name, target / name)
            else:
                (target / name).write_bytes(self._contents.get(inode, self._unwritten(folder / name)))

    @staticmethod
    def _unwritten(path: Path) -> bytes:
        """The length of a file may be on the disk before its content."""
        return bytes(path.stat().st_size) if path.exists() else b""


def _inode(path: Path) -> int:
    return FOLDER if path.is_dir() else path.stat().st_ino


def _apply(names: Names, change: Sequence[tuple[Path, int]]) -> None:
    for path, inode in change:
        entries = names.setdefault(path.parent, {})
        if inode != GONE:
            entries[path.name] = inode
        else:
            entries.pop(path.name, None)
        if inode == FOLDER:  # a new one, with nothing in it
            for each in [each for each in names if each.is_relative_to(path)]:
                del names[each]
