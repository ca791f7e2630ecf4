"""The `stac-manager` command: what it is asked, and how it ends.

Exit codes: 0 success; 1 something failed, and is named; 2 a wrong option or source; 130 interrupted,
129 hung up, 143 terminated.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from io import StringIO, TextIOWrapper
from time import sleep
from typing import TYPE_CHECKING, NoReturn

import click

from stac_manager import __version__
from stac_manager.command.completion import completion_command
from stac_manager.command.ingest import ingest_command
from stac_manager.command.options import redacted, say
from stac_manager.command.plan import plan_command
from stac_manager.command.verify import verify_command

SIGNALS = [each for name in ("SIGTERM", "SIGHUP") if (each := getattr(signal, name, None)) is not None]
"""End a run as Ctrl-C does: a terminal that is closed hangs up."""
AGAIN_SECONDS = 0.05
if TYPE_CHECKING:
    Lost = sys.UnraisableHookArgs


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, invoke_without_command=True
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Copy STAC items from files or a STAC API to NDJSON or GeoParquet, each exactly once.

    Exit codes: 0 success, 1 something failed and is named, 2 wrong usage or source, 130 interrupted.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in (ingest_command, plan_command, verify_command, completion_command):
    cli.add_command(command)


def main() -> NoReturn:
    """Run the command and exit."""
    sys.exit(_run())


def _run() -> int:
    ended_by = int(signal.SIGINT)

    def end(number: int, frame: object) -> None:
        nonlocal ended_by
        ended_by = number
        if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell has started us in the background
            signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.raise_signal(signal.SIGINT)  # the one signal that everything below knows how to end on

    _make_streams_usable()
    sys.unraisablehook = partial(_heed_again, sys.unraisablehook)
    output = sys.stdout
    for each in SIGNALS:
        if signal.getsignal(each) != signal.SIG_IGN:  # `nohup` ignores SIGHUP
            signal.signal(each, end)
    try:
        # With the standalone mode, click would turn every interruption into exit code 1.
        return int(cli.main(prog_name="stac-manager", standalone_mode=False) or 0)
    except SystemExit:
        if sys.stdout is output:
            raise
        return 0  # click has put another in its place: whoever reads has had enough
    except click.ClickException as error:
        said = StringIO()
        error.show(said)
        say(redacted(said.getvalue().removesuffix("\n"), sys.argv[1:]))
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _interrupted(ended_by)
    except OSError as error:  # of the output: sources and DEST have errors of their own
        say(f"Error: {error.filename or 'standard output'}: cannot be written: {error.strerror or error}")
        sys.stdout = os.fdopen(
            os.open(os.devnull, os.O_WRONLY), "w"
        )  # what is left in its buffer cannot be written either
        return 1
    except Exception as error:
        if isinstance(error.__cause__, KeyboardInterrupt):  # while a class was made: Python 3.11 wraps what comes there
            return _interrupted(ended_by)
        if (ending := _end_of(error)) is None:
            raise
        say(f"Error: {redacted(ending[1], sys.argv[1:])}")
        return ending[0]


def _heed_again(others: Callable[[Lost], object], lost: Lost) -> None:
    """Interrupt once more, in a moment, where that came while Python called what may not raise: within an import, say.
    `others` are for anything else."""
    if issubclass(lost.exc_type, KeyboardInterrupt):
        _thread.start_new_thread(_interrupt_soon, ())
    else:
        others(lost)


def _interrupt_soon() -> None:
    sleep(AGAIN_SECONDS)
    if os.name == "nt":  # where `kill` ends a process
        _thread.interrupt_main()
    else:
        os.kill(os.getpid(), signal.SIGINT)


def _interrupted(ended_by: int) -> int:
    exec("")  # where that came in an `exec`, of dataclasses say, `python -m` would end by the signal: this resets it
    sys.unraisablehook = lambda _: None  # what was half made then, such as an event loop, cannot clean up after itself
    say("interrupted")
    return 128 + ended_by


def _make_streams_usable() -> None:
    """Let streams that were closed lead nowhere, so that no file that is opened takes their numbers.

    Writing to a standard output that was closed stays an error. What a stream's encoding has no character for is
    written as its number: names of files need not be text.
    """
    for name, flags in (("stdin", os.O_RDONLY), ("stdout", os.O_RDONLY), ("stderr", os.O_WRONLY)):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, flags)
            setattr(sys, name, os.fdopen(nowhere, "r" if name == "stdin" else "w"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _end_of(error: Exception) -> tuple[int, str] | None:
    """Return exit code and words for an error that the user can do something about, None for a fault of ours."""
    from stac_manager.exceptions import ConfigurationError, StacManagerError

    if isinstance(error, MemoryError):
        return 1, "out of memory: allow more (ulimit -v), or use fewer workers"
    if isinstance(error, RuntimeError) and str(error) == "can't start new thread":
        return 1, "no thread can be started: allow more processes (ulimit -u, the pids limit of a container)"
    if isinstance(error, StacManagerError):
        return 2 if isinstance(error, ConfigurationError) else 1, str(error)
    return None
