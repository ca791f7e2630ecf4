"""The program: options, a bar, a list, and errors in one line."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import NoReturn

import orjson

from tools import progress

from .items import DATETIME_KINDS, LAYOUTS, PROFILE_NAMES, DataSetSpec
from .sets import MANIFEST, UNFINISHED, DataSet, ensure, find


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="test_data_generator.py",
        description="Make realistic STAC items, the same for the same seed. Prints the path of the data.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    default = DataSetSpec()
    parser.add_argument("--profile", default=default.profile, help=f"what the items look like: {_or(PROFILE_NAMES)}")
    parser.add_argument("--items", type=int, default=default.items, metavar="N", help="number of items")
    parser.add_argument("--layout", default=default.layout, help=f"how they lie on disk: {_or(LAYOUTS)}")
    parser.add_argument("--seed", type=int, default=default.seed, metavar="N", help="another seed, other items")
    parser.add_argument("--datetime-kind", default=default.datetime_kind, help=f"{_or(DATETIME_KINDS)}")
    parser.add_argument(
        "--skew", type=float, default=default.skew, metavar="SHARE", help="share of items in 1%% of the time range"
    )
    day = date.fromisoformat
    parser.add_argument("--start", type=day, default=default.start, metavar="DATE", help="first day of the time range")
    parser.add_argument("--end", type=day, default=default.end, metavar="DATE", help="the day after the last one")
    parser.add_argument("--indent", action="store_true", help="pretty-print the items")
    parser.add_argument(
        "--output", type=Path, default=Path("test_data"), metavar="FOLDER", help="the folder of all data sets"
    )
    parser.add_argument("--force", action="store_true", help="make the set anew, even if it is there")
    parser.add_argument("--list", action="store_true", help="list the data sets in the output folder and stop")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code: 0, 1 for a failure, 2 for wrong options, 130 for Ctrl-C."""
    parser = _parser()
    options = parser.parse_args(arguments)
    root: Path = options.output
    try:
        if options.list:
            sys.stdout.write(_listing(root))
            return 0
        try:
            spec = DataSetSpec(**{field.name: getattr(options, field.name) for field in fields(DataSetSpec)})
        except ValueError as error:
            parser.error(str(error))
        with progress_bar(spec) as advance:
            data_set = ensure(spec, root, force=options.force, advance=advance)
        sys.stdout.write(f"{data_set.path.resolve()}\n")
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: no data set was made\n")
        return 130
    except ModuleNotFoundError as error:
        sys.stderr.write(f"error: layout {options.layout} needs pyarrow and stac-geoparquet ({error})\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"error: cannot make the data set in {root}: {error}\n")
        return 1
    return 0


@contextmanager
def progress_bar(spec: DataSetSpec) -> Iterator[Callable[[int], None]]:
    """A bar that is told how many items were made since the last call."""
    made = 0
    with progress.counted(f"{spec.profile} items", "items") as show:

        def advance(items: int) -> None:
            nonlocal made
            made += items
            show(made, spec.items)

        yield advance


def _listing(root: Path) -> str:
    """One line a data set: its name, its number of items, its size, and whether it is whole."""
    homes = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    lines = []
    for home in homes:
        if home.name.startswith("."):
            if home.name.endswith(UNFINISHED):
                lines.append(f"{home.name}  unfinished")
            continue
        found = _find_by_manifest(home)
        if found is None:
            lines.append(f"{home.name}  not whole")
        else:
            lines.append(f"{home.name}  {found.items} items  {found.bytes / 1e6:.1f} MB  whole")
    return "".join(f"{line}\n" for line in lines) or f"no data sets in {root}\n"


def _find_by_manifest(home: Path) -> DataSet | None:
    try:
        spec = DataSetSpec.from_parameters(orjson.loads((home / MANIFEST).read_bytes()))
    except (OSError, ValueError):
        return None
    return find(spec, home.parent) if spec.name == home.name else None


def _or(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
