"""What is a STAC item and what is none."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import islice
from typing import Any, TypeGuard

ITEM_MEMBERS = ("type", "stac_version", "stac_extensions", "id", "geometry", "bbox", "properties", "links", "assets",
                "collection")  # fmt: skip
SHOWN_CHARACTERS = 60
_OBJECT_OR_NULL = (dict, type(None))
_NEVER_IN_STAC = frozenset(("conformsTo", "time"))
"""Members of an OGC API record and of a JSON-FG feature, which may have assets and links, too."""
TIME_PATH = "properties.datetime"
"""Where pandas.json_normalize puts a time that every item has."""
MOST_DEPTH = 5
MOST_MEMBERS = 1_000
"""So many members of an object are looked at for items."""
MOST_TEXT = 65_536
"""Text of up to so many characters may be JSON that holds items."""


def is_plain_item(candidate: Any) -> bool:
    """Tell whether parsed JSON is a STAC item and nothing else, at the least cost."""
    try:
        return (
            candidate["type"] == "Feature"
            and type(candidate["id"]) is str
            and candidate["id"] != ""
            and type(candidate["stac_version"]) is str
            and (type(found := candidate.get("properties")) is dict or (found is None and TIME_PATH not in candidate))
            and type(candidate.get("geometry")) in _OBJECT_OR_NULL
            and "features" not in candidate
        )
    except (KeyError, TypeError):  # it lacks one of them, or is no object
        return False


def why_not_an_item(candidate: object, *, partial: bool = False) -> str | None:
    """Return why `candidate` is no STAC item, or None if it is one.

    Looks at what tells an item from other JSON (item-spec): `type` "Feature", an `id`, a `stac_version`, before 0.8.0
    `assets` and `links` in its place. It does not validate. A `partial` item, as servers give them, may lack all but
    the id.
    """
    if not isinstance(candidate, dict):
        return f"not a STAC item: {_json_type(candidate)} instead of an object{_where_items_are(candidate)}"
    if candidate.get("type", "Feature" if partial else None) != "Feature":
        kind = f"its type is {_shown(candidate['type'])}, not 'Feature'" if "type" in candidate else "it has no type"
        reason = f"not a STAC item: {kind}"
        if isinstance(candidate.get("partitions"), list) and "rule" in candidate:
            return f"{reason}; this is a plan, not a source: give the source that it was made of"
        return reason + _where_items_are(candidate)
    if "id" not in candidate:
        return "not a STAC item: it has no id"
    if not isinstance(candidate["id"], str):
        return f"not a STAC item: id must be a string, got {_shown(candidate['id'])}"
    if not candidate["id"]:
        return "not a STAC item: its id is empty"
    for name in ("properties", "geometry"):
        if not isinstance(candidate.get(name), _OBJECT_OR_NULL):
            got = f"got {_json_type(candidate[name])}; its id is {_shown(candidate['id'])}"
            return f"not a STAC item: {name} must be an object or null, {got}"
    return None if partial else _why_not_whole(candidate)


def _why_not_whole(candidate: dict[str, Any]) -> str | None:
    if TIME_PATH in candidate and "properties" not in candidate:
        return f"not a STAC item: its members are paths, such as {TIME_PATH!r}; write whole items"
    if "stac_version" not in candidate:
        if _is_before_0_8(candidate):
            return None
        return "not a STAC item: it has no stac_version (plain GeoJSON, or an OGC API record?)"
    if not isinstance(candidate["stac_version"], str):
        return f"not a STAC item: stac_version must be a string, got {_shown(candidate['stac_version'])}"
    return None


def _is_before_0_8(candidate: dict[str, Any]) -> bool:
    """Tell from other GeoJSON an item of a STAC version in which items did not name it. 0.5 has an object `links`."""
    has_its_members = isinstance(candidate.get("assets"), dict) and isinstance(candidate.get("links"), list | dict)
    return has_its_members and _NEVER_IN_STAC.isdisjoint(candidate)


def is_catalog(document: object) -> TypeGuard[dict[str, Any]]:
    """Tell whether JSON is a Catalog or Collection of any version: before 1.0.0 they had no `type`."""
    if not isinstance(document, dict):
        return False
    kind = document.get("type")
    if isinstance(kind, str):
        return kind.lower() in ("catalog", "collection")
    return (
        kind is None
        and "geometry" not in document
        and isinstance(document.get("id"), str)
        and isinstance(document.get("links"), list)
        and ("properties" not in document or "description" in document)
    )


def holds_catalogs(document: object) -> bool:
    """Tell whether JSON is what an API answers to `/collections`."""
    found = document.get("collections") if isinstance(document, dict) else None
    return isinstance(found, list) and all(map(is_catalog, found))


def _where_items_are(container: object) -> str:
    """Say how jq finds the items in a container that is none of ours; nothing where there are none."""
    within = None if isinstance(container, list) else _path_to_items(container)
    return "" if within is None else f"; items in it are found by: jq -c '{within}'"


def _path_to_items(value: object, path: str = "", depth: int = MOST_DEPTH) -> str | None:
    if is_plain_item(value):
        return f".{path}"
    if isinstance(value, str) and value[:1] in ("{", "[") and len(value) <= MOST_TEXT and depth:
        with suppress(ValueError, RecursionError):
            within = _path_to_items(json.loads(value), depth=depth - 1)
            return within and f".{path} | fromjson | {within}"
    if not isinstance(value, dict | list) or not value:
        return None
    members = {"": value[0]} if isinstance(value, list) else dict(islice(value.items(), MOST_MEMBERS))
    several = isinstance(value, list) or sum(map(is_plain_item, members.values())) > 1
    if several and any(map(is_plain_item, members.values())):
        return f".{path}[]"
    if not depth:
        return None
    places = ((each, "[]" if isinstance(value, list) else f"[{json.dumps(name)}]") for name, each in members.items())
    return next(filter(None, (_path_to_items(each, path + place, depth - 1) for each, place in places)), None)


def _shown(value: object) -> str:
    if isinstance(value, list | dict):  # it may hold whatever a server was sent, however deep
        return _json_type(value)
    text = json.dumps(value) if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def _json_type(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
