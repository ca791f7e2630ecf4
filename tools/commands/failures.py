"""What went wrong, in one line, and the exit code that says what kind of thing it was."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError

from tools.errors import ToolError
from tools.words import plain


class _Read(io.FileIO):
    """A pipe that is read until who reads has had enough, as `head` does: then files are still written, and the exit
    code tells what was found. What else goes wrong, such as a full disk, is said once."""

    gone = False

    def write(self, data: Any, /) -> int:
        try:
            return len(data) if self.gone else super().write(data)
        except OSError as error:
            self.gone = True
            if isinstance(error, BrokenPipeError):
                return len(data)
            raise


def make_streams_usable() -> None:
    """Names of others may have letters that the terminal does not, and nobody need read to the end."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream in (sys.__stdout__, sys.__stderr__) and isinstance(stream, io.TextIOWrapper) and not stream.isatty():
            file = io.BufferedWriter(_Read(stream.fileno(), "w", closefd=False))
            stream = io.TextIOWrapper(file, stream.encoding, line_buffering=True)
            setattr(sys, name, stream)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


@contextmanager
def in_one_line() -> Iterator[None]:
    """A user's mistake ends with one line and exit code 2, a failed run with one line and 1, Ctrl-C with 130."""
    try:
        yield
    except NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "")
        sys.exit(0)
    except click.ClickException as error:
        _fail(error.format_message().replace("a valid integer range", "a whole number"), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted", 130)
    except ModuleNotFoundError as error:
        _fail(f"{error}; `pip install -e '.[bench]'` installs what measuring needs", 2)
    except Exception as error:
        # Loaded when there is something to tell: a command that only shows its help needs none of it.
        from stac_manager import ConfigurationError, StacManagerError

        if isinstance(error, ConfigurationError):
            _fail(str(error).replace("\n", "; "), 2)
        if isinstance(error, StacManagerError | ToolError | OSError | ValueError):
            _fail(_in_words(error), 1)
        raise


@contextmanager
def that_cannot_be_judged() -> Iterator[None]:
    """Where exit code 1 says that there is a regression, what cannot be done ends with 2."""
    try:
        yield
    except (ToolError, OSError, ValueError) as error:
        raise click.UsageError(_in_words(error)) from error


def _in_words(error: Exception) -> str:
    """The system's words about a file, without its number for them."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _fail(message: str, code: int) -> None:
    if "?" in message or "@" in message:  # as above
        from stac_manager.command.options import redacted

        message = redacted(message, sys.argv[1:])
    click.echo(f"error: {plain(message)}", err=True)
    sys.exit(code)
