"""What is quickly told: where the next member of an array may begin, and which of an object matter to nobody."""

from __future__ import annotations

import re
from dataclasses import dataclass

import orjson

from stac_manager.parsing.pieces import LEAF, Pause
from stac_manager.parsing.window import Window

_NAME = rb'"(?!(?:type|features|links)")[^"\\\x00-\x1f]*+"[ \t\r\n]*+:[ \t\r\n]*+'
_SCALAR = rb'"[^"\\\x00-\x1f]*+"|[-+.\dEe]++|true|false|null'
_PLAIN = re.compile(
    rb"(?:" + _NAME + rb"(?:" + _SCALAR + rb"|" + LEAF + rb")[ \t\r\n]*+,[ \t\r\n]*+){1,1000}", re.DOTALL
)
"""Members of an object, with the commas behind them, that are neither its type, its links nor its features."""


@dataclass(frozen=True)
class Guess:
    """What to look for behind a member."""

    separator: bytes  # between two members
    # The last byte of a member, the separator and the beginning of the next one; or only the line break in the
    # separator, which is found five times as fast, where members have none.
    needle: bytes
    back: int  # how many bytes before the needle the member ends
    behind: int  # how many bytes of the separator stand behind the needle

    @classmethod
    def of(cls, separator: bytes, beginning: bytes, on_one_line: bool) -> Guess:
        if on_one_line and b"\n" in separator:
            back = separator.index(b"\n")
            return cls(separator, b"\n", back, len(separator) - back - 1)
        return cls(separator, b"}" + separator + beginning, -1, 0)


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
