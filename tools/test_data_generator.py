"""Make realistic STAC items, the same for the same seed, in the layouts that file ingestion reads.

    python tools/test_data_generator.py --profile sentinel-2-l2a --items 10000 --layout directory

prints the path of the data on standard output and everything else on standard error. A set that is already
there, whole, is used as it is; remove its folder to have it made anew.

Item `index` of a profile depends on (profile, seed, index), the kind of datetime and the skew; never on the number of
items, the layout or the Python version.

One folder holds one data set, with a manifest.json that says what it is; a set without it is not there.
"""

import sys
from pathlib import Path
from typing import Any

import click

if not __package__:  # Started as a program: the folder above is not on the path.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from tools import progress
from tools.commands.failures import in_one_line, make_streams_usable
from tools.test_data import sets
from tools.test_data.items import DATETIME_KINDS, LAYOUTS, MAX_ITEMS, MAX_SEED, PROFILE_NAMES, DataSetSpec

_DEFAULT = DataSetSpec()


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--profile", type=click.Choice(PROFILE_NAMES), default=_DEFAULT.profile, help="What the items look like.")
@click.option(
    "--items", type=click.IntRange(1, MAX_ITEMS), default=_DEFAULT.items, metavar="N", help="Number of items."
)
@click.option("--layout", type=click.Choice(LAYOUTS), default=_DEFAULT.layout, help="How they lie on disk.")
@click.option(
    "--seed", type=click.IntRange(0, MAX_SEED), default=_DEFAULT.seed, metavar="N", help="Another seed, other items."
)
@click.option("--datetime-kind", type=click.Choice(DATETIME_KINDS), default=_DEFAULT.datetime_kind,
              help="Times: whole seconds, intervals, fractions of a second, or all of them.")  # fmt: skip
@click.option("--skew", type=click.FloatRange(0, 1), default=_DEFAULT.skew, metavar="SHARE",
              help="Share of items within 1 % of the time range.")  # fmt: skip
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=Path("test_data"),
              metavar="FOLDER", help="Folder of the data sets.")  # fmt: skip
@click.option("--list", "listed", is_flag=True, help="List the data sets in the output folder and stop.")
def command(output: Path, listed: bool, **spec: Any) -> None:
    """Make realistic STAC items, the same for the same seed. Prints the path of the data."""
    if listed:
        homes = sorted(path for path in output.glob("[!.]*") if path.is_dir())
        for home in homes:  # a line each: its name, its number of items, its size, and whether it is whole
            found = sets.read(home)
            size = f"{found.spec.items} items  {found.bytes / 1e6:.1f} MB  whole" if found else "not whole"
            click.echo(f"{home.name}  {size}")
        if not homes:
            click.echo(f"no data sets in {output}" if output.is_dir() else f"{output} does not exist")
        return
    try:
        wanted = DataSetSpec(**spec)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        with progress.counted(f"{wanted.profile} items", "items") as show:
            made = sets.ensure(wanted, output, progress=show)
    except OSError as error:
        raise OSError(f"cannot make the data set in {output}: {error.strerror or error}") from error
    click.echo(made.path.resolve())


if __name__ == "__main__":
    make_streams_usable()
    with in_one_line():
        command.main(standalone_mode=False)
