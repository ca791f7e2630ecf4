"""The documents that are sent back."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from .formats import GEOJSON, JSON, Json


def json_answer(document: Any, content_type: str = JSON) -> web.Response:
    return web.Response(body=orjson.dumps(document), headers={"Content-Type": content_type})


def error_answer(status: HTTPStatus, description: str) -> web.Response:
    code = status.phrase.title().replace(" ", "")
    return web.json_response({"code": code, "description": description}, status=status)


def feature_collection(features: Sequence[bytes], rest: Json) -> web.Response:
    """Items, as the bytes that they are, and the other members of the document."""
    start, end = b'{"type":"FeatureCollection","features":[', b"]," + orjson.dumps(rest)[1:]
    return web.Response(body=b"".join((start, b",".join(features), end)), content_type=GEOJSON)
