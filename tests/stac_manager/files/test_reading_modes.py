"""However the documents have to be read, they give the same items in the same order.

Warm and cold page cache, slow storage, and systems that lack what Linux offers.
"""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest
from support import fetch, ids, make_item, turns_beside

from stac_manager import IngestModule, WorkflowContext
from stac_manager.files import file_source, readahead, threads, turns, waits
from stac_manager.stats import FileStats

CONCURRENCY = (1, 3, 50, "auto")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Documents of every size: small ones, one larger than the buffer, one that goes through a window, lines."""
    for number in range(120):
        (tmp_path / f"{number:03}.json").write_text(json.dumps(make_item(f"{number:03}")))
    (tmp_path / "020.json").write_text(json.dumps(make_item("020", filler="x" * 100_000)))
    large = [make_item(f"030-{number:04}", filler="x" * 500) for number in range(2_000)]
    (tmp_path / "030.json").write_text(json.dumps(large))
    (tmp_path / "040.ndjson").write_text("\n".join(json.dumps(item) for item in large))
    return tmp_path


async def fetched(folder: Path, concurrency: object) -> tuple[list[str], FileStats]:
    module = IngestModule({"source": folder, "concurrency": concurrency})
    context = WorkflowContext.create()
    found = ids([item async for item in module.fetch(context)])
    assert not context.failure_collector.get_all()
    assert isinstance(module.stats, FileStats)
    return found, module.stats


def expected() -> list[str]:
    found: list[str] = []
    for number in range(120):
        found += [f"030-{part:04}" for part in range(2_000)] if number == 30 else [f"{number:03}"]
        found += [f"030-{part:04}" for part in range(2_000)] if number == 40 else []
    return found


def without_nowait(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(file_source, "NOWAIT", 0)
    patch.setattr(readahead, "NOWAIT", 0)


def without_fadvise(patch: pytest.MonkeyPatch) -> None:
    patch.delattr(os, "posix_fadvise", raising=False)


def without_anything(patch: pytest.MonkeyPatch) -> None:
    without_nowait(patch)
    without_fadvise(patch)
    patch.delattr(os, "preadv", raising=False)


def slow_storage(patch: pytest.MonkeyPatch) -> None:
    """Let every read take two milliseconds, as on a network disk: threads read."""
    without_nowait(patch)
    preadv = os.preadv

    def slowly(descriptor: int, buffers: Sequence[bytearray], offset: int, flags: int = 0) -> int:
        time.sleep(0.002)
        return preadv(descriptor, buffers, offset, flags)

    patch.setattr(os, "preadv", slowly)


def slow_to_open(patch: pytest.MonkeyPatch) -> None:
    """Let every file take two milliseconds to be opened, as on a network file system that asks its server."""
    seconds_read(patch, 0)
    open_ = os.open

    def slowly(path: str, flags: int, mode: int = 0o777) -> int:
        time.sleep(0.002)
        return open_(path, flags, mode)

    patch.setattr(os, "open", slowly)


def seconds_read(patch: pytest.MonkeyPatch, most: float) -> None:
    """Take what takes longer for a read from the disk, on a system that does not tell."""
    without_nowait(patch)
    for module in (readahead, waits):
        patch.setattr(module, "QUICK_SECONDS", most)


def memory(patch: pytest.MonkeyPatch) -> None:
    seconds_read(patch, 60)


def disk(patch: pytest.MonkeyPatch) -> None:
    seconds_read(patch, 0)


SYSTEMS = (None, without_nowait, without_fadvise, without_anything, slow_storage, slow_to_open, memory, disk)


@pytest.mark.parametrize("concurrency", CONCURRENCY)
@pytest.mark.parametrize("system", SYSTEMS)
async def test_same_items_in_the_same_order(
    system: Callable[[pytest.MonkeyPatch], None] | None,
    concurrency: object,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if system is not None:
        system(monkeypatch)
    found, stats = await fetched(folder, concurrency)
    assert found == expected()
    assert (stats.items, stats.documents) == (len(found), 121)
    assert stats.bytes == sum(file.stat().st_size for file in folder.iterdir())
    if isinstance(concurrency, int):
        assert stats.concurrency == concurrency
        assert stats.peak_buffer <= concurrency


async def test_other_tasks_get_their_turn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory(monkeypatch)
    monkeypatch.setattr(turns, "TURN_SECONDS", 1e-9)  # one document
    assert await turns_beside(fetch({"source": folder, "concurrency": 5})) > len(expected())


async def test_the_time_of_reads_tells_where_the_system_does_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory(monkeypatch)
    assert (await fetched(folder, 50))[1].peak_buffer == 1
    disk(monkeypatch)
    assert (await fetched(folder, 50))[1].peak_buffer == 50


async def test_what_was_opened_ahead_is_closed_where_a_fetch_is_left(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk(monkeypatch)
    monkeypatch.setattr(waits, "SLOW_SECONDS", 10)  # else threads open them
    stream, process = (
        IngestModule({"source": folder, "concurrency": 50}).fetch(WorkflowContext.create()),
        psutil.Process(),
    )
    assert [(await anext(stream))["id"] for _ in range(9)] == expected()[:9]
    assert len([file for file in process.open_files() if file.path.startswith(str(folder))]) > 9
    await stream.aclose()
    assert not [file for file in process.open_files() if file.path.startswith(str(folder))]


async def test_what_is_slow_to_open_is_opened_by_threads(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow_to_open(monkeypatch)
    slowly, by = os.open, set[int]()

    def noted(path: str, flags: int, mode: int = 0o777) -> int:
        by.add(threading.get_ident())
        return slowly(path, flags, mode)

    monkeypatch.setattr(os, "open", noted)
    await fetched(folder, 50)
    assert len(by) > 10


@pytest.mark.parametrize("concurrency", [1, "auto"])
async def test_threads_end_where_a_slow_disk_is_quick_again(
    concurrency: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(300):
        (tmp_path / f"{number:03}.json").write_text(json.dumps(make_item(f"{number:03}")))
    monkeypatch.setattr(waits, "SLOW_SECONDS", 10)  # what is not slow is quick, however busy this machine is
    seconds_read(monkeypatch, 0)
    count = 0
    add, by_thread = waits.Waits.add, set[int]()

    def slow(self: waits.Waits, seconds: float, *, waited: bool | None = None) -> str | None:
        nonlocal count
        count += 1
        return add(self, 60 if count <= waits.SLOW_READS + 2 else 0, waited=waited)

    open_ = os.open

    def noted(path: str, flags: int, mode: int = 0o777) -> int:
        if threading.current_thread() is not threading.main_thread() and flags == readahead.OPEN_FLAGS:
            by_thread.add(int(Path(path).stem))
        return open_(path, flags, mode)

    monkeypatch.setattr(waits.Waits, "add", slow)
    monkeypatch.setattr(os, "open", noted)
    found, _ = await fetched(tmp_path, concurrency)
    assert found == [f"{number:03}" for number in range(300)]
    assert waits.QUICK_READS <= len(by_thread) < 2 * waits.QUICK_READS


async def test_auto_reports_the_level_it_settled_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await fetched(folder, "auto"))[1].concurrency >= 1
    slow_storage(monkeypatch)
    monkeypatch.setattr(waits.Waits, "by_thread", lambda *_: False)  # it stays slow, whatever this machine's disk does
    stats = (await fetched(folder, "auto"))[1]
    assert stats.concurrency >= readahead.AUTO_THREADS // 2
    assert stats.peak_buffer > 1


async def test_auto_goes_back_where_more_threads_bring_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More documents are ahead then than the lower level has."""
    for number in range(300):
        (tmp_path / f"{number:03}.json").write_text(json.dumps(make_item(f"{number:03}")))
    slow_storage(monkeypatch)
    monkeypatch.setattr(threads, "AUTO_GAIN", 1e9)  # nothing brings so much
    found, stats = await fetched(tmp_path, "auto")
    assert found == [f"{number:03}" for number in range(300)]
    assert stats.concurrency < stats.peak_buffer


@pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="this system cannot read without waiting")
@pytest.mark.parametrize("concurrency", CONCURRENCY)
async def test_cold_page_cache(concurrency: object, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every read that must not wait is refused, whatever is in the page cache of this machine."""
    preadv = os.preadv

    def refusing(descriptor: int, buffers: Sequence[bytearray], offset: int, flags: int = 0) -> int:
        if flags & os.RWF_NOWAIT:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return preadv(descriptor, buffers, offset, flags)

    monkeypatch.setattr(os, "preadv", refusing)
    found, stats = await fetched(folder, concurrency)
    assert found == expected()
    assert stats.seconds_waiting > 0
    if isinstance(concurrency, int):
        assert stats.peak_buffer <= concurrency
    if concurrency != 1:
        assert stats.peak_buffer > 1, "nothing was read ahead"
