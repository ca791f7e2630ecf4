"""Whatever ends a run, the next one does what is missing, and all items are there once."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, BinaryIO

import pytest
from faulty_disk import FaultyDisk, PowerLostError, SteadyDisk
from support import THOROUGH, combined, make_items

from stac_manager import ConfigurationError, DataProcessingError
from stac_manager.sinks import Sink, write
from stac_manager.sinks.disk import Disk
from stac_manager.sinks.folder import Folder
from stac_manager.sinks.job import Worker
from stac_manager.sinks.layout import layout_of
from stac_manager.sinks.running import Progress
from stac_manager.sinks.verifying import Verified, verify

ITEMS = 40
PARTITION_ITEMS = 10
PARTITIONS = 4
PROGRAM = [sys.executable, "-m", "stac_manager"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.ndjson"
    path.write_text("".join(json.dumps(item) + "\n" for item in make_items(ITEMS)))
    return path


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of the partitions that were begun."""
    keys: list[str] = []
    do = Worker.do

    def counted(self: Worker, partition: Any, *arguments: Any) -> Any:
        keys.append(partition.key)
        return do(self, partition, *arguments)

    monkeypatch.setattr(Worker, "do", counted)
    return keys


def sink(source: Path, dest: Path, **options: Any) -> Sink:
    return Sink({"source": source}, dest, partition_items=PARTITION_ITEMS, **options)


def lines(dest: Path) -> list[str]:
    """All lines of the parts, in any order."""
    if dest.is_file():
        return sorted(dest.read_text().splitlines())
    return sorted(line for path in dest.glob("*.ndjson") for line in path.read_text().splitlines())


def is_whole(dest: Path, source: Path) -> bool:
    same = [json.loads(line) for line in lines(dest)] == [json.loads(line) for line in sorted(lines(source))]
    return same and not verify(dest, unique=True).problems


def leftovers(dest: Path) -> list[Path]:
    return list(layout_of(dest).temporary.glob("*"))


def test_a_source_is_written_once_and_a_second_run_does_nothing(source: Path, tmp_path: Path, begun: list[str]) -> None:
    manifest = write(sink(source, tmp_path / "out"))
    assert (manifest.items, manifest.status, manifest.failed) == (ITEMS, "complete", 0)
    partitions = len(begun)
    assert partitions == PARTITIONS
    assert is_whole(tmp_path / "out", source)
    assert {f"{key}.ndjson" for key in begun} == {path.name for path in (tmp_path / "out").glob("*.ndjson")}
    assert write(sink(source, tmp_path / "out")) == manifest
    assert len(begun) == partitions


@pytest.mark.parametrize(
    ("name", "half"), combined(["out", "out.ndjson", *(["out.ndjson.zst", "out.parquet"] if THOROUGH else [])], [0, 1])
)
def test_after_a_power_loss_at_any_operation_the_next_run_does_what_is_missing(
    name: str, half: int, source: Path, tmp_path: Path, begun: list[str]
) -> None:
    """The disk forgets what was not synced; the run is cut at each of its operations in turn."""
    cut = 0
    while True:
        before = tmp_path / f"before-{cut}"
        before.mkdir()
        disk, noted = FaultyDisk(cut), [0]
        try:
            write(
                sink(source, before / name, on_progress=lambda found, noted=noted: noted.append(found.done)), disk=disk
            )
        except PowerLostError:
            pass
        else:
            assert cut > 20
            return
        after = tmp_path / f"after-{cut}"
        random = Random(cut)
        disk.after_power_loss(before, after, lambda random=random: half > random.randrange(2))
        claimed = Folder(layout_of(after / name)).read_manifest() if (after / name).exists() else None
        begun.clear()
        manifest = write(sink(source, after / name), disk=SteadyDisk())
        counted = Verified(ITEMS, 1, ())
        packed = name not in ("out", "out.ndjson")
        assert verify(after / name, unique=True) == counted if packed else is_whole(after / name, source), cut
        assert claimed is None or not begun, f"{cut}: a manifest was there before all was done"
        assert len(begun) <= PARTITIONS - noted[-1], f"{cut}: {begun} were done already"
        assert not leftovers(after / name)
        assert manifest.items == ITEMS
        cut += 1


def test_what_is_done_is_not_done_again(source: Path, tmp_path: Path, begun: list[str]) -> None:
    """Interrupted after each number of partitions, as Ctrl-C does."""
    dest = tmp_path / "out"
    total = 0
    while not (dest / "_manifest.json").exists():
        stop_after = total + 1

        def progress(found: Any, stop_after: int = stop_after) -> None:
            if found.done >= stop_after:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write(sink(source, dest, on_progress=progress))
        total += 1
        if total == len(begun) and total >= 4:
            write(sink(source, dest))
    assert len(begun) == len(set(begun))
    assert is_whole(dest, source)


def test_a_line_of_the_journal_that_was_cut_off_is_forgotten(source: Path, tmp_path: Path, begun: list[str]) -> None:
    dest = tmp_path / "out"
    write(sink(source, dest))
    partitions = len(begun)
    layout = layout_of(dest)
    content = layout.journal.read_bytes()
    layout.journal.write_bytes(content[:-20])
    layout.manifest.unlink()
    write(sink(source, dest))
    assert len(begun) == partitions + 1
    assert is_whole(dest, source)
    assert layout.journal.read_bytes().count(b"\n") == partitions


@pytest.mark.parametrize("during_the_run", [False, True])
@pytest.mark.parametrize("damage", ["removed", "cut off"])
def test_a_part_that_is_not_what_was_noted_is_done_again(
    damage: str, during_the_run: bool, source: Path, tmp_path: Path, begun: list[str]
) -> None:
    dest = tmp_path / "out"

    def edit(progress: Progress) -> None:
        if progress.done == PARTITIONS:
            part = next(dest.glob("*.ndjson"))
            os.truncate(part, 100) if damage == "cut off" else part.unlink()
            edited.append(part)

    edited: list[Path] = []
    if during_the_run:
        with pytest.raises(DataProcessingError, match="removed or changed during the run"):
            write(sink(source, dest, on_progress=edit))
    else:
        write(sink(source, dest))
        edit(Progress(ITEMS, ITEMS, PARTITIONS, PARTITIONS))
        assert verify(dest).problems
    partitions, part = len(begun), edited[0]
    write(sink(source, dest))
    assert begun[partitions:] == [part.name.removesuffix(".ndjson")]
    assert is_whole(dest, source)


def test_what_dead_runs_have_left_is_swept_and_nothing_else(source: Path, tmp_path: Path) -> None:
    dest = tmp_path / "out"
    write(sink(source, dest))
    layout = layout_of(dest)
    layout.manifest.unlink()
    layout.temporary.mkdir()
    (layout.temporary / "half").write_text("half a part")
    (dest / f"{'0' * 32}.ndjson").write_text("a part that no line of the journal speaks of")
    write(sink(source, dest))
    assert is_whole(dest, source)
    assert not leftovers(dest)


def test_a_line_that_a_killed_process_has_not_written_to_its_end_is_cut_off_before_the_next(tmp_path: Path) -> None:
    """The system ends a call that writes between two pages, and other workers go on."""
    journal = tmp_path / "journal"
    for whole, rest in ((b"", b"{"), (b"{}\n", b'{"key": "' + b"x" * 10_000), (b"{}\n" * 5_000, b"{" * 4_096)):
        journal.write_bytes(whole + rest)
        Disk().append(journal, b"{1}\n")
        Disk().append(journal, b"{2}\n")
        assert journal.read_bytes() == whole + b"{1}\n{2}\n"


def test_a_file_that_could_not_be_started_over_is_still_ours(source: Path, tmp_path: Path) -> None:
    dest = tmp_path / "out.ndjson"
    write(sink(source, dest))
    with pytest.raises(DataProcessingError, match="No space left on device; completed parts are kept"):
        write(sink(source, dest, restart=True), disk=Full())
    assert write(sink(source, dest)).items == ITEMS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["_out.ndjson.manifest.json", "out.ndjson", source.name]


class Noting(SteadyDisk):
    """Takes note of what is brought to the disk before a sync."""

    def __init__(self) -> None:
        self.begun: list[list[tuple[int, int]]] = []

    def create(self, path: Path) -> BinaryIO:
        self.begun.append([])
        return super().create(path)

    def begin_sync(self, file: BinaryIO, start: int, stop: int) -> None:
        super().begin_sync(file, start, stop)
        assert stop <= os.fstat(file.fileno()).st_size
        self.begun[-1].append((start, stop))


@pytest.mark.parametrize("format", ["ndjson", "ndjson.zst"])
def test_the_disk_gets_pages_that_are_full_early_and_each_once(
    format: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stac_manager.sinks.ndjson.SYNC_BYTES", 64)
    monkeypatch.setattr("stac_manager.sinks.ndjson.BUFFER_BYTES", 1)
    disk, dest = Noting(), tmp_path / "out"
    write(replace(sink(source, dest), format=format), disk=disk)
    ranges = [found for found in disk.begun if found]
    assert len(ranges) == PARTITIONS
    for found in ranges:
        assert [start for start, _ in found] == [0, *(stop for _, stop in found[:-1])]
        assert not any(stop % 64 for _, stop in found)
    assert verify(dest).items == ITEMS


class Full(Disk):
    """Has no room."""

    def write(self, file: BinaryIO, buffers: Sequence[bytes]) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_said_and_the_next_run_goes_on(source: Path, tmp_path: Path) -> None:
    """The system refuses to write files of more than 2,000 bytes, in a process of its own."""
    dest = tmp_path / "out"

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))

    command = [*PROGRAM, "ingest", source, dest, "--partition-items", str(PARTITION_ITEMS)]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}  # which would be cut off there, and stay damaged
    full = subprocess.run([*command], preexec_fn=limit, env=env, capture_output=True, text=True, check=False)
    assert full.returncode == 1, full.stderr
    assert "cannot be written: File too large; completed parts are kept: run it again to resume" in full.stderr
    assert "Traceback" not in full.stderr
    assert not (dest / "_manifest.json").exists()
    assert not leftovers(dest)
    write(sink(source, dest))
    assert is_whole(dest, source)


def test_two_runs_on_one_dest_are_refused_and_a_dead_one_holds_nothing(source: Path, tmp_path: Path) -> None:
    dest = tmp_path / "out"
    entered, leave = threading.Event(), threading.Event()

    def wait(_: object) -> None:
        entered.set()
        leave.wait(60)

    first = threading.Thread(target=write, args=(sink(source, dest, on_progress=wait),))
    first.start()
    try:
        assert entered.wait(60)
        second = subprocess.run([*PROGRAM, "ingest", source, dest], capture_output=True, text=True, check=False)
    finally:
        leave.set()
        first.join()
    assert second.returncode == 1
    assert f"another run is writing here (process {os.getpid()})" in second.stderr
    assert is_whole(dest, source)
    (layout_of(dest).lock).write_text("12345")  # what a dead run leaves
    write(sink(source, dest))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"collection_id": "other"}, r"\(without collection_id, now 'other'\)"),
        ({"bbox": [0, 0, 1, 1]}, "bbox"),
        ({"max_items": 3}, r"\(without max_items, now 3\)"),
    ],
)
def test_another_run_on_the_same_dest_is_refused_until_restart(
    options: dict[str, Any], reason: str, source: Path, tmp_path: Path
) -> None:
    dest = tmp_path / "out"
    write(sink(source, dest))
    (dest / "_manifest.json").unlink()
    other = Sink({"source": source, **options}, dest, partition_items=PARTITION_ITEMS)
    with pytest.raises(ConfigurationError, match=f"another run was started here.*{reason}"):
        write(other)
    with pytest.raises(ConfigurationError, match="format ndjson"):
        write(Sink({"source": source}, dest, "ndjson.zst"))
    manifest = write(Sink({"source": source, "max_items": 3}, dest, restart=True))
    assert manifest.items == 3 == len(lines(dest))
    with pytest.raises(ConfigurationError, match=r"\(max_items 3, now without\)"):
        write(sink(source, dest))


@pytest.mark.parametrize("half", [0, 1])
def test_of_a_run_that_was_started_over_nothing_is_taken_for_the_next(half: int, source: Path, tmp_path: Path) -> None:
    """Power is lost at each operation; the partitions have the same keys with and without the condition."""
    some = {"source": source, "ids": ["item-000001"]}
    for cut in count():
        before, after = tmp_path / f"before-{cut}", tmp_path / f"after-{cut}"
        before.mkdir()
        write(sink(source, before / "out"), disk=SteadyDisk())
        disk, random, ended = FaultyDisk(cut, before), Random(cut), True
        try:
            write(Sink(some, before / "out", partition_items=PARTITION_ITEMS, restart=True), disk=disk)
        except PowerLostError:
            ended = False
        disk.after_power_loss(before, after, lambda random=random: half > random.randrange(2))
        again = Sink(some, after / "out", partition_items=PARTITION_ITEMS)
        try:
            write(again, disk=SteadyDisk())
        except ConfigurationError:  # what was there is still there
            write(replace(again, restart=True), disk=SteadyDisk())
        assert verify(after / "out", unique=True) == Verified(1, 1, ()), cut
        if ended:
            assert cut > 20
            return


def test_a_source_of_the_same_name_in_another_folder_is_another(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dest = tmp_path / "out"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / source.name).write_bytes(source.read_bytes())
    monkeypatch.chdir(source.parent)
    write(sink(Path(source.name), dest))
    monkeypatch.chdir(tmp_path / "other")
    with pytest.raises(ConfigurationError, match=r"another run \(source 'source\.ndjson' in another folder\)"):
        write(sink(Path(source.name), dest))


def test_a_folder_with_other_files_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious.txt").touch()
    with pytest.raises(ConfigurationError, match=r"precious\.txt"):
        write(sink(source, tmp_path / "out", restart=True))
    (tmp_path / "own.ndjson").write_text("mine")
    with pytest.raises(ConfigurationError, match="was not written by stac-manager"):
        write(sink(source, tmp_path / "own.ndjson"))
    assert (tmp_path / "own.ndjson").read_text() == "mine"


def interrupted(source: Path, dest: Path) -> None:
    def stop(found: Any) -> None:
        if found.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(sink(source, dest, on_progress=stop))


def test_a_source_that_has_changed_meanwhile_is_said(source: Path, tmp_path: Path) -> None:
    dest = tmp_path / "out"

    def append(found: Any) -> None:
        if found.done == 1:
            with source.open("a") as file:
                file.write(json.dumps(make_items(1)[0]) + "\n")

    for _ in ("in the run in which it changes", "in the next"):
        with pytest.raises(DataProcessingError, match=r"source has changed: .*bytes when the plan was made.*--restart"):
            write(sink(source, dest, on_progress=append))
    manifest = write(sink(source, dest, restart=True))
    assert manifest.items == ITEMS + 1


@pytest.mark.parametrize("name", ["out", "out.ndjson"])
def test_a_source_that_has_changed_since_is_said(name: str, source: Path, tmp_path: Path) -> None:
    said: list[str] = []
    for text in ("already complete", "the source has changed since"):
        write(sink(source, tmp_path / name))
        write(sink(source, tmp_path / name, say=said.append))
        assert text in said[-1]
        os.utime(source, ns=(0, 0))


@pytest.mark.parametrize(
    ("name", "place"), [("out.ndjson.zst", b""), ("out.parquet", b""), ("out.parquet", b"cpp-arrow")]
)
def test_a_bit_that_was_flipped_is_noticed(name: str, place: bytes, source: Path, tmp_path: Path) -> None:
    dest = tmp_path / name
    write(sink(source, dest))
    assert not verify(dest).problems
    content = bytearray(dest.read_bytes())
    content[content.rindex(place) if place else len(content) // 4] ^= 1
    dest.write_bytes(content)
    assert "cannot be read" in verify(dest).problems[0]


def test_what_was_cut_is_named_with_its_line(source: Path, tmp_path: Path) -> None:
    dest = tmp_path / "out.ndjson"
    write(sink(source, dest))
    os.truncate(dest, dest.stat().st_size - 5)
    assert f"line {ITEMS} is not an item" in verify(dest).problems[0]


def test_what_cannot_be_read_is_named_and_tried_again(source: Path, tmp_path: Path, begun: list[str]) -> None:
    content = source.read_text().splitlines(keepends=True)
    content[5] = content[5][:30] + "\n"
    source.write_text("".join(content))
    dest = tmp_path / "out"
    manifest = write(sink(source, dest))
    assert (manifest.items, manifest.failed, manifest.status) == (ITEMS - 1, 1, "incomplete")
    assert "source.ndjson" in manifest.failures[0]
    partitions = len(begun)
    assert write(sink(source, dest)).failed == 1
    assert len(begun) == partitions + 1
