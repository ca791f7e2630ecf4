"""What is sent back: JSON documents, pages of items, links. `base` is the server as the client addressed it."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from aiohttp import Payload, web
from aiohttp.abc import AbstractStreamWriter

from .items import Bytes, Item, Json

JSON = "application/json"
GEOJSON = "application/geo+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
SENT_IN_ONE_BYTES = 65_536


def json_answer(document: Any, content_type: str = JSON) -> web.Response:
    return web.Response(body=orjson.dumps(document), headers={"Content-Type": content_type})


def error_answer(status: HTTPStatus, description: str) -> web.Response:
    code = status.phrase.title().replace(" ", "")
    return web.json_response({"code": code, "description": description}, status=status)


def feature_collection(features: Bytes, rest: Json) -> web.Response:
    """Items, as the bytes that they are, and the other members of the document."""
    parts = [b'{"type":"FeatureCollection","features":[', features, b"]," + orjson.dumps(rest)[1:]]
    if len(features) < SENT_IN_ONE_BYTES:
        parts = [b"".join(parts)]
    size = sum(map(len, parts))
    return web.Response(body=_Parts(parts), headers={"Content-Type": GEOJSON, "Content-Length": str(size)})


class _Parts(Payload):
    """A body that is sent part by part. Joined into one, a page would be copied, by us and again by asyncio."""

    async def write(self, writer: AbstractStreamWriter) -> None:
        for part in self._value:
            # Of a view, asyncio copies once what the socket does not take at once; of bytes, twice.
            await writer.write(memoryview(part))

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join(self._value).decode(encoding, errors)


def collection_url(base: str, collection: str) -> str:
    return f"{base}/collections/{quote(collection, safe='')}"


def link(rel: str, href: str, type_: str, title: str | None = None, method: str | None = None) -> Json:
    made = {"rel": rel, "href": href, "type": type_, "title": title, "method": method}
    return {key: value for key, value in made.items() if value is not None}


def next_by_get(url: str, parameters: Mapping[str, str], place: Json) -> list[Json]:
    """The link to the next page of a GET search, where there is one: `place` says where it begins."""
    return [link("next", f"{url}?{urlencode({**parameters, **place})}", GEOJSON)] if place else []


def next_by_post(url: str, body: Json, place: Json, *, merge: bool) -> list[Json]:
    """The link to the next page of a POST search, where there is one: to be merged with the body, or whole."""
    if not place:
        return []
    following = link("next", url, GEOJSON, method="POST")
    if merge:
        return [{**following, "body": place, "merge": True}]
    return [{**following, "body": {**body, **place}}]


def item_with_links(item: Item, base: str) -> bytes:
    """The item with its places in this API in its links; the links of other relations stay as they are."""
    collection = collection_url(base, item.collection)
    links = [
        link("self", f"{collection}/items/{quote(item.id, safe='')}", GEOJSON),
        link("root", f"{base}/", JSON),
        link("parent", collection, JSON),
        link("collection", collection, JSON),
    ]
    return orjson.dumps(with_links(orjson.loads(item.raw), links))


def with_links(document: Json, ours: Sequence[Json]) -> Json:
    """The document with these links, and those of its own that have other relations."""
    relations = {our["rel"] for our in ours}
    others = [other for other in document.get("links", []) if other.get("rel") not in relations]
    return {**document, "links": [*ours, *others]}
