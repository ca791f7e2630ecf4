"""`dashboard` and `clean`."""

import os
import shutil

import click

from tools import ROOT

from .output import say


@click.command("dashboard", short_help="publish what `asv run` has measured as web pages, open them")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to serve on. [default: a free one]")
@click.option("--no-open", is_flag=True, help="Do not start a browser.")
def dashboard_command(port: int, no_open: bool) -> None:
    """Publish the dashboard with its Speedup page, serve it on this machine and open it, until Ctrl-C."""
    from tools.dashboard import preview  # when it is needed: it is slow to import

    preview.preview(port=port, open_browser=not no_open, say=say)


@click.command("clean", short_help="remove generated data and results")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--history", is_flag=True, help="Also asv's environments, results and dashboard in .asv.")
def clean_command(yes: bool, history: bool) -> None:
    """Remove generated data and results, after showing what will go. asv's history stays unless --history is given."""
    names = ("test_data", "results", *([".asv"] if history else []))
    folders = [ROOT / name for name in names if (ROOT / name).is_dir()]
    if not folders:
        say("There is nothing to remove.")
        return
    for path in folders:
        size = sum(each.lstat().st_size for each in path.rglob("*") if not each.is_dir())
        say(f"{path.relative_to(ROOT)}{os.sep}  {size / 1e6:,.1f} MB")
    if not yes and not click.confirm("Remove these?", err=True):
        say("Nothing was removed.")
        return
    for path in folders:
        shutil.rmtree(path)
    say("Removed.")


COMMANDS = (dashboard_command, clean_command)
