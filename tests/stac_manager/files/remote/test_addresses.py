"""What links mean and which are followed: decisions without a network."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from stac_manager.files.remote.addresses import joined, origin_of, refusal
from stac_manager.files.remote.catalogs import is_catalog, links_of
from stac_manager.files.remote.entries import pattern_of
from stac_manager.files.remote.faults import of_obstore
from stac_manager.network.private import is_private
from stac_manager.urls import shown

BASE = "https://example.com/a/b/catalog.json"


@pytest.mark.parametrize(
    ("base", "href", "url"),
    [
        (BASE, "./c.json", "https://example.com/a/b/c.json"),
        (BASE, "../c.json?x=1#part", "https://example.com/a/c.json?x=1"),
        (BASE, "/c.json", "https://example.com/c.json"),
        (BASE, "//other.com/c.json", "https://other.com/c.json"),
        (BASE, "http://other.com/c.json", "http://other.com/c.json"),
        (BASE, "s3://bucket/c d.json", "s3://bucket/c d.json"),
        (BASE, "c d%20e.json", "https://example.com/a/b/c%20d%20e.json"),
        (BASE, "%2e%2E/%63%2D%7E.json?%63#%63", "https://example.com/a/c-~.json?%63"),
        (BASE, "%c3%a9.json", "https://example.com/a/b/%C3%A9.json"),
        (BASE, "https://example.com/./a/../c.json?x=/../y", "https://example.com/c.json?x=/../y"),
        (BASE, "%2F%2563.json", "https://example.com/a/b/%2F%2563.json"),
        (BASE, "http://%6c%6Fcalhost/c.json", "http://localhost/c.json"),
        (BASE, "http://m\u00fcnchen.de/50% off.json", "http://xn--mnchen-3ya.de/50%25%20off.json"),
        ("https://example.com/a//b/catalog.json", "../c.json", "https://example.com/a//c.json"),
        (BASE + "?token=secret", "c.json", "https://example.com/a/b/c.json"),
        ("s3://bucket/a/catalog.json", "./b/c.json", "s3://bucket/a/b/c.json"),
        ("s3://bucket/a/catalog.json", "../c d%20e.json", "s3://bucket/c d%20e.json"),
        ("gs://bucket/a/catalog.json", "https://example.com/c.json", "https://example.com/c.json"),
        ("abfss://box@name.dfs.net/a/catalog.json", "c.json", "abfss://box@name.dfs.net/a/c.json"),
    ],
)  # fmt: skip
def test_links_are_resolved_against_their_document(base: str, href: str, url: str) -> None:
    assert joined(base, href) == url


@given(
    st.lists(st.sampled_from([".", "..", "a", "b.json", "c-d", "é", " ", "%20", ""]), min_size=1, max_size=4).map(
        "/".join
    ),
    st.sampled_from([BASE, BASE + "?q=/x/y", "https://example.com/catalog.json", "https://example.com"]),
)
def test_the_short_way_to_resolve_a_link_is_as_the_long_one(href: str, base: str) -> None:
    short = joined(base, href)
    assert short == str(URL(base, encoded=True).join(URL(quote(href, safe="%/:.-"), encoded=True)))


@pytest.mark.parametrize("href", ["http:///c.json", "http://host:port/c.json", "http://[::1/c.json"])
def test_a_link_that_leads_to_no_address_is_an_error(href: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        joined(BASE, href)


@pytest.mark.parametrize(
    ("url", "source", "followed"),
    [
        ("https://example.com/c.json", BASE, True),
        ("https://other.com/c.json", BASE, True),
        ("s3://bucket/c.json", BASE, True),
        ("file:///etc/passwd", BASE, False),
        ("ftp://example.com/c.json", BASE, False),
        ("data:application/json,{}", BASE, False),
        ("http://127.0.0.1/c.json", BASE, False),
        ("http://127.1/c.json", BASE, False),
        ("http://0x7f000001/c.json", BASE, False),
        ("http://[::1]:80/c.json", BASE, False),
        ("http://[::ffff:127.0.0.1]/c.json", BASE, False),
        ("http://169.254.169.254/latest/meta-data", BASE, False),
        ("http://10.0.0.1/c.json", BASE, False),
        ("http://localhost./c.json", BASE, False),
        ("http://printer.local/c.json", BASE, False),
        ("http://127.0.0.1:9000/c.json", "s3://bucket/catalog.json", False),
        ("http://127.0.0.1:8000/c.json", "http://127.0.0.1:8000/catalog.json", True),
        ("http://127.0.0.1:9000/c.json", "http://localhost:8000/catalog.json", True),  # the source is one itself
    ],
)
def test_links_to_files_and_private_addresses_are_not_followed(url: str, source: str, followed: bool) -> None:
    assert (refusal(url, source) is None) is followed


def test_credentials_are_for_one_origin() -> None:
    assert origin_of("https://EXAMPLE.com/a") == origin_of("https://user@example.com:443/b")
    assert (
        len({origin_of(url) for url in ("http://a", "https://a", "https://a:444", "https://b", "s3://a", "s3://A")})
        == 6
    )
    assert not is_private("8.8.8.8")


def test_messages_show_no_secrets() -> None:
    assert shown("https://user:secret@example.com/a.json?sig=secret#secret") == "https://example.com/a.json"
    assert shown("ftp://secret@example.com/a?b") == "ftp://example.com/a"
    assert shown("abfss://container@account/a?sig=secret") == "abfss://container@account/a"
    words = str(of_obstore('GET https://x/?sig=secret status code: 403 Forbidden: <Key>secret</Key> "secret"'))
    assert "access denied (403)" in words
    assert "secret" not in words.replace("skip_signature", "")


@pytest.mark.parametrize(
    ("document", "is_one"),
    [
        ({"type": "Catalog"}, True),
        ({"type": "Collection", "links": []}, True),
        ({"stac_version": "0.8.1", "id": "a", "links": []}, True),  # before 1.0.0 there was no type
        ({"type": "Feature", "stac_version": "1.0.0", "links": []}, False),
        ({"type": "FeatureCollection", "features": [], "links": []}, False),
        ({"type": "Collection", "features": []}, False),
        ([], False),
    ],
)
def test_catalogs_are_told_from_items(document: object, is_one: bool) -> None:
    assert is_catalog(document) is is_one


def test_links_keep_their_order_and_odd_ones_are_named() -> None:
    links = [
        {"rel": "self", "href": BASE}, {"rel": "item", "href": "2.json"}, {"rel": "child", "href": "x/catalog.json"},
        {"rel": "item", "href": "1.json "}, {"rel": ["item"], "href": "no.json"}, {"rel": "item"}, "item",
        {"rel": "item", "href": "http://:x/"}, {"rel": "items", "href": "all.ndjson"},
    ]  # fmt: skip
    found = links_of({"links": links}, BASE, BASE)
    assert [(link.url.rpartition("/")[2], link.kind) for link in found[:3]] == [
        ("2.json", "item"), ("catalog.json", "child"), ("1.json", "item")
    ]  # fmt: skip
    assert [link.refused is None for link in found] == [True, True, True, False, False]
    assert [link.url for link in links_of({"links": links[-1:]}, BASE, BASE)] == ["https://example.com/a/b/all.ndjson"]
    thumbnail = {"href": "t.png", "roles": ["thumbnail"], "type": "image/png"}
    for held in (
        {"href": "items", "roles": ["stac-items"], "type": "application/vnd.apache.parquet"},
        {"href": "items.parquet?sig=1", "roles": ["stac-items"]},
    ):
        found = links_of({"links": [], "assets": {"thumbnail": thumbnail, "mirror": held}}, BASE, BASE)
        assert [link.url for link in found] == [f"https://example.com/a/b/{held['href']}"]
    for media, count in (
        ("application/vnd.apache.parquet", 1),
        ("application/x-ndjson", 1),
        ("application/geo+json", 0),
    ):
        assert len(links_of({"links": [{"rel": "items", "href": "items", "type": media}]}, BASE, BASE)) == count


@pytest.mark.parametrize(
    ("glob", "name", "fits"),
    [
        ("s3://b/a/*.json", "s3://b/a/x.json", True),
        ("s3://b/a/*.json", "s3://b/a/c/x.json", False),
        ("s3://b/**/*.json", "s3://b/a/c/x.json", True),
        ("s3://b/**/*.json", "s3://b/x.json", True),
        ("s3://b/[!x]?.json", "s3://b/yz.json", True),
        ("s3://b/[!x]?.json", "s3://b/xz.json", False),
        ("s3://b/a+(b).json", "s3://b/aab.json", False),
    ],
)
def test_globs(glob: str, name: str, fits: bool) -> None:
    assert (re.fullmatch(pattern_of(glob), name) is not None) is fits
