"""Measure an ingestion: is it bound by I/O or by CPU, which concurrency is best, did a commit make it slower."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

if not __package__:  # Started as a program: the folder above is not on the path.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from tools import ROOT
from tools.commands.failures import in_one_line, make_streams_usable
from tools.errors import end_as_ctrl_c_does

with in_one_line():
    from tools.commands import housekeeping, judging, measuring


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, help=__doc__)
@click.version_option(package_name="stac-manager", prog_name="benchmark_ingest.py", message="%(prog)s %(version)s")
def cli() -> None: ...


cli.list_commands = lambda ctx: list(cli.commands)  # type: ignore[method-assign]  # as they are added
for command in (*measuring.COMMANDS, *judging.COMMANDS, *housekeeping.COMMANDS):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    # Work trees may share an environment: what belongs to this program is imported from beside it, by children too.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    end_as_ctrl_c_does()
    make_streams_usable()
    with in_one_line():
        sys.exit(cli.main(args=arguments, standalone_mode=False) or 0)


if __name__ == "__main__":
    main()
