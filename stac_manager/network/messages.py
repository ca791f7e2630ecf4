"""The server's own words in an error, fit to be shown: short, printable, and without anything of our credentials."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from http import HTTPStatus
from itertools import islice
from json import JSONEncoder
from typing import Any

import orjson

from stac_manager.exceptions import DataProcessingError
from stac_manager.network.secrets import Secrets, redacted

MAX_MESSAGE_BYTES = 65_536
MAX_MESSAGE_CHARACTERS = 300
LEFT_OUT = "(the server's words are left out: they repeat credentials)"
DENIED = (401, 403)  # their text is never shown where credentials were sent: that is where servers quote them

_TAG = re.compile(r"<[^<>]*>")
_NAMES = ("description", "detail", "message", "errorMessage", "title")
_OF_ERRORS = {*_NAMES, "code", "errorType", "instance", "requestId", "status", "statusCode", "timestamp", "type"}


def of_error(status: int, data: bytes, secrets: Collection[Secrets]) -> str:
    """Say what an error status means, and what the server says of it: `description` in STAC API, `detail` in FastAPI.

    The reason phrase is ours, not the server's. `secrets` are those that were sent.
    """
    try:
        words = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        words = str(status)
    if secrets and status in DENIED:
        return words
    message = redacted(secrets, server_message(data), LEFT_OUT).replace(words, "").strip()
    return f"{words}: {message}" if message and message.lower() not in words.lower() else words


def blames(error: DataProcessingError, name: str) -> bool:
    """Whether a server refuses a request for a member of it, as far as its words tell."""
    return error.status in (400, 422) and name in str(error).partition("the server answered")[2].lower()


def server_message(data: bytes) -> str:
    """Find the server's own words in an error body, or in its member `error`. Whatever is not printable, and tags
    of HTML and XML, are left out."""
    text = data[:MAX_MESSAGE_BYTES].decode("utf-8", "replace").strip()
    try:
        document = orjson.loads(data) if len(data) <= MAX_MESSAGE_BYTES else None
    except orjson.JSONDecodeError:
        document = None
    if isinstance(document, dict):
        inner = document.get("error")
        text = str(_words({**inner, **document} if isinstance(inner, dict) else document) or text)
    return _printable(_TAG.sub(" ", text) if text.startswith("<") else text)


def errors_in(document: Mapping[str, Any]) -> str:
    """What a document says of `errors`, of an `error` (ArcGIS), or of nothing else than what went wrong; empty where it
    is one of STAC, which an empty page beside errors is not."""
    if document.get("features") or "links" in document:
        return ""
    errors = document.get("errors") or document.get("error") or (document.keys() <= _OF_ERRORS and _words(document))
    if isinstance(errors, dict):
        errors = _words(errors) or errors
    if errors and not isinstance(errors, str):  # as much of it as is shown, however long it is
        errors = "".join(islice(JSONEncoder(ensure_ascii=False).iterencode(errors), MAX_MESSAGE_CHARACTERS))
    return _printable(errors or "")


def _words(members: Mapping[str, Any]) -> Any:
    return next((words for name in _NAMES if (words := members.get(name))), None)


def _printable(text: str) -> str:
    text = "".join(character if character.isprintable() else " " for character in text[:MAX_MESSAGE_BYTES])
    text = " ".join(text.split())
    return text if len(text) <= MAX_MESSAGE_CHARACTERS else f"{text[:MAX_MESSAGE_CHARACTERS]}..."
