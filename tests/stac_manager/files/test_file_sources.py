"""File mode: every kind of source gives every item once, in the order of the names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import fetch, ids, make_item, make_items

import stac_manager
from stac_manager import ConfigurationError, DataProcessingError, Fetcher, IngestModule, WorkflowContext

Write = Callable[..., Path]
ITEMS = make_items(5)


def ndjson(items: list[dict[str, Any]], end: str = "\n") -> bytes:
    import json

    return "".join(json.dumps(item) + end for item in items).encode()


def feature_collection(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": items}


async def test_directory_is_read_in_the_order_of_the_names(write: Write, tmp_path: Path) -> None:
    for item in reversed(ITEMS):
        write(f"d/{item['id']}.json", item)
    write("d/notes.txt", "no item")
    write("d/.hidden.json", "no item")
    write("d/collection.json.bak", "no item")
    assert await fetch({"source": str(tmp_path / "d")}) == ITEMS


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("one.json", ITEMS[0], ITEMS[:1]),
        ("one", ITEMS[0], ITEMS[:1]),
        ("fc.json", feature_collection(ITEMS), ITEMS),
        ("fc.geojson", feature_collection(ITEMS), ITEMS),
        ("array.json", ITEMS, ITEMS),
        ("lines.ndjson", ndjson(ITEMS), ITEMS),
        ("lines.jsonl", ndjson(ITEMS, "\r\n"), ITEMS),
        ("lines.geojsonl", ndjson(ITEMS, "\n\n").rstrip(), ITEMS),
        ("bom.ndjson", b"\xef\xbb\xbf" + ndjson(ITEMS), ITEMS),
        ("bom.json", b"\xef\xbb\xbf" + ndjson(ITEMS[:1]), ITEMS[:1]),
    ],
)
async def test_single_files(write: Write, name: str, content: object, expected: list[dict[str, Any]]) -> None:
    assert await fetch({"mode": "file", "source": str(write(name, content))}) == expected


@pytest.mark.parametrize(
    ("name", "options", "place"),
    [
        ("lines.json", {}, ""),
        ("lines.json", {"format": "ndjson"}, ":1"),
        ("lines.ndjson", {}, ":1"),
        ("lines.ndjson", {"format": "json"}, ""),
    ],
)
async def test_format_overrides_the_suffix(write: Write, name: str, options: dict[str, str], place: str) -> None:
    """Where the content may be either, as a string before Items is: of NDJSON, it is known by its line."""
    path, context = write(name, b'"a string"\n' + ndjson(ITEMS)), WorkflowContext.create()
    assert await fetch({"source": str(path), **options}, context) == ITEMS
    (failure,) = context.failure_collector.get_all()
    assert str(failure).startswith(f"{path}{place}: not a STAC item")


async def test_glob_reaches_into_folders(write: Write, tmp_path: Path) -> None:
    for index, item in enumerate(ITEMS):
        write(f"deep [1]/{index}/{item['id']}.json", item)
    assert await fetch({"source": str(tmp_path / "**" / "*.json")}) == ITEMS
    assert await fetch({"source": str(tmp_path / "deep [1]" / "[0-9]" / "*.json")}) == ITEMS


async def test_collection_with_an_items_folder(write: Write, tmp_path: Path) -> None:
    root = write("c/collection.json", {"type": "Collection", "id": "scenes", "links": []})
    for item in ITEMS:
        write(f"c/items/{item['id']}.json", item)
    assert await fetch({"source": str(tmp_path / "c")}) == ITEMS
    assert await fetch({"source": str(root)}) == ITEMS
    assert await fetch({"source": str(tmp_path / "c"), "source_type": "collection"}) == ITEMS


async def test_collection_with_inline_features(write: Write) -> None:
    root = write("collection.json", {"type": "Collection", "id": "scenes", "links": [], "features": ITEMS})
    assert await fetch({"source": str(root)}) == ITEMS


async def test_collection_id_chooses_the_collection(write: Write) -> None:
    other = make_item("other", collection="else")
    source = str(write("lines.ndjson", ndjson([*ITEMS, other])))
    assert await fetch({"source": source, "collection_id": "else"}) == [other]
    context = WorkflowContext.create(data={"collection_id": "else"})
    assert await fetch({"source": source}, context) == [other]
    with pytest.raises(DataProcessingError, match="no item of collection 'none'"):
        await fetch({"source": source, "collection_id": "none"})


@pytest.mark.parametrize("max_items", [1, 3, 5, 99])
async def test_max_items_is_exact(write: Write, max_items: int) -> None:
    source = str(write("fc.json", feature_collection(ITEMS)))
    assert await fetch({"source": source, "max_items": max_items}) == ITEMS[:max_items]


async def test_items_from_the_synchronous_twin_are_the_same(write: Write) -> None:
    module = IngestModule({"source": str(write("fc.json", feature_collection(ITEMS)))})
    with pytest.raises(ConfigurationError, match="event loop"):
        next(iter(module.iter_items(WorkflowContext.create())))


def test_synchronous_twin(write: Write) -> None:
    module = IngestModule({"source": str(write("fc.json", feature_collection(ITEMS)))})
    assert list(module.iter_items(WorkflowContext.create())) == ITEMS
    first = module.iter_items(WorkflowContext.create())
    assert next(first) == ITEMS[0]
    first.close()  # type: ignore[attr-defined]


def test_the_module_is_a_fetcher() -> None:
    assert isinstance(IngestModule({"source": "x"}), Fetcher)
    assert not isinstance(stac_manager, Fetcher)


# Bad input


async def test_bad_documents_become_failures_and_the_rest_arrives(write: Write, tmp_path: Path) -> None:
    bad = {
        "a-empty.json": b"",
        "b-truncated.json": b'{"type": "Feature", \n "id": ',
        "c-latin1.json": '{"id": "Köln"}'.encode("latin-1"),
        "d-number.json": b"5",
        "e-geojson.json": b'{"type": "Feature", "id": "x", "geometry": null}',
        "f-no-id.json": b'{"type": "Feature", "stac_version": "1.0.0"}',
        "h-mixed.json": b'[5, {"type": "Feature", "stac_version": "1.0.0", "id": "good"}]',
        "i-deep.json": b"[" * 100_000,
    }
    for name, content in bad.items():
        write(f"d/{name}", content)
    write("d/z.json", ITEMS[0])
    context = WorkflowContext.create()
    assert ids(await fetch({"source": str(tmp_path / "d")}, context)) == ["good", ITEMS[0]["id"]]
    failures = context.failure_collector.get_all()
    assert [Path(failure.source).name for failure in failures] == list(bad)
    said = {Path(failure.source).name[0]: failure.reason for failure in failures}
    assert "not JSON" in said["a"]
    assert next(failure.line for failure in failures if "truncated" in failure.source) == 2
    assert "UTF-8" in said["c"]
    assert "a number instead of an object" in said["d"]
    assert "no stac_version" in said["e"]
    assert "no id" in said["f"]
    assert said["h"].startswith("member 0")


async def test_bad_lines_are_named_by_number(write: Write) -> None:
    lines = ndjson(ITEMS).splitlines()
    path = write("x.ndjson", b"\n".join([lines[0], b"{oops", b"", b"null", lines[1]]))
    context = WorkflowContext.create()
    assert await fetch({"source": str(path)}, context) == ITEMS[:2]
    assert [failure.line for failure in context.failure_collector.get_all()] == [2, 4]
    assert str(context.failure_collector.get_all()[0]).startswith(f"{path}:2: not JSON")


async def test_pipes_and_dangling_links_are_never_opened(write: Write, tmp_path: Path) -> None:
    write("d/z.json", ITEMS[0])
    os.mkfifo(tmp_path / "d" / "pipe.json")
    (tmp_path / "d" / "gone.json").symlink_to(tmp_path / "nowhere.json")
    (tmp_path / "d" / "loop.json").symlink_to(tmp_path / "d" / "loop.json")
    context = WorkflowContext.create()
    assert await fetch({"source": str(tmp_path / "d")}, context) == ITEMS[:1]
    assert len(context.failure_collector) == 3
    with pytest.raises(ConfigurationError, match="not a regular file"):
        await fetch({"source": str(tmp_path / "d" / "pipe.json")})
    for name, said in (("gone", "No such file"), ("loop", "Too many levels")):
        with pytest.raises(ConfigurationError, match=f"{name}.json': cannot be read: {said}"):
            await fetch({"source": str(tmp_path / "d" / f"{name}.json")})


async def test_not_parquet(write: Write) -> None:
    with pytest.raises(DataProcessingError, match="not a Parquet file"):
        await fetch({"source": str(write("x.parquet", b"PAR1 no"))})


async def test_nothing_delivered_is_an_error_that_quotes_the_first_failure(write: Write, tmp_path: Path) -> None:
    write("d/a.json", b"{")
    write("d/b.json", b"{")
    with pytest.raises(DataProcessingError, match=r"2 failed, the first: .*a\.json:1: not JSON"):
        await fetch({"source": str(tmp_path / "d")})
    with pytest.raises(DataProcessingError, match="holds no item"):
        await fetch({"source": str(write("fc.json", feature_collection([])))})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"source": "nowhere"}, "does not exist"),
        ({"source": Path("https://example.com/x.json?sig=s3cret")}, "mean 'https://example.com/x.json', as text"),
        ({"source": "no*where"}, "matches no"),
        ({"source": "a*ve"}, "give a glob: 'a*ve/**/*.json'"),
        ({"source": "empty"}, "holds no file"),
        ({"source": "empty", "source_type": "file"}, "is a folder"),
        ({"source": "empty", "source_type": "collection"}, "holds no collection.json"),
        ({"source": "one.json", "source_type": "items_directory"}, "is a file"),
        ({"source": "c/collection.json"}, "no folder 'items'"),
        ({"source": "above.json"}, "links to Catalogs and Collections alone"),
        ({"source": "remote/collection.json"}, "items are remote (https://example.com/a); use the URL"),
        ({"source": "bucket/collection.json"}, "items are remote (s3://bucket/items.parquet)"),
    ],
)
async def test_missing_sources_are_configuration_errors(
    options: dict[str, Any], said: str, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    write("one.json", ITEMS[0])
    write("c/collection.json", {"type": "Collection", "links": []})
    write("above/one/level/x.json", ITEMS[0])
    write("above.json", {"type": "Catalog", "links": [{"rel": "child", "href": "c/collection.json"}]})
    asset = {"href": "s3://bucket/items.parquet", "type": "application/x-parquet", "roles": ["stac-items"]}
    write("bucket/collection.json", {"type": "Collection", "links": [], "assets": {"items": asset}})
    signed = {"rel": "item", "href": "https://me:s3cret@example.com/a?sig=s3cret"}
    write("remote/collection.json", {"type": "Collection", "links": [signed]})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        await fetch(options)
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)


async def test_links_in_a_circle_give_every_item_once(write: Write, tmp_path: Path) -> None:
    for index, item in enumerate(ITEMS):
        write(f"d/{index % 2}/{item['id']}.json", item)
    for folder in ("0", "1"):
        (tmp_path / "d" / folder / "up").symlink_to(tmp_path / "d")
        (tmp_path / "d" / folder / "again").symlink_to(tmp_path / "d" / folder)
    (tmp_path / "d" / "loop").symlink_to(tmp_path / "d" / "loop")
    (tmp_path / "current").symlink_to("d/0")
    for pattern in ("**/*.json", "**", "d/**/[01]/*.json"):
        found = await fetch({"source": str(tmp_path / pattern)})
        assert sorted(ids(found)) == ids(ITEMS)


async def test_a_link_to_a_name_with_a_null_byte_is_a_failure(write: Write) -> None:
    links = [{"rel": "item", "href": "./a%00.json"}, {"rel": "item", "href": "./b.json"}]
    root = write("collection.json", {"type": "Collection", "id": "scenes", "links": links})
    write("b.json", ITEMS[0])
    context = WorkflowContext.create()
    assert await fetch({"source": str(root)}, context) == ITEMS[:1]
    assert "cannot be read" in str(context.failure_collector.get_all()[0])
