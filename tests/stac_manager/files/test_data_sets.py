"""Parquet as others write it: other primary columns, an index of pandas, parts and hive partitions; and its budgets."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import os
import re
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import shapely
from support import fetch, ids, make_item, make_items

from stac_manager import ConfigurationError, DataProcessingError, IngestModule, WorkflowContext
from stac_manager.files import compression
from stac_manager.files.parquet import row_groups

POINT = {"type": "Point", "coordinates": [1.0, 2.0]}
WKB = shapely.to_wkb(shapely.Point(1, 2))


def write(path: Path, rows: list[dict[str, Any]], **metadata: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pyarrow.Table.from_pylist(rows)
    table = table.replace_schema_metadata({name: json.dumps(value) for name, value in metadata.items()})
    pyarrow.parquet.write_table(table, path)


def row(item_id: str, **columns: Any) -> dict[str, Any]:
    return {"id": item_id, "stac_version": "1.0.0", "datetime": "2024-01-01T00:00:00Z", **columns}


@pytest.mark.parametrize("name", ["geom", "wkb_geometry", "the_geom"])
async def test_what_databases_call_the_geometry_is_one_without_metadata(name: str, tmp_path: Path) -> None:
    """DuckDB and Polars drop the metadata of what they write anew."""
    points = dict(zip("xy", POINT["coordinates"], strict=True)), WKB.hex(), "POINT (1 2)", json.dumps(POINT), POINT
    for form in points:
        write(tmp_path / "x.parquet", [row("a", **{name: form})])
        assert [each["geometry"] for each in await fetch({"source": str(tmp_path / "x.parquet")})] == [POINT]
    write(tmp_path / "x.parquet", [row("a", **{name: WKB})])
    for options in ({}, {"bbox": [0, 1, 2, 3]}, {"fields": ["geometry", "properties"]}):
        (item,) = await fetch({"source": str(tmp_path / "x.parquet"), **options})
        assert (item["geometry"], list(item["properties"])) == (POINT, ["datetime"])
    write(tmp_path / "x.parquet", [row("a", **{name: WKB, "geometry": json.dumps(POINT)})])
    (item,) = await fetch({"source": str(tmp_path / "x.parquet")})
    assert (item["geometry"], list(item["properties"])) == (POINT, ["datetime", name])


async def test_wkb_that_its_writer_calls_text_is_a_geometry(tmp_path: Path) -> None:
    """As ClickHouse does. The file was refused: 'utf-8' codec can't decode."""
    column = pyarrow.array([WKB, None]).view(pyarrow.string())
    table = pyarrow.Table.from_pylist([row("a"), row("b")]).append_column("geometry", column)
    pyarrow.parquet.write_table(table, tmp_path / "x.parquet")
    assert [item["geometry"] for item in await fetch({"source": str(tmp_path / "x.parquet")})] == [POINT, None]


async def test_the_primary_column_is_the_geometry_whatever_its_name(tmp_path: Path) -> None:
    box = {"xmin": 1.0, "ymin": 2.0, "xmax": 1.0, "ymax": 2.0}
    covering = {"bbox": {edge: ["cover", edge] for edge in box}}
    geo = {"primary_column": "geom", "columns": {"geom": {"encoding": "WKB", "covering": covering}}}
    write(tmp_path / "x.parquet", [row("a", geom=WKB, cover=box)], geo=geo)
    (item,) = await fetch({"source": str(tmp_path / "x.parquet")})
    assert (item["geometry"], item["bbox"]) == (POINT, [1.0, 2.0, 1.0, 2.0])
    assert list(item["properties"]) == ["datetime"]


async def test_what_covers_no_geometry_is_no_bbox(tmp_path: Path) -> None:
    """So GeoPandas covers what is null or empty. It came as an empty list."""
    edges = ("xmin", "ymin", "xmax", "ymax")
    covers = [dict.fromkeys(edges), dict.fromkeys(edges, 1.0), None]
    write(tmp_path / "x.parquet", [row("a", bbox=each) for each in covers])
    found = await fetch({"source": str(tmp_path / "x.parquet")})
    assert [item.get("bbox") for item in found] == [None, [1.0] * 4, None]
    assert ["bbox" in item for item in found] == [False, True, False]


async def test_a_date_outside_the_years_1_to_9999_fails_its_row_as_a_timestamp_does(tmp_path: Path) -> None:
    """DuckDB writes infinity as one. It came as '<value out of range: 2147483647>'."""
    columns = {name: [value] * 4 for name, value in row("a").items() if name != "id"} | {"id": list("abcd")}
    dates = pyarrow.array([19_782, 2**31 - 1, None, -719_163], pyarrow.int32()).view(pyarrow.date32())
    pyarrow.parquet.write_table(pyarrow.table({**columns, "day": dates}), tmp_path / "x.parquet")
    context = WorkflowContext.create()
    found = await fetch({"source": str(tmp_path / "x.parquet")}, context)
    assert {item["id"]: item["properties"].get("day") for item in found} == {"a": "2024-02-29", "c": None}
    reasons = [failure.reason for failure in context.failure_collector.get_all()]
    assert [reason.partition(" is not in ")[0] for reason in reasons] == ["row 2: a timestamp", "row 4: a timestamp"]


async def test_a_failure_says_once_what_is_wrong_with_a_row(tmp_path: Path) -> None:
    write(tmp_path / "x.parquet", [row("a", numbers=[float("nan")] * 1_000), row("b", numbers=[1.0])])
    context = WorkflowContext.create()
    assert ids(await fetch({"source": str(tmp_path / "x.parquet")}, context)) == ["b"]
    (failure,) = context.failure_collector.get_all()
    assert failure.reason == "row 1: a list holds nan, which JSON does not have"


@pytest.mark.parametrize("conditions", [{}, {"datetime": "2024"}])
async def test_no_footer_stays_in_memory_until_garbage_is_collected(tmp_path: Path, conditions: dict[str, Any]) -> None:
    for number in range(3):
        write(tmp_path / f"{number}.parquet", [row(f"{number}")])
    gc.collect()
    gc.disable()
    try:
        assert len(await fetch({"source": str(tmp_path), **conditions})) == 3
        assert not [each for each in gc.get_objects() if isinstance(each, pyarrow.parquet.FileMetaData)]
    finally:
        gc.enable()


async def test_an_index_of_pandas_is_no_member_unless_it_is_named_as_one(tmp_path: Path) -> None:
    pandas = {"index_columns": ["__index_level_0__", "fid", "id", "datetime"]}
    write(tmp_path / "x.parquet", [row("a", __index_level_0__=7, fid=8, n=9)], pandas=pandas)
    (item,) = await fetch({"source": str(tmp_path / "x.parquet")})
    assert item["id"] == "a"
    assert item["properties"] == {"datetime": "2024-01-01T00:00:00Z", "n": 9}


async def test_the_copy_of_the_self_link_of_stac_geoparquet_is_no_property(tmp_path: Path) -> None:
    write(tmp_path / "x.parquet", [row("a", links=[{"rel": "self", "href": "x"}], self_link="x")])
    (item,) = await fetch({"source": str(tmp_path / "x.parquet")})
    assert list(item["properties"]) == ["datetime"]


async def test_an_asset_is_never_null(tmp_path: Path) -> None:
    assets = [{"data": {"href": "x", "title": None}, "thumb": None}, {"data": None, "thumb": None}]
    write(tmp_path / "x.parquet", [row(str(n), assets=each) for n, each in enumerate(assets)])
    found = await fetch({"source": str(tmp_path / "x.parquet")})
    assert [item["assets"] for item in found] == [{"data": {"href": "x", "title": None}}, {}]


async def test_folders_of_parts_and_hive_partitions(tmp_path: Path) -> None:
    write(tmp_path / "d" / "b.parquet" / "part.0.parquet", [row("parts")])
    write(tmp_path / "d" / "a.parquet", [row("file")])
    hive = tmp_path / "d" / "collection=my%20scenes"
    write(hive / "year=2024" / "0.parquet", [row("hive", collection=None), row("x", collection="own")])
    write(hive / "_temporary" / "0.parquet", [row("no")])
    (tmp_path / "d" / "b.parquet" / "_SUCCESS").touch()
    (tmp_path / "d" / "b.parquet" / "_metadata.parquet").touch()
    context = WorkflowContext.create()
    found = await fetch({"source": str(tmp_path / "d")}, context)
    assert len(context.failure_collector) == 0
    assert {item["id"]: item.get("collection") for item in found} == {
        "file": None, "parts": None, "hive": "my scenes", "x": "own",
    }  # fmt: skip
    assert all("year" not in {**item, **item["properties"]} for item in found)
    assert ids(await fetch({"source": str(tmp_path / "d" / "*.parquet")})) == ["file", "parts"]


ASSETS = {"a": {"href": "x", "roles": ["data"]}}
LINKS = [{"rel": "self", "href": "x"}]


@pytest.mark.parametrize(
    "columns",
    [
        {"id": b"a", "stac_version": b"1.0.0", "type": b"Feature", "collection": b"c"},
        {"id": b"a", "datetime": row("")["datetime"].encode(), "links": [{"rel": b"self", "href": b"x"}]},
        {"id": b"a", "assets": {"a": {"href": b"x", "roles": [b"data"]}}, "n": b"\xff", "s": "caf\xe9".encode()},
        {"assets": json.dumps({**ASSETS, "b": None})},
        {"assets": {"a": json.dumps(ASSETS["a"]), "b": "null"}},
        {"assets": json.dumps(ASSETS).encode(), "links": json.dumps(LINKS).encode()},
        {"assets": {"a": json.dumps(ASSETS["a"])}, "links": [json.dumps(LINKS[0])]},
        {"bbox": dict(zip(("minx", "miny", "maxx", "maxy"), (1.0, 2.0, 1.0, 2.0), strict=True))},
        {"bbox": dict(zip(("west", "south", "east", "north"), (1.0, 2.0, 1.0, 2.0), strict=True))},
        {"bbox": dict(zip(("left", "bottom", "right", "top"), (1.0, 2.0, 1.0, 2.0), strict=True))},
        {"bbox": dict(zip(("Y_MAX", "X_MAX", "Y_MIN", "X_MIN"), (2.0, 1.0, 2.0, 1.0), strict=True))},
        {"bbox": dict(zip(("left", "bottom", "right", "top", "_"), (1.0, 2.0, 1.0, 2.0, 5.0), strict=True))},
        {"bbox": dict(zip(("xmin", "ymin", "xmax", "ymax", "X_MIN"), (1.0, 2.0, 1.0, 2.0, 5.0), strict=True))},
        {"properties_count": 3, "properties:note": "s"},
        {"assets": [{"key": key, "value": asset} for key, asset in ASSETS.items()]},
        {"geometry": WKB.hex()},
        {"geometry": dict(zip("xy", POINT["coordinates"], strict=True))},
        {"geometry": json.dumps(POINT)},
        {"geometry": json.dumps(POINT).encode()},
        {"geometry": b"POINT (1 2)"},
        {"geometry": WKB.hex().encode()},
        {"geometry": f"\\x{WKB.hex()}"},
        {"geometry": f"0x{WKB.hex().upper()}"},
    ],
)
async def test_columns_in_the_types_of_other_writers(columns: dict[str, Any], tmp_path: Path) -> None:
    plain = {"collection": "c", "assets": ASSETS, "links": LINKS, "bbox": [1.0, 2.0, 1.0, 2.0], "geometry": WKB}
    write(tmp_path / "x.parquet", [row("a", **plain) | columns])
    (item,) = await fetch({"source": str(tmp_path / "x.parquet")})
    expected = {"id": "a", "stac_version": "1.0.0", "type": "Feature", **plain, "geometry": POINT}
    said = {"n": "/w==", "s": "caf\xe9"} if "n" in columns else {}
    said |= {name: value for name, value in columns.items() if name.startswith("properties")}
    assert item == {**expected, "properties": {"datetime": "2024-01-01T00:00:00Z", **said}}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            {"geometry": "CIRCLE (1 2)"},
            r"geometry holds text that is neither GeoJSON nor WKB nor WKT: 'CIRCLE \(1 2\)'",
        ),
        ({"assets": "{'a': 1}"}, "assets holds text that is not JSON"),
        ({"properties.datetime": "2024-01-01T00:00:00Z"}, "its columns are paths, such as 'properties.datetime'"),
        ({"properties_datetime": "2024-01-01T00:00:00Z"}, "its columns are paths, such as 'properties_datetime'"),
        ({"geometry": WKB}, "its geometries are in EPSG:3857, not in longitude and latitude"),
    ],
)
async def test_columns_that_would_make_wrong_items_are_refused(
    columns: dict[str, Any], said: str, tmp_path: Path
) -> None:
    crs = {"type": "ProjectedCRS", "id": {"authority": "EPSG", "code": 3857}}
    geo = {"primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB", "crs": crs}}}
    write(tmp_path / "x.parquet", [row("a", **columns)], **({"geo": geo} if columns.get("geometry") == WKB else {}))
    with pytest.raises(DataProcessingError, match=said):
        await fetch({"source": str(tmp_path / "x.parquet")})


@contextmanager
def geoarrow_known(storage: pyarrow.DataType, name: str, metadata: str) -> Iterator[pyarrow.ExtensionType]:
    """Tell pyarrow of an extension type of GeoArrow, which it does not know by itself, for a while."""

    class Geometry(pyarrow.ExtensionType):
        def __init__(self, said: bytes) -> None:
            self._said = said
            super().__init__(storage, f"geoarrow.{name}")

        def __arrow_ext_serialize__(self) -> bytes:
            return self._said

        @classmethod
        def __arrow_ext_deserialize__(cls, storage_type: pyarrow.DataType, said: bytes) -> Geometry:
            return cls(said)

    kind = Geometry(metadata.encode())
    pyarrow.register_extension_type(kind)
    try:
        yield kind
    finally:
        pyarrow.unregister_extension_type(f"geoarrow.{name}")


UTM = {"type": "ProjectedCRS", "name": "UTM"}


@pytest.mark.parametrize(
    ("crs", "said"),
    [
        ({"type": "BoundCRS", "source_crs": UTM}, "a projection ('UTM')"),
        ({"type": "CompoundCRS", "components": [UTM, {"type": "VerticalCRS"}]}, "a projection ('UTM')"),
        ({"id": {"authority": "EPSG", "code": 2056}}, "EPSG:2056"),
        (
            {"type": "GeodeticCRS", "name": "E", "coordinate_system": {"subtype": "Cartesian"}},
            "a projection ('E')",
        ),
        ("EPSG:3857", "EPSG:3857"),
        ("urn:ogc:def:crs:EPSG::32633", "EPSG:32633"),
        ("srid:3857", "EPSG:3857"),
        ('PROJCS["UTM"]', "a projection ('PROJCS[\"UTM\"]')"),
        (json.dumps(UTM), "a projection ('UTM')"),
        ("EPSG:4326", None),
        ("EPSG:3906", None),
        ("OGC:CRS84", None),
        ('GEOGCRS["WGS 84"]', None),
        ({"type": "GeographicCRS", "id": {"authority": "EPSG", "code": 4258}}, None),
        ({"type": "CompoundCRS", "components": [{"type": "GeographicCRS"}, {"type": "VerticalCRS"}]}, None),
        ({"type": "BoundCRS", "source_crs": None}, None),
        ("{", None),
    ],
)
async def test_projected_geometries_are_refused_however_their_system_is_said(
    crs: Any, said: str | None, tmp_path: Path
) -> None:
    """In `geo` metadata, in those of extension types of Arrow, and in Parquet's own type, which has no others."""
    geo = {"primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB", "crs": crs}}}
    write(tmp_path / "geo.parquet", [row("a", geometry=WKB)], geo=geo)
    with geoarrow_known(pyarrow.binary(), "wkb", json.dumps({"crs": crs})) as wkb:
        geometries = pyarrow.ExtensionArray.from_storage(wkb, pyarrow.array([WKB], pyarrow.binary()))
        table = pyarrow.Table.from_pylist([row("a")]).append_column("geom", geometries)
        pyarrow.parquet.write_table(table, tmp_path / "arrow.parquet")
        if isinstance(crs, str):
            pyarrow.parquet.write_table(table, tmp_path / "own.parquet", store_schema=False)
    for path in tmp_path.iterdir():
        if said is None:
            (item,) = await fetch({"source": str(path)})
            assert (item["geometry"], list(item["properties"])) == (POINT, ["datetime"])
        else:
            with pytest.raises(DataProcessingError, match=re.escape(f"geometries are in {said}, not in longitude")):
                await fetch({"source": str(path)})


async def test_coordinates_of_a_type_that_pyarrow_was_told_of(tmp_path: Path) -> None:
    """It then hands over arrays of that type, as where a program has imported `geoarrow.pyarrow`."""
    storage = pyarrow.list_(pyarrow.float64(), 2)
    with geoarrow_known(storage, "point", "{}") as point:
        geometries = pyarrow.ExtensionArray.from_storage(point, pyarrow.array([[1.0, 2.0]], storage))
        table = pyarrow.Table.from_pylist([row("a")]).append_column("geometry", geometries)
        pyarrow.parquet.write_table(table, tmp_path / "x.parquet")
        (item,) = await fetch({"source": str(tmp_path / "x.parquet")})
    assert item["geometry"] == POINT


@pytest.mark.parametrize("log", ["_delta_log/0.json", "metadata/v1.metadata.json", ".hoodie/hoodie.properties"])
async def test_tables_that_keep_deleted_rows_are_not_read_as_folders(log: str, tmp_path: Path) -> None:
    table = tmp_path / "above" / "t.parquet"
    write(table / "data" / "old.parquet", [row("deleted")])
    write(tmp_path / "above" / "x.parquet", [row("a")])
    (table / log).parent.mkdir()
    (table / log).touch()
    (table / "data" / "first.json").write_text(json.dumps(make_item("b")))
    with pytest.raises(ConfigurationError, match=r"a table of (Delta|Iceberg|Hudi).* a glob: '.*/\*\*/\*\.parquet'"):
        await fetch({"source": str(table)})
    context = WorkflowContext.create()
    assert ids(await fetch({"source": str(tmp_path / "above")}, context)) == ["a"]
    assert [failure.source for failure in context.failure_collector.get_all()] == [str(table)]
    for source in table / "**" / "*.parquet", table / "data", table / "data" / "old.parquet":
        module = IngestModule({"source": str(source)})
        assert ids([item async for item in module.fetch(WorkflowContext.create())])[-1] == "deleted"
        (note,) = module.stats.notes
        assert note.startswith(f"{table} is a table of ")
    (table / "data" / "old.parquet").unlink()
    for source in table / "data", table / "**" / "f*.json":
        module = IngestModule({"source": str(source)})
        assert ids([item async for item in module.fetch(WorkflowContext.create())]) == ["b"]
        assert module.stats.notes == []


async def test_a_folder_with_data_below_it_names_the_glob_that_finds_them(tmp_path: Path) -> None:
    write(tmp_path / "2024" / "part.parquet", [row("a")])
    (tmp_path / "2024" / "_delta_log").mkdir()
    (tmp_path / "2024" / "_delta_log" / "0.json").touch()  # no data
    with pytest.raises(ConfigurationError, match=r"give a glob: '.*/\*\*/\*\.parquet'"):
        await fetch({"source": str(tmp_path)})


async def test_small_files_that_unpack_to_too_much_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a tenth of the bounds, so that no such file takes seconds to write."""
    for name in ("MOST_BYTES_OF_SMALL_FILES", "MOST_ROWS_OF_SMALL_FILES"):
        monkeypatch.setattr(row_groups, name, getattr(row_groups, name) // 10)
    path = tmp_path / "x.parquet"
    for count, filler, said in ((300, "z" * 100_000, "unpacks to"), (500_000, "z", "claims 500,000 rows")):
        columns = {name: pyarrow.repeat("x", count) for name in ("id", "stac_version")}
        big = pyarrow.repeat(filler, count)
        options = {"use_dictionary": count > 300, "row_group_size": count}
        pyarrow.parquet.write_table(pyarrow.table({**columns, "big": big}), path, compression="zstd", **options)
        with pytest.raises(DataProcessingError, match=said):
            await fetch({"source": str(path), "max_items": 5})


@pytest.mark.parametrize("concurrency", [1, 50])
async def test_a_fetch_waits_where_no_more_files_can_be_opened(concurrency: int, tmp_path: Path) -> None:
    for item in make_items(100):
        (tmp_path / f"{item['id']}.json").write_text(json.dumps(make_item(item["id"])))
    context, held, found = WorkflowContext.create(), [], []
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 60, limits[1]))

    async def let_go() -> None:
        await asyncio.sleep(0.2)
        while held:
            os.close(held.pop())

    try:
        async for item in IngestModule({"source": tmp_path, "concurrency": concurrency}).fetch(context):
            found.append(item["id"])
            if len(found) == 5:
                try:
                    while True:
                        held.append(os.open(os.devnull, os.O_RDONLY))
                except OSError:
                    releasing = asyncio.create_task(let_go())
        await releasing
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        while held:
            os.close(held.pop())
    assert (len(found), len(context.failure_collector)) == (100, 0)


@pytest.mark.parametrize("fields", [None, ["id"]])
async def test_a_hive_partition_gives_its_collection_to_items_of_every_format(
    fields: list[str] | None, tmp_path: Path
) -> None:
    folder = tmp_path / "collection=scenes"
    folder.mkdir()
    items = [make_item(name) for name in ("one", "line", "own")]
    for item in items[:2]:
        del item["collection"]
    items[2]["collection"] = "own"
    (folder / "1.json").write_text(json.dumps(items[0]))
    (folder / "2.ndjson").write_text(json.dumps(items[1]))
    (folder / "3.json").write_text(json.dumps(items[2]))
    source = {"source": tmp_path, "fields": fields}
    assert [item["collection"] for item in await fetch(source)] == ["scenes", "scenes", "own"]
    assert ids(await fetch({**source, "collection_id": "scenes"})) == ["one", "line"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("part-00000", r"for all files in it, such as '.*part-00000', give a glob: '.*/\*'"),
        ("all.tar.gz", r"it holds '.*all.tar.gz': unpack that first"),
        ("all.ndjson.bz2", "unpack that first"),
        ("part-00000.json.snappy", "unpack that first"),
        *((f"all.ndjson.{codec}", "unpack that first") for codec in ("lzma", "lz", "Z", "zz", "zlib")),
        *((f"all.{archive}", "unpack that first") for archive in ("tbz2", "txz", "tzst")),
        ("below", r"holds no file$"),
        ("below/part-00000", r"for files in folders below it, give a glob: '.*/\*\*/\*"),
    ],
)
async def test_a_folder_without_data_files_names_what_it_holds(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    if name == "below":
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).touch()
        (tmp_path / "_SUCCESS").touch()
    with pytest.raises(ConfigurationError, match=said):
        await fetch({"source": str(tmp_path)})


@pytest.mark.parametrize("pattern", ["", "*", "**/*"])
async def test_archives_and_copies_beside_data_files_are_named(pattern: str, tmp_path: Path) -> None:
    """`zstd` keeps what it packs, and web servers want both: each Item came twice."""
    for name in ("b.zip", "c.tgz", "readme.txt"):
        (tmp_path / name).touch()
    (tmp_path / "a.json").write_text(json.dumps(make_item("a")))
    for name in ("a.json.gz", "d.json.gz"):
        (tmp_path / name).write_bytes(gzip.compress(json.dumps(make_item(name[0])).encode()))
    (tmp_path / "a.json.zst").write_bytes(compression.zstd().compress((tmp_path / "a.json").read_bytes()))
    module = IngestModule({"source": tmp_path / pattern})
    assert [item["id"] async for item in module.fetch(WorkflowContext.create())] == ["a", "d"]
    assert module.stats.notes == [
        f"2 archives not read, the first: {tmp_path / 'b.zip'}; unpack it first",
        f"2 compressed files not read, the first: {tmp_path / 'a.json.gz'}; what it was made of is beside it",
    ]
    assert len(await fetch({"source": tmp_path / "*.gz"})) == 2


@pytest.mark.parametrize(
    ("packed", "expected"),
    [
        (lambda a, b: gzip.compress(b), ["a", "b"]),  # as many bytes
        (lambda a, b: gzip.compress(b) + gzip.compress(a), ["a", "b", "a"]),  # the last member is a copy
        (lambda a, b: compression.zstd().compress(a) + compression.zstd().compress(b), ["a", "a", "b"]),
        (lambda a, b: gzip.compress(a[:-9]) + gzip.compress(a[-9:]), ["a"]),  # a copy in two members
        (lambda a, b: gzip.compress(a[:-1]), ["a", "a"]),
        (lambda a, b: gzip.compress(a + b), ["a", "a", "b"]),
        (lambda a, b: a, ["a", "a"]),  # not compressed at all
    ],
)
@pytest.mark.parametrize("pattern", ["", "*"])
async def test_what_is_only_called_a_copy_is_read(
    packed: Callable[[bytes, bytes], bytes], expected: list[str], pattern: str, tmp_path: Path
) -> None:
    first, second = (json.dumps(make_item(name)).encode() + b"\n" for name in "ab")
    (tmp_path / "x.ndjson").write_bytes(first)
    (tmp_path / "x.ndjson.gz").write_bytes(packed(first, second))
    assert ids(await fetch({"source": tmp_path / pattern})) == expected


async def test_names_of_other_writers_are_data(tmp_path: Path) -> None:
    for number, name in enumerate(("a.parq", "b.parquet.snappy", "c.parquet.gzip")):
        write(tmp_path / name, [row(str(number))])
    (tmp_path / "d.jsonlines").write_text(json.dumps(make_item("3")))
    for number, name in enumerate(("e.parquet/part-00000", "f/dt=1/000000_0", "f/dt=1/20240101_0_ab.gz"), 4):
        write(tmp_path / name, [row(str(number))])
    for name in ("f/_SUCCESS", "f/dt=1/README.md", "f/dt=1/_SUCCESS", "f/dt=2/README.md", "f/dt=2/LICENSE"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert ids(await fetch({"source": tmp_path})) == ["0", "1", "2", "3", "4"]
    for source, expected in ("e.parquet/", ["4"]), ("f", ["5", "6"]), ("f/dt=1", ["5", "6"]), ("f/*", ["5", "6"]):
        assert ids(await fetch({"source": f"{tmp_path}/{source}"}, context := WorkflowContext.create())) == expected
        assert not context.failure_collector.get_all()


async def test_a_glob_that_matches_no_data_suffix_means_what_it_matches(tmp_path: Path) -> None:
    for name in ("part-00000", "part-00001"):
        (tmp_path / name).write_text(json.dumps(make_item(name)))
    (tmp_path / "_SUCCESS").touch()
    assert ids(await fetch({"source": str(tmp_path / "*")})) == ["part-00000", "part-00001"]
    (tmp_path / "a.json").write_text(json.dumps(make_item("a")))
    assert ids(await fetch({"source": str(tmp_path / "*")})) == ["a"]


async def test_a_folder_that_cannot_be_listed_is_a_failure_and_one_in_itself_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "x" / "a.parquet", [row("a")])
    (tmp_path / "x" / "closed.parquet").mkdir()
    (tmp_path / "x" / "loop.parquet").symlink_to(".")
    scandir = os.scandir

    def denied(folder: str) -> object:
        if folder.endswith("closed.parquet"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", denied)
    context = WorkflowContext.create()
    assert ids(await fetch({"source": str(tmp_path / "x")}, context)) == ["a"]
    (failure,) = context.failure_collector.get_all()
    assert str(failure) == f"{tmp_path / 'x' / 'closed.parquet'}: cannot be listed: Permission denied"


async def test_rows_of_whole_items_without_a_type_are_items(tmp_path: Path) -> None:
    write(tmp_path / "x.parquet", [{"id": "a", "stac_version": "1.0.0", "properties": {"datetime": None}}])
    (item,) = await fetch({"source": str(tmp_path / "x.parquet")})
    assert (item["type"], item["properties"]) == ("Feature", {"datetime": None})
