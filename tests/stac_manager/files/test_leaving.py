"""However a fetch ends, it leaves no thread, no open file, and the garbage collector as it was."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from support import make_item

from stac_manager import IngestModule, WorkflowContext
from stac_manager.files import reading
from stac_manager.files.discovery import discover

CONCURRENCY = (1, 3, 50, "auto")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Documents of every way to be read: small ones, lines, and one that goes through a window."""
    for number in range(300):
        (tmp_path / f"{number:03}.json").write_text(json.dumps(make_item(f"{number:03}")))
    lines = [json.dumps(make_item(f"line-{number}", filler="x" * 500)) for number in range(3_000)]
    (tmp_path / "100.ndjson").write_text("\n".join(lines))
    (tmp_path / "200.geojson").write_text(f'{{"type": "FeatureCollection", "features": [{",".join(lines)}]}}')
    return tmp_path


def open_files(folder: Path) -> list[str]:
    """The files of a folder that this process has open."""
    paths = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            paths.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        except OSError:  # the listing itself
            continue
    return [path for path in paths if path.startswith(str(folder))]


@pytest.fixture(autouse=True)
def nothing_is_left(folder: Path) -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    assert gc.get_threshold() == thresholds
    if Path("/proc/self/fd").exists():
        assert not open_files(folder)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("stac-manager")]


def options(folder: Path, concurrency: object = 1, **more: object) -> dict[str, Any]:
    return {"source": str(folder), "concurrency": concurrency, **more}


@pytest.mark.parametrize("concurrency", CONCURRENCY)
@pytest.mark.parametrize("after", [1, 101, 1_500, 3_201])
async def test_leaving_early(folder: Path, concurrency: object, after: int) -> None:
    usual = gc.get_threshold()[1]
    async with aclosing(IngestModule(options(folder, concurrency)).fetch(WorkflowContext.create())) as items:
        for _ in range(after):
            await anext(items)
        assert gc.get_threshold()[1] > usual


@pytest.mark.parametrize("concurrency", CONCURRENCY)
async def test_an_exception_in_the_consumer(folder: Path, concurrency: object) -> None:
    async def consume() -> None:
        async with aclosing(IngestModule(options(folder, concurrency)).fetch(WorkflowContext.create())) as items:
            async for item in items:
                if item["id"] == "line-77":
                    raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await consume()


@pytest.mark.parametrize("concurrency", CONCURRENCY)
async def test_cancelling(folder: Path, concurrency: object) -> None:
    reached = asyncio.Event()

    async def consume() -> None:
        async with aclosing(IngestModule(options(folder, concurrency)).fetch(WorkflowContext.create())) as items:
            async for item in items:
                if item["id"] == "line-77":
                    reached.set()
                    await asyncio.Event().wait()

    task = asyncio.create_task(consume())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_two_at_once_of_which_one_leaves_early(folder: Path) -> None:
    thresholds = gc.get_threshold()
    one = IngestModule(options(folder)).fetch(WorkflowContext.create())
    other = IngestModule(options(folder, 50)).fetch(WorkflowContext.create())
    await anext(one)
    await anext(other)
    await one.aclose()
    assert gc.get_threshold() != thresholds, "the other one still runs"
    assert len([item async for item in other]) == 300 + 2 * 3_000 - 1


async def test_many_at_once_take_few_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One lists its source in a thread of its own, the others in those of asyncio."""
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "a.json").write_text(json.dumps(make_item("a")))
    names, may_go_on = [], threading.Event()

    def listed(*given: Any) -> Any:
        names.append(threading.current_thread().name)
        may_go_on.wait(60)
        return discover(*given)

    async def fetch() -> list[Any]:
        return [item async for item in IngestModule(source=tmp_path / "alone").fetch(WorkflowContext.create())]

    monkeypatch.setattr(reading, "discover", listed)
    tasks = [asyncio.create_task(fetch()) for _ in range(50)]
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.05, may_go_on.set)
    assert [len(items) for items in await asyncio.gather(*tasks)] == [1] * 50
    await fetch()
    *of_many, of_one = [name.startswith("asyncio") for name in names]
    assert (sum(of_many), of_one) == (49, False)


async def test_a_collector_that_is_off_stays_off_and_untouched(folder: Path) -> None:
    thresholds = gc.get_threshold()
    gc.disable()
    try:
        async with aclosing(IngestModule(options(folder)).fetch(WorkflowContext.create())) as items:
            await anext(items)
            assert gc.get_threshold() == thresholds
        assert not gc.isenabled()
    finally:
        gc.enable()


async def test_thresholds_that_the_caller_sets_meanwhile_stay(folder: Path) -> None:
    thresholds = gc.get_threshold()
    try:
        async with aclosing(IngestModule(options(folder)).fetch(WorkflowContext.create())) as items:
            await anext(items)
            gc.set_threshold(5_000, 7, 9)
        assert gc.get_threshold()[:2] == (5_000, 7)
    finally:
        gc.set_threshold(*thresholds)


async def test_a_consumer_that_makes_cycles_gets_the_collector_back(folder: Path) -> None:
    thresholds = gc.get_threshold()
    seen = []
    async for _ in IngestModule(options(folder)).fetch(WorkflowContext.create()):
        seen.append(gc.get_threshold())
        for _ in range(50):
            cycle: list[object] = []
            cycle.append(cycle)
    assert seen[0] != thresholds
    assert seen[-1] == thresholds


async def test_defer_gc_can_be_switched_off(folder: Path) -> None:
    thresholds = gc.get_threshold()
    async for _ in IngestModule(options(folder, defer_gc=False)).fetch(WorkflowContext.create()):
        assert gc.get_threshold() == thresholds


def test_a_loop_that_is_closed_early_gives_the_collector_back(folder: Path) -> None:
    usual = gc.get_threshold()
    loop = asyncio.new_event_loop()
    items = IngestModule(options(folder)).fetch(WorkflowContext.create())
    loop.run_until_complete(anext(items))
    assert gc.get_threshold()[1] > usual[1]
    loop.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python says that the generator was never closed
        del items
        gc.collect()
    assert gc.get_threshold() == usual


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_has_the_collector_as_it_was(folder: Path) -> None:
    program = (
        "import asyncio, gc, os, sys\n"
        "from stac_manager import IngestModule, WorkflowContext\n"
        "async def main():\n"
        "    before = gc.get_threshold()\n"
        f"    items = IngestModule({{'source': {str(folder)!r}}}).fetch(WorkflowContext.create())\n"
        "    await anext(items)\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        os._exit(gc.get_threshold() != before)\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "    assert gc.get_threshold() != before\n"
        "    await items.aclose()\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
