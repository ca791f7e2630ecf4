"""Items that hold only what is asked for: option `fields`.

JSON is decoded by msgspec into typed dicts, which builds only the members that they name, at less than half the cost.
The whole document is checked: as UTF-8 by Python, as JSON by msgspec. What orjson refuses and this takes, in members
that are passed over, is a number beyond a double (1e400). What msgspec does not take as typed is decoded by orjson and
pruned, so that the result is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, TypedDict

import msgspec
import orjson

from stac_manager.parsing.items import ITEM_MEMBERS
from stac_manager.parsing.texts import exact
from stac_manager.protocols import Item

Path: TypeAlias = tuple[str, ...]
"""Names from the item inwards. A name may have dots in it."""
Tree: TypeAlias = dict[str, "Tree | None"]
"""Members by name; None for one that is kept as it is."""


@dataclass(frozen=True)
class Decode:
    """How JSON becomes items.

    Attributes:
        loads: Decodes as `orjson.loads`; of an object, perhaps only what is wanted of an item.
        kept: Leaves the rest out of items that were decoded otherwise, a member of a document or a row.
        exact: Decodes what `loads` has decoded again, with integers of any length.
        batches: Takes lines of a window together, where that is wanted and can be; told where their failures go.
    """

    loads: Callable[[Any], Any]
    kept: Callable[[Iterable[Item | None]], Iterable[Item | None]]
    exact: Callable[[Any, memoryview], Any] = exact
    batches: Callable[[Any, Any], Iterable[Item]] = lambda *_: ()


WHOLE = Decode(orjson.loads, lambda items: items)

ALWAYS = ("type", "stac_version", "id", "collection")
"""What makes an item, and tells it from others, is never left out."""
MOST_LEVELS = 32


def path_of(text: str) -> Path:
    """Return the path that a text with dots is."""
    return tuple(text.split(".", MOST_LEVELS))


def tree_of(paths: Iterable[Path]) -> Tree:
    """Put paths together; a path that is the beginning of another one stands for both."""
    tree: Tree = {}
    for names in sorted(paths):
        at = tree
        for name in names[:-1]:
            below = at.setdefault(name, {})
            if below is None:
                break
            at = below
        else:
            at[names[-1]] = None
    return tree


def pruned(value: Mapping[str, Any], tree: Tree) -> dict[str, Any]:
    """Return an object with the members of a tree alone. What is no object where the tree goes deeper is left out."""
    kept = {}
    for name, found in value.items():
        if name in tree:
            below = tree[name]
            if below is None:
                kept[name] = found
            elif isinstance(found, dict):
                kept[name] = pruned(found, below)
    return kept


class Fields:
    """What is kept of every item.

    Args:
        paths: The members that are delivered, as paths with dots.
        needed: Further ones that conditions on the item read.

    Attributes:
        tree: What is delivered.
        read: What has to be read.
        is_exact: They are the same.
    """

    def __init__(self, paths: Iterable[str], needed: Iterable[Path] = ()) -> None:
        delivered = [path_of(each) for each in (*ALWAYS, *paths)]
        self.tree = tree_of(delivered)
        self.read = tree_of((*delivered, *needed))
        self.is_exact = self.tree == self.read

    def keep(self, item: Item) -> Item:
        """Return the item as it is delivered."""
        return pruned(item, self.tree)

    @cached_property
    def decode(self) -> Decode:
        """Decodes, of an item, only what has to be read, and raises what `orjson.loads` raises."""
        document: Tree = {**self.read, "features": None}
        typed: Any = _typed("Item", document)
        decode, decode_links = msgspec.json.Decoder(typed).decode, msgspec.json.Decoder(_Page).decode
        refused = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
        read = self.read

        def loads(data: Any) -> Any:
            try:
                str(data, "utf-8")  # msgspec looks at no text that it passes over
                found = decode(data)
                if "type" in found and ("stac_version" in found or found["type"] != "Feature"):
                    return {**found, **decode_links(data)} if "features" in found else found
            except refused:
                pass
            value = orjson.loads(data)
            is_told = (
                isinstance(value, dict) and "type" in value and "stac_version" in value and "features" not in value
            )
            return pruned(value, document) if is_told else value

        def kept(items: Iterable[Item | None]) -> Iterator[Item | None]:
            return (item if item is None else pruned(item, read) for item in items)

        return Decode(loads, kept)

    def columns(self, schema: Any, members: Mapping[str, str]) -> list[str]:
        """Return the columns of a Parquet file to read, as paths with dots.

        Args:
            schema: The file's, as pyarrow has it.
            members: The member that a column becomes, where that is not its own name.
        """
        names = frozenset(schema.names)  # made anew each time
        nested = "properties" in names
        found = []
        for field in schema:
            member = members.get(field.name, field.name)
            tree: Tree | None = self.read
            if not nested and member not in ITEM_MEMBERS:
                tree = self.read.get("properties", {})
            if tree is None or member in tree:
                found += _paths(field, field.name, tree and tree[member] if member not in _ENCODED else None)
            elif "stac_version" not in names and member in ("assets", "links"):
                found.append(field.name)  # by which items are told there
        return found


_ENCODED = frozenset(("bbox", "geometry"))
"""Objects in some Parquet files that are none in an Item: they are read as a whole."""


def _paths(field: Any, path: str, tree: Tree | None) -> list[str]:
    """Write what is wanted of a column as paths; of an object without any of it one, which tells that it is there."""
    from pyarrow import types

    if not tree or not types.is_struct(field.type):
        return [path]
    children = {child.name: child for child in field.type}
    found = [name for name in tree if name in children] or list(children)[:1]
    return [each for name in found for each in _paths(children[name], f"{path}.{name}", tree.get(name, {"": None}))]


class _Page(TypedDict, total=False):
    links: Any


def _typed(name: str, tree: Tree) -> Any:
    members = {
        member: Any if below is None else _typed(f"{name}_{index}", below)
        for index, (member, below) in enumerate(tree.items())
    }
    return TypedDict(name, members, total=False)  # type: ignore[operator]
