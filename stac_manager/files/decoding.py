"""From the bytes of a document to its items."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from itertools import count

import orjson

from stac_manager.context import FailureCollector
from stac_manager.files.discovery import Document
from stac_manager.files.parquet import BadRow, items_of_parquet
from stac_manager.protocols import Item

NDJSON_PART_BYTES = 262_144
_BOM = b"\xef\xbb\xbf"


def items_of_json(data: bytes, path: str, failures: FailureCollector) -> list[Item]:
    """Decode a JSON document that holds an Item, a FeatureCollection, an array of items or inline features.

    What is no STAC item becomes a failure of `path`, with the line where there is one, and the reason.
    """
    try:
        document = orjson.loads(data.removeprefix(_BOM))
    except orjson.JSONDecodeError as error:
        failures.add(path, f"not JSON: {error.msg}", line=error.lineno)
        return []
    members = _members(document)
    if members is not None:
        return list(_checked(members, path, failures))
    reason = why_not_an_item(document)
    if reason is None:
        return [document]
    failures.add(path, reason)
    return []


def parts_of_file(document: Document, failures: FailureCollector) -> Generator[Iterable[Item], None, None]:
    """Read an NDJSON or Parquet file and yield its items in parts, in the order in which they stand there.

    Lines are decoded one by one while a part is consumed.

    Raises:
        ConfigurationError: If the document is Parquet and pyarrow is not installed.
    """
    reader = {"ndjson": _ndjson, "parquet": _parquet}[document.format]
    try:
        yield from reader(document.path, failures)
    except OSError as error:
        failures.add(document.path, f"cannot be read: {error.strerror or error}")


def _members(document: object) -> list[object] | None:
    """Return the candidates of an array, a FeatureCollection or a collection with inline features."""
    if isinstance(document, list):
        return document
    if isinstance(document, dict) and document.get("type") != "Feature":
        features = document.get("features")
        return features if isinstance(features, list) else None
    return None


def _ndjson(path: str, failures: FailureCollector) -> Generator[Iterable[Item], None, None]:
    number = 1
    with open(path, "rb") as file:
        while lines := file.readlines(NDJSON_PART_BYTES):
            if number == 1:
                lines[0] = lines[0].removeprefix(_BOM)
            yield _items_of_lines(lines, number, path, failures)
            number += len(lines)


def _items_of_lines(lines: list[bytes], first: int, path: str, failures: FailureCollector) -> Iterator[Item]:
    for number, line in enumerate(lines, start=first):
        if not line.strip():
            continue
        try:
            candidate = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            failures.add(path, f"not JSON: {error.msg}", line=number)
            continue
        reason = why_not_an_item(candidate)
        if reason is None:
            yield candidate
        else:
            failures.add(path, reason, line=number)


def _parquet(path: str, failures: FailureCollector) -> Generator[Iterable[Item], None, None]:
    numbers = count(1)
    try:
        for rows in items_of_parquet(path):
            yield _items_of_rows(zip(rows, numbers, strict=False), path, failures)
    except ValueError as error:
        failures.add(path, str(error))


def _items_of_rows(rows: Iterable[tuple[object, int]], path: str, failures: FailureCollector) -> Iterator[Item]:
    for candidate, number in rows:
        reason = candidate.reason if isinstance(candidate, BadRow) else why_not_an_item(candidate)
        if reason is None:
            yield candidate  # type: ignore[misc]  # a dict: why_not_an_item has looked
        else:
            failures.add(path, f"row {number}: {reason}")


def _checked(members: Iterable[object], path: str, failures: FailureCollector) -> Generator[Item, None, None]:
    for index, member in enumerate(members):
        reason = why_not_an_item(member)
        if reason is None:
            yield member  # type: ignore[misc]  # a dict: why_not_an_item has looked
        else:
            failures.add(path, f"member {index}: {reason}")


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
