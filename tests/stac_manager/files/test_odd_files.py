"""Files that vanish, grow, are no files or have any byte in their names: a failure each, and the rest arrives."""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from support import fetch, ids, make_item

from stac_manager import DataProcessingError, IngestModule, WorkflowContext
from stac_manager.files import decoding, document_failures

CONCURRENCY = (1, 3, 50, "auto")


def write_items(folder: Path, count: int) -> None:
    for number in range(count):
        (folder / f"{number:03}.json").write_text(json.dumps(make_item(f"{number:03}")))


@pytest.mark.parametrize("concurrency", CONCURRENCY)
async def test_files_that_vanish_while_others_are_read(concurrency: object, tmp_path: Path) -> None:
    write_items(tmp_path, 10)
    context = WorkflowContext.create()
    found = []
    async for item in IngestModule({"source": tmp_path, "concurrency": concurrency}).fetch(context):
        if not found:
            (tmp_path / "007.json").unlink()
            (tmp_path / "008.json").unlink()
            (tmp_path / "008.json").mkdir()
        found.append(item["id"])
    assert found == [f"{number:03}" for number in (0, 1, 2, 3, 4, 5, 6, 9)]
    assert [str(failure) for failure in context.failure_collector.get_all()] == [
        f"{tmp_path / '007.json'}: cannot be read: No such file or directory",
        f"{tmp_path / '008.json'}: cannot be read: Is a directory",
    ]


async def test_a_file_that_grows_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "all.ndjson"
    path.write_text("".join(json.dumps(make_item(f"{n:05}")) + "\n" for n in range(5_000)))
    found = []
    async for item in IngestModule({"source": path}).fetch(WorkflowContext.create()):
        if not found:
            with path.open("a") as file:
                file.write(json.dumps(make_item("late")) + "\n")
        found.append(item["id"])
    assert found == [*(f"{n:05}" for n in range(5_000)), "late"]


@pytest.mark.parametrize("pattern", ["", "*.json"])
async def test_links_to_nowhere_in_circles_and_beside(pattern: str, tmp_path: Path) -> None:
    """One to a file beside it, such as `latest.json`, gave its Items a second time."""
    write_items(tmp_path, 2)
    (tmp_path / "a.json").symlink_to("nowhere.json")
    (tmp_path / "b.json").symlink_to("c.json")
    (tmp_path / "c.json").symlink_to("b.json")
    (tmp_path / "d.json").symlink_to("000.json")
    context = WorkflowContext.create()
    assert ids(await fetch({"source": tmp_path / pattern}, context)) == ["000", "001"]
    failures = context.failure_collector.get_all()
    assert [Path(failure.source).name for failure in failures] == ["a.json", "b.json", "c.json"]
    assert all("cannot be read" in failure.reason for failure in failures)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this system")
@pytest.mark.parametrize("pattern", ["", "*.json"])
async def test_pipes_are_never_opened(pattern: str, tmp_path: Path) -> None:
    """Opening one would wait for a writer for ever."""
    write_items(tmp_path, 2)
    os.mkfifo(tmp_path / "pipe.json")
    context = WorkflowContext.create()
    assert ids(await fetch({"source": tmp_path / pattern}, context)) == ["000", "001"]
    assert [failure.reason for failure in context.failure_collector.get_all()] == ["not a regular file"]


@pytest.mark.parametrize("names", [("part-00000", "part-00001.gz", "00002"), ("part-00000-c000.json",)])
async def test_an_empty_part_holds_no_items_and_is_no_failure(names: tuple[str, ...], tmp_path: Path) -> None:
    """Spark writes such, of partitions without rows. An empty file of another name was not written to its end."""
    for name in names:
        (tmp_path / name).write_bytes(gzip.compress(b"") if name.endswith(".gz") else b"")
    (tmp_path / names[0].replace("0000", "0003", 1)).write_text(json.dumps(make_item("a")))
    context = WorkflowContext.create()
    assert ids(await fetch({"source": tmp_path / "*"}, context)) == ["a"]
    assert not context.failure_collector
    (tmp_path / "whole.json").touch()
    with pytest.raises(DataProcessingError, match=r"whole\.json:1: not JSON: it holds no value"):
        await fetch({"source": tmp_path / "whole.json"})


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no such device on this system")
@pytest.mark.parametrize("concurrency", [1, 8])
async def test_a_file_that_has_become_endless_since_it_was_found_is_not_read_whole(
    concurrency: int, tmp_path: Path
) -> None:
    """Its size is 0, as that of files that file systems make up. All of it was read into memory."""
    write_items(tmp_path, 100)
    context = WorkflowContext.create()
    found = []
    async for item in IngestModule(source=tmp_path, concurrency=concurrency).fetch(context):
        if not found:
            (tmp_path / "090.json").unlink()
            (tmp_path / "090.json").symlink_to("/dev/zero")
        found.append(item["id"])
    assert found == [f"{number:03}" for number in range(100) if number != 90]
    (failure,) = context.failure_collector.get_all()
    assert failure.reason == "it begins with zeros, perhaps not written to its end"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that are no UTF-8")
async def test_names_of_any_bytes_can_be_printed(tmp_path: Path) -> None:
    for name, content in ((b"\xff.json", b"{"), (b"\xfe \n.json", json.dumps(make_item("odd")).encode())):
        (tmp_path / os.fsdecode(name)).write_bytes(content)
    context = WorkflowContext.create()
    assert ids(await fetch({"source": tmp_path}, context)) == ["odd"]
    (failure,) = context.failure_collector.get_all()
    assert os.fsencode(failure.source).endswith(b"\xff.json"), "the file can still be found by it"
    assert "\\udcff.json:1: not JSON" in str(failure).encode().decode()
    (tmp_path / os.fsdecode(b"\xfe \n.json")).unlink()
    with pytest.raises(DataProcessingError) as error:
        await fetch({"source": tmp_path})
    assert str(error.value).encode()


@pytest.mark.parametrize("href", ["a\0b.json", "file://[", "//[x%20"])
async def test_links_of_a_collection_that_are_no_paths(href: str, tmp_path: Path) -> None:
    write_items(tmp_path, 1)
    links = [{"rel": "item", "href": "000.json"}, {"rel": "item", "href": href}]
    (tmp_path / "collection.json").write_text(json.dumps({"type": "Collection", "links": links}))
    context = WorkflowContext.create()
    assert ids(await fetch({"source": tmp_path}, context)) == ["000"]
    assert len(context.failure_collector) == 1


async def test_a_folder_of_very_many_files(tmp_path: Path) -> None:
    """Links to one file: as many directory entries, and little on the disk."""
    count = 30_000
    first = tmp_path / "first"
    first.write_text('{"type": "Feature", "stac_version": "1.1.0", "id": "x"}')
    (tmp_path / "many").mkdir()
    for number in range(count):
        os.link(first, tmp_path / "many" / f"{number:06}.json")
    module = IngestModule({"source": tmp_path / "many", "concurrency": 50})
    assert sum([1 async for _ in module.fetch(WorkflowContext.create())]) == count


@pytest.mark.parametrize(
    ("text", "before", "said"),
    [
        ("00\n", 30, ":41: 30 failures in a row and no item: nothing after its first {} bytes was read"),
        ("0 0\n", 30, ":41: 30 failures in a row and no item: nothing after its first {} bytes was read"),
        ("[0,0,0]\n", 10, ":21: 30 failures in a row and no item: nothing after its first {} bytes was read"),
        ("0,", 30, ": 30 failures in a row and no item: its other members were passed over"),
    ],
)
async def test_a_file_of_failures_is_given_up(
    text: str, before: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An item in time lets it be read on."""
    for module in document_failures, decoding:
        monkeypatch.setattr(module, "MOST_FAILURES", 30)
    item = json.dumps(make_item("a")) + text[-1]
    read = text * 9 + item + text * before
    path, context = tmp_path / ("all.json" if text == "0," else "all.ndjson"), WorkflowContext.create()
    content = read + text * 20 + item
    path.write_text(f"[{content}0]" if text == "0," else content)
    assert ids(await fetch({"source": path}, context)) == ["a"]
    *others, last = map(str, context.failure_collector.get_all())
    assert last == f"{path}{said.format(len(read))}"
    assert len(others) == 30 + 9 * 30 // before


def test_a_table_of_failures_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_failures, "MOST_FAILURES", 30)
    good, bad = make_item("a"), make_item("a") | {"id": None}
    rows = [*[bad] * 29, good, *[bad] * 30, good, *[bad] * 1_000]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "x.parquet")
    context = WorkflowContext.create()
    module = IngestModule(source=tmp_path / "x.parquet")
    assert [item["id"] for item in module.iter_items(context)] == ["a"]
    *others, last = map(str, context.failure_collector.get_all())
    assert len(others) == 59
    assert last.endswith("x.parquet: 30 failures in a row and no item: nothing after row 60 was read")
