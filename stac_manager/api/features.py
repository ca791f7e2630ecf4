"""The body of an answer -> its document, or the features of a page, each parsed when the consumer asks for it.

A whole page parsed at once is some ten thousand objects, which the garbage collector walks and which have left the
processor's cache by the time they are used: item by item takes less than half of the time, and the memory of one.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import orjson

from stac_manager.api.large import LARGE_BYTES, large_value
from stac_manager.network.bodies import RefusedBodyError
from stac_manager.network.decoding import DECODED_AT_ONCE_BYTES, decoded, decoded_item, in_utf_8, values
from stac_manager.parsing.pieces import Pause
from stac_manager.run import Breaks, did, light_turn

OUTLINE_BYTES = 65_536
TAIL_BYTES = 4_096
"""What follows the features has hardly ever more: to look for it in all of `OUTLINE_BYTES` takes as long as an item."""
MOST_MEMBERS = 300_000
"""A page with more of which nothing tells where they end holds no items; nor one with `MOST_STRANGE` other values."""
MOST_STRANGE = 10_000
GUESSES = 3
"""So many wrong ends of an item are tried before brackets are counted in the rest of a page, which takes longer."""
SKIPPED_SHARE = 0.75  # the end of an item is looked for behind this share of the length of the shortest one before it

WHOLE_BYTES = DECODED_AT_ONCE_BYTES  # what is larger is not parsed as a whole
KEPT = ("id", "extent")  # what a search needs to know of a Collection
LINKS_KEPT = 100  # of each relation, of a landing page with a link to each of many Collections

_LISTS = {
    name: re.compile(rb'"%b"\s*:\s*\[\s*%b' % (name.encode(), first))
    for name, first in (("collections", rb"(?=\{)"), ("links", rb"(?=\{)"), ("features", b""))
}
_TAILS = tuple(
    b"]%b%b" % (comma, name)
    for comma in (b",", b", ")
    for name in (b'"links":', b'"numberMatched":', b'"numberReturned":', b'"context":')
)
_TYPE, _SPACED_TYPE = b'"type":"Feature"', b'"type": "Feature"'
_BLANK = re.compile(rb"\s*")
_CLOSE = re.compile(rb"\s*\]")
_COMMA = re.compile(rb"\s*,\s*")
_BEGINNING = re.compile(rb'\{\s{0,99}"[^"\\]{0,99}"\s{0,99}:(\s{0,99}"Feature")?')  # compiled to a pattern itself


class DamagedPageError(ValueError):
    """The features are no JSON."""

    def __init__(self) -> None:
        super().__init__("its features are broken")


@dataclass(frozen=True, slots=True)
class Outline:
    """An item collection of which all but the features is parsed: these are `data[begin:end]`, without brackets."""

    members: dict[str, Any]  # all but `features`
    data: bytes  # the whole document
    begin: int
    end: int
    count: int = 0  # of the features, as far as is known before they are parsed

    @classmethod
    def of(cls, data: bytes) -> Outline | None:
        """Read the members of an item collection without its features, which are some thousand times as long.

        What is before `"features":[`, closed with a brace, and what is behind the last `],"links":[` or the like,
        opened with one, must each be a whole JSON object: then both are at the outermost level and the features lie
        between. (A quotation mark inside of a string is escaped, so that neither mark can be part of one.) None where
        that does not work, or tells too little to go on without the features."""
        head, begin = _head(data, "features")
        if head is None:
            return None
        if data[begin : begin + 1] == b"]":  # an empty page of pygeoapi says that it is a full one
            return None
        for most in (TAIL_BYTES, OUTLINE_BYTES):
            for end in sorted(data.rfind(mark, max(len(data) - most, begin)) for mark in _TAILS):
                tail = _object(b"{" + data[end + 2 :]) if end > 0 else None
                if tail is not None and "features" not in tail:
                    members = {**head, **tail}
                    if isinstance(members.get("links"), list):
                        count = _count(members, data, begin, end)
                        return cls(members, data, begin, end, count) if count <= MOST_MEMBERS else None
                    break
        return None

    @classmethod
    def scanned(cls, data: bytes, name: str = "features") -> Outline | None:
        """The same by counting brackets, or that of another list, for what is too large to be parsed at once. Takes
        long, with many turns for other threads. None where there is no such list, or the rest is as large; a list that
        is no JSON, or features that are too many, raise `DamagedPageError` and `RefusedBodyError`."""
        head, begin = _head(data, name)
        if head is None:
            return None
        empty, most = data[begin : begin + 1] == b"]", MOST_MEMBERS if name == "features" else len(data)
        ends = [] if empty else [end for _, end in values(data, begin, len(data), most)]
        stop = ends[-1] if ends else begin
        if (closed := _CLOSE.match(data, stop)) is None:
            return None
        rest = data[closed.end() :].lstrip().removeprefix(b",")
        tail = _object(b"{" + rest) if len(rest) <= DECODED_AT_ONCE_BYTES else None
        if tail is None:
            return None
        outline = cls({**head, **tail}, data, begin, stop, len(ends))
        for _ in outline.in_turns() if name == "features" else ():
            pass
        return outline

    def features(self) -> Iterator[Any]:
        """Parse the features one by one, for who looks at them: up to a large one."""
        return takewhile(lambda each: not isinstance(each, Pause), self.in_turns())

    def in_turns(self, loads: Callable[[Any], Any] = orjson.loads) -> Iterator[Any]:
        """Parse the features one by one, with each `Pause` within large ones. Where one ends is guessed from how the
        next one begins, and proved by the parser: an object that parses is whole, as it ends at exactly one place.
        Where the guesses fail, brackets tell. `DamagedPageError` is raised by the first that is no JSON."""
        data, at, end, stop = self.data, self.begin, self.end, self.begin
        between = _between(data, at, end)
        while True:
            if between:
                at, alike = yield from self._alike(at, between, loads)
                if not alike:
                    break
            if end - at <= LARGE_BYTES:
                if (feature := _parsed(memoryview(data)[at:end], loads, loosely=False)) is not None:
                    yield feature  # the last one
                    return
                break
            large = yield from large_value(data, at, end)
            if large is None:
                break
            stop, comma = large[1], _COMMA.match(data, large[1], end)
            yield large[0]
            del large
            at = comma.end() if comma else stop
            if not comma:
                break
        yield from self._irregular(at, loads, may_end=at == stop)

    def _alike(
        self, at: int, between: re.Match[bytes], loads: Callable[[Any], Any]
    ) -> Generator[Any, None, tuple[int, bool]]:
        """Parse features as long as the next one is not far and begins alike; return where the one after them does, and
        whether that told where they end."""
        data, end, view = self.data, self.end, memoryview(self.data)
        needle, further = between[0], len(between[1])
        searched, skipping, failed, shortest = at, False, 0, end
        near = at + LARGE_BYTES  # so far as the end of this one is looked for
        while failed < GUESSES and (found := data.find(needle, searched, near if near < end else end)) >= 0:
            # Behind what was skipped it may be two items, which take long to read in another way.
            feature = _parsed(view[at : found + 1], loads, loosely=not skipping)
            if feature is None:
                failed += not skipping
                searched, skipping = (at if skipping else found + 1), False
                continue
            shortest = min(shortest, found + 1 - at)
            at = found + 1 + further
            near = at + LARGE_BYTES
            searched, skipping, failed = at + int(SKIPPED_SHARE * shortest), True, 0
            yield feature
            del feature
        return at, failed < GUESSES

    def _irregular(self, at: int, loads: Callable[[Any], Any], *, may_end: bool) -> Iterator[Any]:
        """Parse the features from a place on, of which nothing tells where they end."""
        data, view, stop, left = self.data, memoryview(self.data), at, MOST_STRANGE
        empty = may_end and _BLANK.fullmatch(data, at, self.end)
        try:
            for start, stop in () if empty else values(data, at, self.end, MOST_MEMBERS):
                feature = _parsed(view[start:stop], loads)
                left -= not isinstance(feature, dict)
                if left < 0 or (feature is None and data[start:stop] != b"null"):
                    raise DamagedPageError
                yield feature
        except RefusedBodyError:
            raise DamagedPageError from None
        if not _BLANK.fullmatch(data, stop, self.end):
            raise DamagedPageError


def _between(data: bytes, begin: int, end: int) -> re.Match[bytes] | None:
    """What is between the first two features, if they begin alike."""
    beginning = _BEGINNING.match(data, begin, end)
    return beginning and re.compile(rb"\}(\s*,\s*)" + re.escape(beginning[0])).search(data, begin, end)


def _count(members: dict[str, Any], data: bytes, begin: int, end: int) -> int:
    """How many features there are, as the server says or as it looks where their types tell the same, else as parsed:
    members of an Item may begin as the Item does, and Items of one page in several ways."""
    typed = data.count(_TYPE, begin, end) or data.count(_SPACED_TYPE, begin, end)
    said = members.get("numberReturned")
    if type(said) is int and said == typed > 0:
        return said
    between = _between(data, begin, end)
    looks = 1 + (data.count(between[0], begin, end) if between else 0)
    if looks > MOST_MEMBERS or (looks == typed and not (type(said) is int and said > 0)):
        return looks
    if end - begin > DECODED_AT_ONCE_BYTES:
        return MOST_MEMBERS + 1  # brackets tell
    try:
        return len(decoded(b"[%b]" % data[begin:end]))
    except ValueError:
        return looks


def _parsed(data: bytes | memoryview, loads: Callable[[Any], Any] = orjson.loads, *, loosely: bool = True) -> Any:
    """Parse what may be one value; None where it is not."""
    try:
        return loads(data)
    except orjson.JSONDecodeError:
        return decoded_item(data) if loosely else None


def _head(data: bytes, name: str) -> tuple[dict[str, Any] | None, int]:
    """The members before a list, None where that is not at the outermost level, and where it begins."""
    found = _LISTS[name].search(data, 0, OUTLINE_BYTES)
    return (_object(data[: found.start()].rstrip().rstrip(b",") + b"}"), found.end()) if found else (None, 0)


def _object(data: bytes) -> dict[str, Any] | None:
    document = _parsed(data)
    return document if isinstance(document, dict) else None


async def document_of(data: bytes, content_type: str, *, outline: bool) -> Any:
    """Read a body: as an `Outline`, if that is wanted and can be had, or if it is too large to be parsed at once.

    Raises:
        ValueError: If it is no JSON, or too large for what is no page of items nor a list of Collections.
    """
    await light_turn()
    large = len(data) > WHOLE_BYTES
    data = await asyncio.to_thread(in_utf_8, data, content_type) if large else in_utf_8(data, content_type)
    did(len(data))
    if outline and (found := Outline.of(data)) is not None:
        return found
    if len(data) <= WHOLE_BYTES:
        return decoded(data)
    for name in ("collections", "links"):
        if (listed := await listed_in(data, name)) is not None:
            return listed
    if (page := await asyncio.to_thread(Outline.scanned, data)) is not None:
        return page
    raise ValueError(f"it has {len(data)} bytes, and neither items nor Collections nor links")


async def listed_in(data: bytes, name: str) -> dict[str, Any] | None:
    """Read a document with a long list of Collections, or of links, one by one: parsed, or freed, at once it would hold
    up the event loop. Id and extent are kept of each Collection; None where it is something else."""
    try:
        listed = await asyncio.to_thread(Outline.scanned, data, name)
        return None if listed is None else {**listed.members, name: await _kept(listed, name)}
    except DamagedPageError:
        return None


async def _kept(listed: Outline, name: str) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    relations: Counter[str] = Counter()
    breaks = Breaks()
    for each in listed.in_turns():
        if isinstance(each, dict) and name == "links":
            relation = str(each.get("rel"))
            relations[relation] += 1
            if relations[relation] <= LINKS_KEPT and len(relations) <= LINKS_KEPT:
                kept.append(each)
        elif isinstance(each, dict):
            kept.append({member: each[member] for member in KEPT if member in each})
        await breaks.take()
    return kept
