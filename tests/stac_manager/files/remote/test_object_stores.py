"""Sources on S3, against moto's server."""

from __future__ import annotations

import gzip
import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stac_manager import ConfigurationError, DataProcessingError, IngestModule, WorkflowContext
from stac_manager.sinks import Sink, write

boto3 = pytest.importorskip("boto3")
pytest.importorskip("obstore")
moto_server = pytest.importorskip("moto.server")

SECRET = "s3cret-access-key"


def item(identity: str, collection: str | None = "c") -> dict[str, Any]:
    made = {"type": "Feature", "stac_version": "1.0.0", "id": identity, "properties": {}, "links": [], "assets": {}}
    return made if collection is None else {**made, "collection": collection}


def document(value: object) -> bytes:
    return json.dumps(value).encode()


def catalog(*links: tuple[str, str]) -> bytes:
    made = [{"rel": rel, "href": href} for rel, href in links]
    return document({"type": "Catalog", "stac_version": "1.0.0", "id": "c", "description": "c", "links": made})


OBJECTS = {
    "stac/catalog.json": catalog(("child", "./x/collection.json"), ("item", "b c.json"), ("item", "gone.json")),
    "stac/x/collection.json": catalog(
        ("item", "s3://bucket/stac/x/1.json"), ("item", "2%20.json"), ("item", "3%20%C3%A9.json")
    ),
    "stac/x/1.json": document(item("1")),
    "stac/x/2%20.json": document(item("2")),  # a key as it is written
    "stac/x/3 e\u0301.json": document(item("3")),  # or as a URL has it, with accents as a Mac writes them
    "stac/b c.json": document(item("b c")),
    "spelled/collection.json": catalog(
        ("item", "b c.json"), ("item", "b%20c.json"), ("item", "d%20e.json"), ("item", "d e.json")
    ),
    "spelled/b c.json": document(item("b c")),
    "spelled/d e.json": document(item("d e")),
    "parts/collection=a/1.ndjson": document(item("p1", None)) + b"\n" + document(item("p2", None)),
    "parts/collection=b/2.ndjson": document(item("p3", None)),
    "parts/_SUCCESS": b"",
    "parts/readme.txt": b"no data",
    "odd/what?.json": document(item("q")),
    "odd/100%20#1.json": document(item("h")),
    "odd/t.parquet/": b"",  # as consoles make a folder
    "odd/t.parquet/0.ndjson": document(item("t")),
    "empty.parquet": b"",
    "empty.ndjson": b"",
    "bare": document(item("bare")),
    "lonely/collection.json": catalog(),
    "globs/[1].json": document(item("g1")),
    "globs/2.json": document(item("g2")),
    "hadoop/part-00000": document(item("h1")),
    "hadoop/part-00001.gz": gzip.compress(document(item("h2"))),
    "hadoop/_SUCCESS": b"",
    "mixed/a.json": document(item("m")),
    "mixed/a.json.gz": gzip.compress(document(item("n"))),
    "mixed/b.ndjson.bz2": b"BZh",
    "named/a/collection.json": document({"type": "FeatureCollection", "features": [item("n1"), item("n2")]}),
    "named/b/collection.json": catalog(("item", "../../bare")),
    "named/collection.json": document([item("n3")]),
    "named/x.json": document(item("n4")),
    "markers/a.json": document(item("k")),
    "markers/b.parquet/": b"",  # as consoles make a folder, with nothing in it
    "markers/c/": b"",
    "markers/d.json": b"",
    "two/a/collection.json": catalog(("item", "../../stac/x/1.json")),
    "two/b/collection.json": catalog(("item", "../../bare")),
}  # fmt: skip


@pytest.fixture(scope="module")
def store() -> Iterator[dict[str, Any]]:
    """Return the storage options of a bucket with the objects."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    client.create_bucket(Bucket="bucket")
    for key, body in OBJECTS.items():
        client.put_object(Bucket="bucket", Key=key, Body=body)
    client.create_bucket(Bucket="other-bucket")
    client.put_object(Bucket="other-bucket", Key="o.json", Body=document(item("o")), ACL="public-read")
    client.put_object(Bucket="other-bucket", Key="private.json", Body=document(item("private")))
    client.put_object(Bucket="other-bucket", Key="slashes//a.json", Body=document(item("s")))
    links = [("item", "s3://other-bucket/o.json"), ("item", "s3://other-bucket/private.json")]
    client.put_object(Bucket="bucket", Key="linking.json", Body=catalog(*links))
    client.create_bucket(Bucket="google")
    for key, body in {"gs/catalog.json": catalog(("item", "a%20b.json")), "gs/a b.json": document(item("a b"))}.items():
        client.put_object(Bucket="google", Key=key, Body=body, ACL="public-read")
    for key in (
        "table/data/x.ndjson",
        "table/metadata/v1.metadata.json",
        "scene/data/a.json",
        "scene/metadata/b.metadata.json",
    ):
        client.put_object(Bucket="google", Key=key, Body=document(item("deleted")), ACL="public-read")
    client.close()
    yield {"endpoint": endpoint, "region": "us-east-1", "access_key_id": "AKID", "secret_access_key": SECRET}
    server.stop()


def fetch(source: str, options: dict[str, Any], **further: Any) -> tuple[list[dict[str, Any]], list[str]]:
    context = WorkflowContext.create()
    items = list(IngestModule({"source": source, "storage_options": options, **further}).iter_items(context))
    return items, [str(failure) for failure in context.failure_collector.get_all()]


@pytest.mark.parametrize("source", ["s3://bucket/stac/catalog.json", "s3://bucket/stac/", "s3://bucket/stac"])
@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_catalog_in_a_bucket(store: dict[str, Any], source: str, concurrency: int) -> None:
    items, failures = fetch(source, store, concurrency=concurrency)
    assert [each["id"] for each in items] == ["1", "2", "3", "b c"]
    assert failures == ["s3://bucket/stac/gone.json: not found (404)"]


@pytest.mark.parametrize("concurrency", [1, 8])
def test_an_object_to_which_links_lead_in_several_spellings_comes_once(store: dict[str, Any], concurrency: int) -> None:
    items, failures = fetch("s3://bucket/spelled", store, concurrency=concurrency)
    assert ([each["id"] for each in items], failures) == (["b c", "d e"], [])


@pytest.mark.parametrize("source", ["gs://google/gs/catalog.json", "gs://google/gs"])
def test_google_cloud_storage(store: dict[str, Any], source: str) -> None:
    """Its XML API is the one of S3, as far as it is used here."""
    items, failures = fetch(source, {"base_url": store["endpoint"], "skip_signature": True})
    assert ([each["id"] for each in items], failures) == (["a b"], [])


@pytest.mark.parametrize("further", [{"allow_http": "true"}, {"AWS_ALLOW_HTTP": True, "timeout": "20s"}])
def test_options_of_the_client_among_those_of_the_store(store: dict[str, Any], further: dict[str, Any]) -> None:
    """As delta-rs, polars and Rust's object_store take them. In obstore they are a panic."""
    assert [each["id"] for each in fetch("s3://bucket/stac/x/1.json", {**store, **further})[0]] == ["1"]


def test_an_endpoint_in_the_environment(store: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """As the vendor's tools take it, in plain HTTP too: for the source's bucket, and for others that it links to."""
    for name in ("region", "access_key_id", "secret_access_key"):
        monkeypatch.setenv(f"AWS_{name.upper()}", store[name])
    monkeypatch.setenv("AWS_ENDPOINT_URL", store["endpoint"])
    assert [each["id"] for each in fetch("s3://bucket/linking.json", {})[0]] == ["o"]


def test_a_table_that_holds_deleted_rows_is_named(store: dict[str, Any]) -> None:
    options = {"base_url": store["endpoint"], "skip_signature": True}
    for source, held in ("gs://google/table", "is"), ("gs://google", "holds 'gs://google/table',"):
        said = rf"{source}' {held} a table of Iceberg.* give a glob: 'gs://google/table/\*\*"
        with pytest.raises(ConfigurationError, match=said):
            fetch(source, options)
    assert len(fetch("gs://google/scene", options)[0]) == 2  # of JSON alone
    module = IngestModule({"source": "gs://google/**/data/*", "storage_options": options})
    assert [each["id"] for each in module.iter_items(WorkflowContext.create())] == ["deleted"] * 2
    assert ["gs://google/table is a table of Iceberg" in note for note in module.stats.notes] == [True]


def test_a_prefix_of_parts(store: dict[str, Any]) -> None:
    items, failures = fetch("s3://bucket/parts/", store, concurrency=4)
    assert [(each["id"], each["collection"]) for each in items] == [("p1", "a"), ("p2", "a"), ("p3", "b")]
    assert failures == []
    assert [each["id"] for each in fetch("s3://bucket/**/2.nd*", store)[0]] == ["p3"]


def test_a_link_to_a_table_in_parts(store: dict[str, Any]) -> None:
    """As the Planetary Computer keeps the Items of a Collection: an asset whose name is that of no object."""
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    client = boto3.client(
        "s3", endpoint_url=store["endpoint"], region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    assets = {"items": {"href": "./items.parquet", "roles": ["stac-items"]}}
    linked = json.loads(catalog(("child", "table/collection.json"), ("item", "gone.parquet"), ("item", "old.parquet")))
    objects = {
        "catalog.json": document(linked),
        "table/collection.json": document({**linked, "links": [], "assets": assets}),
    }
    for name in ("table/items.parquet/1", "table/items.parquet/2", "table/items.parquet/_metadata", "old.parquet/x"):
        written = pyarrow.BufferOutputStream()
        parquet.write_table(pyarrow.table({"id": [name[-1]], "type": ["Feature"], "stac_version": ["1.0.0"]}), written)
        objects[f"{name}.parquet"] = written.getvalue().to_pybytes()
    objects["old.parquet/_delta_log/0.json"] = b"{}"
    for key, body in objects.items():
        client.put_object(Bucket="other-bucket", Key=f"tables/{key}", Body=body)
    client.close()
    for concurrency in (1, 8):
        items, failures = fetch("s3://other-bucket/tables/catalog.json", store, concurrency=concurrency)
        assert [each["id"] for each in items] == ["1", "2"]
        assert failures == [f"s3://other-bucket/tables/{name}.parquet: not found (404)" for name in ("gone", "old")]


@pytest.mark.parametrize(
    ("source", "expected", "notes"),
    [
        ("s3://bucket/hadoop/*", ["h1", "h2"], []),  # no name says that it is data
        ("s3://bucket/two/*/collection.json", ["1", "bare"], []),
        ("s3://bucket/globs/[1].json", ["g1"], []),  # an object of that name
        ("s3://bucket/globs/[12].json", ["g2"], []),
        *((f"s3://bucket/named{end}", ["n1", "n2", "n3", "n4"], []) for end in ("", "/**", "/**/*.json")),
        (
            "s3://bucket/mixed",
            ["m", "n"],  # only those on disk are compared
            ["1 archive not read, the first: s3://bucket/mixed/b.ndjson.bz2; unpack it first"],
        ),
    ],
)
async def test_globs_and_prefixes_mean_what_they_do_on_disk(
    store: dict[str, Any], source: str, expected: list[str], notes: list[str]
) -> None:
    module = IngestModule({"source": source, "storage_options": store})
    assert [each["id"] async for each in module.fetch(WorkflowContext.create())] == expected
    assert module.stats.notes == notes


@pytest.mark.parametrize("source", ["s3://bucket/markers", "s3://bucket/markers/**", "s3://bucket/markers/*"])
def test_what_shows_a_folder_in_consoles_is_no_document(store: dict[str, Any], source: str) -> None:
    items, failures = fetch(source, store)
    assert [each["id"] for each in items] == ["k"]
    assert failures == ["s3://bucket/markers/d.json:1: not JSON: it holds no value"]


@pytest.mark.parametrize(("most", "partition_items"), [(1, 5_000), (100, 1)])
async def test_a_plan_of_a_prefix_gives_the_same_items(
    most: int, partition_items: int, store: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stac_manager.files.remote.planning.PARTITION_DOCUMENTS", most)
    module = IngestModule({"source": "s3://bucket/parts/", "storage_options": store})
    plan = await module.plan(partition_items=partition_items)
    assert len(plan) == 2
    assert SECRET not in str(plan.to_json())
    readers = [module.read(partition, WorkflowContext.create()) for partition in plan]
    assert [each["id"] for reader in readers for each in [each async for each in reader]] == ["p1", "p2", "p3"]


async def test_objects_that_are_not_what_was_planned_are_named(store: dict[str, Any], tmp_path: Path) -> None:
    """A run that is resumed reads no mixture; a finished one says that there is more, and an update takes it."""
    client = boto3.client(
        "s3", endpoint_url=store["endpoint"], region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    keys = [f"changing/{name}.json" for name in "abc"]
    for key in keys:
        client.put_object(Bucket="bucket", Key=key, Body=document(item(key)))
    config: Any = {"source": "s3://bucket/changing/", "storage_options": store}
    module, said = IngestModule(config), list[str]()
    write(Sink(config, tmp_path / "out", say=said.append))
    (partition,) = (await module.plan()).partitions
    client.put_object(Bucket="bucket", Key=keys[1], Body=document(item("longer than it was")))
    client.put_object(Bucket="bucket", Key="changing/d.json", Body=document(item("new")))
    reader = module.read(partition, WorkflowContext.create())
    assert [each["id"] async for each in reader] == [keys[0], "longer than it was", keys[2]]
    assert re.search(
        r"changing/b.json: had \d+ bytes when the plan was made, and has \d+ now", str(reader.report.problem)
    )
    write(Sink(config, tmp_path / "out", say=said.append))
    assert "2 files new or changed, 0 gone" in said[-1]
    assert write(Sink(config, tmp_path / "out", update=True)).items == 5
    for key in (*keys, "changing/d.json"):
        client.delete_object(Bucket="bucket", Key=key)
    client.close()


async def test_objects_of_any_name(store: dict[str, Any]) -> None:
    module, context = IngestModule(source="s3://bucket/odd", storage_options=store), WorkflowContext.create()
    assert [each["id"] async for each in module.fetch(context)] == ["h", "t", "q"]
    (partition,) = (await module.plan()).partitions
    assert [each["id"] async for each in module.read(partition, context)] == ["h", "t", "q"]
    assert len(context.failure_collector) == 0
    bare = IngestModule(source="s3://bucket/bare", storage_options=store)
    assert [each["id"] async for each in bare.fetch(context)] == ["bare"]


def test_other_buckets_are_asked_anonymously(store: dict[str, Any]) -> None:
    items, failures = fetch("s3://bucket/linking.json", store)
    assert [each["id"] for each in items] == ["o"]
    assert failures[0].startswith("s3://other-bucket/private.json: access denied (403)")


@pytest.mark.parametrize(
    ("source", "change", "error", "said"),
    [
        ("s3://bucket/no.json", {}, DataProcessingError, "s3://bucket/no.json: not found (404)"),
        ("s3://no-bucket/", {}, DataProcessingError, "not found (404)"),
        ("s3://bucket/none/", {}, ConfigurationError, "holds no data file"),
        ("s3://bucket/markers/b.parquet/", {}, ConfigurationError, "holds no data file"),
        ("s3://bucket/hadoop/", {}, ConfigurationError, "give a glob: 's3://bucket/hadoop/**'"),
        ("s3://other-bucket/slashes", {}, DataProcessingError, "such as 'slashes//a.json'"),
        ("s3://other-bucket/slashes//a.json", {}, DataProcessingError, "control characters; name its https address"),
        ("s3://bucket/lonely/", {}, DataProcessingError, "read items beside it by s3://bucket/lonely/**"),
        ("s3://bucket/stac/", {"skip_signature": True}, DataProcessingError, "access denied (403); for public data"),
        ("s3://bucket/stac/", {"regio": "x"}, ConfigurationError, "'regio' is not valid for store 'S3'"),
        ("ftp://bucket/stac/", {}, ConfigurationError, "ftp URLs are not known"),
        (f"ftp://u:{SECRET}@bucket/stac/?key={SECRET}", {}, ConfigurationError, "'ftp://bucket/stac/': ftp URLs"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_named_and_shows_no_secret(
    store: dict[str, Any], source: str, change: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error) as caught:
        fetch(source, {**store, **change})
    assert said in str(caught.value)
    assert SECRET not in repr(caught.value)


def test_options_are_never_shown(store: dict[str, Any]) -> None:
    module = IngestModule({"source": "s3://bucket/stac/", "storage_options": store})
    assert SECRET not in repr(module.config)


def test_without_obstore_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("obstore", "obstore.store", "obstore.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigurationError, match=r"S3 URLs need obstore; pip install obstore"):
        fetch("s3://bucket/catalog.json", {})


@pytest.mark.parametrize(("name", "said"), [("empty.parquet", "file size is 0 bytes"), ("empty.ndjson", "no item")])
def test_empty_objects_are_named_as_such(store: dict[str, Any], name: str, said: str) -> None:
    with pytest.raises(DataProcessingError, match=said):
        fetch(f"s3://bucket/{name}", store)
