"""Parquet files give back the items that were written to them."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pyarrow
import pyarrow.parquet
import pytest
import rustac
import shapely
import stac_geoparquet.arrow
from hypothesis import given
from hypothesis import strategies as st
from made_data_sets import iter_items
from support import are_apart, fetch, ids, make_item, make_items, real_item_files

from stac_manager import IngestModule, WorkflowContext
from stac_manager.exceptions import ConfigurationError, DataProcessingError
from stac_manager.files.parquet import footers
from stac_manager.files.parquet.reading import items_of_parquet
from tools.test_data.items import PROFILE_NAMES, DataSetSpec

Items = list[dict[str, Any]]
TIMES = ("datetime", "start_datetime", "end_datetime", "created", "updated", "expires", "published", "unpublished")


def with_stac_geoparquet(items: Items, path: Path) -> None:
    stac_geoparquet.arrow.to_parquet(stac_geoparquet.arrow.parse_stac_items_to_arrow(items), str(path))


def with_rustac(items: Items, path: Path) -> None:
    async def write() -> None:
        await rustac.write(str(path), items, format="geoparquet")

    asyncio.run(write())


def with_pyarrow(items: Items, path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(items), path)


def fetched(path: Path, context: WorkflowContext | None = None) -> Items:
    return asyncio.run(fetch({"source": str(path)}, context))


# What writers lose; docs/geoparquet.md lists it


def in_short_notation(text: str, timespec: str) -> str:
    """UTC, `Z`, and the fewest of no, three or six digits of a second."""
    moment = datetime.fromisoformat(text)
    whole = moment.isoformat(timespec=timespec).removesuffix("+00:00").removesuffix(".000").removesuffix(".000000")
    return (
        whole.removesuffix("000") if "." in whole and len(whole) == len("2020-01-01T00:00:00.000000") else whole
    ) + "Z"


def without_heights(coordinates: list[Any]) -> list[Any]:
    if isinstance(coordinates[0], list):
        return [without_heights(part) for part in coordinates]
    return coordinates[:2]


def as_stac_geoparquet_keeps_it(item: dict[str, Any], timespec: str = "microseconds") -> dict[str, Any]:
    times = {name: in_short_notation(text, timespec) for name in TIMES if (text := item["properties"].get(name))}
    return {**item, "properties": {**item["properties"], **times}}


def as_rustac_keeps_it(item: dict[str, Any]) -> dict[str, Any]:
    geometry = {**item["geometry"], "coordinates": without_heights(item["geometry"]["coordinates"])}
    return {**as_stac_geoparquet_keeps_it(item, "milliseconds"), "stac_version": "1.1.0", "geometry": geometry}


WRITERS = [
    pytest.param(with_stac_geoparquet, as_stac_geoparquet_keeps_it, id="stac-geoparquet"),
    pytest.param(with_rustac, as_rustac_keeps_it, id="rustac"),
    pytest.param(with_pyarrow, dict, id="nested"),
]
Writer = Callable[[Items, Path], None]
Keeps = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.mark.parametrize(("writer", "keeps"), WRITERS)
@pytest.mark.parametrize("source", real_item_files() or [None], ids=lambda path: path.stem if path else "none")
def test_real_items(source: Path | None, writer: Writer, keeps: Keeps, tmp_path: Path) -> None:
    if source is None:
        pytest.skip("real items are not beside this checkout")
    items = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines() if line.strip()]
    kinds = {item["geometry"]["type"] for item in items}
    # pyarrow has no type for polygons beside multipolygons: such a file cannot exist.
    for kind in kinds if writer is with_pyarrow else [None]:
        chosen = [item for item in items if kind in (None, item["geometry"]["type"])]
        writer(chosen, tmp_path / "items.parquet")
        assert fetched(tmp_path / "items.parquet") == list(map(keeps, chosen))


@pytest.mark.parametrize(("writer", "keeps"), WRITERS)
@pytest.mark.parametrize("profile", PROFILE_NAMES)
def test_generated_items(profile: str, writer: Writer, keeps: Keeps, tmp_path: Path) -> None:
    items = list(iter_items(DataSetSpec(profile, 25, datetime_kind="mixed")))
    writer(items, tmp_path / "items.parquet")
    assert fetched(tmp_path / "items.parquet") == list(map(keeps, items))


def with_properties(*properties: dict[str, Any]) -> Items:
    return [make_item(f"item-{index}", properties=members) for index, members in enumerate(properties)]


TIME = {"datetime": "2024-05-01T10:00:00Z"}
LOST = {
    "offset": (with_stac_geoparquet, with_properties(TIME), with_properties({"datetime": "2024-05-01T12:00:00+02:00"})),
    "trailing zeros": (
        with_stac_geoparquet,
        with_properties(TIME),
        with_properties({"datetime": "2024-05-01T10:00:00.000Z"}),
    ),
    "whole numbers among others": (
        with_stac_geoparquet,
        with_properties({**TIME, "n": 1}, {**TIME, "n": 0.5}),
        with_properties({**TIME, "n": 1.0}, {**TIME, "n": 0.5}),
    ),
    "null among values": (
        with_stac_geoparquet,
        with_properties({**TIME, "n": None}, {**TIME, "n": 1}),
        with_properties(TIME, {**TIME, "n": 1})[:2],
    ),
    "name of a member": (
        with_stac_geoparquet,
        with_properties({**TIME, "id": "lost"}),
        with_properties(TIME),
    ),
    "microseconds (rustac)": (
        with_rustac,
        with_properties({"datetime": "2024-05-01T10:00:00.123456Z"}),
        with_properties({"datetime": "2024-05-01T10:00:00.123Z"}),
    ),
    "version (rustac)": (with_rustac, [make_item("a", stac_version="1.0.0")], [make_item("a", stac_version="1.1.0")]),
    "empty roles (rustac)": (
        with_rustac,
        [make_item("a", assets={"data": {"href": "x", "roles": []}})],
        [make_item("a", assets={"data": {"href": "x"}})],
    ),
    "height (rustac)": (
        with_rustac,
        [make_item("a", geometry={"type": "Point", "coordinates": [7.5, 51.25, 99.0]})],
        [make_item("a", geometry={"type": "Point", "coordinates": [7.5, 51.25]})],
    ),
}


@pytest.mark.parametrize(("writer", "one", "other"), LOST.values(), ids=LOST.keys())
def test_what_does_not_come_back_is_not_in_the_file(writer: Writer, one: Items, other: Items, tmp_path: Path) -> None:
    """Two data sets that differ in it make the same table."""
    assert json.dumps(one) != json.dumps(other)
    tables = []
    for name, items in {"one": one, "other": other}.items():
        writer(items, tmp_path / name)
        table = pyarrow.parquet.read_table(tmp_path / name)
        tables.append(table.select(sorted(table.column_names)).to_pylist())
    assert tables[0] == tables[1]


# Any properties

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8).filter(
    lambda name: name not in {*TIMES, *make_item("x"), "stac_extensions", "proj:geometry"}
)
SCALARS = [
    st.text(st.characters(codec="utf-8"), max_size=9),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
]


def values_of_one_kind() -> st.SearchStrategy[st.SearchStrategy[Any]]:
    def containers(kinds: st.SearchStrategy[st.SearchStrategy[Any]]) -> st.SearchStrategy[st.SearchStrategy[Any]]:
        lists = kinds.map(lambda kind: st.lists(kind, max_size=4))
        objects = st.dictionaries(NAMES, kinds, min_size=1, max_size=3).map(
            lambda members: st.fixed_dictionaries({}, optional=members).filter(bool)
        )
        return lists | objects

    return st.recursive(st.sampled_from(SCALARS), containers, max_leaves=5)


@st.composite
def property_rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    kinds = draw(st.dictionaries(NAMES, values_of_one_kind(), max_size=5))
    rows = st.fixed_dictionaries({"datetime": st.just("2024-05-01T10:00:00Z") | st.none()}, optional=kinds)
    return draw(st.lists(rows, min_size=1, max_size=6))


@pytest.mark.parametrize("writer", [with_stac_geoparquet, with_pyarrow])
@given(rows=property_rows(), times=st.integers(1, 3), rows_per_group=st.integers(1, 4))
def test_any_properties(writer: Writer, rows: list[dict[str, Any]], times: int, rows_per_group: int) -> None:
    items = with_properties(*rows * times)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "items.parquet"
        writer(items, path)
        pyarrow.parquet.write_table(pyarrow.parquet.read_table(path), path, row_group_size=rows_per_group)
        found = fetched(path)
        assert found == items
        assert are_apart(found)


# Members that have a rule of their own


@pytest.mark.parametrize("writer", [with_stac_geoparquet, with_rustac, with_pyarrow])
def test_null_codes_stay_and_absent_members_stay_absent(writer: Writer, tmp_path: Path) -> None:
    items = with_properties({**TIME, "proj:epsg": None, "a": 1}, {**TIME, "proj:epsg": None})
    items[1]["assets"]["more"] = {"href": "x", "roles": ["data"] if writer is with_rustac else []}
    writer(items, tmp_path / "items.parquet")
    assert fetched(tmp_path / "items.parquet") == items


def test_null_codes_stay_in_a_column_that_has_a_type(tmp_path: Path) -> None:
    items = with_properties({**TIME, "proj:epsg": None}, {**TIME, "proj:epsg": None})
    table = pyarrow.table(stac_geoparquet.arrow.parse_stac_items_to_arrow(items))
    index = table.column_names.index("proj:epsg")
    table = table.set_column(index, "proj:epsg", table["proj:epsg"].cast(pyarrow.int64()))
    pyarrow.parquet.write_table(table, tmp_path / "items.parquet")
    assert fetched(tmp_path / "items.parquet") == items


@pytest.mark.parametrize("writer", [with_stac_geoparquet, with_rustac])
def test_empty_assets_and_links(writer: Writer, tmp_path: Path) -> None:
    items = [make_item("a", assets={}), make_item("b", assets={})]
    writer(items, tmp_path / "items.parquet")
    assert fetched(tmp_path / "items.parquet") == items


def test_bbox_with_heights(tmp_path: Path) -> None:
    items = [make_item("a", bbox=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])]
    with_stac_geoparquet(items, tmp_path / "items.parquet")
    assert fetched(tmp_path / "items.parquet") == items


def write_if_it_can(table: pyarrow.Table, path: Path) -> None:
    """Write a table, or skip the test where this pyarrow cannot."""
    try:
        pyarrow.parquet.write_table(table, path)
    except pyarrow.ArrowNotImplementedError as error:
        pytest.skip(f"this pyarrow cannot write it: {error}")


@pytest.mark.parametrize("data_type", [pyarrow.string(), pyarrow.decimal128(9, 3), pyarrow.int8(), pyarrow.float16()])
def test_edges_of_a_bbox_of_any_type(data_type: pyarrow.DataType, tmp_path: Path) -> None:
    edges = {name: pyarrow.array([float(n)]).cast(data_type) for n, name in enumerate(("xmin", "ymin", "xmax", "ymax"))}
    box = pyarrow.StructArray.from_arrays(edges.values(), edges)
    table = pyarrow.Table.from_pylist(make_items(1)).drop_columns("bbox").append_column("bbox", box)
    pyarrow.parquet.write_table(table, tmp_path / "items.parquet")
    (item,) = fetched(tmp_path / "items.parquet")
    assert json.dumps(item["bbox"]) in ("[0, 1, 2, 3]", "[0.0, 1.0, 2.0, 3.0]")


def test_flat_and_spatial_bboxes_in_one_file_and_none(tmp_path: Path) -> None:
    edges = ("xmin", "ymin", "zmin", "xmax", "ymax", "zmax")
    items = [make_item("flat"), make_item("spatial"), make_item("none")]
    boxes = [[1.0, 2.0, None, 3.0, 4.0, None], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], None]
    rows = [
        {**item, "bbox": box and dict(zip(edges, box, strict=True))} for item, box in zip(items, boxes, strict=True)
    ]
    with_pyarrow(rows, tmp_path / "items.parquet")
    found = fetched(tmp_path / "items.parquet")
    assert [item.get("bbox") for item in found] == [[1.0, 2.0, 3.0, 4.0], boxes[1], None]
    assert "bbox" not in found[2]


GEOMETRIES = [
    "POINT (1 2)",
    "POINT Z (1 2 3)",
    "LINESTRING (1 2, 3 4)",
    "POLYGON ((0 0, 4 0, 4 4, 0 0), (1 1, 2 1, 2 2, 1 1))",
    "POLYGON Z ((0 0 1, 4 0 1, 4 4 1, 0 0 1))",
    "MULTIPOINT (1 2, 3 4)",
    "MULTILINESTRING ((1 2, 3 4), (5 6, 7 8))",
    "MULTIPOLYGON (((0 0, 4 0, 4 4, 0 0)), ((5 5, 6 5, 6 6, 5 5)))",
    "GEOMETRYCOLLECTION (POINT (1 2), GEOMETRYCOLLECTION (LINESTRING (1 2, 3 4)))",
]


def test_geometries_in_every_form_of_wkb(tmp_path: Path) -> None:
    """ISO and extended, of either byte order, with and without a reference system, and null."""
    rows, expected = [], []
    for text in GEOMETRIES:
        shape = shapely.set_srid(shapely.from_wkt(text), 4326)
        for options in ({"flavor": "iso"}, {"flavor": "extended"}, {"flavor": "extended", "include_srid": True}):
            for byte_order in (0, 1):
                rows.append(make_item("x", geometry=shapely.to_wkb(shape, byte_order=byte_order, **options)))
                expected.append(json.loads(shapely.to_geojson(shape)))
    rows.append(make_item("x", geometry=None))
    with_pyarrow(rows, tmp_path / "items.parquet")
    assert [item["geometry"] for item in fetched(tmp_path / "items.parquet")] == [*expected, None]


@pytest.mark.parametrize("kind", ["struct", "list"])
@pytest.mark.parametrize(
    ("depth", "geometry"),
    [
        (0, {"type": "Point", "coordinates": [1.0, 2.0]}),
        (1, {"type": "LineString", "coordinates": [[1.0, 2.0], [3.0, 4.0]]}),
        (2, {"type": "Polygon", "coordinates": [[[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 0.0]]]}),
        (3, {"type": "MultiPolygon", "coordinates": [[[[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 0.0]]]]}),
    ],
    ids=["Point", "LineString", "Polygon", "MultiPolygon"],
)
def test_geometries_as_geoarrow_has_them(depth: int, geometry: dict[str, Any], kind: str, tmp_path: Path) -> None:
    data_type: pyarrow.DataType = pyarrow.list_(pyarrow.float64(), 2)
    if kind == "struct":
        data_type = pyarrow.struct([("x", pyarrow.float64()), ("y", pyarrow.float64())])
    for _ in range(depth):
        data_type = pyarrow.list_(data_type)

    def positions(part: Any, level: int = depth) -> Any:
        if level:
            return [positions(inner, level - 1) for inner in part]
        return dict(zip("xy", part, strict=True)) if kind == "struct" else part

    table = pyarrow.Table.from_pylist([{k: v for k, v in item.items() if k != "geometry"} for item in make_items(3)])
    column = pyarrow.array([positions(geometry["coordinates"]), None, positions(geometry["coordinates"])], data_type)
    geo = {"version": "1.1.0", "columns": {"geometry": {"encoding": geometry["type"].lower()}}}
    table = table.append_column("geometry", column).replace_schema_metadata({"geo": json.dumps(geo)})
    write_if_it_can(table, tmp_path / "items.parquet")
    assert [item["geometry"] for item in fetched(tmp_path / "items.parquet")] == [geometry, None, geometry]


# Any layout of the file


@pytest.mark.parametrize("rows", [1, 7, 450, 1_000])
def test_row_groups_of_any_size(rows: int, tmp_path: Path) -> None:
    items = make_items(901)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(items), tmp_path / "items.parquet", row_group_size=rows)
    assert fetched(tmp_path / "items.parquet") == items


def test_a_large_footer_is_read_by_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row numbers, and what is null in every row, are those of the file."""
    items = make_items(41)
    for index, item in enumerate(items):
        item["properties"] |= {"proj:epsg": None if index < 40 else 32631, "proj:code": None, "odd": None}
        item["properties"] |= {f"a{number}": index for number in range(20)}
    path = tmp_path / "items.parquet"
    table = pyarrow.Table.from_pylist([{**item, **item.pop("properties")} for item in items])
    pyarrow.parquet.write_table(table, path, row_group_size=2)
    whole = fetched(path)
    assert len(whole) == 41
    assert "proj:epsg" not in whole[0]["properties"]
    assert whole[0]["properties"]["odd"] is None

    monkeypatch.setattr(footers, "WHOLE_BYTES", 0)
    monkeypatch.setattr(footers, "SHARE_BYTES", 20_000)
    footer = footers.large_footer(str(path))
    assert footer is not None
    assert 2 < len(list(footer.shares())) < 21
    assert fetched(path) == whole
    some = [
        (number, row["id"])
        for first, rows in items_of_parquet(str(path), 7, 12)
        for number, row in enumerate(rows, first)
    ]
    assert some == [(number, whole[number - 1]["id"]) for number in range(15, 25)]
    monkeypatch.setattr(footers, "SHARE_BYTES", 1_000_000)
    assert [share.num_row_groups for share in footer.shares()] == [21]


@pytest.mark.parametrize("remote", [False, True])
def test_a_footer_that_is_too_large_for_memory_is_not_read(tmp_path: Path, remote: bool) -> None:
    length = footers.MOST_BYTES + 1
    with open(path := tmp_path / "items.parquet", "w+b") as file:
        file.seek(length + 4)
        file.write(length.to_bytes(4, "little") + b"PAR1")
        file.flush()
        with pytest.raises(ValueError, match="its footer is larger than 256 MB"):
            list(items_of_parquet(file if remote else str(path)))


def test_a_footer_of_many_row_groups_of_few_columns_is_cut_in_spite_of_its_statistics(tmp_path: Path) -> None:
    """The header of a short list stands in statistics, too, by chance; here in every one."""
    columns = {"id": [""], "stac_version": ["1.0.0"] * 2_000, "type": ["Feature"] * 2_000}
    columns["id"] = [f"\0\x19\x4c{number:04}" for number in range(2_000)]  # a null, and a list of four objects
    path = tmp_path / "items.parquet"
    pyarrow.parquet.write_table(pyarrow.table({**columns, "x": range(2_000)}), path, row_group_size=1)
    footer = footers.large_footer(str(path))
    assert footer is not None
    assert sum(share.num_row_groups for share in footer.shares()) == 2_000
    assert [item["id"] for item in fetched(path)] == columns["id"]


@pytest.mark.parametrize("read_whole", [footers.WHOLE_BYTES, 0], ids=["small footer", "large footer"])
def test_nulls_and_times_take_no_kernels_of_arrow(read_whole: int, tmp_path: Path) -> None:
    """pyarrow.compute takes a quarter of a second and 12 MB; Arrow's own allocator 20 MB."""
    path = tmp_path / "items.parquet"
    properties = {"shape": [1, 2], "object": {"inner": {"deep": 1}, "list": [{"a": 1}, {"a": None}]}}
    rows = [
        {"type": "Feature", "stac_version": "1.0.0", "id": "a", "datetime": datetime(2024, 5, 1), **properties},
        {"type": "Feature", "stac_version": "1.0.0", "id": "b", "datetime": None, "shape": None, "object": None},
        {"type": "Feature", "stac_version": "1.0.0", "id": "c", "object": {"inner": None, "list": None}},
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    code = (
        "import sys; from stac_manager import IngestModule, WorkflowContext\n"
        f"from stac_manager.files.parquet import footers; footers.WHOLE_BYTES = {read_whole}\n"
        f"items = list(IngestModule(source={str(path)!r}).iter_items(WorkflowContext.create()))\n"
        "import pyarrow\n"
        "print('pyarrow.compute' in sys.modules, pyarrow.default_memory_pool().backend_name)\n"
        "print([item['properties'] for item in items])"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    kernels, found = told.stdout.splitlines()
    assert kernels == "False system"
    assert ast.literal_eval(found) == [
        {"datetime": "2024-05-01T00:00:00Z", "shape": [1, 2],
         "object": {"inner": {"deep": 1}, "list": [{"a": 1}, {}]}},
        {"datetime": None},
        {"datetime": None, "object": {}},
    ]  # fmt: skip


def test_dictionaries_and_large_types(tmp_path: Path) -> None:
    items = make_items(5)
    table = pyarrow.Table.from_pylist([{**item, "links": [{"href": "a"}], "stac_extensions": ["b"]} for item in items])
    for name, data_type in {
        "id": pyarrow.large_string(),
        "collection": pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
        "stac_extensions": pyarrow.large_list(pyarrow.large_string()),
        "bbox": pyarrow.list_(pyarrow.float64(), 4),
    }.items():
        table = table.set_column(table.column_names.index(name), name, table[name].cast(data_type))
    pyarrow.parquet.write_table(table, tmp_path / "items.parquet")
    expected = [{**item, "links": [{"href": "a"}], "stac_extensions": ["b"]} for item in items]
    assert fetched(tmp_path / "items.parquet") == expected


def test_objects_as_json_text(tmp_path: Path) -> None:
    items = make_items(3)
    del items[0]["bbox"]  # null in JSON: as all nulls of a column, no member
    text = ("geometry", "properties", "assets", "links", "bbox")
    with_pyarrow(
        [{**item, **{name: json.dumps(item.get(name)) for name in text}} for item in items], tmp_path / "x.parquet"
    )
    assert fetched(tmp_path / "x.parquet") == items


@pytest.mark.parametrize("data_type", [pyarrow.string(), pyarrow.binary()])
def test_nulls_as_json_text(data_type: pyarrow.DataType, tmp_path: Path) -> None:
    names = ("geometry", "assets", "links", "bbox", "proj:geometry")
    columns = {name: pyarrow.array(["null"], pyarrow.string()).cast(data_type) for name in names}
    pyarrow.parquet.write_table(pyarrow.table({"id": ["a"], "stac_version": ["1.0.0"], **columns}), tmp_path / "x.pq")
    item = {"type": "Feature", "stac_version": "1.0.0", "id": "a", "geometry": None, "assets": {}}
    assert fetched(tmp_path / "x.pq") == [{**item, "properties": {"datetime": None}}]


# Bad input


def test_no_rows(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(make_items(2)).slice(0, 0), tmp_path / "items.parquet")
    with pytest.raises(DataProcessingError, match="holds no item"):
        fetched(tmp_path / "items.parquet")


@pytest.mark.parametrize("missing", ["id", "stac_version"])
def test_missing_columns_are_named(missing: str, tmp_path: Path) -> None:
    table = pyarrow.Table.from_pylist(make_items(2)).drop([missing])
    whole = table.drop(["assets"]).add_column(1, "content", [["{}"] * 2])
    pyarrow.parquet.write_table(whole, tmp_path / "items.parquet")
    with pytest.raises(DataProcessingError, match=f"no column '{missing}'.*; if 'content' holds whole Items"):
        fetched(tmp_path / "items.parquet")
    if missing == "stac_version":  # as before 0.8.0
        pyarrow.parquet.write_table(table, tmp_path / "items.parquet")
        assert ids(fetched(tmp_path / "items.parquet")) == ids(make_items(2))
        module = IngestModule(source=tmp_path / "items.parquet", fields=["bbox"])
        item, _ = module.iter_items(WorkflowContext.create())
        assert set(item) == {"type", "id", "collection", "bbox"}


def test_a_bad_row_fails_alone(tmp_path: Path) -> None:
    shape = shapely.to_wkb(shapely.from_wkt("POLYGON ((0 0, 4 0, 4 4, 0 0))"))
    rows = [make_item(f"item-{index}", geometry=shape, properties=TIME) for index in range(6)]
    rows[1]["geometry"] = shape[:-1]
    rows[2]["geometry"] = b"\7 no WKB"
    rows[3]["id"] = None
    rows[4]["geometry"] = b""
    with_pyarrow(rows, tmp_path / "items.parquet")
    context = WorkflowContext.create()
    assert ids(fetched(tmp_path / "items.parquet", context)) == ["item-0", "item-5"]
    said = [failure.reason for failure in context.failure_collector.get_all()]
    assert [reason.partition(":")[0] for reason in said] == ["row 2", "row 3", "row 4", "row 5"]
    assert said[0].endswith("a geometry's WKB is cut short")
    assert "not WKB" in said[1]
    assert "no id" in said[2]
    assert "no bytes" in said[3]


def test_text_that_is_not_utf8_fails_alone(tmp_path: Path) -> None:
    items = make_items(3)
    table = pyarrow.Table.from_pylist(items)
    broken = pyarrow.array([b"scenes", b"K\xf6ln", b"scenes"]).view(pyarrow.string())
    table = table.set_column(table.column_names.index("collection"), "collection", broken)
    pyarrow.parquet.write_table(table, tmp_path / "items.parquet")
    context = WorkflowContext.create()
    assert fetched(tmp_path / "items.parquet", context) == [items[0], items[2]]
    (failure,) = context.failure_collector.get_all()
    assert failure.reason.startswith("row 2: 'utf-8' codec")


@cache
def four_items(writer: Writer) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        writer(make_items(4), Path(folder) / "items.parquet")
        return (Path(folder) / "items.parquet").read_bytes()


@pytest.mark.parametrize("writer", [with_stac_geoparquet, with_pyarrow])
@given(where=st.floats(0, 1, exclude_max=True), cut=st.booleans(), value=st.integers(0, 255))
def test_damage_is_a_failure_and_no_traceback(writer: Writer, where: float, cut: bool, value: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "items.parquet"
        data = bytearray(four_items(writer))
        at = int(where * len(data))
        data[at:] = b"" if cut else bytes((value, *data[at + 1 :]))
        path.write_bytes(data)
        context = WorkflowContext.create()
        try:
            assert len(fetched(path, context)) + len(context.failure_collector) > 0
        except DataProcessingError:
            assert not cut or "not a Parquet file" in str(context.failure_collector.get_all()[0])


PAGES: dict[str, Callable[[bytes], bytes]] = {
    "header": lambda page: b"\xff" * len(page),
    "values": lambda page: page[:-1] + bytes((page[-1] ^ 1,)),
    "a kind that is skipped": lambda page: page[:1] + b"\x12" + page[2:],
}


@pytest.mark.parametrize("damage", PAGES.values(), ids=PAGES)
@pytest.mark.parametrize(
    ("rows", "damaged", "lost"),
    [
        (3, [2], ["rows 7 to 9"]),
        (3, [0, 1, 39], ["rows 1 to 3", "rows 4 to 6", "rows 118 to 120"]),
        (50, [1], ["rows 51 to 100"]),
        (1, [5], ["row 6"]),
        (120, [0], ["rows 1 to 120"]),
    ],
)
def test_only_the_damaged_row_group_is_lost(
    damage: Callable[[bytes], bytes], rows: int, damaged: list[int], lost: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "items.parquet"
    items = make_items(120)
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pylist(items), path, row_group_size=rows, use_dictionary=False, write_page_checksum=True
    )
    data = bytearray(path.read_bytes())
    with pyarrow.parquet.ParquetFile(path) as file:
        leaf = next(leaf for leaf in range(len(file.schema)) if file.schema.column(leaf).path == "id")
        for group in damaged:
            found = file.metadata.row_group(group).column(leaf)
            place = slice(found.data_page_offset, found.data_page_offset + found.total_compressed_size)
            data[place] = damage(bytes(data[place]))
    path.write_bytes(data)
    context = WorkflowContext.create()
    with suppress(DataProcessingError):
        whole = [item for index, item in enumerate(items) if index // rows not in damaged]
        assert fetched(path, context) == whole
    said = [failure.reason.partition(": damaged: ")[0] for failure in context.failure_collector.get_all()]
    assert said == lost


@pytest.mark.parametrize("read_whole", [footers.WHOLE_BYTES, 0], ids=["small footer", "large footer"])
def test_rows_that_a_damaged_footer_hides_are_missed(
    read_whole: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(footers, "WHOLE_BYTES", read_whole)
    path = tmp_path / "items.parquet"
    columns = {"id": ["a", "b"], "stac_version": ["1.0.0"] * 2, "type": ["Feature"] * 2}
    pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=1, store_schema=False)
    whole = path.read_bytes()
    said = []
    for found in re.finditer(b"\x16\x02", whole):  # a field of the footer that is 1, such as the rows of a row group
        path.write_bytes(whole[: found.start()] + b"\x16\0" + whole[found.end() :])
        context = WorkflowContext.create()
        with suppress(DataProcessingError):
            assert len(fetched(path, context)) == 2 or len(context.failure_collector)
        said += [failure.reason for failure in context.failure_collector.get_all()]
    assert any("its rows end with 1, its footer says with 2" in each for each in said)


@pytest.mark.parametrize("read_whole", [footers.WHOLE_BYTES, 0], ids=["small footer", "large footer"])
def test_without_pyarrow_it_says_what_to_install(
    read_whole: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_pyarrow(make_items(1), tmp_path / "items.parquet")
    monkeypatch.setattr(footers, "WHOLE_BYTES", read_whole)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ConfigurationError, match=r"Parquet needs pyarrow\S*; pip install pyarrow"):
        fetched(tmp_path / "items.parquet")


def test_pyarrow_is_imported_for_parquet_alone(write: Callable[..., Path]) -> None:
    path = write("a.json", make_item("a"))
    program = (
        "import sys; from stac_manager import IngestModule, WorkflowContext;"
        f"assert list(IngestModule({{'source': {str(path)!r}}}).iter_items(WorkflowContext.create()));"
        "assert 'pyarrow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# Data sets of several files


def partitions(folder: Path) -> Items:
    items = make_items(600)
    items[450]["collection"] = "else"
    for index in range(3):
        part = folder / f"year={index}" / "part.parquet"
        part.parent.mkdir()
        with_stac_geoparquet(items[200 * index : 200 * (index + 1)], part)
    return items


async def test_globs_and_folders_file_by_file(tmp_path: Path) -> None:
    items = partitions(tmp_path)
    everything = str(tmp_path / "**" / "*.parquet")
    assert await fetch({"source": everything}) == items
    assert await fetch({"source": str(tmp_path / "year=1")}) == items[200:400]
    assert await fetch({"source": everything, "max_items": 450}) == items[:450]
    assert await fetch({"source": everything, "collection_id": "else"}) == [items[450]]


async def test_a_bad_file_among_good_ones_fails_alone(tmp_path: Path) -> None:
    items = partitions(tmp_path)
    (tmp_path / "year=1" / "part.parquet").write_bytes(b"PAR1 no")
    context = WorkflowContext.create()
    assert await fetch({"source": str(tmp_path / "*" / "*.parquet")}, context) == items[:200] + items[400:]
    (failure,) = context.failure_collector.get_all()
    assert failure.source == str(tmp_path / "year=1" / "part.parquet")


async def test_leaving_early_closes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    with_stac_geoparquet(make_items(1_000), path)
    stream = IngestModule({"source": str(path)}).fetch(WorkflowContext.create())
    assert (await anext(stream))["id"] == "item-000000"
    assert str(path) in [file.path for file in psutil.Process().open_files()]
    await stream.aclose()
    assert str(path) not in [file.path for file in psutil.Process().open_files()]


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system takes no hints on what will be read")
@pytest.mark.parametrize(("concurrency", "hinted"), [(1, 0), (2, 2), ("auto", 2)])
async def test_the_next_file_is_fetched_while_one_is_decoded(
    concurrency: int | str, hinted: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(3):
        with_pyarrow(make_items(2), tmp_path / f"{index}.parquet")
    advise = os.posix_fadvise
    said: list[tuple[str, int]] = []
    came: list[dict[str, Any]] = []

    def noted(descriptor: int, offset: int, length: int, advice: int) -> None:
        said.append((Path(os.readlink(f"/proc/self/fd/{descriptor}")).name, len(came)))
        advise(descriptor, offset, length, advice)

    monkeypatch.setattr(os, "posix_fadvise", noted)
    source = {"source": str(tmp_path), "concurrency": concurrency}
    async for item in IngestModule(source).fetch(WorkflowContext.create()):
        came.append(item)  # noqa: PERF401 - counted while it goes on
    assert len(came) == 6
    assert said == [("1.parquet", 0), ("2.parquet", 2)][:hinted]


def test_rows_that_hold_the_same_are_apart(tmp_path: Path) -> None:
    """What is converted once is the consumer's own in each row, and is wrong in each row."""
    assets = {"a": {"href": "a.tif", "roles": ["data"], "bands": [{"name": "B01"}], "deep": {"b": [[{"c": 1}]]}}}
    items = [{**make_item(str(number)), "assets": assets} for number in range(3)]
    with_pyarrow(items, tmp_path / "x.parquet")
    found = fetched(tmp_path / "x.parquet")
    assert found == items
    assert are_apart(found)

    broken = pyarrow.table({"id": ["1", "2", "3"], "stac_version": ["1.0.0"] * 3, "assets": ["{"] * 3})
    pyarrow.parquet.write_table(broken, tmp_path / "y.parquet")
    context = WorkflowContext.create()
    with pytest.raises(DataProcessingError):
        fetched(tmp_path / "y.parquet", context)
    assert [failure.reason.partition(":")[0] for failure in context.failure_collector.get_all()] == [
        "row 1",
        "row 2",
        "row 3",
    ]


def test_dictionaries_within_objects_over_several_row_groups(tmp_path: Path) -> None:
    """pandas' Categorical and polars' Enum: each row group has a dictionary of its own."""
    items = [{**make_item(str(number)), "properties": {"datetime": None, "kind": f"k{number}"}} for number in range(4)]
    table = pyarrow.Table.from_pylist(items)
    kind = pyarrow.array([f"k{number}" for number in range(4)]).dictionary_encode()
    column = pyarrow.StructArray.from_arrays([pyarrow.nulls(4), kind], ["datetime", "kind"])
    table = table.set_column(table.schema.get_field_index("properties"), "properties", column)
    pyarrow.parquet.write_table(table, tmp_path / "x.parquet", row_group_size=2)
    assert fetched(tmp_path / "x.parquet") == items


@pytest.mark.parametrize(
    "wkt",
    [
        "POINT (1 2)",
        "LINESTRING (0 0, 1 1)",
        "POLYGON Z ((0 0 5, 1 0 5, 1 1 5, 0 0 5))",
        "MULTIPOINT ((1 2), (3 4))",
        "MULTIPOLYGON (((0 0, 1 0, 1.5 -1, 0 0)), ((5 5, 6 5, 6 6, 5 5)))",
        "GEOMETRYCOLLECTION (POINT (1 2), POLYGON ((0 0, 4 0, 4 4, 0 0), (1 1, 2 1, 2 2, 1 1)))",
        "GEOMETRYCOLLECTION Z (GEOMETRYCOLLECTION Z (MULTIPOINT Z ((1 2 3), (4 5 6))), LINESTRING Z (0 0 1, 1 1 1))",
        "GEOMETRYCOLLECTION EMPTY",
    ],
)
def test_well_known_text(wkt: str, tmp_path: Path) -> None:
    table = pyarrow.table({"id": ["1"], "stac_version": ["1.0.0"], "geometry": [f"SRID=4326;{wkt}"]})
    pyarrow.parquet.write_table(table, tmp_path / "x.parquet")
    (item,) = fetched(tmp_path / "x.parquet")
    assert shapely.geometry.shape(item["geometry"]) == shapely.from_wkt(wkt)


@pytest.mark.parametrize(
    ("wkt", "said"),
    [
        ("GEOMETRYCOLLECTION (POINT (1 2)", "neither GeoJSON nor WKB nor WKT"),
        ("GEOMETRYCOLLECTION (POINT (1 2)), (POINT (3 4))", "WKT is broken"),
        ("GEOMETRYCOLLECTION ()", "neither GeoJSON nor WKB nor WKT"),
        (f"{'GEOMETRYCOLLECTION (' * 1000}POINT (1 2){')' * 1000}", "collections more than 16 deep"),
        (f"POINT{' ' * 1_000_000}x", "neither GeoJSON nor WKB nor WKT"),  # each would take hours otherwise
        (f"POINT ({'1' * 1_000_000})", "WKT is broken"),
        (f"MULTIPOINT ({'([' * 500_000})", "WKT is broken"),
    ],
)
def test_broken_collections_of_well_known_text(wkt: str, said: str, tmp_path: Path) -> None:
    table = pyarrow.table({"id": ["1"], "stac_version": ["1.0.0"], "geometry": [wkt]})
    pyarrow.parquet.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(DataProcessingError, match=said):
        fetched(tmp_path / "x.parquet")


@pytest.mark.parametrize(
    "data_type",
    [pyarrow.list_(pyarrow.uint8()), pyarrow.large_list(pyarrow.int8()), pyarrow.list_(pyarrow.uint8(), 21)],
    ids=str,
)
def test_geometries_as_lists_of_bytes(data_type: pyarrow.DataType, tmp_path: Path) -> None:
    wkb = shapely.to_wkb(shapely.Point(-1, 2.5))
    numbers = [each - 256 if each > 127 and "uint" not in str(data_type) else each for each in wkb]
    geometries = pyarrow.array([numbers, None, [None, *numbers[1:]]], data_type)
    columns = {"id": ["1", "2", "3"], "stac_version": ["1.0.0"] * 3, "geometry": geometries}
    write_if_it_can(pyarrow.table(columns), tmp_path / "x.parquet")
    context = WorkflowContext.create()
    found = [item["geometry"] for item in fetched(tmp_path / "x.parquet", context)]
    assert found == [{"type": "Point", "coordinates": [-1.0, 2.5]}, None]
    (failure,) = context.failure_collector.get_all()
    assert "row 3: a geometry is a list of bytes of which some are null" in failure.reason


@pytest.mark.parametrize("shredded", [{}, {"typed_value": 1}])
def test_a_variant_is_refused_by_name(shredded: dict[str, int], tmp_path: Path) -> None:
    variant = {"metadata": b"\1\0\0", "value": b"\0", **shredded}
    table = pyarrow.table({"id": ["1"], "stac_version": ["1.0.0"], "x:v": [variant]})
    pyarrow.parquet.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(DataProcessingError, match="column 'x:v' is a VARIANT, which is not read; write it as a struct"):
        fetched(tmp_path / "x.parquet")


def test_properties_that_are_a_variant_are_refused(tmp_path: Path) -> None:
    """DuckDB 2 writes them so, shredded. They came as the variant's own members."""
    row = {"id": "1", "stac_version": "1.0.0", "properties": {"metadata": b"\1\0\0", "value": b"\0"}}
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), tmp_path / "x.parquet")
    with pytest.raises(DataProcessingError, match="column 'properties' is a VARIANT, which is not read"):
        fetched(tmp_path / "x.parquet")


def test_geometries_in_a_form_that_is_not_read(tmp_path: Path) -> None:
    box = pyarrow.struct([("xmin", pyarrow.float64())])
    geometry = pyarrow.field("geometry", box, metadata={"ARROW:extension:name": "geoarrow.box"})
    schema = pyarrow.schema([("id", pyarrow.string()), ("stac_version", pyarrow.string()), geometry])
    table = pyarrow.Table.from_pylist([{"id": "1", "stac_version": "1.0.0", "geometry": {"xmin": 1.0}}], schema)
    pyarrow.parquet.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(DataProcessingError, match="geometries as 'box', which are not read; write them as WKB"):
        fetched(tmp_path / "x.parquet")
