"""The server's own words in an error, fit to be shown: short, printable, and without anything of our credentials."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from urllib.parse import unquote_plus

import orjson

MAX_MESSAGE_BYTES = 65_536
MAX_MESSAGE_CHARACTERS = 300
SECRET_CHARACTERS = 8
"""So many letters and digits of a secret in a row, and a message is not shown."""
SHORTEST_SECRET = 6
"""A secret with fewer letters and digits than that may be any word."""
SCHEMES = ("basic", "bearer", "token", "apikey", "digest", "negotiate")
LEFT_OUT = "(the server's words are left out: they repeat credentials)"
DENIED = (401, 403)
"""Their text is never shown where credentials were sent: that is where servers quote them."""

_NAMES = ("description", "detail", "message", "errorMessage", "title")
_NO_LETTERS = re.compile(r"[^0-9a-z]+")
_ESCAPES = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})")


class Secrets:
    """What must never be shown, in any way of writing it."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        parts = {part for value in headers.values() for part in (value, *value.split())}
        parts -= {part for part in parts if part.lower() in SCHEMES}
        encoded = {
            b64encode(b"\0" * shift + part.encode())[2 * shift :].decode().rstrip("=")
            for part in parts
            for shift in range(3)
        }
        hexed = {part.encode().hex() for part in parts}
        self._windows = {
            letters[start : start + SECRET_CHARACTERS]
            for part in parts | encoded | hexed
            if len(letters := _letters(part)) >= SECRET_CHARACTERS
            for start in range(len(letters) - SECRET_CHARACTERS + 1)
        }
        self._short = {
            letters for part in parts if SHORTEST_SECRET <= len(letters := _letters(part)) < SECRET_CHARACTERS
        }

    def are_in(self, text: str) -> bool:
        """Tell whether a text has part of a secret: encoded, escaped, in other case, or broken in pieces."""
        plain = _ESCAPES.sub(lambda found: chr(int(found[1] or found[2], 16)), text)
        for form in {text, plain, unquote_plus(plain), unquote_plus(unquote_plus(plain))}:
            letters = _letters(form)
            windows = (letters[start : start + SECRET_CHARACTERS] for start in range(len(letters)))
            if any(window in self._windows for window in windows) or any(short in letters for short in self._short):
                return True
        return False


def _letters(text: str) -> str:
    return _NO_LETTERS.sub("", text.lower())


def of_error(status: int, data: bytes, secrets: Secrets | None) -> str:
    """Say what an error status means, and what the server says of it: `description` in STAC API, `detail` in FastAPI.

    The reason phrase is ours, not the server's. `secrets` are those that were sent; None where none were.
    """
    try:
        words = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        words = str(status)
    if secrets is not None and status in DENIED:
        return words
    message = server_message(data)
    if secrets is not None and secrets.are_in(message):
        message = LEFT_OUT
    return f"{words}: {message}" if message else words


def server_message(data: bytes) -> str:
    """Find the server's own words in an error body. Whatever is not printable is left out."""
    text = data[:MAX_MESSAGE_BYTES].decode("utf-8", "replace").strip()
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        document = None
    if isinstance(document, dict):
        text = _first(document.get(name) for name in _NAMES) or text
    text = "".join(character if character.isprintable() else " " for character in text[:MAX_MESSAGE_BYTES])
    text = " ".join(text.split())
    return text if len(text) <= MAX_MESSAGE_CHARACTERS else f"{text[:MAX_MESSAGE_CHARACTERS]}..."


def _first(words: Iterable[object]) -> str | None:
    return next((str(word) for word in words if word), None)
