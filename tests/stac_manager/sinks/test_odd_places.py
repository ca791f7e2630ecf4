"""Places that cannot be written or were edited, sources that hold DEST, and what a sink wrote as a source."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import make_item, make_items

from stac_manager import ConfigurationError, DataProcessingError, IngestModule
from stac_manager.sinks import Sink, write
from stac_manager.sinks.layout import layout_of
from stac_manager.sinks.verifying import verify

ITEMS = 6


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "source.ndjson"
    path.parent.mkdir()
    path.write_text("".join(json.dumps(item) + "\n" for item in make_items(ITEMS)))
    return path


@pytest.fixture
def written(source: Path, tmp_path: Path) -> Path:
    write(Sink({"source": source}, tmp_path / "out", partition_items=2))
    return tmp_path / "out"


def change(**members: Any) -> Callable[[Path], None]:
    def edit(dest: Path) -> None:
        path = layout_of(dest).manifest
        path.write_text(json.dumps(json.loads(path.read_text()) | members))

    return edit


def repeat_a_part(dest: Path) -> None:
    manifest = json.loads(layout_of(dest).manifest.read_text())
    again = manifest["parts"][0]
    sums = {name: manifest[name] + again[name] for name in ("items", "bytes")}
    change(parts=[*manifest["parts"], again], **sums)(dest)


def replace_by_folder(name: str) -> Callable[[Path], None]:
    def edit(dest: Path) -> None:
        path = next(dest.glob(name))
        path.unlink()
        path.mkdir()

    return edit


def write_to(name: str, text: str) -> Callable[[Path], None]:
    def edit(dest: Path) -> None:
        layout_of(dest).manifest.unlink()
        (dest / ".stac-manager" / name).write_text(text)

    return edit


def rewrite_plan(old: str, new: str) -> Callable[[Path], None]:
    def edit(dest: Path) -> None:
        plan = layout_of(dest).plan
        write_to(plan.name, plan.read_text().replace(old, new))(dest)

    return edit


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (change(version=2), "version 2, this program reads 1"),
        (change(items="many"), r"not a manifest: Expected `int`.*remove this file"),
        (change(parts=[{"file": 3}]), r"not a manifest: Expected `str`"),
        (change(parts=[{"file": "../x.ndjson", "items": 1, "bytes": 1}]), "not a manifest: .*regex"),
        (change(parts=[{"file": "x.ndjson", "items": -1, "bytes": 1}]), "not a manifest"),
        (change(format="csv"), "not a manifest: Invalid enum value"),
        (change(items=ITEMS + 1), "its parts do not add up"),
        (repeat_a_part, "its parts do not add up"),
        (lambda dest: layout_of(dest).manifest.write_text("{"), "not JSON: .*remove this file"),
        (lambda dest: layout_of(dest).manifest.write_text("[]"), r"json: not a manifest: it names no version; remove"),
        (
            lambda dest: layout_of(dest).manifest.write_text("null"),
            r"json: not a manifest: it names no version; remove",
        ),
        (change(started="yesterday"), "not a manifest: Invalid isoformat"),
        (write_to("plan.jsonl", "null"), r"damaged \(it names no version\).*--restart"),
        (replace_by_folder("_manifest.json"), "Is a directory"),
        (replace_by_folder("*.ndjson"), "Is a directory"),
        (write_to("plan.jsonl", '{"version": 1, "partitions": "x"}'), "damaged .*--restart"),
        (write_to("plan.jsonl", "\n"), "damaged .*--restart"),
        (write_to("plan.jsonl", ""), "damaged .*--restart"),
        (rewrite_plan('"start":', '"stort":'), "damaged .*not what was written.*--restart"),
        (write_to("journal.jsonl", "5\n"), r"journal\.jsonl:1: damaged .*--restart"),
        (write_to("journal.jsonl", "{}\n"), r"journal\.jsonl:1: damaged .*--restart"),
    ],
)
def test_what_was_edited_is_said_in_words(
    edit: Callable[[Path], object], said: str, source: Path, written: Path
) -> None:
    edit(written)
    with pytest.raises((ConfigurationError, DataProcessingError), match=said):
        write(Sink({"source": source}, written, partition_items=2))
    with suppress(ConfigurationError, DataProcessingError):
        assert verify(written).problems


@pytest.mark.parametrize(("name", "hidden"), [(".DS_Store", True), (".nfs01", True), ("notes", False), ("_x", False)])
def test_hidden_files_beside_the_parts_are_no_damage(name: str, hidden: bool, source: Path, written: Path) -> None:
    (written / name).touch()
    assert verify(written).problems == (() if hidden else (f"{written / name}: is not in the manifest",))
    sink = Sink({"source": source}, written, partition_items=2)
    if hidden:
        assert write(sink).items == ITEMS
    else:
        with pytest.raises(ConfigurationError, match="contains other files"):
            write(sink)


@pytest.mark.parametrize("dest", ["file/x", "/proc/x", "file.v2/x/y"])
def test_a_place_that_cannot_be_written_is_named(dest: str, source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "file.v2").touch()
    with pytest.raises(DataProcessingError, match=r"x.*: cannot be written: [^;]*$"):
        write(Sink({"source": source}, tmp_path / dest))


@pytest.mark.parametrize("dest", ["new/deep/out", "new/x.parquet", "had"])
def test_a_source_that_cannot_be_planned_leaves_folders_as_they_were(dest: str, tmp_path: Path) -> None:
    (tmp_path / "had").mkdir()
    with pytest.raises(ConfigurationError, match="does not exist"):
        write(Sink({"source": tmp_path / "nothing"}, tmp_path / dest))
    assert list(tmp_path.rglob("*")) == [tmp_path / "had"]


def test_a_group_that_shares_a_folder_may_write_all_of_its_files(source: Path, tmp_path: Path) -> None:
    before = os.umask(0o002)
    try:
        write(Sink({"source": source}, tmp_path / "out"))
    finally:
        os.umask(before)
    assert [path for path in (tmp_path / "out").rglob("*") if not path.stat().st_mode & 0o020] == []


def test_a_place_that_cannot_be_looked_at_is_not_called_missing(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(DataProcessingError, match="Too many levels of symbolic links"):
        verify(tmp_path / "loop" / "out")
    with pytest.raises(ConfigurationError, match="does not exist"):
        verify(tmp_path / "out")


@pytest.mark.parametrize(
    ("place", "dest", "refused"),
    [
        ("**/*.ndjson", "in/out.ndjson", True),
        ("**/*.ndjson", "in/deep", True),
        ("in/*.ndjson", "in/out.ndjson", True),
        ("in/*", ".link/out.ndjson", True),
        ("*/s*.ndjson", "in/out.ndjson", False),
        ("in/*.ndjson", "in/deep", False),
        ("in/*.ndjson", "out.ndjson", False),
        ("**/*.ndjson", "in/.hidden", False),
        ("in/*", "in/out.parquet/", True),
        ("in/*", "in/k=1", True),
        ("in", "in/k=1/out", True),
        ("in", "in/out.ndjson/", True),
        ("in", "in/deep", False),
        ("sets", "sets/out.ndjson", True),
        ("sets", "sets/k=2/out", True),
        ("sets", "sets/new/deep/out", False),
    ],
)
def test_a_source_that_would_hold_what_is_written_is_refused(
    place: str, dest: str, refused: bool, source: Path, tmp_path: Path
) -> None:
    """The first run would find nothing there; a later one would read what that has written."""
    (tmp_path / ".link").symlink_to("in")
    (tmp_path / "sets" / "k=1").mkdir(parents=True)
    shutil.copy(source, tmp_path / "sets" / "k=1" / "some.jsonl")
    before = set(tmp_path.rglob("*"))
    sink = Sink({"source": str(tmp_path / place)}, f"{tmp_path}/{dest}")
    if refused:
        with pytest.raises(ConfigurationError, match="would be part of the source"):
            write(sink)
        assert set(tmp_path.rglob("*")) == before
    else:
        for restart in (False, True):
            assert write(replace(sink, restart=restart)).items == ITEMS


def test_a_source_that_holds_dest_is_refused_and_nothing_is_lost(source: Path, tmp_path: Path) -> None:
    """Where a link leads from the source to DEST, the first run finds nothing there."""
    (source.parent / "link").symlink_to(tmp_path / "out")
    config = {"source": str(source.parent / "**" / "*.ndjson")}
    first = write(Sink(config, tmp_path / "out"))
    made = asyncio.run(IngestModule(config).plan())
    for plan in (None, made):
        with pytest.raises(ConfigurationError, match="is part of the source"):
            write(Sink(config, tmp_path / "out", restart=True), plan=plan)
    assert verify(tmp_path / "out").items == first.items == ITEMS


@pytest.mark.parametrize("name", ["out.ndjson", "out.parquet"])
def test_a_file_beside_those_of_the_source_is_refused(name: str, source: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("in")
    with pytest.raises(ConfigurationError, match="would be part of the source"):
        write(Sink({"source": source.parent}, tmp_path / "link" / name))
    assert [path.name for path in source.parent.iterdir()] == [source.name]
    assert write(Sink({"source": source}, source.parent / name)).items == ITEMS  # of a file, it is no part


def test_what_is_complete_is_so_where_nothing_can_be_written(
    source: Path, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != written)
    monkeypatch.setattr("stac_manager.sinks.folder.locked", refuse)
    said: list[str] = []
    sink = Sink({"source": source}, written, partition_items=2, say=said.append)
    assert write(sink).items == ITEMS
    assert "already complete" in said[0]
    next(written.glob("*.ndjson")).unlink()
    for each in (sink, replace(sink, update=True), replace(sink, restart=True)):
        with pytest.raises(DataProcessingError, match="cannot be written: Permission denied"):
            write(each)


@pytest.mark.parametrize("dest", ["out", "deep/out.ndjson", "out.parquet", "parts/"])
def test_what_was_written_is_a_source(dest: str, source: Path, tmp_path: Path) -> None:
    """Also for readers of whole folders of Parquet files."""
    format = "geoparquet" if dest == "parts/" else None
    write(Sink({"source": source}, str(tmp_path / dest) + ("/" if dest[-1] == "/" else ""), format))
    folder = tmp_path / dest if (tmp_path / dest).is_dir() else (tmp_path / dest).parent
    pattern = f"{folder}/*" if folder != tmp_path else f"{tmp_path}/*out.*"
    for given in {str(folder) if folder != tmp_path else pattern, pattern}:
        again = write(Sink({"source": given}, tmp_path / "again.ndjson", restart=True))
        assert (again.items, again.status) == (ITEMS, "complete")
    if format:
        import pyarrow.parquet as pq

        assert pq.read_table(folder).num_rows == ITEMS


def test_one_parquet_file_has_few_row_groups_and_is_refused_early_where_these_are_too_many(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    source.write_text("".join(json.dumps(item) + "\n" for item in make_items(40)))
    sink = Sink({"source": source}, tmp_path / "out.parquet", partition_items=2)
    write(sink)
    assert pq.read_metadata(sink.dest).num_row_groups == 1
    monkeypatch.setattr("stac_manager.sinks.geoparquet.ROW_GROUP_BYTES", 64)
    sink, done = replace(sink, dest=tmp_path / "large.parquet"), []
    monkeypatch.setattr("stac_manager.sinks.geoparquet.MOST_CHUNKS", 100)
    with pytest.raises(ConfigurationError, match=r"large\.parquet: as one .* 40 such items .*name a folder"):
        write(replace(sink, on_progress=done.append))
    assert len(done) == 1  # before the first partition
    assert list(tmp_path.glob("*large*")) + list(tmp_path.glob(".*large*")) == []
    assert write(replace(sink, dest=tmp_path / "large/", format="geoparquet")).items == 40
    said: list[str] = []
    some = {"source": source, "ids": [item["id"] for item in make_items(5)]}
    few = replace(sink, config=some, dest=tmp_path / "few.parquet", say=said.append)
    assert write(few).items == 5  # nobody knew how many: it is said as they come
    assert [bool(re.search(r"few\.parquet: as one Parquet file, [1-5] such items", each)) for each in said] == [True]


def sync_files_only(file: int, sync: Callable[[int], None] = os.fsync) -> None:
    if stat.S_ISDIR(os.fstat(file).st_mode):
        raise OSError(errno.EINVAL, "Invalid argument")
    sync(file)


def test_a_system_that_writes_one_buffer_at_once_and_cannot_sync_folders_will_do(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("os.writev")  # as on Windows
    monkeypatch.setattr("os.fsync", sync_files_only)  # as on SMB
    assert write(Sink({"source": source}, tmp_path / "out.ndjson")).items == ITEMS
    assert (tmp_path / "out.ndjson").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("name", ["out.ndjson", "out.ndjson.zst", "out.parquet"])
def test_a_file_without_items_is_a_file(name: str, source: Path, tmp_path: Path) -> None:
    write(Sink({"source": source, "collection_id": "nobody"}, tmp_path / name))
    assert (verify(tmp_path / name).items, verify(tmp_path / name).problems) == (0, ())
    again = write(Sink({"source": tmp_path / name}, tmp_path / "again"))
    assert (again.items, again.status) == (0, "complete")


def test_a_name_that_is_no_text_is_a_name(source: Path, tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system has names in UTF-8 alone")
    source = source.rename(folder / source.name)
    for name in (b"\xfe.ndjson", b"\xfe.parquet", b"table", b"out"):
        dest = folder / os.fsdecode(name)
        sink = Sink({"source": source}, dest, "geoparquet" if name == b"table" else None, partition_items=2)
        written = write(sink)
        assert (verify(dest).items, verify(dest).problems) == (ITEMS, ())
        assert write(sink) == written
    assert write(replace(sink, update=True)).items == ITEMS


@pytest.mark.parametrize(
    ("arguments", "where", "code", "said"),
    [
        ("ingest {source} -", "> /dev/full", 1, "standard output: cannot be written: No space"),
        ("ingest {source} -", ">&-", 1, "standard output: cannot be written"),
        ("plan {source}", "> /dev/full", 1, "standard output: cannot be written"),
        ("ingest {source} {dest}", "2>&- >&-", 0, ""),
    ],
)
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has it")
def test_an_output_that_is_full_or_closed_is_said(
    arguments: str, where: str, code: int, said: str, source: Path, tmp_path: Path
) -> None:
    named = {"source": f"'{source}'", "dest": f"'{tmp_path}/out'"}
    command = f"'{sys.executable}' -m stac_manager {arguments.format(**named)} {where}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    if "out" in arguments and not code:
        assert verify(tmp_path / "out").items == ITEMS


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([{}, {"bbox": [0, 0, 0, 1, 1, 1]}], "item 'i1': bbox has 4 numbers in some items and 6 in others"),
        ([{}, {"properties": {"datetime": "yesterday"}}], "item 'i1': datetime 'yesterday' is not an RFC 3339 time"),
        ([{"properties": {"datetime": "2024-01-01T00:00:00.123456789Z"}}], "item 'i0': datetime .* at most 6 decimals"),
        ([{}, {"properties": {"datetime": None, "created": 5}}], "item 'i1': created 5"),
        ([{}, {"properties": {"datetime": None, "a": {"b": [1, "c"]}}}], "item 'i1': column a.b: .*; write NDJSON"),
        ([{"properties": {"datetime": None, "a": 2**70}}], "item 'i0': column a: .* range of int64; write NDJSON"),
        ([{}, {"properties": {"datetime": None, "a": json.loads("[" * 900 + "]" * 900)}}], ": it has more levels"),
        ([{"properties": {"datetime": None, "a": json.loads('{"b":' * 900 + '[1, ""]' + "}" * 900)}}], "column a.b.b"),
    ],
)
def test_what_geoparquet_cannot_hold_is_named_with_its_item(
    changes: list[dict[str, Any]], said: str, tmp_path: Path
) -> None:
    items = [{**make_item(f"i{number}", bbox=[0, 0, 1, 1]), **each} for number, each in enumerate(changes)]
    (tmp_path / "in.ndjson").write_text("".join(json.dumps(item) + "\n" for item in items))
    with pytest.raises(DataProcessingError, match=said):
        write(Sink({"source": tmp_path / "in.ndjson"}, tmp_path / "out.parquet"))
