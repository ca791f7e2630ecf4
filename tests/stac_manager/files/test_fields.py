"""Option `fields`: partial items are the whole ones without the rest, whatever they are read from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stac_geoparquet.arrow import parse_stac_items_to_arrow

from stac_manager import IngestModule, WorkflowContext
from stac_manager.parsing.fields import Fields
from stac_manager.parsing.items import is_plain_item

FIELDS = ("properties.datetime", "bbox", "assets.B04.href", "eo:cloud_cover", "properties.missing")


def item(index: int) -> dict[str, Any]:
    west = index % 170
    return {
        "type": "Feature", "stac_version": "1.0.0", "stac_extensions": [], "id": f"i{index:04}", "collection": "c",
        "geometry": {"type": "Point", "coordinates": [west + 0.5, 0.5]}, "bbox": [west, 0, west + 1, 1],
        "properties": {
            "datetime": f"2024-01-{1 + index // 24 % 28:02}T{index % 24:02}:00:00Z",
            "eo:cloud_cover": index % 100, "proj:shape": [1, 2],
        },
        "links": [{"rel": "self", "href": "a"}],
        "assets": {"B04": {"href": f"{index}.tif", "title": "red"}, "B05": {"href": "b"}},
    }  # fmt: skip


ITEMS = [item(index) for index in range(600)]


def partial(whole: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: whole[name] for name in ("type", "stac_version", "id", "collection", "bbox")},
        "properties": {name: whole["properties"][name] for name in ("datetime", "eo:cloud_cover")},
        "assets": {"B04": {"href": whole["assets"]["B04"]["href"]}},
    }


def parquet(items: list[dict[str, Any]], path: Path) -> Path:
    pyarrow.parquet.write_table(parse_stac_items_to_arrow(items).read_all(), path, row_group_size=50)
    return path


def write(layout: str, folder: Path, items: list[dict[str, Any]] = ITEMS) -> Path:
    if layout == "directory":
        for each in items:
            (folder / f"{each['id']}.json").write_text(json.dumps(each))
        return folder
    if layout == "parquet":
        return parquet(items, folder / "items.parquet")
    path = folder / f"items.{layout}"
    if layout == "ndjson":
        path.write_text("".join(json.dumps(each) + "\n" for each in items))
    else:
        path.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    return path


def fetch(source: Path, **options: Any) -> list[dict[str, Any]]:
    context = WorkflowContext.create()
    items = list(IngestModule({"source": source, **options}).iter_items(context))
    assert context.failure_collector.get_all() == []
    return items


@pytest.mark.parametrize("layout", ["directory", "ndjson", "json", "parquet"])
def test_partial_items_of_every_layout(layout: str, tmp_path: Path) -> None:
    source = write(layout, tmp_path)
    assert fetch(source, fields=FIELDS) == [partial(each) for each in ITEMS]
    # what a condition reads is not delivered with it
    some = fetch(
        source, fields=["id"], filter={"op": "<", "args": [{"property": "eo:cloud_cover"}, 3]}, bbox=[0, 0, 9, 1]
    )
    expected = [each for each in ITEMS if each["properties"]["eo:cloud_cover"] < 3 and each["bbox"][0] <= 9]
    assert some == [{name: each[name] for name in ("type", "stac_version", "id", "collection")} for each in expected]


@pytest.mark.parametrize("layout", ["directory", "ndjson", "json"])
def test_items_of_versions_that_did_not_name_themselves(layout: str, tmp_path: Path) -> None:
    old = [{name: value for name, value in each.items() if name != "stac_version"} for each in ITEMS]
    source = write(layout, tmp_path, old)
    assert fetch(source) == old
    assert [sorted(each) for each in fetch(source, fields=["bbox"])] == [["bbox", "collection", "id", "type"]] * len(
        old
    )


@pytest.mark.parametrize("name", ["a.b", "properties.a.b", "c.d"])
@pytest.mark.parametrize("layout", ["json", "parquet"])
def test_a_condition_reads_what_has_dots_in_its_name(name: str, layout: str, tmp_path: Path) -> None:
    items = [{**item(0), "c.d": 1}, {**item(1), "c": {"d": 1}}, item(2)]
    items[0]["properties"]["a.b"] = 1
    items[1]["properties"]["a"] = {"b": 1}
    source = tmp_path / f"items.{layout}"
    if layout == "json":
        source.write_text(json.dumps(items))
    else:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(items), source)
    options = {"filter": {"op": "=", "args": [{"property": name}, 1]}}
    found = [each["id"] for each in fetch(source, **options)]
    assert found[0] == "i0000"
    assert found == [each["id"] for each in fetch(source, fields=["bbox"], **options)]


@pytest.mark.parametrize("suffix", ["json", "ndjson"])
def test_large_numbers_are_exact_and_bring_nothing_else(suffix: str, tmp_path: Path) -> None:
    text = json.dumps(ITEMS[0]).replace('"eo:cloud_cover": 0', f'"eo:cloud_cover": {2**70}, "a": 1e30')
    (tmp_path / f"a.{suffix}").write_text(text + "\n")
    (found,) = fetch(tmp_path / f"a.{suffix}", fields=["eo:cloud_cover", "a"])
    assert found["properties"] == {"eo:cloud_cover": 2**70, "a": 1e30}
    assert set(found) == {"type", "stac_version", "id", "collection", "properties"}


def test_fields_of_geoparquet_are_those_of_its_whole_items(tmp_path: Path) -> None:
    odd = [dict(each) for each in ITEMS[:20]]
    odd[3]["assets"] = {"B05": {"href": "b"}}
    odd[4]["properties"] = {**odd[4]["properties"], "datetime": None, "start_datetime": "2024-01-01T00:00:00Z",
                            "end_datetime": "2024-01-02T00:00:00Z"}  # fmt: skip
    path = parquet(odd, tmp_path / "items.parquet")
    points = pyarrow.parquet.read_table(path).drop_columns(["geometry", "bbox"])
    points = points.append_column("geometry", pyarrow.array([{"x": 1.0, "y": 2.0}] * 20))
    points = points.append_column("bbox", pyarrow.array([{"left": 1.0, "bottom": 2.0, "right": 1.0, "top": 2.0}] * 20))
    pyarrow.parquet.write_table(points, tmp_path / "points.parquet")
    for source, paths in (
        (tmp_path / "points.parquet", ("geometry.type",)),
        (tmp_path / "points.parquet", ("bbox.left", "geometry.x")),
        (path, ("bbox.xmin",)),
        (path, ("assets.B99.href",)),
        (path, ("assets.B04.missing", "geometry")),
        (path, ("properties",)),
        (path, ("links", "start_datetime")),
    ):
        whole = fetch(source)
        fields = IngestModule({"source": source, "fields": paths}).config.fields
        assert fields is not None
        assert fetch(source, fields=paths) == [Fields(fields).keep(each) for each in whole]


numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc") | st.text(), inner, max_size=3),
    max_leaves=12,
)
members = st.fixed_dictionaries(
    {"type": st.just("Feature"), "stac_version": st.just("1.0.0"), "id": st.just("a")},
    optional=dict.fromkeys(("properties", "assets", "links", "bbox", "a"), json_values),
)
names = st.sampled_from(["properties", "assets", "a", "b", "c", "bbox"])
paths = st.lists(st.lists(names, min_size=1, max_size=3).map(".".join), min_size=1, max_size=4)


@given(members, paths)
@example({"type": "Feature", "stac_version": "1.0.0", "id": "a", "assets": ["a"]}, ["assets.a"])
@example(
    {"type": "Feature", "stac_version": "1.0.0", "id": "a", "properties": None}, ["properties.a", "properties.a.b"]
)
def test_decoding_a_part_is_decoding_all_and_leaving_out_the_rest(value: dict[str, Any], wanted: list[str]) -> None:
    fields = Fields(wanted)
    assert fields.decode.loads(json.dumps(value).encode()) == fields.keep(value)


@given(st.binary(max_size=6), st.integers(0, 200), st.booleans())
def test_a_damaged_document_is_refused_as_if_it_were_decoded_whole(noise: bytes, at: int, instead: bool) -> None:
    data = json.dumps(ITEMS[0]).encode()
    data = data[:at] + noise + data[at + len(noise) * instead :]
    fields = Fields(FIELDS)
    try:
        whole = orjson.loads(data)
    except orjson.JSONDecodeError:
        with pytest.raises(orjson.JSONDecodeError):
            fields.decode.loads(data)
        return
    if is_plain_item(whole):
        assert fields.decode.loads(data) == fields.keep(whole)


@pytest.mark.parametrize(
    "options",
    [
        {"datetime": "2024-01-05/2024-01-06T03:00:00Z"},
        {"datetime": "../2024-01-01T01:00:00Z"},
        {"bbox": (20, 0, 22.5, 0.7)},
        {"bbox": (168.5, -1, -170, 1), "datetime": "2024-01-08/.."},
        {"bbox": (20, 5, 22, 6)},
    ],
)
def test_row_groups_that_cannot_match_are_not_read(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = parquet(ITEMS, tmp_path / "items.parquet")
    whole = fetch(path)
    lines = tmp_path / "items.ndjson"
    lines.write_text("".join(json.dumps(each) + "\n" for each in whole))
    read: list[int] = []
    original = pyarrow.parquet.ParquetFile.iter_batches

    def iter_batches(self: Any, *arguments: Any, **named: Any) -> Any:
        read.extend(named["row_groups"])
        return original(self, *arguments, **named)

    monkeypatch.setattr(pyarrow.parquet.ParquetFile, "iter_batches", iter_batches)
    found = fetch(path, **options)
    assert found == fetch(lines, **options)
    assert len(read) < 6 if found else not read


@pytest.mark.parametrize(
    ("times", "nested", "options"),
    [
        ([None, None], False, {"bbox": (0, 0, 1, 1)}),
        ([0, 2**62], False, {"datetime": "1970-01-01"}),  # a year that datetime cannot hold
        ([None, None], True, {"datetime": "2024-01-01T00:00:00Z"}),  # not the one among the properties
    ],
)
def test_row_groups_of_which_the_statistics_do_not_tell_are_read(
    times: list[int | None], nested: bool, options: dict[str, Any], tmp_path: Path
) -> None:
    table = pyarrow.Table.from_pylist([item(0), {**item(1), "id": "other"}])
    column = pyarrow.array(times, pyarrow.int64()).view(pyarrow.timestamp("us"))
    table = (table if nested else table.drop_columns("properties")).append_column("datetime", column)
    pyarrow.parquet.write_table(table, tmp_path / "items.parquet")
    module = IngestModule({"source": tmp_path / "items.parquet", **options})
    assert [each["id"] for each in module.iter_items(WorkflowContext.create())] == ["i0000"]


def test_a_row_across_the_antimeridian_is_not_lost(tmp_path: Path) -> None:
    crossing = item(0)
    crossing["bbox"] = [179, 0, -179, 1]
    halves = [[[[179, 0], [180, 0], [180, 1], [179, 0]]], [[[-180, 0], [-179, 0], [-179, 1], [-180, 0]]]]
    crossing["geometry"] = {"type": "MultiPolygon", "coordinates": halves}
    path = parquet([crossing, {**item(170), "geometry": crossing["geometry"]}], tmp_path / "items.parquet")
    assert [each["id"] for each in fetch(path, bbox=[-179.9, 0, -179.5, 1])] == ["i0000"]
