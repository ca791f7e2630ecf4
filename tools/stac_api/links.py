"""Links to the places of this API. `base` is its URL as the client addressed it."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

import orjson

from .formats import GEOJSON, JSON, Json
from .items import Item


def collection_url(base: str, collection: str) -> str:
    return f"{base}/collections/{quote(collection, safe='')}"


def link(rel: str, href: str, type_: str, title: str | None = None, method: str | None = None) -> Json:
    made = {"rel": rel, "href": href, "type": type_, "title": title, "method": method}
    return {key: value for key, value in made.items() if value is not None}


def next_by_get(url: str, parameters: Mapping[str, str], token: str | None) -> list[Json]:
    """The link to the next page of a GET search, where there is one."""
    if token is None:
        return []
    return [link("next", f"{url}?{urlencode({**parameters, 'token': token})}", GEOJSON)]


def next_by_post(url: str, body: Json, token: str | None, *, merge: bool) -> list[Json]:
    """The link to the next page of a POST search, where there is one: to be merged with the body, or whole."""
    if token is None:
        return []
    following = link("next", url, GEOJSON, method="POST")
    if merge:
        return [{**following, "body": {"token": token}, "merge": True}]
    return [{**following, "body": {**body, "token": token}}]


def with_api_links(item: Item, base: str) -> bytes:
    """The item with its places in this API in its links; the links of other relations stay as they are."""
    document = orjson.loads(item.raw)
    collection = collection_url(base, item.collection)
    links = [
        link("self", f"{collection}/items/{quote(item.id, safe='')}", GEOJSON),
        link("root", f"{base}/", JSON),
        link("parent", collection, JSON),
        link("collection", collection, JSON),
    ]
    return orjson.dumps({**document, "links": links + other_links(document, links)})


def other_links(document: Json, ours: list[Json]) -> list[Json]:
    relations = {our["rel"] for our in ours}
    return [other for other in document.get("links", []) if other.get("rel") not in relations]
