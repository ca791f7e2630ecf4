"""What a document of a static catalog is, and where its links lead. Pure."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias, TypeGuard

from stac_manager.files import entry_points
from stac_manager.files.catalogs import holds_items, is_typed_as_items
from stac_manager.files.formats import BOM, ENTRY_FILES, format_of_name, magic
from stac_manager.files.remote.addresses import is_data, is_relative, joined, name_of, refusal
from stac_manager.parsing import items
from stac_manager.urls import shown

Kind: TypeAlias = Literal["entry", "child", "item"]


class Link(NamedTuple):
    """Where a document leads."""

    url: str
    kind: Kind  # `child`: to a catalog; `item`: to items; `entry`: to either, as the user named it
    refused: str | None = None  # why it is not followed


class Opened(NamedTuple):
    """What a document that may be a catalog turns out to be."""

    document: dict[str, Any] | None  # None if it is no catalog
    links: list[Link]
    size: int  # unpacked
    is_no_child: bool  # nor anything else that a catalog leads to


def is_catalog(document: object) -> TypeGuard[dict[str, Any]]:
    """Tell whether parsed JSON is a Catalog or a Collection, whose items are not in itself."""
    return items.is_catalog(document) and not isinstance(document.get("features"), list)


def links_of(document: dict[str, Any], url: str, source: str) -> list[Link]:
    """Return the links of a catalog to items and further catalogs, in their order.

    A Collection without any may name a document that holds all of its items by a link `items` to a data file, or by an
    asset.
    """
    found = _links(document, url, source, {"item": "item", "child": "child"})
    if found:
        return found
    found = [link for link in _links(document, url, source, {"items": "item"}) if is_data(link.url)]
    if found := found or _links({"links": _typed_as_files(document)}, url, source, {"items": "item"}):
        return found
    assets = document.get("assets")
    held = [asset for asset in (assets.values() if isinstance(assets, dict) else ()) if holds_items(asset)]
    return _links({"links": [{**asset, "rel": "item"} for asset in held]}, url, source, {"item": "item"})


def _typed_as_files(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the links whose media type is one that files of items have, and no answer of an API."""
    links = document.get("links")
    found = [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    return [link for link in found if is_typed_as_items(link) and "geo+json" not in link["type"]]


def _links(document: dict[str, Any], url: str, source: str, wanted: dict[str, Kind]) -> list[Link]:
    links = document.get("links")
    found = []
    for link in links if isinstance(links, list) else []:
        rel = link.get("rel") if isinstance(link, dict) else None
        kind = wanted.get(rel) if isinstance(rel, str) else None
        if kind is None:
            continue
        if not isinstance(link.get("href"), str) or not link["href"].strip():
            found.append(Link(f"{shown(url)} -> {rel}", kind, "the link has no href"))
            continue
        try:
            href = link["href"].strip().replace("\\", "/")
            target = joined(url, href)
        except ValueError as error:
            why = "it holds half a surrogate pair" if isinstance(error, UnicodeError) else str(error)
            found.append(Link(f"{shown(url)} -> {link['href'][:200]}", kind, f"the link leads to no address: {why}"))
            continue
        if kind == "item" and name_of(target) in ENTRY_FILES:
            kind = "child"
        elif kind == "child" and format_of_name(name_of(target)) in ("ndjson", "parquet"):
            kind = "item"
        found.append(Link(target, kind, None if is_relative(href) else refusal(target, source)))
    return found


def items_of_api(document: dict[str, Any], url: str) -> str | None:
    """Return where an API serves the items of a Collection, page by page; None where no link says so."""
    found = _links(document, url, url, {"items": "item"})
    return shown(found[0].url) if found else None


def opened_in(data: bytes, linked: str, url: str, source: str) -> Opened:
    """Unpack and parse a document that may be a catalog."""
    if _is_packed_items(data):
        return Opened(None, [], len(data), False)
    try:
        text = entry_points.unpacked(data)
    except ValueError:
        return Opened(None, [], len(data), is_no_child(None, data, linked))
    document = parsed(text)
    if isinstance(document, dict) and is_catalog(document):
        return Opened(document, links_of(document, url, source), len(text), False)
    return Opened(None, [], len(text), is_no_child(document, text, linked))


def is_packed(data: bytes) -> bool:
    """Tell of a document by its beginning whether it is compressed, as stores keep them."""
    return magic(data[:4]) in ("gzip", "zstd")


def parsed(data: bytes) -> object:
    """Parse a document that may be a catalog, and may be compressed, as stores keep them; None if it is no JSON."""
    try:
        return entry_points.parsed(entry_points.unpacked(data))
    except ValueError:
        return None


def may_be_catalog(data: bytes) -> bool:
    """Tell of a document by its beginning whether it may be a catalog."""
    return is_packed(data) or data.removeprefix(BOM).lstrip()[:1] == b"{"


def is_no_child(document: object, data: bytes, url: str) -> bool:
    """Tell whether what a catalog links to as to another one is none, and may not hold Items: lines, or Parquet."""
    if document is None and (name_of(url) in ENTRY_FILES or not (magic(data[:4]) == "parquet" or may_be_stac(data))):
        return True
    return is_page(data)


def is_page(data: bytes) -> bool:
    """Tell whether an answer is a page for people, or a list of files, as servers give at the address of a folder."""
    return _beginning(data) in (b"<", b"[") and not may_be_stac(data)


def may_be_stac(data: bytes) -> bool:
    """Tell whether an answer may hold Items or links to them: pages for people and errors do not."""
    if _is_packed_items(data):
        return True
    try:
        text = entry_points.unpacked(data)
    except ValueError:
        return True
    return _beginning(text) != b"<" and b"stac_version" in text


def _beginning(data: bytes) -> bytes:
    return entry_points.beginning(data).removeprefix(BOM).lstrip()[:1]


def _is_packed_items(data: bytes) -> bool:
    """Tell of compressed items by their beginning: they may unpack to a thousand times as many bytes."""
    return is_packed(data) and entry_points.begins_as_items(data)


def is_file_of_items(head: bytes) -> bool:
    """Tell of a document with the name of an entry point whether it holds items; of a large one by its beginning."""
    document = parsed(head)
    if document is None:
        return entry_points.begins_as_items(head)
    return entry_points.is_of_items(document)
