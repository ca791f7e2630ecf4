"""Rows of columns to dicts: a row's dicts are built when the row is asked for.

A dict that is still in the processor's cache when it is dropped costs half of one that has waited for the rest of its
batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, TypeAlias

from stac_manager.protocols import Item

Array: TypeAlias = Any
"""A pyarrow.Array. pyarrow has no types, and is imported when a file is read."""
Convert: TypeAlias = Callable[[Array], Iterable[Any]]
"""Turns an array into the values that JSON would have given, and None for its nulls."""


@dataclass(frozen=True)
class Member:
    """A column and the member of the rows' objects that it becomes."""

    name: str
    convert: Convert
    keep_null: bool = False


def objects(columns: Sequence[tuple[Member, Array]], count: int, given: dict[str, Iterable[Any]]) -> Iterator[Item]:
    """Build `count` objects of the columns, and of the `given` values where there is no such column."""
    always, sometimes = dict(given), {}
    for member, column in columns:
        if member.keep_null or not column.null_count:
            always[member.name] = member.convert(column)
        elif column.null_count < count:
            sometimes[member.name] = member.convert(column)
            always.pop(member.name, None)
    if not always and not sometimes:
        return ({} for _ in range(count))
    build = _builder(tuple(always), tuple(sometimes))
    return islice(map(build, *always.values(), *sometimes.values()), count)


@lru_cache(maxsize=1_024)
def _builder(always: tuple[str, ...], sometimes: tuple[str, ...]) -> Callable[..., Item]:
    """Make a function from the values of members to an object without those of `sometimes` that are None.

    It is compiled, as the dataclasses of the standard library are: a dict display takes half the time of
    `dict(zip(names, values))`. No name gets into its text, for it comes from a file.
    """
    names = {f"n{index}": name for index, name in enumerate((*always, *sometimes))}
    values = [f"v{index}" for index in range(len(names))]
    pairs = ", ".join(f"n{index}: v{index}" for index in range(len(always)))
    lines = [f"def build({', '.join(values)}):", f"    made = {{{pairs}}}"]
    for index in range(len(always), len(names)):
        lines += [f"    if v{index} is not None:", f"        made[n{index}] = v{index}"]
    namespace: dict[str, Any] = dict(names)
    exec("\n".join([*lines, "    return made"]), namespace)
    build: Callable[..., Item] = namespace["build"]
    return build


def fields(members: list[Member], given: dict[str, Iterable[Any]], array: Array) -> Iterator[Item]:
    """Build the objects of a struct without nulls."""
    return objects([(member, array.field(index)) for index, member in enumerate(members)], len(array), given)
