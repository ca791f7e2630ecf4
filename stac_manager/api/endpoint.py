"""Where and how a server takes searches."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from yarl import URL

from stac_manager.api.http import Answer, Client
from stac_manager.api.next_links import next_request
from stac_manager.api.requests import Request, as_query
from stac_manager.config import IngestConfig
from stac_manager.exceptions import DataProcessingError, StatusError
from stac_manager.geojson import area_across, band_around
from stac_manager.network.links import linked
from stac_manager.urls import shown

MOST_CLASSES = 10_000  # so many conformance classes of a landing page are looked at: the event loop waits meanwhile
EXTENSIONS = ("fields", "filter", "query", "sort")
"""What a search may offer beside its core, by the end of its conformance class."""
# What tells items apart, and which partition owns one, is asked for whatever the user wants.
NEEDED_FIELDS = ("type", "stac_version", "id", "collection", "geometry", "properties.datetime",
                 "properties.start_datetime", "properties.end_datetime")  # fmt: skip
NOT_A_CATALOG = ("Collection", "Feature", "FeatureCollection")

AREAS, BANDS = "areas", "bands"  # a box across the antimeridian has to be asked for as an area, or as all around it
REFUSED_POST = (400, 403, 404, 405, 411, 415, 422, 500, 501)
"""What those say to a POST who take searches by GET only; some of it may mean the search itself."""

_TEMPLATE = re.compile(r"\{[?&][^{}]*\}$")  # what may be added to the address of a template (RFC 6570)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The addresses of a STAC API, from its landing page."""

    search: URL
    post: bool  # whether searches are sent so
    posts: bool = False  # whether the landing page says that they can be
    collections: URL | None = None
    offers: frozenset[str] = frozenset()  # those of the `EXTENSIONS` that it conforms to, `AREAS` and `BANDS`
    items_only: bool = False  # whether it has no search, and each of its Collections has its items
    apart: bool = False  # whether Collections are searched one by one: it takes no more than one (eodag), or items only
    listed: tuple[str, ...] = ()  # its Collections, where it takes no search without some
    usual: Endpoint | None = None  # where the specification puts it, if the landing page has another address

    @classmethod
    def guess(cls, source: str) -> Endpoint:
        """Where the specification puts search and Collections (STAC API, item-search and collections)."""
        root = URL(source).with_fragment(None).with_query(None)
        root = root if root.path.endswith("/") else root.with_path(f"{root.raw_path}/", encoded=True)
        return cls(root.join(URL("search")), True, True, collections=root.join(URL("collections")))

    @property
    def at_usual_place(self) -> Endpoint | None:
        """The same where the specification puts it, for servers that do not know their own host or path."""
        if (usual := self.usual) is None:
            return None
        return replace(self, search=usual.search, collections=usual.collections, usual=None)

    def names(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        """The Collections that a search names, the user's or else those that it needs."""
        return tuple(dict.fromkeys(body.get("collections") or self.listed))

    def collection(self, name: str | None = None) -> URL | None:
        """Where one Collection is, or all of them."""
        url = self.collections
        return url.with_query(None).joinpath(quote(name, safe=""), encoded=True) if url and name else url

    def request(self, body: Mapping[str, Any]) -> Request:
        """Build the first request of a search: POST where the landing page offers it, else GET."""
        if "fields" not in self.offers:
            body = {name: value for name, value in body.items() if name != "fields"}
        if names := self.names(body):
            body = {**body, "collections": [*names]}
        if AREAS in self.offers and (area := area_across(body.get("bbox"))):
            body = {**{name: value for name, value in body.items() if name != "bbox"}, "intersects": area}
        if BANDS in self.offers and (band := band_around(body.get("bbox"))):
            body = {**body, "bbox": band}
        if self.post:
            return Request("POST", str(self.search), body)
        search, ids = self.search, body.get("ids", ())
        if len(names) == len(ids) == 1 and "," in ids[0] and (place := self.collection(names[0])):  # it would be split
            return Request("GET", str((place / "items").joinpath(quote(ids[0], safe=""), encoded=True)))
        if self.items_only:
            search = (self.collection(names[0]) or search) / "items"
            body = {name: value for name, value in body.items() if name != "collections"}
        return Request("GET", str(search.extend_query({name: as_query(value) for name, value in body.items()})))


async def find_endpoint(client: Client, source: str, names: Sequence[str] = ()) -> Endpoint:
    """Read the landing page. Without one, or a link to a search, try the address of the specification, and then the
    items of each Collection (OGC API Features)."""
    try:
        landing = await client.send(Request("GET", str(URL(source).with_fragment(None))))
    except StatusError as error:
        if error.status >= 500 or (unlisted := await _unlisted(client, source, names)) is None:
            raise
        return unlisted
    by_method = {
        str(link.get("method", "GET")).upper(): link.get("href")
        for link in reversed(landing.links)
        if link.get("rel") == "search" and "xml" not in str(link.get("type"))  # OpenSearch
    }
    href = by_method.get("POST") or by_method.get("GET")
    if not isinstance(href, str):
        unlisted = None if landing.document.get("type") in NOT_A_CATALOG else await _unlisted(client, source, names)
        if unlisted is None and (names or _link(landing, "data") is not None):
            place = replace(Endpoint.guess(source), post=False, items_only=True, apart=True)
            for where in dict.fromkeys(filter(None, (_link(landing, "data"), place.collections))):
                unlisted = unlisted or await naming_all(client, replace(place, collections=where), names)
        if unlisted is None:
            raise DataProcessingError(f"{shown(landing.url)}: {_no_landing_page(landing)}")
        return unlisted
    search, usual = linked(landing.url, _TEMPLATE.sub("", href)), Endpoint.guess(source)
    conforms_to = landing.document.get("conformsTo")
    if conforms_to is None and (elsewhere := _link(landing, "conformance")) is not None:  # OGC API Features
        answer = await client.ask(Request("GET", str(elsewhere)), attempts=2)
        conforms_to = answer and answer.document.get("conformsTo")
    classes = [str(name) for name in conforms_to[:MOST_CLASSES]] if isinstance(conforms_to, list) else []
    return Endpoint(
        search,
        "POST" in by_method,
        "POST" in by_method,
        _link(landing, "data"),
        frozenset(each for each in EXTENSIONS if any(f"item-search#{each}" in name for name in classes)),
        usual=None if usual.search == search else usual,
    )


async def _unlisted(client: Client, source: str, names: Sequence[str]) -> Endpoint | None:
    """Find a search that the landing page does not name."""
    guess = replace(Endpoint.guess(source), post=False)
    named = {"collections": names} if names else {}
    answer = await client.ask(guess.request({**named, "limit": 1}), attempts=2)
    return guess if answer is not None and isinstance(answer.document.get("features"), list) else None


async def naming_all(client: Client, place: Endpoint, names: Sequence[str] = ()) -> Endpoint | None:
    """The same, for searches that name all Collections it lists, if no `names` are given; None if it lists none."""
    first, found = Request("GET", str(place.collections)), dict.fromkeys(names)
    answer = await client.ask(first, attempts=2)
    while answer is not None and isinstance(listed := answer.document.get("collections"), list):
        before = len(found)
        found |= {} if names else dict.fromkeys(each["id"] for each in listed if _has_items(each))
        following = next_request(answer, first)
        if following is None or len(found) == before:
            return replace(place, listed=tuple(found)) if found else None
        answer = await client.send(following)
    return None


def _has_items(collection: Any) -> bool:
    """Whether a Collection of a list has items, as far as its links tell: it may be one of coverages or tiles."""
    links = collection.get("links") if isinstance(collection, dict) else None
    has_id = isinstance(collection, dict) and isinstance(collection.get("id"), str)
    return has_id and (not links or any(isinstance(each, dict) and each.get("rel") == "items" for each in links))


def _no_landing_page(answer: Answer) -> str:
    """Say what a document without a link to a search is, and where its landing page may be."""
    kind = answer.document.get("type")
    if not isinstance(answer.document.get("links"), list):
        return "not the landing page of a STAC API: it has no links"
    words = "the server offers no item search (its landing page has no link 'search')"
    if kind in NOT_A_CATALOG:
        words = f"a {kind}, not the landing page of a STAC API"
    child = _link(answer, "child")
    leads_down = child is not None or _link(answer, "item") is not None
    if kind in ("Catalog", "Collection") and "conformsTo" not in answer.document and leads_down:
        words += "; it looks like a static catalog: read it with mode 'file'"
    elif kind not in NOT_A_CATALOG and child is not None:  # CMR-STAC: one API a provider
        words += f"; its child catalogs may offer one, such as {shown(child)}"
    root = _link(answer, "root")
    if root is not None and shown(root).rstrip("/") != shown(answer.url).rstrip("/"):
        words += f"; its root is {shown(root)}"
        if kind == "Collection":
            words += f": use that as the source, with collection_id {answer.document.get('id')!r}"
    return words


def _link(landing: Answer, relation: str) -> URL | None:
    """Find a link that can be done without."""
    for link in landing.links:
        if link.get("rel") == relation and isinstance(link.get("href"), str):
            with suppress(DataProcessingError):
                return linked(landing.url, link["href"])
    return None


def body_of(config: IngestConfig, collection_id: str | None, limit: int) -> dict[str, Any]:
    """Put the options into the members of a POST search (STAC API, item-search)."""
    collections = config.collections or tuple(filter(None, [collection_id]))
    language = None if config.filter is None else "cql2-text" if isinstance(config.filter, str) else "cql2-json"
    members: dict[str, Any] = {
        "collections": collections or None,
        **{name: getattr(config, name) for name in ("ids", "bbox", "intersects", "datetime", "query", "filter")},
        "filter-lang": language,
        "sortby": config.sortby,
        "fields": None if config.fields is None else {"include": list(dict.fromkeys((*NEEDED_FIELDS, *config.fields)))},
        "limit": limit if config.max_items is None else min(limit, config.max_items),
    }
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in members.items() if value is not None
    }
