"""From the content of a document to its items.

One rule for all sizes and layouts: a document is one JSON value after another, a line each where its first line is one.
Items are those values, or the members of arrays and of arrays `features` in them. What is none is a failure. Decoders
yield None where they were busy without an item, so that others can have their turn.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, suppress
from typing import Any, TypeAlias

import orjson

from stac_manager.context import FailureCollector
from stac_manager.files.document_failures import MOST_FAILURES, DocumentFailures, HopelessError
from stac_manager.files.formats import BOM, HEAD_BYTES, HIVE, RECORD_SEPARATOR, Document, why_not_text
from stac_manager.files.lines import (
    AROUND_VALUES,
    FIRST_VALUE_BYTES,
    LONG_LINE_BYTES,
    begins_over_lines,
    between_commas,
    first_byte,
    has_lines,
    length_over_lines,
    look_further,
    pass_white,
)
from stac_manager.files.opening import failure_if_unreadable
from stac_manager.next_pages import next_of
from stac_manager.parsing.errors import BrokenMember, NotJSONError, TooLargeError, why_not_json
from stac_manager.parsing.fields import WHOLE, Decode
from stac_manager.parsing.guesses import Links
from stac_manager.parsing.items import holds_catalogs, is_catalog, is_plain_item, why_not_an_item
from stac_manager.parsing.numbers import exact_if_large, has_large_number
from stac_manager.parsing.pieces import Pause, Whole
from stac_manager.parsing.texts import TextItem
from stac_manager.parsing.values import members_of, members_of_values
from stac_manager.parsing.window import Window
from stac_manager.protocols import Item
from stac_manager.words import many

Items: TypeAlias = Generator[Item | None, None, None]

_SEVERAL_VALUES = "unexpected content after document"
"""What orjson says of them."""
MOST_TRIALS = 20
"""So many lines that do not parse are tried together with those behind them, and in vain, in `FIRST_VALUE_BYTES`."""


def items_of_json(
    data: memoryview, document: Document, failures: FailureCollector, decode: Decode = WHOLE
) -> Iterable[Item | None]:
    """Decode a JSON document that is in memory: an Item, a FeatureCollection, an array, or what holds several of them.

    What is no STAC item becomes a failure, with the line where there is one, and the reason. Of a broken array or
    FeatureCollection, the members before the damage are items.
    """
    plain = data[len(BOM) :] if data[: len(BOM)] == BOM else data
    try:
        value = decode.loads(plain)
    except orjson.JSONDecodeError:
        return items_of_text(Window(data=bytes(data)), document, failures, decode)
    if isinstance(value, dict) and isinstance(value.get("features"), list) and _is_ambiguous(value, plain):
        return items_of_text(Window(data=bytes(data)), document, failures, decode)
    noted = DocumentFailures(failures)
    found = decode.kept(_walk(exact_if_large(value, plain), "", None, document.path, noted))
    return found if len(data) < 2 * MOST_FAILURES else _unless_hopeless(found, document.path, failures)


def _unless_hopeless(found: Iterable[Item | None], path: str, failures: FailureCollector) -> Items:
    try:
        yield from found
    except HopelessError as error:
        failures.add(path, f"{error}: its other members were passed over")


def _is_ambiguous(value: dict[str, Any], data: memoryview) -> bool:
    """Tell whether it matters in which order, or how often, an object has its members."""
    return value.get("type") == "Feature" or bytes(data).count(b'"features"') > 1


def items_of_text(window: Window, document: Document, failures: FailureCollector, decode: Decode = WHOLE) -> Items:
    """Decode a document of any size through a window, which is closed at the end."""
    path = document.path
    with closing(window), failure_if_unreadable(path, failures):
        look_further(window)
        if window.buffer.startswith(BOM):
            window.start = len(BOM)
        if document.stop is None and (reason := why_not_text(bytes(window.view[: min(window.end, HEAD_BYTES)]))):
            failures.add(path, reason)
            return
        noted = DocumentFailures(failures)
        if document.stop is None:
            yield from pass_white(window)
        try:
            if document.stop is None and first_byte(window) == RECORD_SEPARATOR:
                yield from _lines(window, path, noted, bytes((RECORD_SEPARATOR,)), decode)
            elif document.stop is not None or has_lines(window, document):
                yield from _lines(window, path, noted, b"\n", decode)
            else:
                yield from decode.kept(_values(window, path, noted))
        except HopelessError as error:
            line = window.line_at(window.start) + window.lines_before()
            read = window.passed + window.start
            failures.add(path, f"{error}: nothing after its first {read:,} bytes was read", line=line)
        if window.damage is not None:
            failures.add(path, str(window.damage))


def _values(window: Window, path: str, failures: DocumentFailures, line: int | None = None) -> Items:
    """Decode values that follow each other, member by member; `line` is that of all of them."""
    delivered = 0
    try:
        for index, member in members_of_values(window):
            for item in _of_member(member, index, line, path, failures):
                delivered += item is not None
                yield item
            del member
    except NotJSONError as error:
        if window.damage is not None:
            return
        rest = f"; of its members, {delivered} before the damage were read" if delivered else ""
        failures.add(path, f"not JSON: {error}{rest}", line=line or error.line)
    except TooLargeError as error:
        rest = f"; {many(delivered, 'item')} before it came, none after it" if delivered else ""
        failures.add(path, f"{error}{rest}", line=line or window.line_at(window.start) + window.lines_before())


def _lines(window: Window, path: str, failures: DocumentFailures, separator: bytes, decode: Decode) -> Items:
    """Decode a value a line, or one behind each record separator; also values among lines that several lines hold.

    What a line is taken for depends on no more than `FIRST_VALUE_BYTES` before it, so that a share of a file gives what
    the whole one does.
    """
    loads, kept = decode.loads, decode.kept
    trials, tried_until = 0, 0
    ended = False
    batches = decode.batches if separator == b"\n" and HIVE not in path else WHOLE.batches
    yield from batches(window, failures)
    while True:
        found = window.buffer.find(separator, window.start, window.end)
        if found < 0:
            if ended and window.start == window.end:
                return
            if not ended and window.end - window.start <= LONG_LINE_BYTES:
                ended = not window.more()
                yield from batches(window, failures)
                continue
            if not ended:
                yield from kept(_long_line(window, path, failures, separator))
                continue
            found = window.end
        begin = window.start
        _pass(window, found, separator)
        try:
            candidate = loads(window.view[begin:found])
        except orjson.JSONDecodeError as error:
            yield None
            noted = _unless_cut_off(window, found, failures)
            at = window.passed + begin
            if at >= tried_until:
                trials = MOST_TRIALS if separator == b"\n" else 0
            if trials and begins_over_lines(window.view[begin:found].tobytes()):
                line = found - begin
                window.start = begin
                length = length_over_lines(window)
                begin, found = window.start, window.start + line
                if length:
                    number = window.line_at(begin) + window.lines_before()
                    window.start += length
                    value = Window(data=bytes(window.view[begin : window.start]))
                    yield from kept(_values(value, path, noted, number))
                    continue
                if trials == MOST_TRIALS:
                    tried_until = at + FIRST_VALUE_BYTES
                trials -= 1
                _pass(window, found, separator)
            yield from kept(_odd_line(window, begin, found, error, path, noted))
            continue
        if type(candidate) is TextItem or is_plain_item(candidate):
            failures.in_a_row = 0
            if has_large_number(candidate):
                yield from kept([decode.exact(candidate, window.view[begin:found])])
            else:
                yield candidate
        else:
            candidate = exact_if_large(candidate, window.view[begin:found])
            yield from kept(_walk(candidate, "", window.line_at(begin) + window.lines_before(), path, failures))
        del candidate


def _unless_cut_off(window: Window, end: int, failures: DocumentFailures) -> DocumentFailures:
    """Return where to note what is wrong with a line: nowhere, if damage has cut it off, which is noted at the end."""
    return DocumentFailures(FailureCollector()) if window.damage is not None and end == window.end else failures


def _pass(window: Window, found: int, separator: bytes) -> None:
    if separator == b"\n" and found < window.end:
        window.pass_lines(found)
    else:
        window.start = min(found + 1, window.end)


def _odd_line(
    window: Window, begin: int, end: int, error: orjson.JSONDecodeError, path: str, failures: DocumentFailures
) -> Iterable[Item | None]:
    """Decode a line that does not parse: an empty one, values with separators or commas around them, or no JSON."""
    data = window.view[begin:end]
    line = data.tobytes().strip(AROUND_VALUES).removeprefix(BOM)
    if not line:
        return ()
    number = window.line_at(begin) + error.lineno - 1 + window.lines_before()
    if len(line) < end - begin:
        with suppress(orjson.JSONDecodeError):
            return _walk(exact_if_large(orjson.loads(line), line), "", number, path, failures)
    if (values := between_commas(line)) is not None:
        value = values[0] if len(values) == 1 else values
        return _walk(exact_if_large(value, line), "", number, path, failures)
    if line[:1] in (b"{", b"[") and _SEVERAL_VALUES in error.msg:
        return _values(Window(data=line), path, failures, number)
    failures.add(path, f"not JSON: {why_not_json(error, data)}", line=number)
    return ()


def _long_line(window: Window, path: str, failures: DocumentFailures, separator: bytes) -> Items:
    """Decode a line that is too long to be held, and go behind its end."""
    number = window.line_at(window.start) + window.lines_before()
    reason = None
    try:
        for index, member in members_of_values(window, separator):
            yield from _of_member(member, index, number, path, failures)
            del member
    except NotJSONError as error:
        reason = f"not JSON: {error}"
    except TooLargeError as error:
        reason = str(error)
    while True:
        found = window.buffer.find(separator, window.start, window.end)
        end = window.end if found < 0 else found
        if reason is None and window.view[window.start : end].tobytes().strip():
            reason = "not JSON: unexpected content after a value"
        window.start = min(end + 1, window.end)
        if found >= 0 or not window.more():
            break
        yield None
    if reason is not None and window.damage is None:
        failures.add(path, reason, line=number)


def _of_member(
    member: Any, index: int, line: int | None, path: str, failures: DocumentFailures
) -> Iterator[Item | None]:
    """Yield the items in what `members` gave."""
    if is_plain_item(member):
        failures.in_a_row = 0
        yield member
        return
    whole = isinstance(member, Whole)
    value = member.value if isinstance(member, Whole) else member
    place = f"member {index}: " if not whole else f"value {index}: " if index else ""
    if isinstance(value, Pause):
        if isinstance(value, Links):
            failures.turn_page(path, next_of(value.found))
        yield None
    elif isinstance(value, BrokenMember):
        failures.add(path, f"{place}not JSON: {value.reason}", line=line or value.line)
        yield None
    else:
        yield from _walk(value, place, line, path, failures, depth=0 if whole else 1)


def _walk(
    value: object, place: str, line: int | None, path: str, failures: DocumentFailures, depth: int = 0
) -> Iterator[Item | None]:
    """Yield the item that a value is, or those in it, and note what is none."""
    found = members_of(value, depth)
    if found is None:
        reason = why_not_an_item(value)
        if reason is None:
            failures.in_a_row = 0
            yield value  # type: ignore[misc]  # a dict: why_not_an_item has looked
            return
        if is_catalog(value) or holds_catalogs(value):
            failures.pass_over(path)
        else:
            failures.add(path, place + reason, line=line)
        yield None
        return
    if isinstance(value, dict):
        failures.turn_page(path, next_of(value.get("links")))
    for index, member in enumerate(found):
        if is_plain_item(member):
            failures.in_a_row = 0
            yield member
        else:
            yield from _walk(member, f"{place}member {index}: ", line, path, failures, depth + 1)
