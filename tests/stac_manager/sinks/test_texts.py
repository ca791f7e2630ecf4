"""Items are written with their own text where that is a line of JSON, and are the same as those that are delivered.

Of long ones, the sink reads only a part. It must never be noticed.
"""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import make_item, real_item_files

from stac_manager import IngestModule, WorkflowContext
from stac_manager.context import FailureCollector
from stac_manager.files import batches
from stac_manager.files.document_failures import DocumentFailures
from stac_manager.parsing import text_items
from stac_manager.parsing.items import is_plain_item
from stac_manager.parsing.text_items import TextItemReader
from stac_manager.parsing.texts import TextItem, Texts, text_of, whole
from stac_manager.parsing.window import Window
from stac_manager.protocols import Item
from stac_manager.sinks import Sink, write

SPACED = json.dumps(make_item("spaced"))
COMPACT = json.dumps(make_item("compact"), separators=(",", ":"))
INDENTED = json.dumps(make_item("indented"), indent=1)
LARGE = json.dumps(make_item("large") | {"assets": {"a": {"href": "x", "size": 2**70}}})
LARGE_PROPERTY = json.dumps(make_item("large-property", properties={"datetime": None, "number": 2**70}))
COLLECTION = json.dumps({"type": "FeatureCollection", "features": [make_item("a"), make_item("b")]})
WITHOUT_COLLECTION = json.dumps(make_item("bare") | {"collection": None})

KEPT = [
    ("items.ndjson", f"{SPACED}\n{COMPACT}\n"),
    ("items.ndjson", f"{SPACED}\n\n{COMPACT}"),
    ("items.ndjson", f"{LARGE}\n{LARGE_PROPERTY}\n"),
    ("items/a.json", SPACED),
    ("items/a.json", LARGE_PROPERTY),
    ("items/a.json", f"{COMPACT}\n"),
]
MADE_ANEW = [
    ("items.ndjson", SPACED.replace(", ", ",\r ", 1) + f"\n{COMPACT}\n"),
    ("items.ndjson", f"{COLLECTION}\n{COMPACT}\n"),
    ("items.ndjson", LARGE_PROPERTY.replace(", ", ",\r ", 1) + f"\n{SPACED}\n"),
    ("items.ndjson", f"{SPACED}\n{{}}\n[{COMPACT}]\nno JSON\n"),
    ("items.ndjson", f"\x1e{INDENTED}\n\x1e{COMPACT}\n"),
    ("collection=given/items.ndjson", f"{WITHOUT_COLLECTION}\n{SPACED}\n"),
    ("items/a.json", INDENTED),
    ("items/a.json", json.dumps(json.loads(LARGE_PROPERTY), indent=1)),
    ("items/a.json", COLLECTION),
    ("items/a.json", f"\ufeff{SPACED}"),
]


def delivered(source: Path) -> tuple[list[Item], list[str]]:
    context = WorkflowContext.create()
    items = list(IngestModule(source=source).iter_items(context))
    return items, [str(failure) for failure in context.failure_collector.get_all()]


def written(source: Path, folder: Path) -> tuple[list[str], tuple[str, ...]]:
    manifest = write(Sink({"source": source}, folder / "out.ndjson"))
    return (folder / "out.ndjson").read_bytes().decode().split("\n")[:-1], manifest.failures


def made(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode())
    return path


def read_again(line: str, folder: Path) -> Item:
    (item,), _ = delivered(made(folder, "again.ndjson", line))
    return item


@pytest.mark.parametrize(("name", "content"), [*KEPT, *MADE_ANEW])
def test_what_is_written_is_what_is_delivered(tmp_path: Path, name: str, content: str) -> None:
    source = made(tmp_path, name, content)
    items, failures = delivered(source)
    lines, named = written(source, tmp_path)
    assert items
    assert [read_again(line, tmp_path) for line in lines] == items
    assert list(named) == failures
    assert not any("\r" in line for line in lines)


@pytest.mark.parametrize(("name", "content"), [*KEPT, ("items.ndjson", f"{SPACED}\r\n {COMPACT}\r\n")])
def test_a_text_of_one_line_is_kept(tmp_path: Path, name: str, content: str) -> None:
    lines, _ = written(made(tmp_path, name, content), tmp_path)
    assert lines == [line.strip() for line in content.splitlines() if line.strip()]


# Long items, of which only a part is read

ASSETS = {f"B{index:02}": {"href": f"https://example.com/{index}.tif", "gsd": 10} for index in range(100)}
PROPERTIES = {"datetime": "2024-05-01T10:00:00Z", "updated": "2024-06-01T10:00:00Z", "eo:cloud_cover": 3, "a.b": 1}


def long(item_id: str = "long", **members: Any) -> str:
    return json.dumps(make_item(item_id, properties=PROPERTIES, assets=ASSETS) | members, ensure_ascii=False)


def deep(levels: int) -> str:
    return long(a=0).replace('"a": 0', '"a": ' + "[" * levels + "]" * levels)


# A name that a value may replace, and one that comes first and last.
PLACES = [
    '"datetime": "2024-05-01T10:00:00Z"',
    '"gsd": 10',
    '"links": []',
    '"collection": "scenes"',
    '"type": "Feature"',
]
VALUES = [
    "-0", "-0.0", "1E5", "01", "1.", "NaN", "-Infinity", "1e400", "1e-400", "1e30", "1e16", "12345678901234567890.5",
    str(2**63), str(2**64), str(-(2**63) - 1), "1" * 400,
    '"\\ud800"', '"\\ud83d\\ude00"', '"\\u0000"', '"\x00"', '"\x1f"',
    '"\x7f"', '"\\x"', "tru", "null", "{}", "[1,]", '{"a":1,"a":2}', '{"":1}', '"Feature"', '"b"', '"x","features":[]',
    '"x","id":"twice"', '"x","\\u0069d":"twice"', '"x","type":"Catalog"', '"x","foreign":1e30', '"x","foreign":1.5',
    '"x","a\\u0000":1', '"x","":2', '"x","stac_version":1', '"x","id":""', "[" * 1100 + "]" * 1100,
]  # fmt: skip
ODD = [
    long(**{"id": "ä"}),
    "\ufeff" + long(),
    f" {long()}\t",
    long() + "\0",
    long() + "}",
    long()[:-1],
    deep(1021),
    deep(1024),
]
ODD += ["\f" + long(), long().replace(", ", ",\r ", 1), deep(1021).replace(", ", ",\r ", 1)]
ODD += [long(geometry=value) for value in ("POINT (1 2)", [1, 2], None, 5)]
ODD += [long(properties=None, **{"properties.datetime": "2024-05-01T10:00:00Z"}), long(properties=None)]
ODD += [long().replace(place, f"{place.split(':')[0]}: {value}", 1) for place in PLACES for value in VALUES]


@pytest.fixture
def always_thin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a part of each item where that is possible, whether it pays or not."""
    pytest.importorskip("simdjson")  # no wheel for some interpreters
    for name in ("LEAST_BYTES", "LEAST_BYTES_OF_MORE", "LEAST_SHARE", "DOCUMENTS_PASSED"):
        monkeypatch.setattr(text_items, name, 0)
    monkeypatch.setattr(batches, "WINDOWS_PASSED", 0)
    monkeypatch.setattr(batches, "BATCH_BYTES", 20_000)  # three long items


def all_written(source: Path, folder: Path, **options: Any) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Write the source as NDJSON, and return the parts and what the manifest says."""
    manifest = write(Sink({"source": source, **options}, folder, partition_items=50)).to_json()
    for changing in ("started", "finished", "files"):
        del manifest[changing]
    parts = {path.name: path.read_bytes() for path in folder.glob("*.ndjson")}
    assert streamed(source, **options) == sorted(b"".join(parts.values()).splitlines())
    return parts, manifest


def streamed(source: Path, **options: Any) -> list[bytes]:
    """Return what goes to standard output, in an order of its own."""

    async def stream() -> list[bytes]:
        module = IngestModule({"source": source, **options})
        return sorted([text async for part in module.texts(WorkflowContext.create()) for text in part])

    return asyncio.run(stream())


CONDITIONS: list[dict[str, Any]] = [
    {},
    {"bbox": [7, 51, 8, 52], "datetime": "2024-05-01/2024-05-02"},
    {"filter": {"op": "=", "args": [{"property": "assets.B07.gsd"}, 10]}},
    {"filter": {"op": "=", "args": [{"property": "a.b"}, 1]}},
    {"filter": {"op": "isNull", "args": [{"property": "foreign"}]}, "ids": ["long"]},
    {"collection_id": "scenes", "fields": ["eo:cloud_cover"]},
]


@pytest.mark.usefixtures("always_thin")
@pytest.mark.parametrize("options", CONDITIONS, ids=str)
def test_parts_are_the_same_as_without_simdjson(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    content = "\n".join(ODD).encode("utf-8", "surrogatepass")
    for folder in ("lines", "collection=given"):
        (source / folder).mkdir(parents=True)
        (source / folder / "odd.ndjson").write_bytes(content.replace(b"NaN", b'"\xff"') + b"\n" + content)
        (source / folder / "bare.ndjson").write_text(long(collection=None) + "\n" + long("second") + "\n")
    for index, text in enumerate([long(), long() + "\n", json.dumps(json.loads(long()), indent=1), f"[{long()}]"]):
        (source / f"{index}.json").write_text(text)
    (source / "real.ndjson").write_bytes(b"".join(path.read_bytes() for path in real_item_files()))
    as_text = []
    loads = TextItemReader.loads
    monkeypatch.setattr(
        TextItemReader,
        "loads",
        lambda *given: (type(item := loads(*given)) is TextItem and as_text.append(item)) or item,
    )
    found = all_written(source, tmp_path / "as_text", **options)
    assert (len(as_text) > 200) is ("fields" not in options)
    monkeypatch.setattr(text_items, "simdjson_module", lambda: None)
    assert found == all_written(source, tmp_path / "whole", **options)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)
names = st.sampled_from(["id", "properties", "features", "assets", "a", "a.b"]) | st.text()


@pytest.mark.usefixtures("always_thin")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(names, json_values), st.binary(max_size=4), st.integers(0, 5_000), st.booleans(),
    st.sampled_from([("a.b",), ("a.b", "properties")]),
)  # fmt: skip
def test_a_text_is_read_in_part_only_where_it_is_an_item(
    given_members: dict[str, Any], noise: bytes, at: int, instead: bool, read: tuple[str, ...]
) -> None:
    data = long(**given_members).encode("utf-8", "surrogatepass")
    data = data[:at] + noise + data[at + len(noise) * instead :]
    reader = TextItemReader(Texts(), read)
    try:
        expected = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        with pytest.raises(orjson.JSONDecodeError, match=re.escape(str(error))):
            reader.loads(memoryview(data))
        return
    found = reader.loads(memoryview(data))
    if not isinstance(found, TextItem):
        assert found == expected
        return
    assert is_plain_item(expected)
    assert (found.text, whole(found)) == (data.strip(), expected)
    wanted = {name: repr(expected.get(name)) for name in (*text_items.READ, "a.b")}
    assert {name: repr(found.get(name)) for name in wanted} == wanted
    whole_properties, properties = expected.get("properties"), found.get("properties")
    if "properties" in read or whole_properties is None:
        assert repr(properties) == repr(whole_properties)
    else:
        assert {name: properties.get(name) for name in text_items.TIMES} == {
            name: whole_properties.get(name) for name in text_items.TIMES
        }


PLAIN = json.dumps(make_item("plain", properties={"updated": "2024-06-01T10:00:00Z"}))
LINES = [PLAIN.replace(place, f"{place.split(':')[0]}: {value}") for place in PLACES for value in VALUES]
LINES += [
    "", " ", f" {PLAIN}", f"{PLAIN}\t", f"{PLAIN}\r", "\ufeff" + PLAIN, PLAIN * 2, f"{PLAIN},{PLAIN}", f"[{PLAIN}]",
    "{}", PLAIN.replace(": ", ":\r ", 1), '{"a":1', '"b":2}', '{"a":[{}', "{}]}", '{"a":"{}', '{}"}', PLAIN[:-1],
    PLAIN[1:], PLAIN.replace('"type"', '"typ\\u0065"'), json.dumps(make_item("a", properties=None, geometry=None)),
]  # fmt: skip


@given(st.lists(st.sampled_from(LINES) | st.just(PLAIN), max_size=6), st.binary(max_size=2), st.integers(0, 9_000))
def test_lines_are_taken_together_only_where_each_is_an_item(lines: list[str], noise: bytes, at: int) -> None:
    data = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")
    window = Window(data=data[:at] + noise + data[at + len(noise) :])
    for batch in batches.BatchReader().take(window, DocumentFailures(FailureCollector())):
        items = [orjson.loads(line) for line in batch.text.split(b"\n")]
        assert all(map(is_plain_item, items))
        assert len(items) == batch.count
        assert batch.text == b"\n".join(line.strip() for line in batch.text.split(b"\n"))
        properties = [item["properties"] for item in items if item.get("properties") is not None]
        assert batch.updated == [each.get("updated") for each in properties]
        assert batch.datetime == [each.get("datetime") for each in properties]
    assert window.line_at(window.start) - 1 == bytes(window.buffer[: window.start]).count(b"\n")


def test_lines_are_taken_together_up_to_the_last_one() -> None:
    pytest.importorskip("simdjson")
    window = Window(data=f"{PLAIN}\n".encode() * 300 + b"{")
    found = list(batches.BatchReader().take(window, DocumentFailures(FailureCollector())))
    assert len(found) > 1
    assert sum(batch.count for batch in found) == 300
    assert bytes(window.view[window.start : window.end]) == b"{"


@pytest.mark.parametrize(
    "copied",
    [dict, list, copy.copy, copy.deepcopy, pickle.dumps, json.dumps, lambda item: {**item}, lambda item: item | {},
     lambda item: {} | item, lambda item: {}.update(item), lambda item: item.items()],
)  # fmt: skip
def test_a_part_of_an_item_is_not_taken_for_all_of_it(copied: Callable[[Any], object]) -> None:
    text = long().encode()
    item = TextItem({"type": "Feature", "id": "long"})
    item.text = text
    with pytest.raises(TypeError, match="not all here"):
        copied(item)
    assert text_of(item) == Texts().text_of(item) == text
    assert whole(item) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "is_text_item"),
    [
        (long(), True),
        (json.dumps(make_item("short")), False),
        (long(properties=PROPERTIES | {"list": list(range(2_000))}), False),
        (long(a="x" * text_items.MOST_BYTES), False),
    ],
    ids=["long", "short", "most of it is properties", "larger than the parser's buffers may be"],
)
def test_a_part_is_read_where_that_pays(text: str, is_text_item: bool) -> None:
    pytest.importorskip("simdjson")
    assert isinstance(TextItemReader(Texts(), ["properties"]).loads(text.encode()), TextItem) is is_text_item
    assert isinstance(TextItemReader(Texts(), ()).loads(text.encode()), TextItem) is (is_text_item or "list" in text)
