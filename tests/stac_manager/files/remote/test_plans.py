"""Plans of single documents on a server: large ones are cut, so that several processes can read them."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from aiohttp import web
from servers.static_server import Answer, Documents, serving
from support import make_item, make_items

from stac_manager import DataProcessingError, IngestModule, WorkflowContext
from stac_manager.plan import Lines, Plan, RowGroups, plan_of
from stac_manager.sinks import Sink, write

ITEMS = make_items(400)
LINES = "\n".join(map(json.dumps, ITEMS)).encode()
MIXED = b"\n".join(
    (LINES[:60_000].rpartition(b"\n")[0], json.dumps(make_item("over lines"), indent=1).encode(), b"{]", LINES)
)
LATER = "Fri, 23 Oct 2015 07:28:00 GMT"
WRITTEN = "Wed, 21 Oct 2015 07:28:00 GMT"
FEATURES = json.dumps({"type": "FeatureCollection", "features": ITEMS}).encode()


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("blocks", "reading", "planning"):
        monkeypatch.setattr(f"stac_manager.files.remote.{module}.BLOCK_BYTES", 10_000)
    monkeypatch.setattr("stac_manager.files.remote.transport.WHOLE_BYTES", 20_000)


def parquet() -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ITEMS), file, row_group_size=10)
    return file.getvalue()


def dated(body: bytes, versions: list[dict[str, str]]) -> Answer:
    """Give parts of a document with the first of some headers, which a test may change."""

    def respond(server: Documents, request: web.Request) -> web.Response:
        first, last = (int(end) for end in request.headers.get("Range", "bytes=0-999999999")[6:].split("-"))
        part = body[first : last + 1]
        headers = {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(body)}", **versions[0]}
        return web.Response(status=206 if "Range" in request.headers else 200, body=part, headers=headers)

    return respond


async def read(module: IngestModule, plan: Plan) -> tuple[list[dict[str, Any]], list[str], list[str | None]]:
    """Return the items of all partitions, the failures, and what is wrong with each partition."""
    context = WorkflowContext.create()
    items, problems = [], []
    for partition in plan_of(json.loads(json.dumps(plan.to_json()))):
        reader = module.read(partition, context)
        items += [item async for item in reader]
        problems.append(reader.report.problem)
    return items, [str(failure) for failure in context.failure_collector.get_all()], problems


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize(
    ("name", "body", "kind", "least"),
    [
        ("x.ndjson", LINES, Lines, 6),
        ("x.json", LINES, Lines, 6),
        ("x.ndjson", MIXED, None, 1),
        ("x.parquet", parquet(), RowGroups, 8),
        ("x.json", parquet(), RowGroups, 8),
        ("x.json", FEATURES, None, 1),
        ("x.ndjson.gz", gzip.compress(LINES, 0), None, 1),
        ("x.ndjson", LINES[:9_000].rpartition(b"\n")[0], None, 1),
    ],
)
async def test_the_partitions_of_a_document_give_what_a_fetch_gives(
    name: str, body: bytes, kind: type | None, least: int, concurrency: int
) -> None:
    with serving({f"/{name}": body}) as server:
        module = IngestModule(source=f"{server.url}/{name}?sig=s3cret", concurrency=concurrency)
        context = WorkflowContext.create()
        whole = [item async for item in module.fetch(context)]
        plan = await module.plan(partition_items=50)
        items, failures, _ = await read(module, plan)
    assert items == whole
    assert len(failures) == len(context.failure_collector)
    assert len(plan) >= least
    assert kind is None or {type(each) for each in plan} == {kind}
    assert (plan.notes, plan.counted) == ((), 400 if kind is RowGroups else None)
    assert "s3cret" not in str(plan.to_json())


async def test_a_share_is_fetched_with_little_beside_it() -> None:
    with serving({"/x.ndjson": LINES}) as server:
        module = IngestModule(source=f"{server.url}/x.ndjson", concurrency=20)
        plan = await module.plan(partition_items=100)
        before = server.asked["/x.ndjson"]
        await read(module, plan)
    blocks = -(-len(LINES) // 10_000)
    assert before <= 2 * len(plan) + 2
    assert server.asked["/x.ndjson"] - before <= blocks + 3 * len(plan), "the first block, and the edges, of each"


async def test_a_server_that_gives_no_parts_is_said_to_give_none() -> None:
    with serving({"/x.ndjson": LINES, "/small.ndjson": LINES.split(b"\n")[0]}, ranges=False) as server:
        assert (await IngestModule(source=f"{server.url}/small.ndjson").plan()).notes == ()
        module = IngestModule(source=f"{server.url}/x.ndjson")
        plan = await module.plan(partition_items=50)
        items, _, _ = await read(module, plan)
    assert (len(plan), items) == (1, ITEMS)
    assert plan.notes == (f"{server.url}/x.ndjson is one partition: its server gives no parts of it",)


@pytest.mark.parametrize("query", ["", "?sig=s3cret"])
async def test_a_document_that_was_written_again_after_the_plan_is_named(query: str) -> None:
    versions = [{"Last-Modified": WRITTEN}]
    with serving({"/x.ndjson": dated(LINES, versions)}) as server:
        module = IngestModule(source=f"{server.url}/x.ndjson{query}")
        plan = await module.plan(partition_items=200)
        assert (await read(module, plan))[2] == [None, None]
        versions[0] = {"Last-Modified": "Thu, 22 Oct 2015 07:28:00 GMT"}
        problem = f"{server.url}/x.ndjson: was written again since the plan was made"
        assert (await read(module, plan))[2] == [problem, problem]


@pytest.mark.parametrize(
    ("first", "then", "is_named"),
    [
        ({"ETag": '"a"'}, {"ETag": '"b"'}, True),
        ({"ETag": '"https://x.example/?sig=s3cret"'}, {"ETag": '"https://x.example/?sig=s3cret2"'}, True),
        ({"ETag": '"a"'}, {"ETag": '"a"'}, False),
        ({"ETag": 'W/"a"'}, {"ETag": 'W/"b"'}, False),
        ({"ETag": '"a"'}, {}, False),
        ({"ETag": '""', "Last-Modified": WRITTEN}, {"ETag": '""', "Last-Modified": LATER}, True),  # as some always say
        ({"ETag": '"a"', "Last-Modified": WRITTEN}, {"ETag": '"b"', "Last-Modified": WRITTEN}, False),  # of a mirror
        ({"ETag": '"a"', "Last-Modified": WRITTEN}, {"ETag": '"b"'}, True),
    ],
)
async def test_a_change_after_the_plan_is_known_by_a_strong_tag(
    first: dict[str, str], then: dict[str, str], is_named: bool
) -> None:
    versions = [first]
    with serving({"/x.ndjson": dated(LINES, versions)}) as server:
        module = IngestModule(source=f"{server.url}/x.ndjson")
        plan = await module.plan(partition_items=200)
        assert "s3cret" not in str(plan.to_json())
        versions[0] = then
        assert [problem is not None for problem in (await read(module, plan))[2]] == [is_named] * 2


async def test_a_bad_line_is_numbered_from_where_its_share_begins() -> None:
    lines = LINES.split(b"\n")
    lines[300] = b"{]"
    with serving({"/x.ndjson": b"\n".join(lines)}) as server:
        module = IngestModule(source=f"{server.url}/x.ndjson")
        items, (failure,), _ = await read(module, await module.plan(partition_items=50))
    begin = int(failure.removeprefix(f"{server.url}/x.ndjson from byte ").partition(":")[0])
    number = int(failure.split(":")[3])
    assert b"\n".join(lines)[begin:].split(b"\n")[number - 1] == b"{]"
    assert len(items) == 399


async def test_what_cannot_be_had_fails_where_it_is_read() -> None:
    with serving({}) as server:
        module = IngestModule(source=f"{server.url}/x.ndjson")
        plan = await module.plan()
        _, (failure,), _ = await read(module, plan)
        with pytest.raises(DataProcessingError):
            [item async for item in module.fetch(WorkflowContext.create())]
    assert failure.startswith(f"{server.url}/x.ndjson: not found (404)")


async def test_what_a_share_cannot_get_is_a_failure_also_at_its_edges() -> None:
    plain = dated(LINES, [{"Last-Modified": WRITTEN}])
    gone: list[int] = []

    def respond(server: Documents, request: web.Request) -> web.StreamResponse:
        first = int(request.headers["Range"][6:].split("-")[0])
        return web.Response(status=404) if first in gone else plain(server, request)

    with serving({"/x.ndjson": respond}) as server:
        module = IngestModule(source=f"{server.url}/x.ndjson")
        plan = await module.plan(partition_items=50)
        gone.append(60_000)
        items, failures, _ = await read(module, plan)
    assert failures
    assert all("cannot be read: not found (404)" in failure for failure in failures)
    assert 250 < len(items) < 400


def test_an_update_reads_again_what_a_share_could_not_read(tmp_path: Path) -> None:
    lines = LINES.split(b"\n")
    bodies = [b"\n".join([*lines[:300], lines[300][:-1] + b"]", *lines[301:]]), LINES]
    with serving({}) as server:
        sink = Sink({"source": f"{server.url}/x.ndjson"}, tmp_path / "out", partition_items=50, update=True)
        for body, items, status in zip(bodies, (399, 400), ("incomplete", "complete"), strict=True):
            server.answers["/x.ndjson"] = dated(body, [{"Last-Modified": WRITTEN}])
            manifest = write(sink)
            assert (manifest.items, manifest.status) == (items, status)


async def test_a_document_without_a_date_is_compared_by_its_size_and_read_again_by_an_update(tmp_path: Path) -> None:
    with serving({"/x.ndjson": LINES}) as server:
        module = IngestModule(source=f"{server.url}/x.ndjson")
        sink = Sink({"source": module.config.source}, tmp_path / "out", partition_items=200, update=True)
        plan = await module.plan(partition_items=200)
        assert await asyncio.to_thread(lambda: [write(sink).items for _ in range(2)]) == [400, 400]
        lines = LINES.split(b"\n")
        server.answers["/x.ndjson"] = b"\n".join([lines[0].replace(b"item-0", b"item-x"), *lines[1:]])
        assert (await asyncio.to_thread(write, sink)).items == 401
        server.answers["/x.ndjson"] = b"\n".join(lines[1:])
        problems = (await read(module, plan))[2]
    assert [each and "bytes when the plan was made" in each for each in problems] == [True, True]
