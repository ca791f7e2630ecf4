"""`regressions`: what asv's results say of the commits."""

from pathlib import Path
from typing import Any

import click

from tools import ROOT

from .failures import that_cannot_be_judged
from .output import FORMATS, publish


@click.command("regressions")
@click.option("--results", "results_dir", type=click.Path(file_okay=False, path_type=Path),
              default=ROOT / ".asv" / "results", help="Folder of asv's results. [default: .asv/results]")  # fmt: skip
@click.option("--commit", help="Commit to judge. [default: the newest with results]")
@click.option("--base", help="Judge against this commit alone.")
@click.option("--since", help="Judge everything after this commit.")
@click.option("--machine", help="Machine to judge, where there are results of several.")
@click.option("--repository", type=click.Path(exists=True, file_okay=False, path_type=Path), default=ROOT,
              help="git repository that knows the order of the commits. [default: this one]")  # fmt: skip
@click.option("--format", "form", type=click.Choice((*FORMATS, "markdown")), default="terminal", show_default=True)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write instead of printing.")
def regressions_command(form: str, output: Path | None, **judged: Any) -> int:
    """Judge what `asv run` has measured: did the last commit make it slower?

    \b
    regressions                      the newest commit with results, by those before it
    regressions --commit C --base B  one commit against another
    regressions --since C            everything after C, and which commit brought what

    Commits are named as git names them: HEAD~2, a tag, a branch, the start of a hash.

    \b
    Exit code: 0 no regression; 1 a regression; 2 nothing could be judged, or a wrong option.

    Counts that come out the same each time (instructions, requests, open documents, modules) are compared as they
    are. Everything else scatters: a change is called when it is larger than 5 %, when it is more than the swing from
    run to run and the scatter of the samples explain (Student's t), and when less than 1 % of the tables without any
    change would call one (Holm's correction). "unstable" means too noisy to judge. A benchmark that fails and did not
    before is a regression. More: docs/regressions.md.
    """
    if judged["base"] is not None and judged["since"] is not None:
        raise click.UsageError("--base and --since exclude each other")
    with that_cannot_be_judged():
        from tools.asv.history import judge

        change = judge(**judged)
        publish(change, "md" if form == "markdown" else form, output)
    return change.exit_code
