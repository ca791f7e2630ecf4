"""The documents that are sent back."""

from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import Payload, web
from aiohttp.abc import AbstractStreamWriter

from .formats import GEOJSON, JSON, Bytes, Json

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
