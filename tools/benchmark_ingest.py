"""Measure an ingestion: is it bound by I/O or by CPU, which concurrency is best, did a commit make it slower."""

import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = {
    "file": ("measuring:file_command", "measure reading files: generated ones, or a source of yours"),
    "api": ("measuring:api_command", "measure a STAC API: the project's own, or one of yours"),
    "compare": ("judging:compare_command", "measure two commits side by side, or compare two results of yours"),
    "report": ("judging:report_command", "show what `asv run` has measured over the history"),
    "regressions": ("judging:regressions_command", "judge what `asv run` has measured: is a commit slower"),
    "nightly": ("nightly:nightly_command", "measure what is new, publish it, judge it"),
    "dashboard": ("housekeeping:dashboard_command", "publish what `asv run` has measured as web pages, open them"),
    "clean": ("housekeeping:clean_command", "remove generated data and results"),
}
"""Where each is, and what `--help` says of it: no module is loaded for that."""


class _Commands(click.Group):
    """Loads the module of a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(f"tools.commands.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])


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


def main(arguments: Sequence[str] | None = None) -> None:
    # Work trees may share an environment: what belongs to this program is imported from beside it, by children too.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill cleans up as Ctrl-C does
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # names of others may have letters that the terminal does not
    from tools.commands.failures import in_one_line

    with in_one_line():
        sys.exit(cli.main(args=arguments, standalone_mode=False) or 0)


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    main()
