"""Several processes: the same items, and nobody is left, whoever dies."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import current_process
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import psutil
import pytest
from support import THOROUGH, make_items

from stac_manager import ConfigurationError, DataProcessingError
from stac_manager.sinks import Sink, processes, write
from stac_manager.sinks.layout import layout_of
from stac_manager.sinks.verifying import verify
from stac_manager.sinks.worker_process import started

ITEMS = 200
PROGRAM = [sys.executable, "-m", "stac_manager"]
SECONDS = 60.0


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.ndjson"
    path.write_text("".join(json.dumps(item) + "\n" for item in make_items(ITEMS)))
    return path


def heed_interrupts() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so would what that starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def until(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_whole(dest: Path, source: Path) -> bool:
    found = sorted(line for path in dest.glob("*.ndjson") for line in path.read_text().splitlines())
    wanted = sorted(source.read_text().splitlines())
    return list(map(json.loads, found)) == list(map(json.loads, wanted)) and not verify(dest, unique=True).problems


def workers_of(parent: int) -> list[psutil.Process]:
    """The workers, started anew or forked; not the tracker of resources, which ends by itself."""
    program = psutil.Process(parent)
    ours = program.cmdline()
    children = [(child, child.cmdline()) for child in program.children()]
    return [child for child, line in children if line == ours or any("spawn_main" in word for word in line)]


def is_alive(worker: psutil.Process) -> bool:
    return worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE


def test_two_processes_write_what_one_does(source: Path, tmp_path: Path) -> None:
    for format in ("ndjson", "geoparquet"):
        manifests = [
            write(
                Sink({"source": source}, tmp_path / f"{format}-{workers}", format, partition_items=50), workers=workers
            )
            for workers in (1, 2)
        ]
        assert [part["file"] for part in manifests[0].parts] == [part["file"] for part in manifests[1].parts]
        assert [part["items"] for part in manifests[0].parts] == [part["items"] for part in manifests[1].parts]
    assert is_whole(tmp_path / "ndjson-2", source)
    assert not workers_of(os.getpid())


def test_writing_goes_on_within_an_event_loop(source: Path, tmp_path: Path) -> None:
    """As in a notebook."""

    async def cell(workers: int) -> int:
        return write(Sink({"source": source}, tmp_path / str(workers), partition_items=50), workers=workers).items

    for workers in (1, 2):
        assert asyncio.run(cell(workers)) == ITEMS


def test_workers_that_die_are_replaced_and_their_partitions_done_again(source: Path, tmp_path: Path) -> None:
    """One of them works then, the other has just ended a partition."""
    killed: list[psutil.Process] = []

    def kill_all(progress: Any) -> None:
        if progress.done == 1 and not killed:
            killed.extend(workers_of(os.getpid()))
            for worker in killed:
                worker.kill()
            until(lambda: not any(is_alive(worker) for worker in killed))

    manifest = write(
        Sink({"source": source}, tmp_path / "out", partition_items=10, on_progress=kill_all), workers=3
    )  # fmt: skip
    assert len(killed) == 2, "this process is the third"
    assert manifest.items == ITEMS
    assert is_whole(tmp_path / "out", source)


def test_a_worker_ends_also_where_somebody_else_holds_its_pipe() -> None:
    """As a process does that was forked meanwhile."""
    with started(1) as (worker,):
        held = os.dup(worker.pipe.fileno())
        let_go = threading.Timer(SECONDS / 4, os.close, [held])
        let_go.start()
    assert let_go.is_alive()
    let_go.cancel()
    os.close(held)


def test_a_partition_that_was_not_begun_is_not_held_against_a_worker_that_dies(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker has two; once each may be tried."""
    monkeypatch.setattr(processes, "TRIES", 1)
    killed: list[psutil.Process] = []

    def kill(progress: Any) -> None:
        if progress.done == 1 and not killed:
            killed.extend(workers_of(os.getpid()))
            killed[0].kill()

    sink = Sink({"source": source}, tmp_path / "out", partition_items=10, on_progress=kill)
    with pytest.raises(DataProcessingError, match="19 of 20 partitions done, 1 failed"):
        write(sink, workers=2)
    assert write(sink, workers=2).items == ITEMS
    assert is_whole(tmp_path / "out", source)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL, *([signal.SIGINT] if THOROUGH else [])])
def test_however_the_parent_ends_no_process_part_or_lock_is_left(
    ending: signal.Signals, source: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number:03}.ndjson").write_text(source.read_text())
    dest = tmp_path / "out"
    command = [*PROGRAM, "ingest", folder, dest, "--workers", "2", "--partition-items", "100"]
    program = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts)
    try:
        until(lambda: layout_of(dest).journal.exists())
        workers = workers_of(program.pid)
        assert workers
        if sys.platform == "linux":
            assert "/sem." not in Path(f"/proc/{program.pid}/maps").read_text(), "nobody removes it after SIGKILL"
            states = [Path(f"/proc/{worker.pid}/status").read_text() for worker in workers]
            blocked = [int(state.partition("SigBlk:")[2].split()[0], 16) for state in states]
            assert all(each >> signal.SIGINT - 1 & 1 for each in blocked), "Ctrl-C would interrupt its imports"
            assert all(worker.cmdline() == psutil.Process(program.pid).cmdline() for worker in workers), "not forked"
            for worker in workers:
                # Some are closed meanwhile.
                held = map(os.path.realpath, Path(f"/proc/{worker.pid}/fd").iterdir())
                sockets = sum("/socket:" in each for each in held)
                assert sockets <= 1 + 2, "beside its own of the pipe and of its event loop, that of the parent"
        program.send_signal(ending)
        _, told = program.communicate(timeout=SECONDS)
    finally:
        program.kill()
    assert program.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[ending]
    assert told.strip() == ("" if ending == signal.SIGKILL else "interrupted")
    until(lambda: not any(is_alive(worker) for worker in workers))
    if ending != signal.SIGKILL:
        assert not layout_of(dest).temporary.exists()
    assert not (dest / "_manifest.json").exists()
    done = len(list(dest.glob("*.ndjson")))
    assert done - layout_of(dest).journal.read_bytes().count(b"\n") <= 2, "more are done again than there are workers"
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "partitions are done; resuming" in again.stderr
    assert done
    assert verify(dest).items == 40 * ITEMS
    assert not verify(dest).problems


def test_ctrl_c_while_the_workers_start_is_said_once(source: Path, tmp_path: Path) -> None:
    """A terminal sends it to them as well."""
    command = [*PROGRAM, "ingest", source, tmp_path / "out", "--workers", "2", "--partition-items", "20"]
    program = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts, start_new_session=True
    )  # fmt: skip
    try:
        until(lambda: psutil.Process(program.pid).children())
        os.killpg(program.pid, signal.SIGINT)
        _, told = program.communicate(timeout=SECONDS)
    finally:
        program.kill()
    assert (program.returncode, told.strip()) == (130, "interrupted")


def test_workers_that_wait_for_a_plan_end_when_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        write(Sink({"source": tmp_path / "nowhere"}, tmp_path / "out"), workers=2)
    assert not workers_of(os.getpid())
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")
def test_no_process_is_forked_beside_threads_that_python_does_not_know() -> None:
    """As libraries in C start them: locks that they hold would be held in a fork for ever."""
    script = """
import ctypes, multiprocessing, threading
from stac_manager.sinks.worker_process import started
for _ in range(2):
    with started(1):
        print(type(multiprocessing.active_children()[0]).__name__, threading.active_count())
    libc = ctypes.CDLL(None)
    libc.pthread_create(ctypes.byref(ctypes.c_ulong()), None, libc.pause, None)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=SECONDS)
    assert ended.stdout.splitlines() == ["ForkProcess 1", "SpawnProcess 1"]


def test_a_process_that_may_start_none_says_so(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a worker of `multiprocessing.Pool`."""
    monkeypatch.setattr(current_process(), "daemon", True)
    with pytest.raises(DataProcessingError, match="no process can be started: daemonic processes are not allowed"):
        write(Sink({"source": source}, tmp_path / "out", partition_items=50), workers=2)


@pytest.mark.parametrize("allowed", [0, 1])
def test_that_no_process_can_be_started_is_said(
    allowed: int, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At first, or in the place of one that died."""
    begun: list[SpawnProcess] = []

    def start(process: SpawnProcess, start: Callable[..., None] = SpawnProcess.start) -> None:
        if len(begun) == allowed:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        begun.append(process)
        start(process)

    def kill(progress: Any) -> None:
        if progress.done == 1:
            begun[0].kill()

    monkeypatch.setattr(SpawnProcess, "start", start)
    with pytest.raises(DataProcessingError, match=r"^no process can be started: Resource temporarily unavailable$"):
        write(Sink({"source": source}, tmp_path / "out", partition_items=10, on_progress=kill), workers=2)
