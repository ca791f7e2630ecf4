"""File mode at every concurrency: the same items in the same order, nothing lost, nothing twice, nothing left open."""

from __future__ import annotations

import asyncio
import json
import tempfile
import threading
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import fetch, ids, make_item, make_items, turns_beside

from stac_manager import DataProcessingError, IngestModule, WorkflowContext

LEVELS = (1, 2, 5, 50)
BAD = (b"", b"{", b"null", b'{"type": "Feature"}', b"\xff\xfe", b'{"type": "Feature", "stac_version": "1.1.0"}')
DOCUMENTS = st.lists(st.one_of(st.just("good"), st.sampled_from(BAD), st.integers(0, 4)), min_size=1, max_size=25)


@given(documents=DOCUMENTS)
def test_delivered_and_failed_make_up_what_was_there(documents: list[object]) -> None:
    """`good` is a file with one item, a number a FeatureCollection with so many, bytes a file that is neither."""
    expected: list[str] = []
    bad: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for index, document in enumerate(documents):
            path = Path(folder) / f"{index:03}.json"
            if isinstance(document, bytes):
                path.write_bytes(document)
                bad.append(str(path))
                continue
            names = [f"{index}-{n}" for n in range(document)] if isinstance(document, int) else [f"{index}"]
            expected += names
            items = [make_item(name) for name in names]
            whole = {"type": "FeatureCollection", "features": items} if isinstance(document, int) else items[0]
            path.write_text(json.dumps(whole))
        for concurrency in LEVELS:
            context = WorkflowContext.create()
            try:
                found = ids(asyncio.run(fetch({"source": folder, "concurrency": concurrency}, context)))
            except DataProcessingError:
                found = []
            assert found == expected
            assert [failure.source for failure in context.failure_collector.get_all()] == bad


@pytest.mark.parametrize("concurrency", LEVELS)
async def test_documents_larger_than_a_batch_keep_their_order(concurrency: int, tmp_path: Path) -> None:
    items = make_items(2_500)
    for part, start in enumerate(range(0, 2_500, 500)):
        lines = (json.dumps(item) for item in items[start : start + 500])
        (tmp_path / f"{part}.ndjson").write_text("\n".join(lines))
    (tmp_path / "9.ndjson").write_text("\n".join(json.dumps(make_item(f"last-{n:05}")) for n in range(2_500)))
    found = ids(await fetch({"source": str(tmp_path), "concurrency": concurrency}))
    assert found == ids(items) + [f"last-{n:05}" for n in range(2_500)]


@pytest.mark.parametrize("concurrency", LEVELS)
async def test_leaving_early_leaves_no_thread_and_no_open_file(concurrency: int, tmp_path: Path) -> None:
    for part in range(60):
        (tmp_path / f"{part:03}.ndjson").write_text("\n".join(json.dumps(make_item(f"{part}-{n}")) for n in range(50)))
    stream = IngestModule({"source": str(tmp_path), "concurrency": concurrency}).fetch(WorkflowContext.create())
    assert (await anext(stream))["id"] == "0-0"
    await stream.aclose()
    assert not [file.path for file in psutil.Process().open_files() if file.path.startswith(str(tmp_path))]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("stac-manager")]


async def test_other_tasks_get_their_turn(tmp_path: Path) -> None:
    items = [make_item(f"{n:04}", properties={"datetime": None, "filler": ["x" * 50] * 400}) for n in range(500)]
    for item in items:
        (tmp_path / f"{item['id']}.json").write_text(json.dumps(item))
    assert await turns_beside(fetch({"source": str(tmp_path), "concurrency": 5})) > 5


@pytest.mark.parametrize("concurrency", LEVELS)
async def test_an_exception_in_the_consumer_and_a_cancel_close_what_is_open(concurrency: int, tmp_path: Path) -> None:
    for n in range(60):
        (tmp_path / f"{n:03}.json").write_text(json.dumps(make_item(f"{n}")))
    module = IngestModule({"source": str(tmp_path), "concurrency": concurrency})

    async def consume(reached: asyncio.Event) -> None:
        stream = module.fetch(WorkflowContext.create())
        try:
            async for _ in stream:
                reached.set()
                await asyncio.sleep(60)
        finally:
            await stream.aclose()

    reached = asyncio.Event()
    task = asyncio.create_task(consume(reached))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not [file.path for file in psutil.Process().open_files() if file.path.startswith(str(tmp_path))]
