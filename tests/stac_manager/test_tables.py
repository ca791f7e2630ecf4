"""Items as Arrow and GeoPandas tables."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pyarrow
import pytest

from stac_manager import DataProcessingError, IngestModule, WorkflowContext
from stac_manager.tables import arrow_batches


def item(number: int, **properties: Any) -> dict[str, Any]:
    west = number % 170
    ring = [[west, 0], [west + 1, 0], [west + 1, 1], [west, 1], [west, 0]]
    return {
        "type": "Feature", "stac_version": "1.1.0", "id": f"item-{number}", "collection": "scenes",
        "geometry": {"type": "Polygon", "coordinates": [ring]}, "bbox": [west, 0, west + 1, 1],
        "properties": {"datetime": "2024-01-01T00:00:00Z", **properties},
        "links": [], "assets": {"data": {"href": f"https://example.com/{number}.tif"}},
    }  # fmt: skip


@pytest.fixture
def ndjson(tmp_path: Path) -> Path:
    """300 items: every third has a property of its own."""
    path = tmp_path / "items.ndjson"
    items = [item(number, **({"eo:cloud_cover": number / 3} if number % 3 == 0 else {})) for number in range(300)]
    path.write_text("\n".join(map(json.dumps, items)))
    return path


def test_a_table_has_every_item_and_the_columns_of_all(ndjson: Path) -> None:
    table = IngestModule({"source": ndjson}).to_arrow(WorkflowContext.create())
    assert table.column("id").to_pylist() == [f"item-{number}" for number in range(300)]
    assert table.column("eo:cloud_cover").null_count == 200


def test_batches_are_a_stream_and_go_into_one_table(ndjson: Path) -> None:
    batches = list(arrow_batches(IngestModule({"source": ndjson}), WorkflowContext.create(), items_a_batch=64))
    assert [batch.num_rows for batch in batches] == [64, 64, 64, 64, 44]


def test_a_stream_that_is_left_leaves_no_thread(ndjson: Path) -> None:
    batches = arrow_batches(IngestModule({"source": ndjson}), WorkflowContext.create(), items_a_batch=10)
    assert next(batches).num_rows == 10
    batches.close()  # type: ignore[attr-defined]
    assert [thread for thread in threading.enumerate() if thread.name == "stac_manager-tables"] == []


def test_geopandas_has_geometry_and_times(ndjson: Path) -> None:
    frame = IngestModule({"source": ndjson}).to_geopandas(WorkflowContext.create())
    assert len(frame) == 300
    assert frame.crs.to_epsg() == 4326
    assert frame.total_bounds.tolist() == [0, 0, 170, 1]
    assert str(frame["datetime"].dtype) == "datetime64[us, UTC]"


def test_a_running_loop_is_no_obstacle(ndjson: Path) -> None:
    async def cell() -> pyarrow.Table:
        return IngestModule({"source": ndjson}).to_arrow(WorkflowContext.create())

    assert asyncio.run(cell()).num_rows == 300


def test_failures_are_told_where_nobody_asked_for_them(ndjson: Path) -> None:
    ndjson.write_text(ndjson.read_text() + "\n{}\n")
    module = IngestModule({"source": ndjson})
    with pytest.warns(UserWarning, match=r"1 not delivered, the first: .*items.ndjson"):
        assert module.to_arrow().num_rows == 300


def test_what_is_raised_reaches_the_caller(tmp_path: Path) -> None:
    (tmp_path / "empty.ndjson").write_text("{}")
    with pytest.raises(DataProcessingError, match=r"empty.ndjson: no item could be read"):
        IngestModule({"source": tmp_path / "empty.ndjson"}).to_arrow(WorkflowContext.create())


def test_types_that_do_not_go_together_are_named(tmp_path: Path) -> None:
    items = [item(1, level="high"), item(2, level=3)]
    (tmp_path / "mixed.ndjson").write_text("\n".join(map(json.dumps, items)))
    with pytest.raises(DataProcessingError, match=r"items 'item-1' to 'item-2' cannot stand in one table"):
        IngestModule({"source": tmp_path / "mixed.ndjson"}).to_arrow(WorkflowContext.create())
