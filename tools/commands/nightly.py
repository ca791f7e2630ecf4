"""`nightly`: what a timer starts every night."""

from typing import Any

import click

from tools import ROOT, progress

from .failures import that_cannot_be_judged
from .output import EXISTING_FILE, Pattern


@click.command("nightly")
@click.option("--config", type=EXISTING_FILE, default=ROOT / "asv.conf.json",
              help="asv's configuration. [default: asv.conf.json of this project]")  # fmt: skip
@click.option("--branch", help="Branch to follow. [default: the first of asv's configuration]")
@click.option("--machine", metavar="NAME",
              help="Name of this machine; {cpu} in it becomes the processor. [default: the host's name]")  # fmt: skip
@click.option("--bench", type=Pattern(), multiple=True, metavar="REGEX",
              help="Benchmarks to run, as for asv. [default: all]")  # fmt: skip
@click.option("--backfill", type=click.IntRange(0), default=0, metavar="N",
              help="Also measure N old commits, each in the middle of the widest gap.")  # fmt: skip
@click.option("--batch", "batch_size", type=click.IntRange(1), default=4, show_default=True,
              help="Commits that are measured in turns.")  # fmt: skip
@click.option("--time-limit", type=click.FloatRange(min=0), metavar="HOURS",
              help="Start no further batch after this time; the next run goes on.")  # fmt: skip
@click.option("--results-branch", metavar="BRANCH", help="Keep the results on this git branch, not in results_dir.")
@click.option("--push", "remote", metavar="REMOTE", help="Fetch the results branch from this remote and push it there.")
@click.option("--dashboard-url", metavar="URL", help="Address of the dashboard, for links in the summary.")
def nightly_command(**given: Any) -> int:
    """Measure what is new, keep it, publish it, judge it: to be started by a timer every night.

    Measures the commits of the branch since the last run, several at a time, in rounds that take turns, and writes
    asv's results, the dashboard and a summary in Markdown. If it is killed, one round of one commit is lost, and the
    next run goes on. A second run at the same time is refused.

    \b
    Exit code
      0    no regression, or nothing new, or too little history to judge
      1    a regression; the summary names the commit that brought it
      2    the run failed, benchmarks fail, or every timing is too noisy to judge; the last line says why
      130  interrupted; the next run goes on from there
    """
    if given["remote"] is not None and given["results_branch"] is None:
        raise click.UsageError("--push needs --results-branch")
    with that_cannot_be_judged():
        from tools.nightly import night

        try:
            with progress.counted("measuring", "rounds") as show:
                outcome = night.run(night.Options(**given), show)
        except KeyboardInterrupt:
            click.echo("error: interrupted; start it again to go on", err=True)
            raise SystemExit(130) from None
    for line in outcome.said:
        click.echo(line)
    for line in outcome.remarks:
        click.echo(line, err=True)
    return outcome.code
