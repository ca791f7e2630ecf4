"""Items as rows: nothing is lost without a word, and columns widen until all fits."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stac_geoparquet.arrow import stac_table_to_items
from support import make_item

from stac_manager.exceptions import DataProcessingError
from stac_manager.sinks.arrow import batch_of
from stac_manager.sinks.disk import Disk
from stac_manager.sinks.geoparquet import GeoParquetPart, columns_of

TIME = {"datetime": "2024-05-01T10:00:00Z"}


def with_properties(number: int, **properties: Any) -> dict[str, Any]:
    return make_item(f"item-{number}", properties={**TIME, **properties})


def written(path: Path, items: list[dict[str, Any]], columns: bytes | None = None) -> GeoParquetPart:
    part = GeoParquetPart(Disk(), path, columns)
    try:
        part.write(copy.deepcopy(items))
        assert part.finish() == path.stat().st_size
    finally:
        part.abort()
    return part


def read_by_stac_geoparquet(path: Path) -> list[dict[str, Any]]:
    return list(stac_table_to_items(pq.read_table(path)))


def plain(properties: dict[str, Any]) -> dict[str, Any]:
    """Without null, and times without the fraction that stac-geoparquet writes."""
    return {k: v.replace(".000000Z", "Z") if isinstance(v, str) else v for k, v in properties.items() if v is not None}


ROUND = {"type": "Polygon", "coordinates": [[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]]}
HIGH = {"type": "Point", "coordinates": [7.5, 51.25, 12.0]}
LARGE = 2**60 + 1
"""No float holds it."""


@pytest.mark.parametrize(
    "item",
    [
        make_item("plain"),
        make_item("polygon", geometry=ROUND, bbox=[0.0, 0.0, 1.0, 1.0]),
        make_item("heights", geometry=HIGH, bbox=[7.5, 51.25, 12.0, 7.5, 51.25, 12.0]),
        make_item("links", links=[{"rel": "self", "href": "https://example.com"}]),
        make_item("nested", properties={**TIME, "proj:shape": [1, 2], "a": {"b": [{"c": 1.5}]}}),
        make_item("projected", properties={**TIME, "proj:geometry": ROUND}),
        make_item("asset", assets={"d": {"href": "x", "proj:geometry": ROUND}}),
        make_item("interval", properties={"datetime": None, "start_datetime": TIME["datetime"]}),
    ],
    ids=lambda item: item["id"],
)
def test_stac_geoparquet_reads_what_was_written(item: dict[str, Any], tmp_path: Path) -> None:
    written(tmp_path / "x.parquet", [item])
    (found,) = read_by_stac_geoparquet(tmp_path / "x.parquet")
    for name in ("id", "geometry", "bbox", "assets", "collection", "stac_version"):
        assert found[name] == item[name], name
    assert plain(found["properties"]) == plain(item["properties"])


def test_columns_widen_in_a_part_and_over_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stac_manager.sinks.geoparquet.BATCH_ITEMS", 2)
    monkeypatch.setattr("stac_manager.sinks.geoparquet.ROW_GROUP_BYTES", 1)  # each batch is written at once
    items = [
        with_properties(0, a=1),
        with_properties(1, a=2),
        with_properties(2, a=2.5, b=None, c=[]),
        with_properties(3),
        with_properties(4, b="text", c=["x"], d={"e": 1}),
        with_properties(5, d={"f": "y"}),
    ]
    part = written(tmp_path / "x.parquet", items)
    found = read_by_stac_geoparquet(tmp_path / "x.parquet")
    assert [item["id"] for item in found] == [item["id"] for item in items]
    assert [item["properties"].get("a") for item in found] == [1, 2, 2.5, None, None, None]
    assert found[4]["properties"]["c"] == ["x"]
    assert found[5]["properties"]["d"]["f"] == "y"
    assert list(tmp_path.iterdir()) == [tmp_path / "x.parquet"]
    narrow = written(tmp_path / "y.parquet", [with_properties(9, a=1)], part.columns)
    assert columns_of(narrow.columns).equals(columns_of(part.columns))
    assert pq.read_schema(tmp_path / "y.parquet").equals(pq.read_schema(tmp_path / "x.parquet"))


def test_objects_without_members_and_items_without_a_place_can_be_stored(tmp_path: Path) -> None:
    bare = make_item("bare", geometry=None, assets={}, properties={**TIME, "a": {}, "b": [{}]})
    del bare["bbox"]
    written(tmp_path / "x.parquet", [bare, make_item("other")])
    table = pq.read_table(tmp_path / "x.parquet")
    assert table["geometry"].null_count == 1
    assert table["bbox"].null_count == 1
    assert table["id"].to_pylist() == ["bare", "other"]


@pytest.mark.parametrize(
    ("second", "named"),
    [
        ({"properties": {**TIME, "a": "text"}}, "column a is int64 in some items and string in others"),
        ({"properties": {**TIME, "a": {"b": 1}}}, "column a"),
        ({"properties": {**TIME, "a": 1, "id": "x"}}, "'id' is a member and a property at once"),
        ({"properties": {"datetime": "yesterday", "a": 1}}, "item 'item-2': datetime 'yesterday'"),
        ({"bbox": [1, 2, 3]}, "its bbox has 3 numbers"),
        ({"geometry": {"type": "Point", "coordinates": ["x", 1]}}, "not a GeoJSON geometry"),
        ({"properties": {**TIME, "a": 2**70}}, "item 'item-2': column a: an integer is outside the range of int64"),
        ({"properties": {**TIME, "b": {"c": [2**63]}}}, "column b.c: an integer is outside the range of int64"),
        ({"properties": {**TIME, "a": 0.5}}, f"item 'item-1': Integer value {LARGE}"),
    ],
)
def test_what_no_table_can_hold_is_named(second: dict[str, Any], named: str) -> None:
    with pytest.raises(DataProcessingError, match=re.escape(named)):
        batch_of([with_properties(1, a=LARGE), make_item("item-2", **second)])


@pytest.mark.parametrize(
    ("first", "second", "column"),
    [
        (make_item("flat"), make_item("high", bbox=[0, 0, 0, 1, 1, 1]), "column bbox"),
        (with_properties(1, a=[0.5]), with_properties(2, a=[LARGE]), f"column a: .*{LARGE}"),
    ],
)
def test_values_of_two_parts_that_no_column_can_hold_are_refused(
    first: dict[str, Any], second: dict[str, Any], column: str, tmp_path: Path
) -> None:
    part = written(tmp_path / "x.parquet", [first])
    with pytest.raises(DataProcessingError, match=column):
        written(tmp_path / "y.parquet", [second], part.columns)


def test_times_are_taken_as_rfc_3339_spells_them() -> None:
    times = ["2024-05-01t10:00:00z", "2024-05-01 12:00:00.000000000+02:00", "2024-05-01T10:00:00Z"]
    column = batch_of([make_item("one", properties={"datetime": time}) for time in times]).column("datetime")
    assert [f"{time:%FT%T%z}" for time in column.to_pylist()] == ["2024-05-01T10:00:00+0000"] * 3
    for time in ("2024-05-01t10:00:00.0000001z", "2024-05-01T10:00:00"):
        with pytest.raises(DataProcessingError, match=f"{time}' is not an RFC 3339 time with a zone and at most 6"):
            batch_of([make_item("one", properties={"datetime": time})])


def test_metadata_is_that_of_geoparquet(tmp_path: Path) -> None:
    written(tmp_path / "x.parquet", [make_item("one")])
    schema = pq.read_schema(tmp_path / "x.parquet")
    assert b'"primary_column":"geometry"' in schema.metadata[b"geo"]
    assert schema.field("geometry").type == pa.binary()
    assert schema.field("datetime").type == pa.timestamp("us", tz="UTC")
