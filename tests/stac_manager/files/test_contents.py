"""What a file holds is told by its first bytes and its first line, whatever its name."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from support import fetch, ids, make_item, make_items

from stac_manager import DataProcessingError, IngestModule, WorkflowContext
from stac_manager.files import compression

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Write = Callable[..., Path]
ITEMS = make_items(5)
LINES = "".join(json.dumps(item) + "\n" for item in ITEMS)
COLLECTION = {"type": "FeatureCollection", "features": ITEMS}
BEFORE_0_8 = {name: value for name, value in ITEMS[0].items() if name != "stac_version"}


def parquet(items: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(items), sink)
    return sink.getvalue()


def pretty(items: list[dict[str, Any]], before: str = "") -> str:
    return "".join(before + json.dumps(item, indent=1) + "\n" for item in items)


def tar(files: dict[str, Any]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as written:
        for name, item in files.items():
            data = json.dumps(item).encode() + b"\n"
            member = tarfile.TarInfo(name)
            member.size = len(data)
            written.addfile(member, io.BytesIO(data))
    return archive.getvalue()


CONTENTS: dict[str, tuple[str, str | bytes]] = {
    "NDJSON called .json": ("x.json", LINES),
    "a FeatureCollection on a line": ("x.ndjson", json.dumps(COLLECTION)),
    "FeatureCollections on lines": (
        "x.json",
        "".join(json.dumps({**COLLECTION, "features": [i]}) + "\n" for i in ITEMS),
    ),
    "an array on a line": ("x.ndjson", json.dumps(ITEMS)),
    "record separators (RFC 8142)": ("x.geojsons", "".join(f"\x1e{line}\n" for line in LINES.splitlines())),
    "record separators in .json": ("x.json", "".join(f"\x1e{line}\n" for line in LINES.splitlines())),
    "record separators, pretty": ("x.geojsonl", pretty(ITEMS, "\x1e")),
    "pretty-printed items in .ndjson": ("x.ndjson", pretty(ITEMS)),
    "pretty-printed items in .json": ("x.json", "\n" + pretty(ITEMS)),
    "pretty-printed items among lines": (
        "x.ndjson",
        LINES.splitlines()[0] + "\n" + pretty(ITEMS[1:3]) + json.dumps(ITEMS[3]) + pretty(ITEMS[4:]),
    ),
    "a pretty-printed page among lines": (
        "x.json",
        LINES.splitlines()[0] + "\r\n" + pretty([{**COLLECTION, "features": ITEMS[1:4]}]) + json.dumps(ITEMS[4]),
    ),
    "items without anything between them": ("x.json", LINES.replace("\n", "")),
    "items on one line of .ndjson": ("x.ndjson", LINES.replace("\n", "", 3)),
    "files of lines put together": ("x.ndjson", f"\ufeff{LINES}".rstrip().replace("\n", "\n\ufeff", 2)),
    "lines with commas behind them": ("x.ndjson", LINES.replace("\n", ",\n")),
    "lines with commas behind them in .json": ("x.json", LINES.rstrip().replace("\n", ",\r\n")),
    "commas before lines and between items on one": ("x.ndjson", LINES.replace("\n", "\n,", 2).replace("}\n{", "},{")),
    "pretty-printed items with commas between": ("x.ndjson", pretty(ITEMS).replace("\n}\n{", "\n},\n{")),
    "pretty-printed items with commas before them": ("x.json", "," + pretty(ITEMS).replace("\n}\n{", "\n}\n,{")),
    "pretty-printed files put together": ("x.json", f"\ufeff{pretty(ITEMS)}".replace("\n}\n{", "\n}\ufeff{")),
    "an array without brackets": ("x.ndjson", LINES.replace("\n", ",")),
    "line breaks of old Macintoshes": ("x.ndjson", LINES.replace("\n", "\r")),
    "an array of arrays": ("x.json", json.dumps([ITEMS[:1], [{**COLLECTION, "features": [ITEMS[1:]]}]])),
    "an array of pages": ("x.json", json.dumps([{**COLLECTION, "features": [item]} for item in ITEMS])),
    "pages in pages, ten deep": ("x.json", '{"features": [' * 10 + json.dumps(ITEMS)[1:-1] + "]}" * 10),
    "type at the end": ("x.json", json.dumps({"features": ITEMS, "type": "FeatureCollection"})),
    "repeated features": ("x.json", f'{{"features": {json.dumps(ITEMS[:2])}, "features": {json.dumps(ITEMS[2:])}}}'),
    "Parquet called .json": ("x.json", parquet(ITEMS)),
    "Parquet without a suffix": ("x", parquet(ITEMS)),
    "Parquet called .pq": ("x.pq", parquet(ITEMS)),
    "JSON called .parquet": ("x.parquet", json.dumps(COLLECTION)),
    "NDJSON called .parquet": ("x.parquet", LINES),
    "another suffix": ("x.txt", LINES),
}
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "gzip of two members and padding": lambda data: gzip.compress(data[:99]) + gzip.compress(data[99:]) + bytes(9),
    "zstd": zstd.compress,
    "zstd of two frames": lambda data: zstd.compress(data[:99]) + zstd.compress(data[99:]),
}


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("kind", CONTENTS)
async def test_contents(kind: str, packed: str, write: Write) -> None:
    name, content = CONTENTS[kind]
    data = content if isinstance(content, bytes) else content.encode()
    path = write(name, PACKED[packed](data))
    assert await fetch({"mode": "file", "source": str(path)}) == ITEMS


async def test_the_same_rule_for_large_documents(write: Write) -> None:
    """Larger than any buffer: read through a window, and compressed, too."""
    many = [make_item(f"{number:05}", filler="x" * 3_000) for number in range(1_000)]
    halves = f'{{"features": {json.dumps(many[:500])}, "x": 1, "features": {json.dumps(many[500:])}}}'
    for data in (
        halves,
        json.dumps(many),
        "".join(json.dumps(item) + "\n" for item in many),
        pretty(many, "\x1e"),
        pretty(many, ","),
        json.dumps(many)[1:-1],
    ):
        for pack in (bytes, gzip.compress, zstd.compress):
            assert await fetch({"source": str(write("x.json", pack(data.encode())))}) == many


async def test_blank_lines_before_a_value_are_looked_at_once(write: Write) -> None:
    """As often as there are of them, this would take minutes."""
    blank = b"\n" * 1_200_000
    assert await fetch({"source": str(write("x.json", blank + json.dumps(ITEMS[0]).encode()))}) == ITEMS[:1]


async def test_a_folder_of_compressed_files(write: Write, tmp_path: Path) -> None:
    for number, (suffix, pack) in enumerate({"gz": gzip.compress, "zst": zstd.compress}.items()):
        write(f"d/{number}.json.{suffix}", pack(json.dumps(ITEMS[number]).encode()))
        write(f"d/{number}.parquet.{suffix}", pack(parquet(ITEMS[number : number + 1])))
        write(f"d/{number}.txt.{suffix}", b"no data")
    assert len(await fetch({"source": str(tmp_path / "d")})) == 4


async def test_a_plan_takes_compressed_files_for_what_they_hold(write: Write, tmp_path: Path) -> None:
    alike, random = [ITEMS[0]] * 400, [make_item(f"{n}", filler=os.urandom(500).hex()) for n in range(400)]
    for name, items in ("x", alike), ("y", random):
        for suffix, pack in {"gz": gzip.compress, "zst": zstd.compress}.items():
            write(f"d/{name}.ndjson.{suffix}", pack(b"".join(json.dumps(item).encode() + b"\n" for item in items)))
    write("d/z.ndjson.gz", gzip.compress(b"")[:4] + bytes(2_000))  # damaged: a failure
    plan = await IngestModule(source=str(tmp_path / "d")).plan(partition_items=500)
    assert [round(partition.estimate or 0, -2) for partition in plan] == [400, 400, 400, 400]


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
async def test_what_is_cut_off_says_so_and_gives_what_precedes(pack: Callable[[bytes], bytes], write: Write) -> None:
    many = "".join(json.dumps(make_item(f"{n:05}", filler=str(hash(str(n)) ** 9))) + "\n" for n in range(3_000))
    data = pack(many.encode())
    context = WorkflowContext.create()
    found = ids(await fetch({"source": str(write("x.ndjson", data[: len(data) // 2]))}, context))
    assert found == [f"{n:05}" for n in range(len(found))]
    assert len(found) > 100
    (failure,) = context.failure_collector.get_all()
    assert "cut off" in failure.reason


@pytest.mark.parametrize("name", ["x.ndjson", "x.json"])
@pytest.mark.parametrize("content", [LINES, LINES.rstrip(), json.dumps(ITEMS), pretty(ITEMS, "")])
@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (lambda data: gzip.compress(data) + b"more", "are not gzip"),
        (lambda data: gzip.compress(data) + b"\x1f\x8b", "cut off after"),
        (lambda data: gzip.compress(data)[:-1], "cut off after"),
        (lambda data: gzip.compress(data) + gzip.compress(b"") * 10_002, "hold nothing"),
        (lambda data: zstd.compress(data) + b"more", "are not zstd"),
    ],
)
async def test_small_files_give_what_precedes_damage(
    name: str, content: str, damaged: Callable[[bytes], bytes], said: str, write: Write
) -> None:
    context = WorkflowContext.create()
    path = write(name, damaged(content.encode()))
    assert await fetch({"source": str(path)}, context) == ITEMS
    (failure,) = context.failure_collector.get_all()
    assert said in failure.reason


DICTIONARY = zstd.train_dict([json.dumps(item).encode() for item in make_items(200)], 1_024)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (gzip.compress(b"{}")[:5], "cut off"),
        (gzip.compress(b"{}")[:-8] + bytes(8), "damaged"),
        (zstd.compress(b"{}")[:5], "cut off"),
        (gzip.compress(gzip.compress(b"{}")), "gzip within gzip"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 40, "damaged"),
        (zstd.compress(b"{}", zstd_dict=DICTIONARY), "need the dictionary that they were written with; unpack them"),
    ],
    ids=["gzip cut", "gzip checksum", "zstd cut", "gzip twice", "zstd damaged", "zstd dictionary"],
)
async def test_damaged_archives(data: bytes, said: str, write: Write) -> None:
    for name in ("x.json", "x.parquet"):
        with pytest.raises(DataProcessingError, match=said):
            await fetch({"source": str(write(name, data))})


@pytest.mark.parametrize("name", ["x.json", "x.ndjson"])
async def test_an_archive_that_unpacks_to_too_much_is_refused(
    name: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "RATIO_FROM_BYTES", 1_000_000)
    bomb = zstd.compress(b" " * 30_000_000)
    with pytest.raises(DataProcessingError, match="1,000 times their size"):
        await fetch({"source": str(write(name, bomb))})


NOT_JSON = {
    "NaN": ('{"type": "Feature", "id": "a", "stac_version": "1.0.0", "x": NaN}', "NaN is not a number in JSON"),
    "Infinity": ('{"type": "Feature", "id": "a", "stac_version": "1.0.0", "x": [-Infinity]}', "-Infinity is not a"),
}


@pytest.mark.parametrize("form", ["%s", "[%s]", '{"features": [%s]}', "%s\n"])
@pytest.mark.parametrize("kind", NOT_JSON)
async def test_numbers_that_json_does_not_have(kind: str, form: str, write: Write) -> None:
    text, said = NOT_JSON[kind]
    for name in ("x.json", "x.ndjson"):
        with pytest.raises(DataProcessingError, match=said):
            await fetch({"source": str(write(name, form % text))})


async def test_not_a_number_in_parquet_fails_its_row_alone(tmp_path: Path) -> None:
    values = [1.0, float("nan"), None, float("-inf"), 1e300, 1e308]
    rows = [make_item(f"{n}", properties={"datetime": None, "x": x, "l": [x]}) for n, x in enumerate(values)]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "x.parquet")
    context = WorkflowContext.create()
    assert ids(await fetch({"source": str(tmp_path / "x.parquet")}, context)) == ["0", "2", "4", "5"]
    reasons = [failure.reason for failure in context.failure_collector.get_all()]
    assert [reason[:5] for reason in reasons] == ["row 2", "row 4"]
    assert "x holds nan, which JSON does not have" in reasons[0]


@pytest.mark.parametrize(
    ("item_id", "said"), [(42, "id must be a string, got 42"), (None, "got null"), ("", "its id is empty")]
)
async def test_ids_that_are_no_strings(item_id: object, said: str, write: Write) -> None:
    with pytest.raises(DataProcessingError, match=said):
        await fetch({"source": str(write("x.json", make_item("x") | {"id": item_id}))})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (LINES.encode("utf-16"), "UTF-16, not UTF-8"),
        (f"  {LINES}".encode("utf-16-be"), "UTF-16BE, not UTF-8"),
        (LINES.encode("utf-32-le"), "UTF-32LE, not UTF-8"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (bytes(5_000), "begins with zeros"),
        (json.dumps(ITEMS[0]).replace("item", "\xfc").encode("latin-1"), "Latin-1 for example: iconv"),
        (b"BZh91AY", "bzip2; unpack it first"),
        (zlib.compress(LINES.encode()), r"deflate \(zlib\); unpack it first"),
        (b"\xff\x06\0\0sNaPpY", "snappy; unpack it first"),
        (b"\xff\xff\xff\xff\x10\0\0\0", r"Arrow IPC \(a stream\); write it as Parquet"),
        (b"PK\x03\x04", "zip archive"),
        (b"PK\x05\x06", "zip archive"),
        (b"Rar!\x1a\x07", "rar archive; unpack it first"),
        (b"]\0\0\x80\0", "lzma; unpack it first"),
        (b"II*\0\x08\0\0\0", "an image; name the Items"),
        (b"\x89HDF\r\n", "HDF5 or NetCDF; name the Items"),
        (
            json.dumps({"source": "x", "rule": "document", "partitions": []}).encode(),
            "no type; this is a plan, not a sou",
        ),
        (b"<<<<<<< HEAD\n{}", "a conflict of git"),
        (b"\x16\0\0\0\x02id\0", "not (JSON|a Parquet file)"),  # BSON, no UTF-32
        (tar({"0.json": ITEMS[0], "1.json": ITEMS[1]}), "tar archive; unpack it first"),
        (gzip.compress(tar({"all.ndjson": ITEMS[0]})), "tar archive; unpack it first"),
        (b"ARROW1\0\0", "write it as Parquet"),
        (b"\n<!DOCTYPE html>", "error page"),
        (json.dumps({"items": ITEMS}).encode(), r"""jq -c '.\["items"\]\[\]'"""),
        (json.dumps({"a": {"b c": COLLECTION}}).encode(), r"""'.\["a"\]\["b c"\]\["features"\]\[\]'"""),
        (json.dumps({"_index": "x", "_source": ITEMS[0]}).encode(), r"""'.\["_source"\]'"""),
        (json.dumps({"key": "{", "value": json.dumps(ITEMS[0])}).encode(), r"""'.\["value"\] \| fromjson \| .'"""),
        (json.dumps([json.dumps(COLLECTION)]).encode(), r"""string .*'. \| fromjson \| .\["features"\]\[\]'"""),
        (json.dumps({"hits": {"hits": [{"_source": ITEMS[0]}]}}).encode(), r"""hits"\]\[\]\["_source"\]'"""),
        (json.dumps({item["id"]: item for item in ITEMS}).encode(), r"'.\[\]'"),
        (json.dumps(ITEMS[0] | {"stac_version": 1.0}).encode(), "stac_version must be a string, got 1.0"),
        (
            json.dumps(ITEMS[0] | {"geometry": "POINT (1 2)"}).encode(),
            f"geometry must be an object or null, got a string; its id is '{ITEMS[0]['id']}'",
        ),
        (json.dumps(ITEMS[0] | {"properties": []}).encode(), "properties must be an object or null, got an array"),
        (
            json.dumps({"type": "Feature", "stac_version": "1.0.0", "id": "a", "properties.datetime": None}).encode(),
            "its members are paths, such as 'properties.datetime'; write whole items",
        ),
        (json.dumps(BEFORE_0_8 | {"time": None}).encode(), "no stac_version .*OGC API record"),
        (
            json.dumps(BEFORE_0_8 | {"conformsTo": ["http://www.opengis.net/spec/json-fg-1"]}).encode(),
            "no stac_version",
        ),
    ],
)
async def test_what_is_not_read_names_the_way_out(content: bytes, said: str, write: Write) -> None:
    for name in ("x.json", "x.ndjson", "x.parquet"):
        with pytest.raises(DataProcessingError, match=said):
            await fetch({"source": str(write(name, content))})


async def test_items_before_0_8_0_name_no_version(write: Write) -> None:
    for links in ([], {"self": {"href": "x.json"}}):  # an object in 0.5
        item = BEFORE_0_8 | {"links": links}
        assert await fetch({"source": write("x.json", json.dumps(item))}) == [item]


async def test_large_items_on_one_line(write: Write) -> None:
    large = json.dumps(make_item("large", properties={"text": "x" * 1_100_000}))
    path = write("x.ndjson", f"{large} {large},\n{large}")
    context = WorkflowContext.create()
    assert len(await fetch({"source": path}, context)) == 3
    assert [failure.line for failure in context.failure_collector.get_all()] == [1]


async def test_all_failures_are_counted_and_the_first_ones_and_kinds_kept(write: Write) -> None:
    path = write("x.ndjson", "{}\n" * 5_000 + '{"type": "Feature", "id": 7}\n' * 3 + json.dumps(ITEMS[0]))
    module, context = IngestModule({"source": str(path)}), WorkflowContext.create()
    assert [item async for item in module.fetch(context)] == ITEMS[:1]
    kept = context.failure_collector.get_all()
    assert (len(context.failure_collector), module.stats.failures, len(kept)) == (5_003, 5_003, 1_001)
    assert (kept[999].line, kept[1_000].line) == (1_000, 5_001)


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**40 + 1, 2**64 - 1, -3.4028234663852886e38, 0.1 + 0.2])
async def test_numbers_of_any_length_are_exact(number: float, write: Write) -> None:
    """As `json.loads` has them, in items, lines and documents of any size."""
    nested = make_item("a", properties={"datetime": None, "list": [{"n": [number]}]})
    many = [
        make_item("b", properties={"datetime": None, "n": number}),
        nested,
        make_item("c", n=number, filler="x" * 9_000),
        *ITEMS,
    ] * 150
    contents = {
        "item.json": json.dumps(nested),
        "items.json": json.dumps(many[:9]),
        "large.json": json.dumps(many),
        "pages.json": json.dumps([{"features": many[:9]}]),
        "lines.ndjson": "".join(json.dumps(item) + "\n" for item in many[:9]),
        "one.ndjson": json.dumps(nested),
        "records.geojsons": pretty(many[:9], "\x1e"),
    }
    for name, text in contents.items():
        found = await fetch({"source": str(write(name, text))})
        assert json.dumps(found) == json.dumps(many[: len(found)] if len(found) > 1 else [nested]), name


@pytest.mark.parametrize("name", ["a.json", "a.ndjson"])
@pytest.mark.parametrize(
    "broken",
    [
        b'"type": "Feature", "id": "x"}',  # begins with what is a value by itself
        b'{"type": "Feature", "id": "x"',
        b'{"type" "Feature"}\n{"id" "x"}',
        b'{"id": "x", "stac_version" "1.0.0"}',
        b'{"id": "\\ud800"}',  # the standard library takes half a character for one
        b"true{}",
    ],
)
async def test_a_broken_first_line_costs_no_other_one(name: str, broken: bytes, write: Callable[..., Path]) -> None:
    path = write(name, b"\n".join([broken, *(json.dumps(make_item(f"i{n}")).encode() for n in range(3))]))
    context = WorkflowContext.create()
    assert ids(await fetch({"source": path}, context)) == ["i0", "i1", "i2"]
    lines = [failure.line for failure in context.failure_collector.get_all()]
    assert lines == list(range(1, 2 + broken.count(b"\n")))


async def test_a_broken_document_over_lines_is_not_one_of_lines(write: Callable[..., Path]) -> None:
    item = json.dumps(make_item("i0"))
    path = write("a.json", f'{{"type": "FeatureCollection", "features": [\n{item}\n{item}\n]}}')
    context = WorkflowContext.create()
    assert ids(await fetch({"source": path}, context)) == ["i0"]
    assert len(context.failure_collector) == 1


async def test_damage_behind_pretty_printed_items_keeps_its_line(write: Write) -> None:
    """A line that is cut off is tried together with those behind it, which are read all the same."""
    context = WorkflowContext.create()
    text = f'{LINES.splitlines()[0]}\n{pretty(ITEMS[1:2])}{{"id": [\n{pretty(ITEMS[2:3])}\n{{"type": "Feature", "x": '
    found = await fetch({"source": str(write("x.ndjson", text))}, context)
    assert found == ITEMS[:3]
    lines = [number for number, line in enumerate(text.split("\n"), 1) if line.endswith(('"id": [', '"x": '))]
    assert [failure.line for failure in context.failure_collector.get_all()] == lines


@pytest.mark.parametrize("several", [pretty, lambda values: "".join(map(json.dumps, values))])
async def test_a_failure_tells_which_of_several_values_it_is(
    several: Callable[[list[dict[str, Any]]], str], write: Write
) -> None:
    """They have no line each: of 10,000 pretty-printed Items, nothing told which one was none."""
    values = [*ITEMS[:3], {**ITEMS[3], "id": 3}, *ITEMS[4:], {"type": "FeatureCollection", "features": [7]}, {}]
    context = WorkflowContext.create()
    assert len(await fetch({"source": str(write("x.json", several(values)))}, context)) == len(ITEMS) - 1
    places = [failure.reason.partition(": ")[0] for failure in context.failure_collector.get_all()]
    assert places == ["value 3", "member 0", f"value {len(ITEMS) + 1}"]
