"""module.stats: what is counted is what happened."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pyarrow
import pyarrow.parquet
from support import make_item, make_items

from benchmarks import _api_server
from stac_manager import ApiStats, FileStats, IngestModule, WorkflowContext


async def test_file_stats(tmp_path: Path) -> None:
    folder = tmp_path / "items"
    folder.mkdir()
    for item in make_items(9):
        (folder / f"{item['id']}.json").write_text(json.dumps(item))
    (folder / "bad.json").write_text("{")
    module = IngestModule({"source": str(folder), "concurrency": 4})
    async for _ in module.fetch(WorkflowContext.create()):
        time.sleep(0.01)  # noqa: ASYNC251  # the consumer's own work
    stats = module.stats
    assert isinstance(stats, FileStats)
    assert (stats.items, stats.failures, stats.documents, stats.concurrency, stats.peak_buffer) == (9, 1, 10, 4, 1)
    assert stats.bytes == sum(path.stat().st_size for path in folder.iterdir())
    assert 0.09 <= stats.seconds_consumer <= stats.seconds
    assert stats.seconds_reading + stats.seconds_decoding + stats.seconds_consumer <= stats.seconds
    assert stats.seconds_reading > 0
    assert stats.seconds_decoding > 0


async def test_reading_parquet_is_counted_as_reading(tmp_path: Path) -> None:
    for name in "ab":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(make_items(1_000)), tmp_path / f"{name}.parquet")
    module = IngestModule({"source": str(tmp_path)})
    assert [item async for item in module.fetch(WorkflowContext.create())]
    stats = module.stats
    assert isinstance(stats, FileStats)
    assert stats.seconds_reading + stats.seconds_decoding + stats.seconds_consumer <= stats.seconds
    # About as much as decoding; uncounted, it was a three hundredth of it.
    assert stats.seconds_reading > stats.seconds_decoding / 100 > 0


def test_each_fetch_counts_anew_and_also_when_it_is_left_early(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.json").write_text(json.dumps(make_item(name)))
    module = IngestModule({"source": str(tmp_path)})
    for _ in range(2):
        assert len(list(module.iter_items(WorkflowContext.create()))) == 3
        assert module.stats.items == 3
    early = module.iter_items(WorkflowContext.create())
    next(early)
    early.close()  # type: ignore[attr-defined]
    assert module.stats.items == 1


def test_api_stats(tmp_path: Path) -> None:
    path = tmp_path / "items.ndjson"
    path.write_text("".join(json.dumps(item) + "\n" for item in make_items(25)))
    with _api_server.running(path, latency_seconds=0.0) as url:
        module = IngestModule({"source": url, "limit": 10})
        assert len(list(module.iter_items(WorkflowContext.create()))) == 25
    stats = module.stats
    assert isinstance(stats, ApiStats)
    assert (stats.items, stats.pages, stats.requests) == (25, 3, 4)
