"""Catalogs and Collections on disk: every item once, in link order; what is missing or left out is named."""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from stac_geoparquet.arrow import parse_stac_items_to_arrow
from support import fetch, ids, make_item

from stac_manager import ConfigurationError, DataProcessingError, IngestModule, WorkflowContext
from stac_manager.files import entry_points
from stac_manager.files.links import anchor_of, candidates
from stac_manager.stats import FileStats

Write = Callable[..., Path]


def catalog(*links: tuple[str, str], **members: Any) -> dict[str, Any]:
    return {"type": "Catalog", "links": [{"rel": rel, "href": href} for rel, href in links], **members}


async def fetched(source: object) -> tuple[list[str], list[str], list[str]]:
    """Return the ids, the failures and the notes of a fetch."""
    module, context = IngestModule({"source": str(source)}), WorkflowContext.create()
    found = [item["id"] async for item in module.fetch(context)]
    assert isinstance(module.stats, FileStats)
    return found, [str(failure) for failure in context.failure_collector.get_all()], module.stats.notes


TREE: dict[str, Any] = {
    "catalog.json": catalog(
        ("root", "./catalog.json"),
        ("child", "a/collection.json"),
        ("item", "top.json"),
        ("child", "./b%20b/catalog.json"),
    ),
    "top.json": make_item("top"),
    "a/collection.json": {
        **catalog(
            ("parent", "../catalog.json"), ("item", "./2.json"), ("item", "1.json"), ("item", "deep/x/catalog.json")
        ),
        "type": "Collection",
        "extent": {"spatial": {"bbox": [[float("nan")] * 4]}},
    },
    "a/1.json": make_item("1"),
    "a/2.json": make_item("2"),
    "a/deep/x/catalog.json": {"stac_version": "0.9.0", "id": "old", "links": catalog(("item", "../3.json"))["links"]},
    "a/deep/3.json": make_item("3"),
    "b b/catalog.json": catalog(
        ("child", "../catalog.json"), ("item", "../a/1.json"), ("item", "4%3A.json"), ("child", "more/catalog.json")
    ),
    "b b/more/catalog.json": catalog(("item", "latest.json"), ("item", "hard.json")),
    "b b/4%3A.json": make_item("4"),
}


async def test_links_are_followed_to_any_depth_in_their_order_and_items_come_once(write: Write, tmp_path: Path) -> None:
    for name, document in TREE.items():
        write(f"c/{name}", document)
    expected = ["2", "1", "3", "top", "4"]
    assert sorted((await fetched(tmp_path / "c" / "**" / "*.json"))[0]) == sorted(expected)
    (tmp_path / "c" / "b b" / "more" / "latest.json").symlink_to("../4%3A.json")
    (tmp_path / "c" / "b b" / "unlinked.json").symlink_to("4%3A.json")
    os.link(tmp_path / "c" / "a" / "1.json", tmp_path / "c" / "b b" / "more" / "hard.json")
    for source in ("c", "c/catalog.json", "c/catalo?.json"):
        assert await fetched(tmp_path / source) == (expected, [], [])


async def test_nothing_is_lost_where_the_file_system_gives_all_files_one_number(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As some do that come over the network; links are still told by where they lead."""

    class Found:
        st_dev = st_ino = st_nlink = 1

        def __init__(self, path: Any, **options: Any) -> None:
            self._found = stat(path, **options)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._found, name)

    for name, document in TREE.items():
        write(name, document)
    (tmp_path / "b b" / "more" / "latest.json").symlink_to("../4%3A.json")
    (tmp_path / "b b" / "more" / "hard.json").symlink_to(tmp_path / "a" / "1.json")
    stat = os.stat
    monkeypatch.setattr(os, "stat", Found)
    assert await fetched(tmp_path / "catalog.json") == (["2", "1", "3", "top", "4"], [], [])


async def test_what_is_not_linked_is_counted_and_named(write: Write, tmp_path: Path) -> None:
    write("c/collection.json", catalog(("item", "items/a.json"), ("item", "items/2024/b.json")))
    for name in ("items/a", "items/2024/b", "items/c", "else/d"):
        write(f"c/{name}.json", make_item(name[-1]))
    found, failures, notes = await fetched(tmp_path / "c")
    assert (found, failures) == (["a", "b"], [])
    assert notes == [
        f"2 data files not linked from the catalog and not read, the first: {tmp_path / 'c' / 'else' / 'd.json'}"
    ]


@pytest.mark.parametrize("rel", ["item", "child"])
async def test_links_may_lead_to_lines_and_parquet(rel: str, write: Write, tmp_path: Path) -> None:
    """Whatever they are called."""
    made = [make_item("1"), make_item("2")]
    lines = "\n".join(map(json.dumps, made)).encode()
    file = io.BytesIO()
    pyarrow.parquet.write_table(parse_stac_items_to_arrow(made).read_all(), file)
    data = {"a.ndjson": lines, "b.json": lines, "c.parquet": file.getvalue(), "d": file.getvalue()}
    for name, body in {**data, "e.jsonl.gz": gzip.compress(lines)}.items():
        write(f"{name}-/{name}", body)
        entry = write(f"{name}-/catalog.json", catalog((rel, name)))
        assert await fetched(entry) == (["1", "2"], [], []), name


async def test_missing_and_broken_children_are_failures_and_the_rest_arrives(write: Write, tmp_path: Path) -> None:
    links = [("child", "gone/catalog.json"), ("child", "bad/catalog.json"), ("child", "bad/latin/catalog.json")]
    links += [("item", "lost.json"), ("item", " a.json ")]
    nowhere = [("child", "\0.json"), ("child", "\0.json"), ("item", "\ud800.json"), ("child", "./gone/catalog.json")]
    nowhere += [("item", ""), ("child", None)]
    root = write("catalog.json", catalog(*links, *nowhere, ("child", "https://elsewhere.example/catalog.json")))
    write("bad/catalog.json", json.dumps(catalog()).encode("utf-16"))
    write("bad/latin/catalog.json", json.dumps(catalog(title="\xfc"), ensure_ascii=False).encode("latin-1"))
    write("a.json", make_item("a"))
    found, failures, notes = await fetched(root)
    assert found == ["a"]
    assert "it is UTF-16, not UTF-8" in failures[1]
    assert "iconv -f LATIN1" in failures[2]
    assert [failure.removeprefix(f"{tmp_path}/").split(":")[0] for failure in failures] == [
        "gone/catalog.json",
        "bad/catalog.json",
        "bad/latin/catalog.json",
        "lost.json",
        "\\x00.json",
        "\\ud800.json",
        "catalog.json",
        "catalog.json",
    ]
    assert failures[5].endswith("cannot be read: no file has such a name")
    assert [failure.partition(": ")[2] for failure in failures[6:]] == [
        "a link 'item' has no href",
        "a link 'child' has no href",
    ]
    assert notes == [
        "links to other places that were not followed: 1, the first: https://elsewhere.example/catalog.json"
    ]


@pytest.mark.parametrize(
    ("own", "url", "third"),
    [
        ("https://example.com/cat", "https://example.com/cat", "/cat/3.json"),
        ("HTTPS://Example.com:443/cat", "https://example.com/cat", "http://example.com:80/cat/3.json"),
        ("/home/alice/cat", "/home/alice/cat", "file:///home/alice/cat/3.json"),
        ("file:///home/alice/cat", "file:///home/alice/cat", "/home/alice/cat/3.json"),
        ("C:\\cat", "file:///C:/cat", "C:\\cat\\3.json"),
        ("\\\\nas\\cat", "\\\\nas\\cat", "\\\\nas\\cat\\3.json"),
    ],
)
async def test_a_published_catalog_is_read_where_it_was_copied_to(
    own: str, url: str, third: str, write: Write, tmp_path: Path
) -> None:
    write("c/catalog.json.zst", catalog(("self", f"{own}/catalog.json"), ("child", f"{url}/a%20b/collection.json")))
    links = [("item", f"{url}/a%20b/x/1.json"), ("item", "./2.json"), ("item", third)]
    write("c/a b/collection.json.gz", catalog(*links))  # without a self link: the parent's holds
    for name in ("a b/x/1.json", "a b/2.json.gz", "3.json.zst"):  # compressed in place
        write(f"c/{name}", make_item(Path(name).name[0]))
    assert await fetched(tmp_path / "c") == (["1", "2", "3"], [], [])


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("./x.json", ["/d/x.json"]),
        ("../y/x.json", ["/y/x.json"]),
        ("a%20b.json", ["/d/a%20b.json", "/d/a b.json"]),
        ("a.json?v=1#x", ["/d/a.json?v=1#x", "/d/a.json"]),
        ("caf\u00e9.json", ["/d/caf\u00e9.json", "/d/cafe\u0301.json"]),
        ("cafe%CC%81.json", ["/d/cafe%CC%81.json", "/d/cafe\u0301.json", "/d/caf\u00e9.json"]),
        (".\\a\\b.json", ["/d/.\\a\\b.json", "/d/a/b.json"]),
        ("/abs/x.json", ["/abs/x.json", "/abs/x.json"]),
        ("file:///abs/x%20y.json", ["/abs/x%20y.json", "/abs/x y.json"]),
        ("https://e.com/cat/x.json", ["/d/x.json"]),
        ("https://e.com/cat/x.json?v=1#x", ["/d/x.json?v=1", "/d/x.json"]),
        ("https://e.com/x.json", ["/x.json"]),
        ("http://e.com/cat/x.json", ["/d/x.json"]),
        ("ftp://e.com/cat/x.json", []),
        ("https://other.com/cat/x.json", []),
        ("s3://bucket/x.json", []),
    ],
)
def test_where_a_link_may_lead(href: str, expected: list[str]) -> None:
    anchor = anchor_of("https://e.com/cat/catalog.json", "/d")
    assert anchor is not None
    assert anchor_of("urn:cat:catalog", "/d") is None
    found = list(dict.fromkeys(candidates(href, "/d", (anchor,))))
    assert [path for path in expected if path not in found] == []
    assert bool(found) == bool(expected)
    assert found[:1] == expected[:1]


async def test_a_collection_whose_items_are_elsewhere_is_named_beside_others(write: Write, tmp_path: Path) -> None:
    """They were left out without a word."""
    children = [("child", f"{name}/collection.json") for name in "abc"]
    entry = write("catalog.json", catalog(*children))
    write("a/collection.json", catalog(("items", "https://e.com/a/items?key=s3cret")))
    asset = {"href": "s3://e/b.parquet", "type": "application/x-parquet", "roles": ["stac-items"]}
    write("b/collection.json", {**catalog(("items", "https://e.com/b/items")), "assets": {"items": asset}})
    write("c/collection.json", catalog(("items", "https://e.com/c/items")))
    write("c/items/c.json", make_item("c"))
    note = "links to other places that were not followed: 2, the first: https://e.com/a/items"
    assert await fetched(entry) == (["c"], [], [note])


async def test_a_mirror_has_queries_in_its_names(write: Write, tmp_path: Path) -> None:
    """So wget calls files. They were missing where the link is a URL."""
    url = "https://e.com/cat"
    links = [("self", f"{url}/catalog.json?f=1"), ("child", f"{url}/catalog.json?f=2")]
    links += [("item", f"{url}/b%20.json?k=1"), ("item", f"{url}/gone.json?sig=s3cret"), ("item", "lost?sig=s3cret")]
    write("catalog.json", catalog(*links))
    write("catalog.json?f=2", catalog(("item", "a.json?f=1")))
    write("a.json?f=1", make_item("a"))
    write("b .json?k=1", make_item("b"))
    found, failures, _ = await fetched(tmp_path / "catalog.json")
    assert found == ["a", "b"]
    missing = (tmp_path / "gone.json", tmp_path / "lost")
    assert failures == [f"{path}: cannot be read: No such file or directory" for path in missing]


@pytest.mark.parametrize(
    ("beside", "document"),
    [
        ("items/2024/a.json", {}),
        ("pages.json", {"links": [{"rel": "items", "href": "./pages.json"}]}),
        ("a.json", {}),
        ("x.json", {"assets": {"items": {"href": "x.json", "type": "application/geo+json", "roles": ["stac-items"]}}}),
        ("x/1.json", {"assets": {"items": {"href": "x/1.json?sig=1", "roles": ["stac-items"]}}}),
        ("x.json/1.json", {"links": [{"rel": "item", "href": "x.json"}]}),
        ("x.ndjson/1.ndjson", {"links": [{"rel": "child", "href": "x.ndjson"}]}),
    ],
)
async def test_collections_without_links_to_items(
    beside: str, document: dict[str, Any], write: Write, tmp_path: Path
) -> None:
    write("c/collection.json", {"type": "Collection", "links": [], **document})
    write("c/collection.json.gz", catalog(("item", "gone.json")))  # that of the past
    write(f"c/{beside}", {"type": "FeatureCollection", "features": [make_item("a")]})
    for source in ("c", "c/collection.json"):
        assert (await fetched(tmp_path / source))[:2] == (["a"], [])


@pytest.mark.parametrize("characters", [0, entry_points.PEEK_BYTES])
async def test_a_collection_by_another_name(characters: int, write: Write, tmp_path: Path) -> None:
    long = {"description": "x" * characters}
    write("c/sentinel.json", {**catalog(("item", "a/a.json")), "type": "Collection", **long})
    write("c/a/a.json", make_item("a"))
    for source in ("c", "c/sentinel.json"):
        assert (await fetched(tmp_path / source))[0] == ["a"]


@pytest.mark.parametrize("name", ["stac", "c/1.0", "catalog.JSON"])
async def test_a_catalog_without_the_suffix_of_one(name: str, write: Write, tmp_path: Path) -> None:
    """So it is saved from an address such as /stac. It was taken for what lies packed beside itself."""
    write(name, catalog(("item", "a")))
    write(os.path.join(os.path.dirname(name), "a"), make_item("a"))
    assert await fetched(tmp_path / name) == (["a"], [], [])


@pytest.mark.parametrize("name", ["collection.json", "catalog.json.gz"])
@pytest.mark.parametrize("kind", ["item", "pages", "array", "large", "truncated"])
async def test_a_file_that_is_called_as_an_entry_point_and_holds_items(
    name: str, kind: str, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "large":
        monkeypatch.setattr(entry_points, "PEEK_BYTES", 200)
    item = make_item("a")
    forms = {"item": item, "array": [item], "truncated": f"[{json.dumps(item)}, ".encode()}
    form = forms.get(kind, {"type": "FeatureCollection", "features": [item]})
    data = form if isinstance(form, bytes) else json.dumps(form).encode()
    write(f"c/{name}", gzip.compress(data) if name.endswith(".gz") else data)
    found, failures, _ = await fetched(tmp_path / "c" / name)
    assert (found, len(failures)) == (["a"], int(kind == "truncated"))
    write("c/b.json", make_item("b"))
    for source in ("c", "c/*.json*", "c/*"):
        assert sorted((await fetched(tmp_path / source))[0]) == ["a", "b"]


async def test_an_entry_point_that_is_no_catalog_fails_alone_among_others(write: Write, tmp_path: Path) -> None:
    write("a/collection.json", catalog(("item", "a.json")))
    write("a/a.json", make_item("a"))
    write("b/collection.json", {"$schema": "http://json-schema.org/draft-07/schema#"})
    found, failures, _ = await fetched(f"{tmp_path}/*/collection.json")
    assert found == ["a"]
    assert [failure.partition(": ")[0] for failure in failures] == [str(tmp_path / "b" / "collection.json")]


async def test_a_folder_one_level_too_high_names_the_catalog(write: Write, tmp_path: Path) -> None:
    entry = write("data/c/catalog.json", catalog(("item", "a.json")))
    with pytest.raises(ConfigurationError, match="did you mean") as caught:
        await fetch({"source": str(tmp_path / "data")})
    assert str(entry) in str(caught.value)


async def test_folders_below_a_plain_folder_are_counted(write: Write, tmp_path: Path) -> None:
    write("d/a.json", make_item("a"))
    write("d/2024/b.json", make_item("b"))
    found, _, notes = await fetched(tmp_path / "d")
    assert found == ["a"]
    assert notes == [f"1 data file in folders below not read, the first: {tmp_path / 'd' / '2024' / 'b.json'}"]


async def test_file_urls_and_home_are_just_read(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("a b.json", make_item("a"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for source in (path.as_uri(), "~/a b.json"):
        assert ids(await fetch({"mode": "file", "source": source})) == ["a"]


async def test_a_file_named_as_a_glob_is_a_file(write: Write, tmp_path: Path) -> None:
    path = write("[a]*.json", make_item("a"))
    write("a.json", make_item("b"))
    assert ids(await fetch({"source": str(path)})) == ["a"]


async def test_globs_with_many_stars_end(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(30):
        folder = folder / "a"
    folder.mkdir(parents=True)
    (folder / "x.json").write_text(json.dumps(make_item("x")))
    pattern = tmp_path / os.path.join(*["**"] * 12) / "a" / os.path.join(*["**"] * 12) / "*.json"
    assert ids(await fetch({"source": str(pattern)})) == ["x"]


async def test_catalogs_of_very_many_children(tmp_path: Path) -> None:
    """Links in a circle and to one file under many names: as many documents as names, and little on the disk."""
    count = 3_000
    for number in range(count):
        (tmp_path / f"{number}.json").write_text(json.dumps(catalog(("child", f"{(number + 1) % count}.json"))))
    (tmp_path / "i.json").write_text(json.dumps(make_item("i")))
    links = [("child", f"{number}.json") for number in range(count)]
    (tmp_path / "catalog.json").write_text(json.dumps(catalog(*links, ("item", "i.json"), ("item", "./i.json"))))
    assert (await fetched(tmp_path))[0] == ["i"]


OLD = {"id": "old", "stac_version": "0.9.0", "description": "before 1.0.0", "license": "MIT", "links": []}


@pytest.mark.parametrize("options", [{}, {"fields": ["id"]}])
async def test_catalogs_in_place_of_items_are_noted_and_are_no_failures(
    write: Write, tmp_path: Path, options: dict[str, Any]
) -> None:
    write("x/a.json", make_item("a"))
    write("x/landsat.json", {**catalog(("item", "a.json")), "type": "Collection"})
    write("x/lines.ndjson", "\n".join(map(json.dumps, (OLD, make_item("b")))))
    for source in ("x", "x/*"):
        module, context = IngestModule({"source": str(tmp_path / source), **options}), WorkflowContext.create()
        assert [item["id"] async for item in module.fetch(context)] == ["a", "b"]
        assert not len(context.failure_collector)
        (note,) = module.stats.notes
        assert note.startswith(f"2 Catalogs or Collections passed over, the first: {tmp_path / 'x' / 'landsat.json'};")
    write("only.json", json.dumps({"collections": [OLD], "links": []}))
    with pytest.raises(DataProcessingError, match=r"holds no item; 1 Catalog or Collection passed over$"):
        await fetch({"source": str(tmp_path / "only.json")})


async def test_catalogs_of_other_names_alone_in_a_folder_are_entry_points(write: Write, tmp_path: Path) -> None:
    write("x/a.json", catalog(("child", "items/collection.json")))
    write("x/b.json", catalog(("item", "items/2.json"), ("item", "items/1.json")))
    write("x/items/collection.json", catalog(("item", "1.json")))
    write("x/items/1.json", make_item("1"))
    write("x/items/2.json", make_item("2"))
    assert await fetched(tmp_path / "x") == (["1", "2"], [], [])


async def test_an_asset_may_be_a_folder_of_parts(write: Write, tmp_path: Path) -> None:
    asset = {"href": "./data/all.ndjson", "type": "application/x-ndjson", "roles": ["stac-items"]}
    write("x/collection.json", catalog(assets={"all": asset}))
    write("x/data/all.ndjson/part-0.ndjson", json.dumps(make_item("a")))
    write("x/data/all.ndjson/part-1.ndjson", json.dumps(make_item("b")))
    assert await fetched(tmp_path / "x") == (["a", "b"], [], [])


def page(identity: str, size: int, following: str | None = None) -> dict[str, Any]:
    links = [{"rel": "self", "href": "?"}] + [{"rel": "next", "href": following}] * (following is not None)
    return {"type": "FeatureCollection", "features": [make_item(identity, filler="x" * size)], "links": links}


@pytest.mark.parametrize("options", [{}, {"fields": ["id"]}])
@pytest.mark.parametrize("size", [10, 100_000, 1_200_000])
async def test_pages_that_others_name_and_that_were_not_read_are_noted(
    size: int, options: dict[str, Any], write: Write, tmp_path: Path
) -> None:
    """Not those that were saved with the links of the API that gave them, where the last one is among them."""
    search = "https://api.example/search?token="
    write("disk/items.json", page("1", size, "./items-2.json"))
    write("disk/items-2.json", page("2", size))
    write("api/1.json", page("1", size, search + "1"))
    write("api/2.json", page("2", size, search + "2"))
    write("whole/lines.ndjson", "\n".join(map(json.dumps, (page("1", size, search + "1"), page("2", size)))))
    write("whole/x.json", make_item("x"))
    first = tmp_path / "disk" / "items.json"
    expected = {
        "disk/items.json": f"1 next page not read, the first: ./items-2.json, which {first} names;",
        "disk/*": None,
        "disk": None,
        "api": f"2 next pages not read, the first: {search[:-7]}, which {tmp_path / 'api' / '1.json'} names;",
        "whole": None,
    }
    for source, note in expected.items():
        module = IngestModule({"source": str(tmp_path / source), **options})
        assert [item async for item in module.fetch(WorkflowContext.create())]
        assert [each.partition(" name all")[0] for each in module.stats.notes] == ([note] if note else []), source
