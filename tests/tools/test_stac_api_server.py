"""The local STAC API, run as the program it is: what it serves, what it refuses, how it starts and stops."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import accumulate
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlencode, urlsplit

import pystac_client
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import ROOT

from tools.stac_api.items import InputError, Item, read_items
from tools.stac_api.manners import Manners, parse_arguments
from tools.stac_api.search import Catalog, Filters, body_of_post, search_of

SERVER = ROOT / "tools" / "stac_api_server.py"
START_SECONDS = 120.0
END_SECONDS = 60.0
"""On a machine that is busy with other work; half of the latency of the server that must not wait for its answers."""

Json = dict[str, Any]


# --- Items ---------------------------------------------------------------------------------------------------------


def make_item(id_: str, moment: str | None = None, **changes: Any) -> Json:
    """A valid STAC 1.1.0 item: one degree square at (20, 20) unless `changes` say otherwise."""
    west, south, east, north = changes.pop("bbox", [20.2, 20.2, 20.8, 20.8])
    properties = {"datetime": moment, **changes.pop("properties", {})}
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    item: Json = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": id_,
        "collection": "squares",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, east, north],
        "properties": properties,
        "links": [
            {"rel": "self", "href": f"https://example.com/{id_}.json"},
            {"rel": "license", "href": "https://example.com/license"},
        ],
        "assets": {},
    }
    return {**item, **changes}


def year(number: int) -> Json:
    """`properties` of an item with a null datetime that lasts a year."""
    return {"start_datetime": f"{number}-01-01T00:00:00Z", "end_datetime": f"{number + 1}-01-01T00:00:00Z"}


def many_items(count: int, collection: str = "squares") -> list[Json]:
    """Items an hour apart but for every tenth, which has its neighbour's datetime."""
    hours = [index - (index % 10 == 9) for index in range(count)]
    return [
        make_item(
            f"{collection}-{index:04d}",
            f"2024-{1 + hour // 480:02d}-{1 + hour // 24 % 20:02d}T{hour % 24:02d}:00:00Z",
            collection=collection,
        )
        for index, hour in enumerate(hours)
    ]


def write_ndjson(path: Path, items: list[Json]) -> Path:
    # Unusual spacing and numbers: a server that parses and writes items anew would be noticed.
    path.write_text("".join(json.dumps(item, separators=(" , ", ": ")) + "\n" for item in items))
    return path


# --- Server --------------------------------------------------------------------------------------------------------


class Server:
    """A running server, and the few requests the tests make."""

    def __init__(self, url: str) -> None:
        self.url = url

    def raw(self, path: str, body: Any = None, method: str | None = None) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(path if path.startswith("http") else self.url + path)
        connection = HTTPConnection(parts.netloc, timeout=30)
        try:
            target = f"{parts.path}?{parts.query}" if parts.query else parts.path
            data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            connection.request(method or ("GET" if body is None else "POST"), target, body=data)
            response = connection.getresponse()
            return response.status, dict(response.headers), response.read()
        finally:
            connection.close()

    def json(self, path: str, body: Any = None, method: str | None = None, status: int = 200) -> Any:
        code, _, content = self.raw(path, body, method)
        assert code == status, content
        return json.loads(content)

    def get(self, **parameters: Any) -> Json:
        page: Json = self.json(f"/search?{urlencode(parameters)}")
        return page

    def ids(self, **parameters: Any) -> list[str]:
        """The ids a search finds, the same over GET and POST."""
        parameters = {"limit": 100, **parameters}
        found = [item["id"] for item in self.json("/search", parameters)["features"]]
        query = {
            name: ",".join(map(str, value)) if isinstance(value, list) else value for name, value in parameters.items()
        }
        assert [item["id"] for item in self.get(**query)["features"]] == found
        return found

    def pages(self, path: str = "/search", body: Json | None = None) -> Iterator[Json]:
        """Follow the next links as the specification says."""
        url, current = path, body
        while True:
            page = self.json(url, current)
            yield page
            link = next((link for link in page["links"] if link["rel"] == "next"), None)
            if link is None:
                return
            url = link["href"]
            assert link.get("method", "GET") == ("GET" if body is None else "POST")
            if body is not None:
                current = link["body"]


@contextmanager
def serving(*arguments: Any, program: Path = SERVER) -> Iterator[Server]:
    """Run the server as a benchmark does, and stop it by a signal."""
    with started(program, *arguments) as (process, url):
        yield Server(url)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0
        assert process.stderr
        assert process.stderr.read() == b""


@contextmanager
def started(program: Path, *arguments: Any) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    command = [sys.executable, program, *arguments, "--until-eof"]
    pipe = subprocess.PIPE
    with subprocess.Popen([*map(str, command)], stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            assert process.stdout
            said = process.stdout.readline().decode()
            assert said.startswith("listening on "), process.stderr and process.stderr.read()
            yield process, said.split()[-1]
        finally:
            process.kill()


def changed_server(directory: Path, changes: list[tuple[str, str, str]]) -> Path:
    """A copy of the server in which other words stand in some of its modules."""
    tools = directory / "tools"
    shutil.copytree(SERVER.parent / "stac_api", tools / "stac_api", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__init__.py", SERVER.name):
        shutil.copy(SERVER.parent / name, tools)
    for name, old, new in changes:
        module = tools / "stac_api" / name
        text = module.read_text()
        assert text.count(old) == 1
        module.write_text(text.replace(old, new))
    return tools / SERVER.name


SPECIAL_ITEMS = [
    make_item("instant", "2024-06-01T12:00:00Z"),
    make_item("sub-second", "2024-06-01T12:00:00.123456789Z"),
    make_item("offset", "2024-06-01T14:00:00.5+02:00"),
    make_item("year-2022", None, properties=year(2022)),
    make_item("year-2020", None, properties=year(2020)),
    make_item("range-and-datetime", "2023-05-15T00:00:00Z", properties=year(2023)),
    make_item("spaced", None, properties={name: v.replace("T", " ") for name, v in year(2018).items()}),
    make_item("east", "2010-01-01T00:00:00Z", bbox=[170.0, -10.0, 175.0, -5.0]),
    make_item("across", "2010-01-02T00:00:00Z", bbox=[178.0, -10.0, -178.0, -5.0]),
    make_item("west", "2010-01-03T00:00:00Z", bbox=[-175.0, -10.0, -170.0, -5.0]),
    make_item("nowhere", "2010-01-04T00:00:00Z", geometry=None),
    make_item(
        "triangle",  # the lower left half of its bounding box
        "2011-01-01T00:00:00Z",
        geometry={"type": "Polygon", "coordinates": [[[0, 0], [10, 0], [0, 10], [0, 0]]]},
        bbox=[0, 0, 10, 10],
    ),
    make_item("high", "2012-01-01T00:00:00Z", bbox=[50.0, 50.0, 51.0, 51.0])
    | {"bbox": [50.0, 50.0, 1000.0, 51.0, 51.0, 2000.0]},
    make_item("odd id/&?é", "2009-01-01T00:00:00Z", collection="other things"),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    directory = tmp_path_factory.mktemp("items")
    return [
        write_ndjson(directory / "many.ndjson", many_items(205)),
        write_ndjson(directory / "special.ndjson", [item | {"collection": "special"} for item in SPECIAL_ITEMS[:-1]]),
        write_ndjson(directory / "other.ndjson", SPECIAL_ITEMS[-1:]),
    ]


@pytest.fixture(scope="module")
def server(files: list[Path]) -> Iterator[Server]:
    with serving(*files, "--latency", 0) as running:
        yield running


@pytest.fixture(scope="module")
def slow(files: list[Path]) -> Iterator[Server]:
    with serving(*files, "--latency", 0.1) as running:
        yield running


# --- Paging --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 41, 205, 206, 10_000, 1_000_000])
def test_pages_hold_every_item_once_newest_first(server: Server, limit: int) -> None:
    search = {"collections": ["squares"], "limit": limit, "datetime": "2024-01-01T00:00:00Z/.."}
    by_post = list(server.pages(body=search))
    by_get = list(server.pages(f"/search?{urlencode({**search, 'collections': 'squares'})}"))
    expected = sorted(many_items(205), key=lambda item: (item["properties"]["datetime"], item["id"]), reverse=True)
    for pages in (by_post, by_get):
        assert [f["id"] for page in pages for f in page["features"]] == [item["id"] for item in expected]
        assert [len(page["features"]) for page in pages[:-1]] == [limit] * (len(pages) - 1)
        assert all(page["features"] for page in pages)
        assert {page["numberMatched"] for page in pages} == {205}
        assert all(page["numberReturned"] == len(page["features"]) for page in pages)


def test_offsets_instead_of_tokens_no_counts_and_what_is_ignored(files: list[Path]) -> None:
    with serving(*files, "--latency", 0, "--offsets", "--no-bbox", "--no-counts", "--null-filter") as server:
        search = {"collections": ["squares"], "limit": 100, "bbox": [179, 89, 180, 90]}
        by_post = list(server.pages(body=search))
        by_get = list(server.pages("/search?collections=squares&limit=100&bbox=179,89,180,90"))
        null = {"op": "isNull", "args": [{"property": "geometry"}]}
        without = list(server.pages(body={"filter": null, "filter-lang": "cql2-json"}))
    for pages in (by_post, by_get):
        assert len({item["id"] for page in pages for item in page["features"]}) == 205
    links = [link for page in by_post for link in page["links"] if link["rel"] == "next"]
    assert [link["body"]["offset"] for link in links] == [100, 200]
    assert all(item["geometry"] is None for page in without for item in page["features"])
    assert not {"numberMatched", "numberReturned"} & by_get[0].keys()


def test_next_link_of_post_has_the_whole_body(server: Server) -> None:
    search = {"collections": ["squares"], "limit": 3, "datetime": "2024-01-01T00:00:00Z/..", "ids": None}
    (link,) = (link for link in server.json("/search", search)["links"] if link["rel"] == "next")
    assert link["method"] == "POST"
    assert link["body"] == {**search, "token": link["body"]["token"]}


def test_token_of_another_search_is_refused(server: Server) -> None:
    page = server.json("/search", {"collections": ["squares"], "limit": 3})
    token = page["links"][-1]["body"]["token"]
    assert "token" in server.json("/search", {"limit": 3, "token": token}, status=400)["description"]


def test_search_serves_the_bytes_of_the_files(server: Server, files: list[Path]) -> None:
    _, _, body = server.raw("/search?limit=10000")
    for line in (line for file in files for line in file.read_bytes().splitlines()):
        assert line in body


def test_long_get_search(server: Server) -> None:
    ids = [item["id"] for item in many_items(205)] * 20
    assert len(server.get(ids=",".join(ids), limit=1000)["features"]) == 205


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pystac_client_reads_everything(server: Server, method: str) -> None:
    client = pystac_client.Client.open(server.url)
    search = client.search(method=method, collections=["squares"], limit=50)
    assert search.matched() == 205
    assert {item["id"] for item in search.items_as_dicts()} == {item["id"] for item in many_items(205)}
    assert len(list(search.items())) == 205


# --- Filters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ("2024-06-01T12:00:00Z", ["instant"]),
        ("2024-06-01T12:00:00.000000000Z", ["instant"]),
        ("2024-06-01T14:00:00+02:00", ["instant"]),
        ("2024-06-01t12:00:00z", ["instant"]),
        ("2024-06-01T12:00:00.123456999Z", ["sub-second"]),  # what comes after microseconds is ignored
        ("2024-06-01T12:00:00.123457Z", []),
        ("2024-06-01T12:00:00.123456Z/2024-06-01T12:00:00.12346Z", ["sub-second"]),
        ("2024-06-01T12:00:00Z/2024-06-01T12:00:00.5Z", ["offset", "sub-second", "instant"]),
        ("2024-06-01T12:00:00.500001Z/..", []),
        ("2024-06-01T12:00:00.5Z/", ["offset"]),
        ("2020-12-31T23:59:59.999999Z", ["year-2020"]),
        ("2021-01-01T00:00:00Z", ["year-2020"]),
        ("2021-01-01T00:00:00.000001Z/2021-12-31T23:59:59.999999Z", []),
        ("2021-06-01T00:00:00Z/2022-01-01T00:00:00Z", ["year-2022"]),
        ("2023-06-15T00:00:00Z/2023-06-16T00:00:00Z", ["range-and-datetime"]),
        ("2023-01-01T00:00:00Z", ["range-and-datetime", "year-2022"]),
        ("2018-06-01T00:00:00Z", ["spaced"]),
        ("../2010-01-01T00:00:00Z", ["east"]),
        ("/2010-01-02T00:00:00Z", ["across", "east"]),
    ],
)
def test_datetime(server: Server, interval: str, expected: list[str]) -> None:
    assert server.ids(collections=["special"], datetime=interval) == expected


@pytest.mark.parametrize(
    ("bbox", "expected"),
    [
        ([170.0, -8.0, 171.0, -7.0], ["east"]),
        ([175.0, -5.0, 176.0, 0.0], ["east"]),
        ([175.1, -5.0, 177.0, 0.0], []),
        ([174.0, -8.0, -174.0, -7.0], ["west", "across", "east"]),
        ([179.0, -8.0, -179.0, -7.0], ["across"]),
        ([-179.0, -8.0, -178.5, -7.0], ["across"]),
        ([-178.0, -8.0, 178.0, -7.0], ["west", "across", "east"]),
        ([-177.9, -8.0, -176.0, -7.0], []),
        ([50.0, 50.0, 51.0, 51.0], ["high"]),
        ([50.0, 50.0, 0.0, 51.0, 51.0, 1.0], ["high"]),  # heights are not looked at
    ],
)
def test_bbox(server: Server, bbox: list[float], expected: list[str]) -> None:
    assert server.ids(collections=["special"], bbox=bbox) == expected


@pytest.mark.parametrize(
    ("geometry", "expected"),
    [
        ({"type": "Point", "coordinates": [5, 5]}, ["triangle"]),  # on its edge
        ({"type": "Point", "coordinates": [6, 6]}, []),  # in its bounding box alone
        ({"type": "LineString", "coordinates": [[-1, -1], [11, 11]]}, ["triangle"]),
        ({"type": "Polygon", "coordinates": [[[1, 1], [2, 1], [2, 2], [1, 1]]]}, ["triangle"]),
        ({"type": "Polygon", "coordinates": [[[-9, -9], [60, -9], [60, 60], [-9, 60], [-9, -9]],
                                             [[-8, -8], [49, -8], [49, 49], [-8, 49], [-8, -8]]]}, ["high"]),
        ({"type": "MultiPoint", "coordinates": [[172, -7], [50.5, 50.5, 9]]}, ["high", "east"]),
        ({"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [0, 0]}]}, ["triangle"]),
    ],
    ids=str,
)  # fmt: skip
def test_intersects(server: Server, geometry: Json, expected: list[str]) -> None:
    search = {"collections": ["special"], "intersects": geometry, "datetime": "../2013-01-01T00:00:00Z"}
    assert [item["id"] for page in server.pages(body={**search, "limit": 1}) for item in page["features"]] == expected
    found = server.get(**{**search, "collections": "special", "intersects": json.dumps(geometry)})
    assert [item["id"] for item in found["features"]] == expected


def test_intersects_names_the_library_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shapely", None)
    with pytest.raises(ValueError, match="needs shapely"):
        search_of(body_of_post(b'{"intersects": {"type": "Point", "coordinates": [0, 0]}}'))


def test_ids_and_collections(server: Server) -> None:
    assert server.ids(ids=["west", "east", "absent"]) == ["west", "east"]
    assert server.ids(ids=["west", "squares-0000"], collections=["special"]) == ["west"]
    assert server.ids(ids=["west"], bbox=[0, 0, 1, 1]) == []
    assert server.ids(ids=["instant", "west"], datetime="2024-01-01T00:00:00Z/..") == ["instant"]
    assert server.ids(collections=["absent"]) == []
    assert server.ids(collections=["other things", "absent"]) == ["odd id/&?é"]
    assert server.get(collections="special,other things")["numberMatched"] == len(SPECIAL_ITEMS)


MINUTES = st.integers(min_value=0, max_value=12)


@given(
    ranges=st.lists(st.tuples(MINUTES, MINUTES).map(sorted), max_size=12),
    start=st.none() | MINUTES,
    end=st.none() | MINUTES,
    names=st.none() | st.lists(st.integers(0, 12).map(str), min_size=1, unique=True),
)
def test_finding_by_bisection_is_finding_one_by_one(
    ranges: list[list[int]], start: int | None, end: int | None, names: list[str] | None
) -> None:
    items = [Item(b"item %d" % n, str(n), "c", first, last, None) for n, (first, last) in enumerate(ranges)]
    catalog = Catalog(items)
    filters = Filters(start=start, end=end, ids=None if names is None else frozenset(names))
    positions = catalog.find(filters)
    expected = [
        item
        for item in sorted(items, key=lambda item: (item.start, item.id), reverse=True)
        if (start is None or item.end >= start)
        and (end is None or item.start <= end)
        and (names is None or item.id in names)
    ]
    assert [catalog.items[position] for position in positions] == expected
    assert bytes(catalog.features(positions)) == b",".join(item.raw for item in expected)


def test_pages_are_pieces_of_one_store() -> None:
    """Nothing is copied for a page of neighbours: the server must not be what a benchmark waits for."""
    catalog = Catalog([Item(b"item %d" % n, str(n), "c", n, n, None) for n in range(9)])
    found = catalog.find(Filters(end=7))
    first, second = (catalog.features(found[offset : offset + 3]) for offset in (0, 3))
    assert (bytes(first), bytes(second)) == (b"item 7,item 6,item 5", b"item 4,item 3,item 2")
    assert isinstance(first, memoryview)
    assert isinstance(second, memoryview)
    assert first.obj is second.obj
    assert bytes(catalog.features([0, 2, 3])) == b"item 8,item 6,item 5"


# --- Errors --------------------------------------------------------------------------------------------------------

BAD_SEARCHES: list[Json] = [
    *({"limit": limit} for limit in (0, -1, 1.5, "10", True)),
    *(
        {"datetime": text}
        for text in (
            "2024-01-01",
            "2024-01-01T00:00:00",
            "2024-01-01 00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:61Z",
            "2024-01-01T00:00:00,5Z",
            "2024-01-01T00:00:00+0100",
            "2024-01-01T00:00:00+24:00",
            "2024-01-01T00:00:00Z/2023-01-01T00:00:00Z",
            "../..",
            "/",
            "",
            "2024-01-01T00:00:00Z/../..",
        )
    ),
    {"datetime": 2024},
    *({"bbox": bbox} for bbox in ([], [0, 0, 1], [0, 0, 1, 1, 1], [0, 1, 1, 0], "0,0,1,1", [0, 0, "1", 1])),
    {"intersects": {"type": "Point", "coordinates": [0, 0]}, "bbox": [0, 0, 1, 1]},
    {"intersects": {"type": "Feature", "geometry": {"type": "Point", "coordinates": [0, 0]}, "properties": {}}},
    *({"intersects": {"type": "Polygon", "coordinates": bad}} for bad in ([], [[1]], [[[0, 0], [1, 1]]], "x", [["a"]])),
    *({"intersects": bad} for bad in ({}, {"type": "Circle", "coordinates": [0, 0]}, "POINT (0 0)", [0, 0])),
    {"ids": "west"},
    {"ids": []},
    {"ids": [1]},
    {"collections": [""]},
    {"token": "next"},
    {"token": 5},
    {"sortby": [{"field": "id", "direction": "asc"}]},
]


@pytest.mark.parametrize("body", BAD_SEARCHES, ids=json.dumps)
def test_bad_search_is_refused(server: Server, body: Json) -> None:
    error = server.json("/search", body, status=400)
    assert error["code"] == "BadRequest"
    assert error["description"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/search?limit=0", None, 400),
        ("GET", "/search?limit=ten", None, 400),
        ("GET", "/search?limit=", None, 400),
        ("GET", "/search?limit=1&limit=2", None, 400),
        ("GET", "/search?bbox=0,0,1,nan", None, 400),
        ("GET", "/search?bbox=[0,0,1,1]", None, 400),
        ("GET", "/search?datetime=2024-01-01T00:00:00+01:00", None, 400),  # this plus sign means a space
        ("GET", "/search?fields=id", None, 400),
        ("GET", "/search?intersects=POINT(0+0)", None, 400),
        ("POST", "/search", b"{", 400),
        ("POST", "/search", b"[]", 400),
        ("GET", "/absent", None, 404),
        ("GET", "/collections/absent", None, 404),
        ("DELETE", "/search", None, 405),
        ("POST", "/collections", b"{}", 405),
    ],
)
def test_bad_request_is_refused(server: Server, method: str, path: str, body: bytes | None, status: int) -> None:
    error = server.json(path, body, method, status)
    assert error.keys() == {"code", "description"}
    assert error["code"] == {400: "BadRequest", 404: "NotFound", 405: "MethodNotAllowed"}[status]


def test_empty_post_is_a_search(server: Server) -> None:
    assert server.json("/search", b"", method="POST")["numberReturned"] == 10


# --- Collections, items and documents ------------------------------------------------------------------------------


def test_collections_are_derived_from_the_items(server: Server) -> None:
    collections = server.json("/collections")["collections"]
    assert [collection["id"] for collection in collections] == ["other things", "special", "squares"]
    special = server.json("/collections/special")
    assert special == collections[1]
    assert special["extent"] == {
        "spatial": {"bbox": [[-180, -10, 180, 51]]},
        "temporal": {"interval": [["2010-01-01T00:00:00Z", "2024-06-01T12:00:00.500000Z"]]},
    }


def test_documents_have_their_media_types(server: Server) -> None:
    expected = {
        "/": "application/json",
        "/collections": "application/json",
        "/collections/special": "application/json",
        "/search": "application/geo+json",
        "/api": "application/vnd.oai.openapi+json;version=3.0",
    }
    assert {path: server.raw(path)[1]["Content-Type"] for path in expected} == expected
    assert server.json("/api")["paths"].keys() >= {"/search", "/collections/{collection}"}


# --- Latency and counters ------------------------------------------------------------------------------------------


def test_every_request_takes_the_latency_and_is_counted(slow: Server) -> None:
    slow.json("/_stats/reset", method="POST")
    paths = ["/", "/api", "/search", "/collections/special", "/absent", "/search?limit=0"]
    for path in paths:
        began = time.perf_counter()
        slow.raw(path)
        assert time.perf_counter() - began >= 0.1
    # That this does not take the latency too is seen where that is two minutes: a busy server ends at once.
    assert slow.json("/_stats") == {
        "requests": 6,
        "requests_by_route": {
            "GET /": 1,
            "GET /api": 1,
            "GET /search": 2,
            "GET /collections/{collection}": 1,
            "GET (none)": 1,
        },
        "refused": 0,
        "in_flight": 0,
        "peak_in_flight": 1,
    }


def test_requests_wait_at_the_same_time(slow: Server) -> None:
    slow.json("/_stats/reset", method="POST")
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(slow.raw, "/search", {"limit": 1}) for _ in range(8)]
        assert {future.result()[0] for future in waiting} == {200}
    stats = slow.json("/_stats")
    assert stats["requests_by_route"] == {"POST /search": 8}
    assert 2 <= stats["peak_in_flight"] <= 8
    assert slow.json("/_stats/reset", method="POST")["peak_in_flight"] == 0


def test_every_so_many_searches_fail_and_nothing_else_does(files: list[Path]) -> None:
    with serving(*files, "--latency", 0, "--fail-every", 3) as running:
        statuses = [running.raw(path)[0] for path in ["/search?limit=1", "/collections"] * 6]
        assert statuses[::2] == [200, 200, 500] * 2
        assert statuses[1::2] == [200] * 6
        assert running.json("/search?limit=1")["numberReturned"] == 1
        assert running.json("/_stats")["refused"] == 0


def test_throttle_refuses_what_is_too_much_and_says_when_to_come_again(files: list[Path]) -> None:
    """Nothing passes that would be the sixth within one second; who waits as told is served."""
    with serving(*files, "--latency", 0, "--throttle", 5) as running:
        passed = 0
        while (answer := running.raw("/search?limit=1"))[0] == 200:  # as many as it takes on a busy machine
            passed += 1
        status, headers, body = answer
        assert passed >= 5
        assert (status, headers["Retry-After"]) == (429, "1")
        assert json.loads(body)["code"] == "TooManyRequests"
        time.sleep(float(headers["Retry-After"]))
        assert running.raw("/search?limit=1")[0] == 200
        stats = running.json("/_stats")
        assert (stats["requests"], stats["refused"]) == (passed + 2, 1)
        running.json("/_stats/reset", method="POST")
        assert [running.raw("/search?limit=1")[0] for _ in range(5)] == [200] * 5


def manners(*arguments: str) -> Manners:
    return Manners(parse_arguments(["items.ndjson", "--latency", "0.1", *arguments]))


@pytest.mark.parametrize(
    ("arguments", "median", "most"),
    [
        ([], 0.1, 0.1),
        (["--spread", "lognormal"], 0.1, 2.0),
        (["--spread", "bimodal"], 0.1, 1.0),
    ],
)
def test_latencies_are_spread_and_the_same_in_every_run(arguments: list[str], median: float, most: float) -> None:
    first, again = manners(*arguments), manners(*arguments)
    latencies = sorted(first.seconds() for _ in range(1001))
    assert latencies == sorted(again.seconds() for _ in range(1001))
    assert latencies[500] == pytest.approx(median, rel=0.1)
    assert latencies[-1] <= most
    assert arguments == [] or latencies[-1] > 1.2 * median


def test_an_outage_begins_and_ends_and_a_refusal_can_be_mute() -> None:
    server = manners("--outage", "3:5", "--throttle", "1", "--mute")
    assert [server.fault(now) is not None for now in (0, 1, 2, 3, 6.9, 7, 8)] == [
        False,
        False,
        *[True] * 3,
        False,
        False,
    ]
    assert server.refusal(0.0) is None
    refusal = server.refusal(0.5)
    assert refusal is not None
    assert "Retry-After" not in refusal.headers


async def test_requests_queue_and_large_answers_take_longer() -> None:
    """Measured by what was slept, not by a clock."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        busy.append(busy[-1] + 1)
        await real_sleep(0)
        busy.append(busy[-1] - 1)

    busy, real_sleep = [0], asyncio.sleep
    server = manners("--at-once", "2", "--seconds-per-megabyte", "0.5", "--instant-documents")
    with mock.patch.object(asyncio, "sleep", sleep):
        await asyncio.gather(*(server.wait(page_bytes=2_000_000, instant=False) for _ in range(6)))
        await server.wait(page_bytes=2_000_000, instant=True)
    assert slept == [pytest.approx(1.1)] * 6
    assert max(busy) == 2


@given(rate=st.integers(1, 5), gaps=st.lists(st.integers(0, 12).map(lambda eighths: eighths / 8), max_size=40))
def test_no_second_has_more_requests_than_the_throttle_lets_pass(rate: int, gaps: list[float]) -> None:
    throttle = Manners(parse_arguments(["items.ndjson", "--throttle", str(rate)]))
    times = list(accumulate(gaps))
    passed = [now for now in times if throttle.refusal(now) is None]
    assert all(later - earlier >= 1 for earlier, later in zip(passed, passed[rate:], strict=False))
    for now in set(times) - set(passed):
        assert sum(now - 1 < earlier <= now for earlier in passed) == rate


# --- What it is made of --------------------------------------------------------------------------------------------


def test_server_needs_little() -> None:
    """asv's environments have little more, and what the server does not load it cannot wait for."""
    program = "import sys, aiohttp.web, msgspec, orjson; before = set(sys.modules); import tools.stac_api_server; "
    program += "print(*{name.split('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert ended.stdout.split() == ["tools"]


# --- Starting and stopping -----------------------------------------------------------------------------------------


def run_server(*arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SERVER, *arguments]
    return subprocess.run([*map(str, command)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=START_SECONDS, check=False)  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "items.ndjson: No such file or directory"),
        ("", "items.ndjson: no items in this file"),
        ("\n \n", "items.ndjson: no items in this file"),
        (json.dumps(make_item("a", "2024-01-01T00:00:00Z")) + "\n\n{oops\n", "items.ndjson:3: "),
        ("[]", "items.ndjson:1: not a STAC item this API can serve: Expected `object`, got `array`"),
        ('{"type": "Catalog"}', "items.ndjson:1: not a STAC item this API can serve: Invalid value 'Catalog'"),
        (json.dumps(make_item("a", "2024-01-01")), "not an RFC 3339 date-time: '2024-01-01'"),
        (json.dumps(make_item("a")), "neither datetime nor"),
        (json.dumps(make_item("a", "2024-01-01T00:00:00Z", collection=None)), "got `null` - at `$.collection`"),
        (json.dumps(make_item("a", "2024-01-01T00:00:00Z") | {"bbox": [1, 2]}), "bbox must have 4 or 6 finite numbers"),
        (json.dumps(make_item("a", "2024-01-01T00:00:00Z") | {"bbox": None}), "a geometry and no bbox"),
        ((json.dumps(make_item("a", "2024-01-01T00:00:00Z")) + "\n") * 2, "item 'a' is already in"),
    ],
)
def test_bad_input_is_told(content: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "items.ndjson"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError) as told:
        read_items([path])
    assert message in str(told.value)
    assert "\n" not in str(told.value)


def test_bad_input_ends_the_server_with_one_line(tmp_path: Path) -> None:
    ended = run_server(tmp_path / "absent.ndjson")
    assert ended.returncode == 2
    assert ended.stderr == f"error: {tmp_path}/absent.ndjson: No such file or directory\n"


@pytest.mark.parametrize("source", ["file", "pipe"])
def test_lines_are_served_without_the_space_around_them(source: str, tmp_path: Path) -> None:
    texts = [json.dumps(make_item(name, "2024-01-01T00:00:00Z")).encode() for name in ("a", "b", "c")]
    lines = b"\r\n \t%b \r\n\n%b\n%b" % tuple(texts)
    if source == "file":
        path = tmp_path / "items.ndjson"
        path.write_bytes(lines)
        assert [bytes(item.raw) for item in read_items([path])] == texts
    else:
        reader, writer = os.pipe()
        os.write(writer, lines)
        os.close(writer)
        assert [bytes(item.raw) for item in read_items([Path(f"/dev/fd/{reader}")])] == texts
        os.close(reader)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--port", "-1", "'-1' is not a number from 0 to 65535"),
        ("--port", "65536", "'65536' is not a number from 0 to 65535"),
        ("--throttle", str(2**63), f"'{2**63}' is not a number from 1 up"),
        ("--latency", "nan", "'nan' is not a number of seconds from 0 up"),
        ("--outage", "1:", "'' is not a number of seconds from 0 up"),
    ],
)
def test_wrong_options_are_told(option: str, value: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["items.ndjson", option, value])
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"stac_api_server.py: error: argument {option}: {said}"


def test_a_standard_input_that_is_a_file_has_ended(files: list[Path]) -> None:
    ended = run_server(files[0], "--until-eof")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_port_in_use_is_told(server: Server, files: list[Path]) -> None:
    ended = run_server(files[0], "--port", urlsplit(server.url).port)
    assert ended.returncode == 2
    assert "address already in use" in ended.stderr.lower()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, "end of its input"])
def test_a_busy_server_ends_at_once(files: list[Path], end: signal.Signals | str) -> None:
    with started(SERVER, files[0], "--latency", "120") as (process, url):
        busy = HTTPConnection(urlsplit(url).netloc)
        busy.request("GET", "/search")
        while not Server(url).json("/_stats")["in_flight"]:
            assert process.poll() is None
        assert process.stdin
        assert process.stdout
        assert process.stderr
        if isinstance(end, signal.Signals):
            process.send_signal(end)
        else:
            process.stdin.close()
        assert process.wait(END_SECONDS) == 0
        busy.close()
        assert (process.stdout.read(), process.stderr.read()) == (b"", b"")


def test_client_that_gives_up_is_no_error(files: list[Path]) -> None:
    with serving(files[0], "--latency", "1") as running:
        impatient = HTTPConnection(urlsplit(running.url).netloc)
        impatient.request("POST", "/search", body=b'{"limit": 100}')
        while not running.json("/_stats")["in_flight"]:
            pass
        impatient.close()
        assert len(running.get(limit=50)["features"]) == 50
        assert running.json("/_stats")["in_flight"] == 0


def test_server_dies_with_the_process_that_started_it(files: list[Path]) -> None:
    starter = "import sys, time; from benchmarks import _api_server; "
    starter += "server = _api_server.launch(sys.argv[1], 0.0); print(server[1], flush=True); time.sleep(600)"
    command = [sys.executable, "-c", starter, str(files[0])]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        url = parent.stdout.readline().decode().strip()
        assert answers(url)
        parent.kill()
    deadline = time.monotonic() + END_SECONDS
    while answers(url):
        assert time.monotonic() < deadline, "the server outlives its parent"
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        return Server(url).raw("/_stats")[0] == 200
    except OSError:
        return False


# --- The validator of the STAC API community -----------------------------------------------------------------------

# Runs stac-api-validator without a network. The JSON schemas of STAC 1.1.0 come from pystac, which bundles them;
# connections that leave this machine are refused and reported.
VALIDATE = """
import json, logging, socket, sys, warnings
import pystac.validation.local_validator as bundled
import stac_validator.utilities as utilities
from stac_api_validator.validations import QueryConfig, validate_api

schemas, used, refused = bundled.get_local_schema_cache(), set(), []

def fetch(path, headers=None):
    if path.startswith("http://127.0.0.1:"):
        return original(path, headers)
    if path not in schemas:
        refused.append(path)
        raise ValueError(f"no schema for {path}")
    used.add(path)
    return schemas[path]

original, utilities.fetch_and_parse_file = utilities.fetch_and_parse_file, fetch
resolve = socket.getaddrinfo

def resolve_here(host, *arguments, **options):
    if host not in ("127.0.0.1", "localhost"):
        refused.append(host)
        raise OSError(f"not on this machine: {host}")
    return resolve(host, *arguments, **options)

socket.getaddrinfo = resolve_here
reports = []
for url in sys.argv[2:]:
    found_warnings, errors = validate_api(
        root_url=url,
        ccs_to_validate=["core", "collections", "item-search"],
        collection="squares",
        geometry=json.dumps({"type": "Point", "coordinates": [20.5, 20.5]}),
        auth_bearer_token=None,
        auth_query_parameter=None,
        fields_nested_property=None,
        validate_pagination=True,
        query_config=QueryConfig(*[None] * 13),
        transaction_collection=None,
        headers={},
        open_assets_urls=False,
    )
    reports.append({"warnings": list(found_warnings), "errors": list(errors)})
assert not refused, refused
assert {path.rpartition("/")[2] for path in used} >= {"item.json", "collection.json"}, used
json.dump(reports, open(sys.argv[1], "w"))
"""


def validate(directory: Path, *urls: str) -> list[Json]:
    report = directory / "report.json"
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", VALIDATE, str(report), *urls],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env={**os.environ, "NO_PROXY": "*"},
    )
    assert ended.returncode == 0, ended.stderr
    reports: list[Json] = json.loads(report.read_text())
    return reports


@pytest.fixture
def valid_files(tmp_path: Path) -> list[Path]:
    """Items without links to other machines, which the validator would follow."""
    items = [item | {"links": []} for collection in ("squares", "more") for item in many_items(12, collection)]
    far = make_item("far", "2020-01-01T00:00:00Z", bbox=[0.0, 0.0, 1.0, 1.0], links=[])
    return [write_ndjson(tmp_path / "valid.ndjson", [*items, far])]


def test_validator_finds_no_error_but_broken_rules(valid_files: list[Path], tmp_path: Path) -> None:
    """It would say it if the server broke a rule: one that breaks three, each in its own way, stands beside."""
    broken = changed_server(tmp_path, [
        ("search.py", "and (filters.bbox is None or overlap(filters.bbox, item.bbox))", ""),
        ("search.py", 'raise ValueError("datetime ends before it starts")', "pass"),
        ("search.py", '"license": "other",\n', ""),
    ])  # fmt: skip
    files = (*valid_files, "--latency", 0)
    with serving(*files) as plain, serving(*files, program=broken) as breaking:
        report, wrong = validate(tmp_path, plain.url, breaking.url)
    assert report["errors"] == []
    # What is left are stac-check's recommendations about the documents, not about the API, and that the server has no
    # page for people.
    known = ("stac-check recommendations", "service-doc")
    assert [text for text in report["warnings"] if not any(words in text for words in known)] == []
    errors = "\n".join(wrong["errors"])
    assert "the ids parameter is overriding the bbox parameter" in errors
    assert "invalid datetime returned non-400 status code" in errors
    assert "'license' is a required property" in errors
