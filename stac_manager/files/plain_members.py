"""Members of an object that matter to nobody, passed over as many as are easily told."""

from __future__ import annotations

import re
from dataclasses import dataclass

import orjson

from stac_manager.files.window import Window
from stac_manager.pieces import LEAF, Pause

_NAME = rb'"(?!(?:type|features|links)")[^"\\\x00-\x1f]*+"[ \t\r\n]*+:[ \t\r\n]*+'
_SCALAR = rb'"[^"\\\x00-\x1f]*+"|[-+.\dEe]++|true|false|null'
_PLAIN = re.compile(
    rb"(?:" + _NAME + rb"(?:" + _SCALAR + rb"|" + LEAF + rb")[ \t\r\n]*+,[ \t\r\n]*+){1,1000}", re.DOTALL
)
"""Members of an object, with the commas behind them, that are neither its type, its links nor its features."""


@dataclass(frozen=True)
class Links(Pause):
    """Comes behind the features of an object: its member `links`."""

    found: object


def behind_plain_members(window: Window, at: int) -> int | None:
    """Return where the members of an object end that begin at a byte, as far as they are easily told.

    None where they look like members, and are none.
    """
    found = _PLAIN.match(window.buffer, at, window.end)
    if found is None:
        return at
    try:
        orjson.loads(b"{%b}" % found[0].rstrip(b", \t\r\n"))
    except orjson.JSONDecodeError:
        return None
    return found.end()
