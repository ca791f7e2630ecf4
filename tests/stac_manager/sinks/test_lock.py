"""The lock of a DEST, on POSIX and, by the rules of Microsoft's `_locking`, on Windows."""

from __future__ import annotations

import errno
import fcntl
import os
import runpy
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stac_manager import DataProcessingError
from stac_manager.sinks import lock as posix
from stac_manager.sinks.disk import Disk

Locked = Callable[..., AbstractContextManager[None]]


class Msvcrt(SimpleNamespace):
    """`msvcrt.locking`: a byte is held by one open file; LK_LOCK gives up after ten seconds, which are none here."""

    LK_UNLCK, LK_LOCK, LK_NBLCK = 0, 1, 2

    def __init__(self) -> None:
        self.holders: dict[int, int] = {}
        self.waits = 0
        self.refused: int | None = None

    def locking(self, file: int, mode: int, length: int) -> None:
        assert (os.lseek(file, 0, os.SEEK_CUR), length) == (1 << 30, 1)
        if self.refused is not None:
            raise OSError(self.refused, "refused")
        inode = os.fstat(file).st_ino
        if mode == self.LK_UNLCK:
            assert self.holders.pop(inode) == file
        elif inode not in self.holders:
            self.holders[inode] = file
        elif mode == self.LK_NBLCK:
            raise OSError(errno.EACCES, "Permission denied")
        else:
            self.waits += 1
            if self.waits == 2:
                del self.holders[inode]
            raise OSError(errno.EDEADLK, "Resource deadlock avoided")


@pytest.fixture
def msvcrt(monkeypatch: pytest.MonkeyPatch) -> Msvcrt:
    found = Msvcrt()
    monkeypatch.setitem(sys.modules, "msvcrt", found)
    return found


@pytest.fixture
def windows(msvcrt: Msvcrt, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "win32")
        return runpy.run_path(posix.__file__)


@pytest.fixture(params=["posix", "windows"])
def locked(request: pytest.FixtureRequest) -> Locked:
    return posix.locked if request.param == "posix" else request.getfixturevalue("windows")["locked"]


def hold(locked: Locked, path: Path, *, over: bool = False) -> AbstractContextManager[None]:
    return locked(path, "DEST", Disk().make_folder, lambda: over)


def test_the_second_is_refused_and_the_last_removes_the_lock(locked: Locked, tmp_path: Path) -> None:
    path = tmp_path / "state" / "lock"
    with hold(locked, path):
        for _ in range(2):
            with (
                pytest.raises(DataProcessingError, match=rf"writing here \(process {os.getpid()}\)"),
                hold(locked, path),
            ):
                pass
    with hold(locked, path, over=True):
        assert path.exists()
    assert not path.exists()


def test_windows_waits_longer_than_ten_seconds_for_the_journal(
    windows: dict[str, Any], msvcrt: Msvcrt, tmp_path: Path
) -> None:
    with open(tmp_path / "journal", "ab", buffering=0) as file:
        msvcrt.holders[os.fstat(file.fileno()).st_ino] = -1
        with windows["alone"](file.fileno()):
            assert file.write(b"line") == 4
    assert (msvcrt.waits, (tmp_path / "journal").read_bytes()) == (2, b"line")


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_not_another_run(
    code: int, locked: Locked, msvcrt: Msvcrt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    msvcrt.refused = code
    for before in (b"", b"12345"):
        (tmp_path / "lock").write_bytes(before)
        with pytest.raises(DataProcessingError, match="files cannot be locked here"), hold(locked, tmp_path / "lock"):
            pass
        assert (tmp_path / "lock").exists() is bool(before), "nobody holds an empty one"


def test_a_lock_that_the_last_run_removes_meanwhile_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, flock = tmp_path / "state" / "lock", fcntl.flock

    def late(file: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        path.unlink()
        path.parent.rmdir()
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with (
        hold(posix.locked, path),
        pytest.raises(DataProcessingError, match="another run"),
        hold(posix.locked, path),
    ):
        pass


def test_a_file_that_a_scanner_has_open_is_renamed_a_little_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old").touch()
    replace, refusals = os.replace, [PermissionError(13, "Access is denied")] * 3

    def scanned(old: Path, new: Path) -> None:
        if refusals:
            raise refusals.pop()
        replace(old, new)

    monkeypatch.setattr(os, "replace", scanned)
    with pytest.raises(PermissionError):
        Disk().rename(tmp_path / "old", tmp_path / "new")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr("stac_manager.sinks.disk.sleep", lambda _: None)
    Disk().rename(tmp_path / "old", tmp_path / "new")
    assert (tmp_path / "new").exists()
