"""Plans of files: read one by one, in any order and process, the partitions give what a fetch gives."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import fetch, ids, make_item, make_items

from stac_manager import DataProcessingError, IngestModule, WorkflowContext
from stac_manager.completeness import merge
from stac_manager.files.file_source import FileSource
from stac_manager.plan import Lines, Partition, Plan, RowGroups, plan_of
from stac_manager.report import PartitionReport

Write = Callable[..., Path]


async def read(module: IngestModule, partition: Partition) -> tuple[list[dict[str, Any]], PartitionReport, list[str]]:
    context = WorkflowContext.create()
    reader = module.read(partition, context)
    items = [item async for item in reader]
    return items, reader.report, [str(failure) for failure in context.failure_collector.get_all()]


async def plan(module: IngestModule, partition_items: int) -> Plan:
    """Make a plan and send it through JSON, as to another process."""
    return plan_of(orjson.loads(orjson.dumps((await module.plan(partition_items=partition_items)).to_json())))


@st.composite
def files(draw: st.DrawFn) -> list[tuple[str, bytes]]:
    """Return files of every kind, broken ones and compressed ones included."""
    made = []
    for number in range(draw(st.integers(1, 6))):
        items = [
            make_item(f"{number}-{n}", filler="x" * draw(st.integers(0, 80))) for n in range(draw(st.integers(1, 9)))
        ]
        kind = draw(st.sampled_from(["item", "lines", "array", "gzip", "parquet", "bad", "records"]))
        if kind == "item":
            made.append((f"{number}.json", json.dumps(items[0]).encode()))
        elif kind in ("lines", "gzip"):
            lines = [json.dumps(item) for item in items]
            for at in draw(st.lists(st.integers(0, len(lines)), max_size=2)):
                lines.insert(at, draw(st.sampled_from(["", "{", "null", "  "])) if at else "")
            text = draw(st.sampled_from(["\n", "\r\n"])).join(lines) + draw(st.sampled_from(["", "\n"]))
            data = draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode()
            made.append((f"{number}.ndjson", gzip.compress(data) if kind == "gzip" else data))
        elif kind == "records":
            made.append(
                (f"{number}.geojsons", "".join(f"\x1e{json.dumps(item, indent=1)}\n" for item in items).encode())
            )
        elif kind == "array":
            made.append((f"{number}.json", json.dumps(items).encode()))
        elif kind == "parquet":
            sink = pyarrow.BufferOutputStream()
            table = pyarrow.Table.from_pylist(items)
            pyarrow.parquet.write_table(table, sink, row_group_size=draw(st.integers(1, 4)))
            made.append((f"{number}.parquet", sink.getvalue().to_pybytes()))
        else:
            made.append((f"{number}.json", b"{"))
    return made


@st.composite
def mixed_lines(draw: st.DrawFn) -> list[tuple[str, bytes]]:
    """Return a file of lines, among them values that several lines hold, whole and broken."""
    pieces = []
    for number in range(draw(st.integers(2, 12))):
        item = make_item(f"{number}")
        whole = json.dumps(item, indent=1)
        page = {"type": "FeatureCollection", "features": [item, make_item(f"{number}-b")]}
        kinds = {
            "line": json.dumps(item),
            "over lines": whole,
            "page": json.dumps(page, indent=1),
            "page of lines": f'{{"features": [\n{json.dumps(item)},\n{json.dumps(item)}\n]}}',
            "cut off": whole[: draw(st.integers(1, len(whole)))],
            "broken": '{"a": [\n' * draw(st.sampled_from([1, 30])),
            "a megabyte of lines": "\n".join([json.dumps({**item, "x": "x" * 280_000})] * 4),
        }
        pieces.append(kinds[draw(st.sampled_from(["line", *kinds]))])
    return [
        ("x.ndjson", draw(st.sampled_from(["\n", "\r\n"])).join([json.dumps(make_item("first")), *pieces]).encode())
    ]


@given(written=files(), partition_items=st.integers(1, 12))
def test_partitions_give_what_a_fetch_gives(written: list[tuple[str, bytes]], partition_items: int) -> None:
    check_that_partitions_give_what_a_fetch_gives(written, partition_items)


@settings(max_examples=20)
@given(written=mixed_lines(), partition_items=st.sampled_from([10, 1_000, 3_000]))
def test_shares_of_mixed_lines_give_what_a_fetch_gives(written: list[tuple[str, bytes]], partition_items: int) -> None:
    check_that_partitions_give_what_a_fetch_gives(written, partition_items)


def check_that_partitions_give_what_a_fetch_gives(written: list[tuple[str, bytes]], partition_items: int) -> None:
    async def run(folder: str) -> None:
        context = WorkflowContext.create()
        module = IngestModule({"source": folder, "concurrency": 3})
        try:
            whole = await fetch({"source": folder}, context)
        except DataProcessingError:
            whole = []
        failures = [str(failure) for failure in context.failure_collector.get_all()]
        made = await plan(module, partition_items)
        assert made == await plan(module, partition_items)
        assert len({partition.key for partition in made}) == len(made)
        parts = [await read(module, partition) for partition in made]
        assert [item for items, _, _ in parts for item in items] == whole
        assert [failure for _, _, failed in parts for failure in failed] == failures
        assert sum(report.items for _, report, _ in parts) == len(whole)
        assert sum(report.failed for _, report, _ in parts) == len(failures)
        merged = merge(made, [report for _, report, _ in parts])
        assert merged.status == ("incomplete" if failures else "complete")

    with tempfile.TemporaryDirectory() as folder:
        for name, data in written:
            (Path(folder) / name).write_bytes(data)
        asyncio.run(run(folder))


async def test_lines_are_cut_at_bytes_and_numbered_as_in_the_file(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, count = [], FileSource.lines_before
    monkeypatch.setattr(FileSource, "lines_before", lambda source: counts.append(source) or count(source))
    lines = [json.dumps(item) for item in make_items(1_000)]
    lines[700:702] = "{]", "{]"
    path = write("x.ndjson", "\n".join(lines))
    module = IngestModule({"source": str(path)})
    made = await plan(module, 100)
    assert 9 <= len(made) <= 11
    assert all(isinstance(partition, Lines) for partition in made)
    parts = [await read(module, partition) for partition in reversed(made.partitions)]
    found = sorted(item["id"] for items, _, _ in parts for item in items)
    assert found == [f"item-{n:06}" for n in range(1_000) if n not in (700, 701)]
    failures = [failure for _, _, failed in parts for failure in failed]
    assert [failure.partition(": not JSON")[0] for failure in failures] == [f"{path}:701", f"{path}:702"]
    assert len(counts) == 1, "however many lines of a partition are broken"
    assert all(60 < len(items) < 140 for items, _, _ in parts)


async def test_lines_are_not_cut_within_a_value_that_several_lines_hold(write: Write) -> None:
    pretty = json.dumps(make_item("pretty", text=["x" * 9] * 1_000), indent=1)
    many = [json.dumps(make_item(f"{number:03}", text="x" * 9_000)) for number in range(600)]
    path = write("x.ndjson", "\n".join([*many[:300], pretty, *many[300:]]))
    module = IngestModule({"source": str(path)})
    made = await plan(module, 6)
    assert 70 < len(made) < 90, "all but those in the megabyte behind the value"
    parts = [await read(module, partition) for partition in made]
    assert [item["id"] for items, _, _ in parts for item in items] == [
        *(f"{number:03}" for number in range(300)), "pretty", *(f"{number:03}" for number in range(300, 600))
    ]  # fmt: skip


async def test_row_groups_are_counted_and_put_together(tmp_path: Path) -> None:
    items = make_items(100)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(items), tmp_path / "x.parquet", row_group_size=10)
    module = IngestModule({"source": str(tmp_path / "x.parquet")})
    made = await plan(module, 25)
    assert [(each.first, each.stop) for each in made if isinstance(each, RowGroups)] == [
        (0, 2),
        (2, 4),
        (4, 6),
        (6, 8),
        (8, 10),
    ]
    assert made.counted == 100
    assert (await read(module, made.partitions[3]))[0] == items[60:80]


async def test_a_file_that_changed_after_the_plan_is_named(write: Write) -> None:
    path = write("x.ndjson", "\n".join(json.dumps(item) for item in make_items(3)))
    module = IngestModule({"source": str(path)})
    made = await plan(module, 100)
    os.utime(path, ns=(0, 0))
    assert (await read(module, made.partitions[0]))[1].problem == f"{path}: was written again since the plan was made"
    before = path.stat().st_size
    path.write_text(json.dumps(make_item("other")))
    items, report, _ = await read(module, made.partitions[0])
    assert ids(items) == ["other"]
    now = path.stat().st_size
    assert report.problem == f"{path}: had {before} bytes when the plan was made, and has {now} now"
    assert (await plan(module, 100)).partitions[0].key != made.partitions[0].key
    path.unlink()
    assert (await read(module, made.partitions[0]))[1].problem == f"{path}: is gone since the plan was made"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that are no UTF-8")
async def test_names_of_any_bytes_travel(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.json")).write_text(json.dumps(make_item("odd")))
    module = IngestModule({"source": tmp_path})
    made = await plan(module, 10)
    assert ids((await read(module, made.partitions[0]))[0]) == ["odd"]


async def test_what_a_plan_cannot_read_fails_in_a_partition_as_in_a_fetch(write: Write, tmp_path: Path) -> None:
    links = [{"rel": "item", "href": href} for href in ("a.json", "gone.json", "pipe.json")]
    source = write("c/catalog.json", {"type": "Catalog", "id": "c", "links": links})
    write("c/a.json", make_item("a"))
    os.mkfifo(tmp_path / "c" / "pipe.json")
    module, context = IngestModule({"source": str(source)}), WorkflowContext.create()
    assert ids([item async for item in module.fetch(context)]) == ["a"]
    expected = [str(failure) for failure in context.failure_collector.get_all()]
    assert [reason.partition(": ")[2] for reason in expected] == [
        "cannot be read: No such file or directory",
        "not a regular file",
    ]
    whole = await plan(module, 10)
    found = [await read(module, partition) for partition in whole]
    assert [failure for _, _, failures in found for failure in failures] == expected
    proof = merge(whole, [report for _, report, _ in found])
    assert (proof.items, proof.status) == (1, "incomplete")
