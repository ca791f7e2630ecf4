"""Tables of Delta, Hudi and Iceberg, whose folders hold rows that were deleted beside the current ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial

from stac_manager.exceptions import printable
from stac_manager.files.globbing import files_in
from stac_manager.words import many

DELTA, HUDI = "_delta_log", ".hoodie"
"""The folders with the logs of such tables. The latter is hidden."""
TABLE_FOLDERS = (DELTA, HUDI, "data", "metadata")


def table_at(folder: str, folders: Collection[str]) -> str | None:
    """Say what a folder on the disk with these folders is, and what to do, where it holds deleted rows; else None."""
    if os.path.isdir(os.path.join(folder, HUDI)):
        folders = (*folders, HUDI)
    table = table_in(folders, partial(files_in, os.path.join(folder, "metadata")))
    return table and table + in_place_of_table(os.path.join(folder, "**", "*.parquet"))


def about_tables(paths: Iterable[str]) -> list[str]:
    """Say, in a sentence or none, that some of these files belong to tables with deleted rows: not JSON."""
    folders = {os.path.dirname(path) for path in paths if not path.endswith(".json")}
    tables = sorted(_tables_above(folders))
    return [read_although_table(printable(tables[0][0]), tables[0][1], len(tables))] if tables else []


def _tables_above(folders: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield which of some folders, and of those above them, hold deleted rows, and what they are."""
    seen = set()
    for folder in map(os.path.abspath, folders):
        while folder not in seen:
            seen.add(folder)
            known = [name for name in TABLE_FOLDERS if os.path.isdir(os.path.join(folder, name))]
            if known and (table := table_in(known, partial(files_in, os.path.join(folder, "metadata")))) is not None:
                yield folder, table
            folder = os.path.dirname(folder)


def table_in(folders: Collection[str], metadata: Callable[[], Iterable[str]]) -> str | None:
    """Say what a folder with these folders is where it holds deleted rows beside the current ones, else None.

    Args:
        metadata: Lists the files in its folder `metadata`.
    """
    if DELTA in folders:
        kind = "Delta"
    elif HUDI in folders:
        kind = "Hudi"
    elif "data" in folders and "metadata" in folders and any(name.endswith(".metadata.json") for name in metadata()):
        kind = "Iceberg"
    else:
        return None
    return f"a table of {kind}, whose files hold deleted and replaced rows as well"


def in_place_of_table(pattern: str) -> str:
    """Say what to do instead of reading a table, of which `pattern` matches all data files."""
    return f"; write its rows to Parquet, and read that. For every row that the files hold, give a glob: {pattern!r}"


def read_although_table(folder: str, table: str, count: int) -> str:
    """Say that files of a table were asked for, the first of so many."""
    others = f" (and {many(count - 1, 'more table')})" if count > 1 else ""
    return f"{folder} is {table}{others}: all that were asked for are read"
