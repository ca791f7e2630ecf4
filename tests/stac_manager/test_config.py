"""Options: what is accepted, and what a wrong one is told."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import shapely.geometry

from stac_manager import ConfigurationError, IngestConfig, IngestModule

API = {"mode": "api", "source": "https://example.com/stac"}


def test_defaults_are_the_documented_ones() -> None:
    config = IngestConfig.parse(API)
    assert (config.limit, config.concurrency, config.max_items, config.source_type) == (100, 1, None, "auto")


@pytest.mark.parametrize(
    ("source", "mode"),
    [
        ("items/", "file"),
        ("HTTPS://example.com/stac", "api"),
        ("https://example.com/catalog.json", "file"),
        ("https://example.com/items.ndjson.gz?sig=a/b", "file"),
        ("https://example.com/items.jsonlines", "file"),
        ("https://example.com/items.GeoJSONSeq.zstd#a", "file"),
        ("https://example.com/items.parquet.snappy", "file"),
        ("https://example.com/items.tar.gz", "api"),
        ("https://example.com/search?file=catalog.json", "api"),
        ("s3://bucket/prefix/", "file"),
    ],
)
def test_mode_follows_from_the_source(source: str, mode: str) -> None:
    assert IngestConfig.parse({"source": source}).mode == mode


def test_a_path_object_is_a_source() -> None:
    assert IngestConfig.parse({"mode": "file", "source": Path("a") / "b"}).source == str(Path("a") / "b")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mode": "file"}, "option 'source' is missing"),
        ({"catalog_url": "https://example.com"}, "unknown option 'catalog_url'; did you mean 'source'?"),
        ({**API, "page_size": 10}, "did you mean 'limit'?"),
        ({**API, "max_workers": 10}, "did you mean 'concurrency'?"),
        ({**API, "concurency": 3}, "unknown option 'concurency'; did you mean 'concurrency'?"),
        ({**API, "max_item": 3}, "did you mean 'max_items'?"),
        ({**API, "zzzz": 3}, "known options: mode, source"),
        ({**API, "request_modifier": 3}, "did you mean 'modifier'?"),
        ({**API, "query": ["eo:cloud_cover<10"]}, "a dict or None, such as {'eo:cloud_cover': {'lt': 10}} (got ["),
        ({**API, "fields": {"include": ["id"]}}, "a list or None, such as ['id'] (got {"),
        ({**API, "bbox": "0 0 1 1"}, "such as (west, south, east, north) (got "),
        ({**API, "intersects": {"type": "FeatureCollection", "features": []}}, "give one of its Features"),
        ({**API, "intersects": {"type": "Polygon", "coordinates": []}}, "is an empty Polygon: nothing meets it"),
        ({**API, "concurrency": 0}, "option 'concurrency'"),
        ({**API, "concurrency": "many"}, "(got 'many')"),
        ({**API, "concurrency": True}, "option 'concurrency'"),
        ({**API, "limit": 0}, "option 'limit'"),
        ({**API, "max_items": 0}, "option 'max_items'"),
        ({**API, "mode": "ftp"}, "'file' or 'api'"),
        ({**API, "bbox": [1, 2, 3]}, "needs 4 numbers"),
        ({**API, "bbox": [1, 50, 2, 40]}, "south (50) above north (40)"),
        ({**API, "bbox": [1, 2, 3, float("nan")]}, "finite"),
        ({**API, "bbox": [500000, 2, 600000, 4]}, "degrees"),
        ({**API, "datetime": "yesterday"}, "'yesterday' is not an RFC 3339 instant"),
        ({**API, "datetime": "2024-13-01T00:00:00Z"}, "RFC 3339"),
        ({**API, "datetime": "2024-01-01T00:00:00"}, "RFC 3339"),
        ({**API, "datetime": "../.."}, "open at both ends"),
        ({**API, "datetime": "a/b/c"}, "one instant, or an interval"),
        ({**API, "datetime": "2024-02-30"}, "'2024-02-30' is not a valid date"),
        ({**API, "datetime": "../2023-02-29T00:00:00Z"}, "is not a valid date"),
        ({**API, "datetime": "0000-01-01T00:00:00Z"}, "is not a valid date"),
        ({**API, "datetime": "0001-01-01T00:00:00+02:00"}, "is not a valid date"),
        ({**API, "datetime": "2024-06-01/2024-01-01"}, "ends before it begins"),
        ({**API, "datetime": "2024-01-01T00:00:00.50001Z/2024-01-01T00:00:00.5Z"}, "ends before it begins"),
        ({**API, "datetime": "2024-01-01T00:00:00Z/2024-01-01T01:59:59+02:00"}, "ends before it begins"),
        ({**API, "query": {"a": {1, 2}}}, "option 'query': cannot be written as JSON"),
        ({**API, "filter": {"op": float("nan")}}, "option 'filter': cannot be written as JSON"),
        ({**API, "source": "http://"}, "source: the URL names no host"),
        ({"source": "s3:///x.json"}, "source: the URL names no bucket"),
        ({**API, "source": "http://[::1/"}, "source: not a URL"),
        ({**API, "source": "http://host:port/"}, "source: not a URL"),
        ({**API, "source": "http://host:99999/"}, "source: not a URL"),
        ({**API, "source": "https://user:pass@host/"}, "leave user and password out of the URL"),
        ({**API, "intersects": {"type": "Feature", "geometry": None}}, "GeoJSON geometry"),
        ({**API, "bbox": [1, 2, 3, 4], "intersects": {"type": "Point", "coordinates": [1, 2]}}, "not both"),
        ({**API, "ids": []}, "option 'ids'"),
        ({**API, "headers": {"a b": "c"}}, "not a header name"),
        ({"mode": "api", "source": "items/"}, "needs an http or https URL"),
        ({"mode": "file", "source": "items/", "query": {}}, "query: only for mode 'api'"),
        ({"mode": "file", "source": "items/", "headers": {"a": "b"}}, "only for sources that are URLs"),
        ({"source": "https://example.com/catalog.json", "storage_options": {"token": "s3cret"}}, "give 'headers'"),
        ({"source": "s3://bucket/catalog.json", "headers": {"a": "s3cret"}}, "give 'storage_options'"),
        ({**API, "storage_options": {"a": "b"}}, "storage_options: only for mode 'file'"),
        ({**API, "collection_id": "a", "collections": ["b"]}, "give one of them"),
        ({**API, "collections": []}, "option 'collections'"),
        ({**API, "fields": ["-links"]}, "names members to keep"),
        ({**API, "fields": ["assets.*"]}, "names members to keep"),
        ({**API, "fields": ["+bbox"]}, "names members to keep"),
        ({**API, "format": "json"}, "format: only for mode 'file'"),
        ({**API, "limit": 2.5}, "option 'limit': expected a whole number (got 2.5)"),
        ({**API, "timeout": 0}, "option 'timeout': expected a number > 0"),
        ({**API, "ids": {"a": 1}}, "option 'ids': expected a list or None (got {'a': 1})"),
        ({**API, "ids": {"a", 5}}, "option 'ids': expected text"),
        ({**API, "datetime": "2024-13"}, "'2024-13' is not an RFC 3339 instant"),
        ({**API, "datetime": 2024}, "option 'datetime': is text such as"),
        ({**API, "datetime": (None, None)}, "open at both ends"),
        ({**API, "datetime": []}, "one instant, or an interval"),
        ({**API, "intersects": "a bay"}, "option 'intersects': must be a GeoJSON geometry; of WKT: shapely.from_wkt"),
        ({**API, "intersects": {"type": "Point", "coordinates": [float("nan"), 1]}}, "option 'intersects'"),
        ({**API, "intersects": '{"type": "Point", "coordinates": [NaN, 1]}'}, "NaN is not a number in JSON"),
        ({**API, "modifier": "sign"}, "option 'modifier': must be a function"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        IngestModule(options)
    assert said in str(caught.value)


def test_numbers_of_numpy_and_numbers_as_text_are_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    config = IngestConfig.parse(
        {**API, "bbox": [*numpy.array([1.5, 2.5, 3.5, 4.5])], "limit": numpy.int64(5), "max_items": "6"}
    )
    assert repr((config.bbox, config.limit, config.max_items)) == "((1.5, 2.5, 3.5, 4.5), 5, 6)"


def test_what_numpy_and_shapes_make_of_a_condition_is_json() -> None:
    numpy = pytest.importorskip("numpy")
    point = {"type": "Point", "coordinates": [1.5, 2.5]}
    shape = type("Shape", (), {"__geo_interface__": point})()
    config = IngestConfig.parse(
        {
            **API,
            "concurrency": numpy.int64(4),
            "datetime": (numpy.datetime64("2024-05-01T12:00:00"), numpy.datetime64("2024-05")),
            "intersects": {"type": "Feature", "geometry": {**point, "coordinates": numpy.array([1.5, 2.5])}},
            "query": {"gsd": {"lt": numpy.float32(10), "in": numpy.array([1, 2])}},
            "filter": {"op": "s_within", "args": [{"property": "geometry"}, shape]},
        }
    )
    assert config.datetime == "2024-05-01T12:00:00Z/2024-05-31T23:59:59.999999Z"
    assert (config.concurrency, config.intersects) == (4, point)
    assert config.query == {"gsd": {"lt": 10.0, "in": [1, 2]}}
    assert config.filter == {"op": "s_within", "args": [{"property": "geometry"}, point]}
    for feature in (json.dumps({"type": "Feature", "geometry": point}), {"type": "Feature", "geometry": point}):
        assert IngestConfig.parse({**API, "intersects": feature}).intersects == point


@pytest.mark.parametrize("empty", [{"query": {}}, {"filter": {}}, {"filter": ""}])
def test_an_empty_condition_is_none(empty: dict[str, Any]) -> None:
    assert IngestConfig.parse({**API, **empty}) == IngestConfig.parse(API)


def test_every_wrong_option_gets_its_line() -> None:
    with pytest.raises(ConfigurationError) as caught:
        IngestModule({**API, "limit": -1, "nonsense": 1, "max_items": "x"})
    assert len(str(caught.value).splitlines()) == 3
    with pytest.raises(ConfigurationError, match=r"^option 'source': expected text \(got \['a', 'b'\]\)$"):
        IngestModule({"source": ["a", "b"]})


def test_a_configuration_must_be_a_dict() -> None:
    with pytest.raises(ConfigurationError, match="must be a dict"):
        IngestModule(["mode", "file"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "headers", [{"Authorization": "s3cret\n"}, {"Authorization": 5}, {"Bearer s3cret": ""}, "s3cret"]
)
def test_header_values_are_never_quoted(headers: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        IngestModule({**API, "headers": headers})
    assert "s3cret" not in str(caught.value)
    options = {"source": "https://h/?key=s3cret", "headers": {"Authorization": "s3cret"}}
    config = IngestConfig.parse({**options, "modifier": partial(dict, key="s3cret")})
    assert repr(config) == "IngestConfig(mode='api', source='https://h/')"
    with pytest.raises(ConfigurationError, match="https URL, not 'ftp://h/x'"):
        IngestModule({"source": "ftp://user:s3cret@h/x#s3cret", "mode": "api"})


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("2024-05-01", "2024-05-01T00:00:00Z/2024-05-01T23:59:59.999999Z"),
        ("2024-05-01/2024-05-03", "2024-05-01T00:00:00Z/2024-05-03T23:59:59.999999Z"),
        ("2024-05-01T00:00:00Z/", "2024-05-01T00:00:00Z/.."),
        ("../2024-05-01T00:00:00.5+02:00", "../2024-05-01T00:00:00.5+02:00"),
        ("2024-05-01T00:00:00Z", "2024-05-01T00:00:00Z"),
        ("2024-05-01T00:00:00.50Z/2024-05-01T00:00:00.5Z", "2024-05-01T00:00:00.50Z/2024-05-01T00:00:00.5Z"),
        ("2024-05-01T00:00:00Z/2024-05-01T02:00:00+02:00", "2024-05-01T00:00:00Z/2024-05-01T02:00:00+02:00"),
        ("2016-12-31t23:59:60z/..", "2016-12-31t23:59:60z/.."),
        ("2024", "2024-01-01T00:00:00Z/2024-12-31T23:59:59.999999Z"),
        ("2024-02", "2024-02-01T00:00:00Z/2024-02-29T23:59:59.999999Z"),
        ("2023-11/2024", "2023-11-01T00:00:00Z/2024-12-31T23:59:59.999999Z"),
        (date(2024, 5, 1), "2024-05-01T00:00:00Z/2024-05-01T23:59:59.999999Z"),
        (datetime(2024, 5, 1, 12), "2024-05-01T12:00:00Z"),
        ((datetime(2024, 5, 1, tzinfo=UTC), None), "2024-05-01T00:00:00+00:00/.."),
        (["2024-05", date(2024, 6, 2)], "2024-05-01T00:00:00Z/2024-06-02T23:59:59.999999Z"),
    ],
)
def test_datetime_bounds_stay_verbatim_and_dates_become_whole_days(given: Any, sent: str) -> None:
    assert IngestConfig.parse({**API, "datetime": given}).datetime == sent


def test_what_other_clients_take_as_well() -> None:
    square = {"type": "Polygon", "coordinates": [[[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]]]}
    config = IngestConfig.parse(
        {
            **API,
            "collections": "a, b",
            "ids": {"x"},
            "fields": "id,datetime",
            "intersects": shapely.geometry.shape(square),
        }
    )
    assert (config.collections, config.ids, config.fields) == (("a", "b"), ("x",), ("id", "properties.datetime"))
    assert config.intersects == square == IngestConfig.parse({**API, "intersects": json.dumps(square)}).intersects
    assert IngestConfig.parse({**API, "bbox": "1,2,3.5,4"}).bbox == (1.0, 2.0, 3.5, 4.0)


def test_fields_that_are_no_members_of_an_item_are_its_properties() -> None:
    config = IngestConfig.parse({**API, "fields": ["id", "datetime", "properties.datetime", "assets.B04.href"]})
    assert config.fields == ("id", "properties.datetime", "assets.B04.href")
