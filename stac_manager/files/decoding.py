"""From the content of a document to its items."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from typing import Any

import orjson

from stac_manager.context import FailureCollector
from stac_manager.files.members import BOM, BrokenMember, NotJSONError, members
from stac_manager.files.parquet import BadRow, items_of_parquet
from stac_manager.files.window import Window
from stac_manager.protocols import Item
from stac_manager.stats import FileStats


def items_of_json(data: memoryview, path: str, failures: FailureCollector) -> Iterable[Item]:
    """Decode a JSON document that holds an Item, a FeatureCollection, an array of items or inline features.

    What is no STAC item becomes a failure of `path`, with the line where there is one, and the reason. Of a broken
    array or FeatureCollection, the members before the damage are items.
    """
    try:
        document = orjson.loads(data[len(BOM) :] if data[: len(BOM)] == BOM else data)
    except orjson.JSONDecodeError:
        return items_of_large_json(Window(FileStats(), data=bytes(data)), path, failures)
    found = _members(document)
    if found is not None:
        return _checked(found, path, failures)
    reason = why_not_an_item(document)
    if reason is None:
        return (document,)
    failures.add(path, reason)
    return ()


def items_of_large_json(window: Window, path: str, failures: FailureCollector) -> Generator[Item, None, None]:
    """Decode what `items_of_json` does, member by member, without holding the document. Closes the window."""
    delivered = 0
    with closing(window), _failure_if_unreadable(path, failures):
        try:
            for index, member in enumerate(members(window)):
                if is_item(member):
                    delivered += 1
                    yield member
                else:
                    _fail(member, index, path, failures)
                del member
        except NotJSONError as error:
            rest = f"; of its members, {delivered} before the damage were read" if delivered else ""
            failures.add(path, f"not JSON: {error}{rest}", line=error.line)


def items_of_lines(window: Window, path: str, failures: FailureCollector) -> Generator[Item, None, None]:
    """Decode NDJSON line by line. Closes the window."""
    number = 0
    loads = orjson.loads
    with closing(window), _failure_if_unreadable(path, failures):
        ended = not window.more()
        if window.buffer.startswith(BOM):
            window.start = len(BOM)
        while True:
            newline = window.buffer.find(b"\n", window.start, window.end)
            if newline < 0:
                if not ended:
                    ended = not window.more()
                    continue
                if window.start == window.end:
                    return
                newline = window.end
            number += 1
            line = window.view[window.start : newline]
            window.start = min(newline + 1, window.end)
            try:
                candidate = loads(line)
            except orjson.JSONDecodeError as error:
                if line.tobytes().strip():
                    failures.add(path, f"not JSON: {error.msg}", line=number)
                continue
            if is_item(candidate):
                yield candidate
                del candidate
            else:
                failures.add(path, str(why_not_an_item(candidate)), line=number)


def parts_of_parquet(path: str, failures: FailureCollector) -> Generator[Iterator[Item], None, None]:
    """Decode a Parquet file, a batch of rows a part.

    Raises:
        ConfigurationError: If pyarrow is not installed.
    """
    numbers = count(1)
    with _failure_if_unreadable(path, failures):
        try:
            for rows in items_of_parquet(path):
                yield _items_of_rows(zip(rows, numbers, strict=False), path, failures)
        except ValueError as error:
            failures.add(path, str(error))


@contextmanager
def _failure_if_unreadable(path: str, failures: FailureCollector) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        failures.add(path, f"cannot be read: {error.strerror or error}")


def _members(document: object) -> list[object] | None:
    """Return the candidates of an array, a FeatureCollection or a collection with inline features."""
    if isinstance(document, list):
        return document
    if isinstance(document, dict) and document.get("type") != "Feature":
        features = document.get("features")
        return features if isinstance(features, list) else None
    return None


def _items_of_rows(rows: Iterable[tuple[object, int]], path: str, failures: FailureCollector) -> Iterator[Item]:
    for candidate, number in rows:
        reason = candidate.reason if isinstance(candidate, BadRow) else why_not_an_item(candidate)
        if reason is None:
            yield candidate  # type: ignore[misc]  # a dict: why_not_an_item has looked
        else:
            failures.add(path, f"row {number}: {reason}")


def _checked(found: list[Any], path: str, failures: FailureCollector) -> Iterator[Item]:
    for index, member in enumerate(found):
        if is_item(member):
            yield member
        else:
            _fail(member, index, path, failures)


def _fail(member: object, index: int, path: str, failures: FailureCollector) -> None:
    if isinstance(member, BrokenMember):
        failures.add(path, f"member {index}: not JSON: {member.reason}", line=member.line)
    else:
        failures.add(path, f"member {index}: {why_not_an_item(member)}")


def is_item(candidate: Any) -> bool:
    """Tell whether parsed JSON is a STAC item, as `why_not_an_item` does, at the least cost."""
    return (
        type(candidate) is dict
        and candidate.get("type") == "Feature"
        and type(candidate.get("id")) is str
        and candidate["id"] != ""
        and type(candidate.get("stac_version")) is str
    )


def why_not_an_item(candidate: object) -> str | None:
    """Return why `candidate` is no STAC item, or None if it is one.

    Looks at what tells an item from other JSON (item-spec): `type` "Feature", an `id`, a `stac_version`. It does
    not validate.
    """
    if not isinstance(candidate, dict):
        return f"not a STAC item: {_json_type(candidate)} instead of an object"
    if candidate.get("type") != "Feature":
        return f"not a STAC item: its type is {candidate.get('type')!r}, not 'Feature'"
    if not isinstance(candidate.get("id"), str) or not candidate["id"]:
        return "not a STAC item: it has no id"
    if not isinstance(candidate.get("stac_version"), str):
        return "not a STAC item: it has no stac_version (plain GeoJSON?)"
    return None


def _json_type(value: object) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
