"""Static catalogs and data files on an HTTP server: what comes, in which order, with how many requests."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import brotli
import pyarrow.parquet
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from servers.static_server import Documents, serving
from stac_geoparquet.arrow import parse_stac_items_to_arrow

from stac_manager import ConfigurationError, DataProcessingError, IngestModule, WorkflowContext
from stac_manager.sinks import Sink, write

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Fetched = tuple[list[str], list[str], IngestModule]


def item(identity: str) -> dict[str, Any]:
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": identity, "collection": "c", "links": [],
        "assets": {"image": {"href": "image.tif"}},
        "geometry": {"type": "Point", "coordinates": [1, 2]}, "bbox": [1, 2, 1, 2],
        "properties": {"datetime": "2024-05-01T00:00:00Z"},
    }  # fmt: skip


def document(value: object) -> bytes:
    return json.dumps(value).encode()


def catalog(*links: tuple[str, str]) -> bytes:
    made = [{"rel": rel, "href": href} for rel, href in links]
    return document({"type": "Catalog", "stac_version": "1.0.0", "id": "c", "description": "c", "links": made})


def fetch(url: str, **options: Any) -> Fetched:
    """Return the ids of the items, the failures, and the module."""
    module, context = IngestModule({"source": url, "mode": "file", **options}), WorkflowContext.create()
    ids = [each["id"] for each in module.iter_items(context)]
    return ids, [str(failure) for failure in context.failure_collector.get_all()], module


NESTED = {
    "/a/catalog.json": catalog(
        ("item", "./2.json"), ("child", "x/catalog.json"), ("item", "../z.json"), ("child", "/y.json")
    ),
    "/a/2.json": document(item("2")),
    "/a/x/catalog.json": catalog(
        ("root", "../catalog.json"), ("child", "../catalog.json"), ("item", "b c.json"), ("item", "gone.json"),
        ("item", "\ud800.json"), ("item", "%2e%2e/%32.json"),
    ).replace(b'{"type"', b'{"extent": [NaN], "type"'),
    "/a/x/b c.json": document(item("b c")),
    "/z.json": document(item("z")),
    "/y.json": catalog(("item", "a/2.json"), ("item", "file:///etc/passwd"), ("item", "q.ndjson")),
    "/q.ndjson": document(item("q1")) + b"\n" + document(item("q2")),
}  # fmt: skip


@pytest.mark.parametrize("concurrency", [1, 4, "auto"])
def test_a_nested_catalog_is_read_in_the_order_of_its_links(concurrency: int | str) -> None:
    with serving(NESTED) as server:
        ids, failures, _ = fetch(f"{server.url}/a/catalog.json", concurrency=concurrency)
    assert ids == ["2", "b c", "z", "q1", "q2"]
    assert failures == [
        f"{server.url}/a/x/gone.json: not found (404)",
        f"{server.url}/a/x/catalog.json -> \\ud800.json: the link leads to no address: it holds half a surrogate pair",
        "file:///etc/passwd: links to file: addresses are not followed from a remote document",
    ]
    assert max(server.asked.values()) == 1  # each document once, circles and repeated links included


def test_a_catalog_of_any_size_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stac_manager.files.remote.transport.WHOLE_BYTES", 1_000)
    with serving({**wide(100), "/top/catalog.json": catalog(("child", "../catalog.json"))}) as server:
        assert len(fetch(f"{server.url}/catalog.json", concurrency=8)[0]) == 100
        assert len(fetch(f"{server.url}/top/catalog.json", concurrency=8)[0]) == 100


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, zstd.compress, lambda body: gzip.compress(body[:9]) + gzip.compress(body[9:])],
    ids=["gzip", "zstd", "gzip of two members"],
)
def test_compressed_documents_of_a_catalog_are_read(pack: Callable[[bytes], bytes]) -> None:
    packed = {path: pack(body) for path, body in NESTED.items()}
    with serving(packed) as server:
        assert fetch(f"{server.url}/a/catalog.json", concurrency=3)[0] == ["2", "b c", "z", "q1", "q2"]


trees = st.recursive(st.just("item"), lambda inner: st.lists(inner, max_size=4), max_leaves=30)


@given(trees.filter(lambda tree: isinstance(tree, list)), st.sampled_from([1, 2, 7]))
def test_any_tree_is_read_depth_first(tree: Any, concurrency: int) -> None:
    answers: dict[str, bytes] = {}
    expected: list[str] = []

    def plant(node: Any, path: str) -> None:
        links = []
        for index, child in enumerate(node):
            name = f"{path}-{index}"
            links.append(("item" if child == "item" else "child", f"{name}.json"))
            if child == "item":
                expected.append(name)
                answers[f"/{name}.json"] = document(item(name))
            else:
                plant(child, name)
        answers[f"/{path}.json"] = catalog(*links)

    plant(tree, "r")
    with serving(answers) as server:
        if expected:
            assert fetch(f"{server.url}/r.json", concurrency=concurrency)[0] == expected
        else:
            with pytest.raises(DataProcessingError):
                fetch(f"{server.url}/r.json", concurrency=concurrency)
    assert max(server.asked.values()) == 1


def wide(count: int, **options: Any) -> dict[str, bytes]:
    answers = {f"/{index}.json": document(item(f"{index:03}")) for index in range(count)}
    return {"/catalog.json": catalog(*[("item", f"{index}.json") for index in range(count)]), **answers}


@pytest.mark.parametrize(("concurrency", "peak"), [(1, 1), (8, 8)])
def test_concurrency_is_documents_in_flight(concurrency: int, peak: int) -> None:
    with serving(wide(40), latency=0.01, together=peak) as server:
        ids, _, module = fetch(f"{server.url}/catalog.json", concurrency=concurrency)
    assert ids == sorted(ids)
    assert len(ids) == 40
    assert server.peak == peak
    assert module.stats.concurrency == concurrency


def test_what_is_left_early_is_not_fetched_to_its_end() -> None:
    with serving(wide(3000)) as server:
        assert len(fetch(f"{server.url}/catalog.json", concurrency=4, max_items=3)[0]) == 3
    assert sum(server.asked.values()) < 2000


def test_conditions_hold_for_remote_items() -> None:
    with serving(NESTED) as server:
        assert fetch(f"{server.url}/a/catalog.json", ids=["z", "q2"])[0] == ["z", "q2"]
        assert fetch(f"{server.url}/a/catalog.json", datetime="2025-01-01/..", ids=["z"])[0] == []


def failing(times: int, status: int, answer: bytes, **headers: str) -> Any:
    def respond(server: Documents, request: web.Request) -> web.Response:
        failed = server.asked[request.path] <= times
        return web.Response(status=status, headers=headers) if failed else web.Response(body=answer)

    return respond


@pytest.mark.parametrize("status", [429, 500, 503])
def test_faults_that_pass_cost_a_retry_and_no_item(status: int) -> None:
    answers: dict[str, Any] = {**wide(5), "/2.json": failing(2, status, document(item("002")), **{"Retry-After": "0"})}
    with serving(answers) as server:
        ids, failures, module = fetch(f"{server.url}/catalog.json", concurrency=3)
    assert (len(ids), failures, server.asked["/2.json"]) == (5, [], 3)
    assert module.stats.refusals == (0 if status == 500 else 2)


def test_a_body_that_is_cut_off_is_asked_for_again() -> None:
    def respond(server: Documents, request: web.Request) -> web.Response:
        body = document(item("1"))
        if server.asked[request.path] == 1:
            response = web.Response(body=body, headers={"Content-Length": str(len(body) + 5)})
            response.force_close()
            return response
        return web.Response(body=body)

    with serving({**wide(3), "/1.json": respond}) as server:
        ids, failures, _ = fetch(f"{server.url}/catalog.json")
    assert (len(ids), failures) == (3, [])


def test_a_server_that_is_gone_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stac_manager.network.carrier.backoff_seconds", lambda attempt: 0.0)
    answers: dict[str, Any] = {path: failing(9_999, 500, b"") for path in wide(200)}
    answers["/catalog.json"] = wide(200)["/catalog.json"]
    with serving(answers) as server, pytest.raises(DataProcessingError, match="documents in a row"):
        fetch(f"{server.url}/catalog.json", concurrency=8)


@pytest.mark.parametrize(
    ("status", "said"),
    [(404, "not found (404)"), (403, "access denied (403); the 'headers' that were given do not open it")],
)
def test_an_entry_point_that_cannot_be_had_is_named(status: int, said: str) -> None:
    answers = {"/catalog.json": failing(99, status, b"")}
    with serving(answers) as server, pytest.raises(DataProcessingError) as caught:
        fetch(f"{server.url}/catalog.json?sig=s3cret", headers={"Authorization": "Bearer s3cret"})
    assert f"{server.url}/catalog.json: {said}" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_query_of_the_source_goes_with_no_link_and_the_failure_says_so() -> None:
    answers = {"/catalog.json": catalog(("item", "1.json")), "/1.json": failing(9, 403, b"")}
    with serving(answers) as server, pytest.raises(DataProcessingError, match="goes with no link") as caught:
        fetch(f"{server.url}/catalog.json?sig=s3cret")
    assert "s3cret" not in str(caught.value)


def test_headers_go_to_the_origin_of_the_source_only() -> None:
    def elsewhere(server: Documents, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": f"{other.url}/moved.json"})

    with serving({"/linked.json": document(item("l")), "/moved.json": document(item("m"))}) as other:
        answers: dict[str, Any] = {
            "/catalog.json": catalog(("item", f"{other.url}/linked.json"), ("item", "r.json"), ("item", "own.json")),
            "/r.json": elsewhere,
            "/own.json": document(item("o")),
        }
        with serving(answers) as server:
            ids, _, _ = fetch(f"{server.url}/catalog.json", headers={"X-Key": "s3cret"})
    assert ids == ["l", "m", "o"]
    assert {headers.get("X-Key") for _, headers in server.headers} == {"s3cret"}
    assert {headers.get("X-Key") for _, headers in other.headers} == {None}


@pytest.mark.parametrize(
    "encode", [str, quote, lambda text: base64.b64encode(text.encode()).decode(), lambda text: text.encode().hex()]
)
def test_credentials_that_a_server_repeats_are_not_shown(encode: Callable[[str], str]) -> None:
    def repeats(server: Documents, request: web.Request) -> web.Response:
        token = encode(request.headers["Authorization"].split()[1])
        links = [("item", f"{token}.json"), ("item", f"http://[x/{token}"), ("child", f"file:///{token}")]
        links += [("item", "1.json"), ("child", "api.json"), ("item", "0.json"), ("item", "away.json")]
        bodies = {"/catalog.json": catalog(*links), "/1.json": document({"type": token, "id": "1"}),
                  "/api.json": catalog(("items", f"/{token}/items")), "/0.json": document(item("0"))}  # fmt: skip
        body = bodies.get(request.path)
        return web.Response(status=200 if body else 404, body=body)

    paths = ("/catalog.json", "/1.json", "/api.json", "/0.json")
    with serving(dict.fromkeys(paths, repeats)) as server:
        ids, failures, module = fetch(
            f"{server.url}/catalog.json", headers={"Authorization": "Bearer s3cret-t0ken-word"}
        )
    assert (ids, len(failures)) == (["0"], 6)
    shown_text = unquote(f"{failures} {module.stats}").lower()
    assert encode("s3cret-t0ken-word").lower() not in shown_text
    assert f"{server.url}/away.json: not found (404)" in failures  # others are


def test_a_redirect_to_a_file_is_not_followed() -> None:
    def away(server: Documents, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "file:///etc/passwd"})

    with serving(
        {**wide(1), "/catalog.json": catalog(("item", "r.json"), ("item", "0.json")), "/r.json": away}
    ) as server:
        ids, failures, _ = fetch(f"{server.url}/catalog.json")
    assert ids == ["000"]
    assert "not followed" in failures[0]


def test_a_folder_on_a_server_is_its_entry_point() -> None:
    with serving({"/c/collection.json": catalog(("item", "../0.json")), "/0.json": document(item("0"))}) as server:
        assert fetch(f"{server.url}/c/")[0] == ["0"]
        with pytest.raises(ConfigurationError, match="a server lists no folders"):
            fetch(f"{server.url}/nothing/")


def test_links_as_people_write_them() -> None:
    """To folders, to a catalog as an `item`, with the separators of Windows, and in a catalog of STAC 0.6."""
    links = [("child", "x/"), ("child", "y"), ("item", "z\\collection.json"), ("child", "gone/"), ("item", " ")]
    beta = json.loads(catalog(*links))
    documents = {
        "/catalog.json": document({name: beta[name] for name in ("id", "links")}),
        "/x/": b"<html>a list of files</html>",
        **{f"/{name}/{kind}.json": catalog(("item", f"{name}.json"))
           for name, kind in (("x", "catalog"), ("y", "collection"), ("z", "collection"))},
        **{f"/{name}/{name}.json": document(item(name)) for name in "xyz"},
    }  # fmt: skip
    with serving(documents) as server:
        ids, failures, _ = fetch(f"{server.url}/catalog.json")
        without = f"{server.url}/catalog.json -> item: the link has no href"
        assert (ids, failures) == (["x", "y", "z"], [f"{server.url}/gone/: not found (404)", without])


@pytest.mark.parametrize("rel", ["item", "child"])
def test_links_may_lead_to_lines_and_parquet(rel: str) -> None:
    """Whatever they are called: as on the disk."""
    data = {
        "a.ndjson": LINES,
        "b.json": LINES,
        "c.parquet": parquet(),
        "d": parquet(),
        "e.jsonl.gz": gzip.compress(LINES),
    }
    for name, body in data.items():
        with serving({"/catalog.json": catalog((rel, name)), f"/{name}": body}) as server:
            ids, failures, _ = fetch(f"{server.url}/catalog.json")
        assert (len(ids), failures) == (len(MANY), []), name


@pytest.mark.parametrize("following", ["items-2.json", "?page=2", "{url}/items.json?token=s3cret"])
def test_a_next_page_is_not_read_and_is_noted(following: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for most in (8_388_608, 1_000):
        monkeypatch.setattr("stac_manager.files.remote.transport.WHOLE_BYTES", most)
        with serving({}) as server:
            links = [{"rel": "next", "href": following.format(url=server.url)}]
            page = {"type": "FeatureCollection", "features": MANY[:10], "links": links}
            server.answers = {"/items.json": document(page), "/collection.json": catalog(("items", "items.json"))}
            for source in ("items.json", "collection.json"):
                ids, failures, module = fetch(f"{server.url}/{source}")
                assert (len(ids), failures) == (10, [])
                (note,) = module.stats.notes
                assert note.startswith("1 next page not read, the first: ")
                assert f", which {server.url}/items.json names;" in note
                assert "s3cret" not in note


@pytest.mark.parametrize("top", ["c.json", "catalog.json"])
def test_collections_of_an_api_name_the_mode_that_reads_them(top: str) -> None:
    documents = {"/c.json": catalog(("items", "./items")), "/catalog.json": catalog(("child", "c.json"))}
    with serving(documents) as server, pytest.raises(DataProcessingError, match=r"/items\); use mode 'api'"):
        fetch(f"{server.url}/{top}")


def test_an_update_reads_a_catalog_anew_for_nobody_knows_whether_it_has_changed(tmp_path: Path) -> None:
    said: list[str] = []
    with serving({**wide(2), "/c/catalog.json": catalog(("child", "../catalog.json"))}) as server:
        config: Any = {"source": f"{server.url}/c/catalog.json"}
        assert write(Sink(config, tmp_path / "out")).items == 2
        server.answers.update(wide(3))
        assert write(Sink(config, tmp_path / "out", say=said.append)).items == 2
        assert "whether the source has changed since is not known: --update reads it again" in said[0]
        assert write(Sink(config, tmp_path / "out", update=True)).items == 3


async def test_a_catalog_is_one_partition_and_its_secrets_stay_here() -> None:
    with serving(NESTED) as server:
        module = IngestModule({"source": f"{server.url}/a/catalog.json?sig=s3cret", "mode": "file", "concurrency": 3})
        plan = await module.plan()
        (partition,) = plan
        reader = module.read(partition, WorkflowContext.create())
        assert [each["id"] async for each in reader] == ["2", "b c", "z", "q1", "q2"]
    assert (reader.report.items, reader.report.failed) == (5, 3)
    assert "s3cret" not in str(plan.to_json())


# Servers as they are


def answer(body: bytes = b"", status: int = 200, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda server, request: web.Response(status=status, body=body, headers=named)


def moved(path: str) -> Any:
    return answer(status=302, Location=path)


ONE, TWO = document(item("1")), document(item("2"))
LINKS_OF_BOTH = {"/catalog.json": catalog(("item", "1.json"), ("item", "2.json")), "/1.json": ONE, "/2.json": TWO}
BELOW = {"/x/collection.json": catalog(("item", "1.json")), "/x/1.json": ONE}
PAGE = b"<!DOCTYPE html><html>a list, or the page of an application</html>"
ZIPPED_PAGE = answer(gzip.compress(PAGE), Content_Encoding="gzip")


@pytest.mark.parametrize(
    ("source", "answers"),
    [
        *(
            ("catalog.json", {**LINKS_OF_BOTH, "/1.json": answer(body, Content_Encoding=coding)})
            for coding, body in [
                ("gzip", ONE),  # the header is wrong
                ("zstd", ONE),
                ("br", ONE),
                ("gzip", gzip.compress(ONE)),
                ("gzip", gzip.compress(gzip.compress(ONE))),
                ("gzip", gzip.compress(ONE[:9]) + gzip.compress(ONE[9:])),
                ("br", brotli.compress(ONE)),  # as it was stored
                ("deflate", zlib.compress(ONE)),
                ("gzip,aws-chunked", gzip.compress(ONE)),
            ]
        ),
        ("catalog.json", {**LINKS_OF_BOTH, "/1.json": answer(ONE, 203)}),
        ("catalog.json", {**LINKS_OF_BOTH, "/1.json": failing(1, 520, ONE)}),
        ("catalog.json", {**LINKS_OF_BOTH, "/1.json": failing(1, 304, ONE)}),
        # What is not there may be forbidden (S3), or a page (an application); a folder may be a list, as HTML or JSON.
        *(
            (source, {**BELOW, "/x": moved("/x/"), "/x/": listing, "/x/catalog.json": absent})
            for source in ("x", "x/")
            for listing in (PAGE, ZIPPED_PAGE, document([{"name": "collection.json", "size": 3}]), answer(status=403))
            for absent in (answer(status=403), PAGE)
        ),
        ("x?sig=a", BELOW),
        ("x", {"/x": document([{"type": "FeatureCollection", "features": [item("1")]}])}),
        ("a b/\u00fc.json", {"/a b/\u00fc.json": catalog(("item", "../50% 1.json")), "/50% 1.json": ONE}),
        ("a//b/catalog.json", {"/a//b/catalog.json": catalog(("item", "../1 .json")), "/a//1 .json": ONE}),
    ],
)  # fmt: skip
def test_servers_answer_in_their_own_ways(
    source: str, answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stac_manager.network.carrier.backoff_seconds", lambda attempt: 0.0)
    with serving(answers) as server:
        ids, failures, _ = fetch(f"{server.url}/{source}", concurrency=2)
    assert (ids, failures) == (["1", "2"] if "/2.json" in answers else ["1"], [])


def test_a_folder_as_a_child_may_be_a_list_in_json() -> None:
    answers = {"/catalog.json": catalog(("child", "x/"), ("child", "x")), **BELOW}
    with serving({**answers, "/x/": document([{"name": "1.json"}]), "/x": moved("/x/")}) as server:
        assert fetch(f"{server.url}/catalog.json")[:2] == (["1"], [])


@pytest.mark.parametrize("page", [PAGE, ZIPPED_PAGE, b"", b"Please log in", document({"error": "not found"})])
@pytest.mark.parametrize("concurrency", [1, 8])
def test_what_several_links_are_redirected_to_comes_once(concurrency: int, page: Any) -> None:
    links = [("item", "a"), ("child", "k"), ("item", "1.json"), ("item", "b"), ("child", "x/collection.json")]
    links += [("item", "l"), ("item", "m")]
    answers = {"/catalog.json": catalog(*links), "/a": moved("/1.json"), "/b": moved("/1.json"), "/1.json": ONE}
    pages = {"/k": moved("/x/collection.json"), "/x/collection.json": catalog(("item", "2.json")), "/x/2.json": TWO,
             "/l": moved("/login"), "/m": moved("/login"), "/login": page}  # fmt: skip
    with serving({**answers, **pages}) as server:
        ids, failures, _ = fetch(f"{server.url}/catalog.json", concurrency=concurrency)
    assert ids == ["1", "2"]
    named = [failure.partition(": ")[0].removesuffix(":1") for failure in failures]
    assert named == [f"{server.url}/l", f"{server.url}/m"]


def test_gzip_that_is_cut_off_is_named_whoever_compressed_it() -> None:
    packed = gzip.compress(b"\n".join(map(document, MANY[:200])))
    with serving({"/a.ndjson": answer(packed[: len(packed) // 2], Content_Encoding="gzip")}) as server:
        _, failures, _ = fetch(f"{server.url}/a.ndjson")
    assert "the gzip data are cut off" in failures[0]


def test_headers_that_were_given_and_do_not_help_are_named() -> None:
    with serving({"/1.json": answer(status=401)}) as other:
        answers = {"/catalog.json": catalog(("item", "1.json"), ("item", "2.json"), ("item", "3.json"))}
        answers |= {"/1.json": moved(f"{other.url}/1.json"), "/2.json": answer(status=403), "/3.json": ONE}
        with serving(answers) as server:
            _, (first, second), _ = fetch(f"{server.url}/catalog.json", headers={"Authorization": "Bearer s3cret"})
    assert "go to the origin of 'source' only" in first
    assert "that were given do not open it" in second


# Data files

MANY = [item(f"{index:05}") for index in range(3_000)]


def parquet(rows: int = 3_000) -> bytes:
    file = io.BytesIO()
    table = parse_stac_items_to_arrow(MANY).read_all().slice(0, rows)
    pyarrow.parquet.write_table(table, file, row_group_size=500)
    return file.getvalue()


def chunked(body: bytes) -> Any:
    """Give a document without saying how long it is."""

    def respond(server: Documents, request: web.Request) -> web.Response:
        response = web.Response(body=body)
        response.enable_chunked_encoding()
        return response

    return respond


LINES = b"\n".join(map(document, MANY))


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize(
    ("name", "body", "count"),
    [
        ("items.ndjson", LINES, 3_000),  # more than is read at once: by ranges, or by way of a temporary file
        ("items.ndjson.gz", gzip.compress(LINES, 1), 3_000),
        ("items.json", document({"type": "FeatureCollection", "features": MANY[:2000]}), 2_000),
        ("items.parquet", None, 3_000),
        ("items.bin", None, 3_000),  # Parquet by its first bytes
        ("items.geojson", document(MANY[0]), 1),
    ],
)
def test_data_files_of_every_format(
    name: str, body: bytes | None, count: int, ranges: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stac_manager.files.remote.transport.WHOLE_BYTES", 200_000)
    body = parquet() if body is None else body
    with serving({f"/{name}": body}, ranges=ranges) as server:
        ids, failures, _ = fetch(f"{server.url}/{name}", concurrency=4, source_type="file")
    assert failures == []
    assert ids == [each["id"] for each in MANY[:count]]


def test_parquet_by_name_is_looked_at_as_on_the_disk() -> None:
    for name, body in {
        "packed.parquet": gzip.compress(parquet()),
        "packed.parquet.gz": gzip.compress(parquet()),
        "text.parquet": LINES,
    }.items():
        with serving({f"/{name}": body}) as server:
            ids, failures, _ = fetch(f"{server.url}/{name}")
        assert (len(ids), failures) == (3_000, []), name
    with (
        serving({"/x.parquet": b"<html>gone</html>"}) as server,
        pytest.raises(DataProcessingError, match="error page"),
    ):
        fetch(f"{server.url}/x.parquet")


@pytest.mark.parametrize(
    ("rows", "options"), [(0, {}), (3_000, {"datetime": "1999"}), (3_000, {"datetime": "2999/.."})]
)
def test_parquet_of_which_no_row_is_read_is_no_failure(rows: int, options: dict[str, Any]) -> None:
    one = {**item("one"), "properties": {"datetime": "1999-01-01T00:00:00Z", "end_datetime": "2999-01-01T00:00:00Z"}}
    links = catalog(("item", "x.parquet"), ("item", "one.json"))
    with serving({"/catalog.json": links, "/x.parquet": parquet(rows), "/one.json": document(one)}) as server:
        ids, failures, _ = fetch(f"{server.url}/catalog.json", **options)
    assert (ids, failures) == (["one"], [])


@pytest.mark.parametrize("name", ["items.ndjson", "items.parquet"])
@pytest.mark.parametrize("scheme", ["http", "s3"])
@pytest.mark.parametrize("refusal", [200, 400, 501, "bytes 0-9/*", ""])
def test_servers_that_know_no_ranges_in_their_own_way(
    name: str, scheme: str, refusal: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stac_manager.files.remote.transport.WHOLE_BYTES", 200_000)
    body = parquet() if name.endswith("parquet") else LINES
    headers = {"Accept-Ranges": "bytes", "ETag": '"1"', "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}

    def respond(server: Documents, request: web.Request) -> web.Response:
        if "Range" not in request.headers or (refusal == 200 and scheme == "http"):
            return web.Response(body=body, headers=headers)
        if refusal == 200:  # with the bytes that are asked for, as of a 206
            return web.Response(body=body[:10], headers={**headers, "Content-Range": f"bytes 0-9/{len(body)}"})
        if isinstance(refusal, int):
            return web.Response(status=refusal)
        given = {"Content-Range": refusal} if refusal else {}
        return web.Response(status=206, body=body[:10], headers={**headers, **given})

    with serving({f"/bucket/{name}": respond}) as server:
        options = {"endpoint": server.url, "region": "x", "skip_signature": True}
        given = {"storage_options": options} if scheme == "s3" else {}
        place = "s3://bucket" if scheme == "s3" else f"{server.url}/bucket"
        ids, failures, _ = fetch(f"{place}/{name}", **given)
    assert (len(ids), failures) == (3_000, [])


def test_the_first_block_of_a_large_document_is_fetched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stac_manager.files.remote.transport.WHOLE_BYTES", 200_000)
    with serving({"/items.ndjson": LINES}) as server:
        module = fetch(f"{server.url}/items.ndjson")[2]
    assert len(LINES) < 1_048_576
    assert module.stats.bytes == len(LINES)


TIMES = "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:01 GMT"


@pytest.mark.parametrize(
    ("versions", "longer", "changed"),
    [
        ([{"ETag": '"0"'}], 1, True),
        ([{"Last-Modified": each} for each in TIMES], 0, True),
        ([{"Last-Modified": each, "Date": each} for each in TIMES], 0, False),
        ([{"ETag": '"0"'}, {"ETag": '"1"'}], 0, True),
        ([{"ETag": '"0"', "Last-Modified": TIMES[0]}, {"ETag": '"1"', "Last-Modified": TIMES[1]}], 0, True),
        ([{"ETag": '"0"', "Last-Modified": TIMES[0]}, {"ETag": '"1"', "Last-Modified": TIMES[0]}], 0, False),
        ([{"ETag": '"0"', "Last-Modified": each} for each in TIMES], 0, False),
        ([{"ETag": '"0"'}, {}], 0, False),
    ],
)
@pytest.mark.parametrize("name", ["items.ndjson", "items.parquet"])
def test_no_mixture_of_two_versions_is_read(
    name: str, versions: list[dict[str, str]], longer: int, changed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stac_manager.files.remote.transport.WHOLE_BYTES", 100_000)
    monkeypatch.setattr("stac_manager.files.remote.blocks.BLOCK_BYTES", 10_000)
    monkeypatch.setattr("stac_manager.files.remote.reading.BLOCK_BYTES", 10_000)
    whole = parquet() if name.endswith("parquet") else LINES

    def respond(server: Documents, request: web.Request) -> web.Response:
        later = server.asked[request.path] > 2
        if "Range" not in request.headers:
            return web.Response(body=whole)
        first, last = (int(end) for end in request.headers["Range"].removeprefix("bytes=").split("-"))
        part, size = whole[first : last + 1], len(whole) + later * longer
        where = f"bytes {first}-{first + len(part) - 1}/{size}"
        return web.Response(status=206, body=part, headers={**versions[-later], "Content-Range": where})

    with serving({f"/{name}": respond}) as server:
        try:
            ids, failures, _ = fetch(f"{server.url}/{name}")
        except DataProcessingError as error:
            ids, failures = [], [str(error)]
    if changed:
        assert len(ids) < 100
        assert "it was changed while it was read" in failures[-1]
    else:
        assert (len(ids), failures) == (3_000, [])


def test_an_address_that_expires_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A redirect leads to a signed one, good for three requests."""
    monkeypatch.setattr("stac_manager.files.remote.transport.WHOLE_BYTES", 100_000)
    for module in ("blocks", "reading"):
        monkeypatch.setattr(f"stac_manager.files.remote.{module}.BLOCK_BYTES", 100_000)

    def signed(server: Documents, request: web.Request) -> web.Response:
        if server.asked[f"?{request.query['sig']}"] == 3:
            return web.Response(status=403)
        server.asked[f"?{request.query['sig']}"] += 1
        first, last = (int(end) for end in request.headers.get("Range", "bytes=0-999999999")[6:].split("-"))
        part = LINES[first : last + 1]
        if "Range" not in request.headers:
            return web.Response(body=part)
        where = f"bytes {first}-{first + len(part) - 1}/{len(LINES)}"
        return web.Response(status=206, body=part, headers={"Content-Range": where})

    answers: dict[str, Any] = {"/signed": signed}
    answers["/items.ndjson"] = lambda server, request: web.Response(
        status=302, headers={"Location": f"/signed?sig={server.asked['/items.ndjson']}"}
    )
    with serving(answers) as server:
        ids, failures, _ = fetch(f"{server.url}/items.ndjson", concurrency=2)
    assert (len(ids), failures) == (3_000, [])


def test_a_document_of_unknown_length_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stac_manager.files.remote.transport.WHOLE_BYTES", 200_000)
    with serving({"/items.ndjson": chunked(LINES)}, ranges=False) as server:
        assert len(fetch(f"{server.url}/items.ndjson")[0]) == 3_000


def test_a_hive_partition_gives_its_collection_to_large_files_and_parquet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stac_manager.files.remote.transport.WHOLE_BYTES", 2_000)
    file = io.BytesIO()
    items = [{**item(f"{number}"), "collection": None} for number in range(20)]
    pyarrow.parquet.write_table(parse_stac_items_to_arrow(items).read_all(), file)
    lines = b"\n".join(map(document, items))
    for name, body in (
        ("a.parquet", file.getvalue()),
        ("a.ndjson", lines),
        ("b.ndjson", lines[:900].rpartition(b"\n")[0]),
    ):
        with serving({f"/collection=scenes/{name}": body}) as server:
            found = IngestModule({"source": f"{server.url}/collection=scenes/{name}", "mode": "file"})
            assert {each["collection"] for each in found.iter_items(WorkflowContext.create())} == {"scenes"}, name


async def test_a_cancelled_fetch_leaves_nothing_behind() -> None:
    with serving({**wide(50), "/items.ndjson": LINES}, latency=0.05) as server:
        for source in ("catalog.json", "items.ndjson"):
            module = IngestModule({"source": f"{server.url}/{source}", "concurrency": 5})
            items = module.fetch(WorkflowContext.create())
            await anext(items)
            task = asyncio.ensure_future(anext(items))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task], timeout=60)
            assert task.done()
            await items.aclose()
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert left == []
