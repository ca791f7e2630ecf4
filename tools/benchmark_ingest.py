"""Measure an ingestion: is it bound by I/O or by CPU, which concurrency is best, did a commit make it slower."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import click

if not __package__:  # Started as a program: the folder above is not on the path.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from tools import ROOT
from tools.commands.failures import in_one_line, make_streams_usable

with in_one_line():
    from tools.commands import housekeeping, judging, measuring


class _Commands(click.Group):
    """In the order in which they are added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
    help=__doc__,
)
@click.version_option(package_name="stac-manager", prog_name="benchmark_ingest.py", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for command in (*measuring.COMMANDS, *judging.COMMANDS, *housekeeping.COMMANDS):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    # Work trees may share an environment: what belongs to this program is imported from beside it, by children too.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    for name in ("SIGTERM", "SIGHUP"):  # a polite kill, and a terminal that closes, clean up as Ctrl-C does
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, signal.default_int_handler)
    make_streams_usable()
    with in_one_line():
        sys.exit(cli.main(args=arguments, standalone_mode=False) or 0)


if __name__ == "__main__":
    main()
