"""Credentials in a text, in any way of writing them: such a text is not shown."""

from __future__ import annotations

import re
from base64 import a85encode, b32encode, b64encode, b85encode, urlsafe_b64decode
from collections.abc import Iterable, Mapping
from functools import partial
from html import unescape
from unicodedata import normalize
from urllib.parse import parse_qsl, unquote_plus

SECRET_CHARACTERS = 8
"""So many letters and digits of a secret in a row, and a message is not shown."""
SHORTEST_SECRET = 6
"""A secret with fewer letters and digits than that may be any word."""
SCHEMES = ("basic", "bearer", "token", "apikey", "digest", "negotiate")

LEFT_OUT = "what the server says has credentials in it, and is left out"
LONGEST_TEXT = 5_000  # to look for credentials in it takes some milliseconds

_NO_LETTERS = re.compile(r"[^0-9a-z]+")
_ESCAPES = re.compile(
    r"(?:\\u([0-9a-fA-F]{4})|(?:\\x|\b0x)([0-9a-fA-F]{2})|\\([0-3][0-7]{2})|\\u\{([0-9a-fA-F]{1,5})\})"
)
_BASE64 = re.compile(r"(?:[\w+/-]{4}){3,}(?:[\w+/-]{2,3})?", re.ASCII)
_URL_SAFE = str.maketrans("+/", "-_")
_NUMBERS = re.compile(r"\b\d{2,3}\b")
MOST_UNDONE = 4
"""So often a text is taken for one that was written in another way: a server puts what it escaped into a URL."""
_SECRET_NAME = re.compile("auth|cookie|key|pass|secret|sig|token", re.IGNORECASE)


def named(values: Mapping[str, str]) -> tuple[Secrets, ...]:
    """Those headers, or parameters of a query, that let somebody in, by their names."""
    found = {name: value for name, value in values.items() if _SECRET_NAME.search(name)}
    return (Secrets(found),) if found else ()


def of_query(url: str) -> tuple[Secrets, ...]:
    """What lets somebody in, in the query of an address."""
    return named(dict(parse_qsl(url.partition("?")[2])))


class Secrets:
    """What must never be shown, in any way of writing it."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        parts = {part for value in headers.values() for part in (value, *value.split())}
        parts -= {part for part in parts if part.lower() in SCHEMES}
        encoded = {
            b32encode(b"\0" * shift + part.encode())[-(-8 * shift // 5) :].decode().rstrip("=")
            for part in parts
            for shift in range(5)
        } | {
            b64encode(b"\0" * shift + part.encode())[2 * shift :].decode().rstrip("=")
            for part in parts
            for shift in range(3)
        }
        encoded |= {
            encode(b"\0" * shift + part.encode())[5 if shift else 0 :].decode()
            for encode in (a85encode, b85encode)
            for part in parts
            for shift in range(4)
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
        forms, latest = {text}, {text}
        for _ in range(MOST_UNDONE):
            latest = {undo(form) for form in latest for undo in _UNDO} - forms
            forms |= latest
        forms |= {"".join(chr(int(number)) for number in _NUMBERS.findall(form)) for form in forms}
        for form in forms | {form[::-1] for form in forms}:
            letters = _letters(form)
            windows = (letters[start : start + SECRET_CHARACTERS] for start in range(len(letters)))
            if any(window in self._windows for window in windows) or any(short in letters for short in self._short):
                return True
        return False


def redacted(secrets: Iterable[Secrets], text: str, instead: str = LEFT_OUT) -> str:
    """Return a text, no more of it than is looked at, or what stands in its place where it has credentials in it."""
    text = text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}..."
    return instead if any(each.are_in(text) for each in secrets) else text


def _without_escapes(text: str) -> str:
    return _ESCAPES.sub(
        lambda found: chr(int(found[3], 8) if found[3] else int(found[1] or found[2] or found[4], 16)), text
    )


def _from_base64(text: str) -> str:
    return _BASE64.sub(lambda found: urlsafe_b64decode(found[0].translate(_URL_SAFE) + "===").decode("latin-1"), text)


_UNDO = (_without_escapes, unquote_plus, unescape, partial(normalize, "NFKC"), _from_base64)


def _letters(text: str) -> str:
    return _NO_LETTERS.sub("", text.lower())
