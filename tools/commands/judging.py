"""`report`, `regressions`, `compare` and `nightly`: show what was measured, and judge it."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from tools import ROOT, progress
from tools.analysis.analysis import Analysed
from tools.analysis.model import Report
from tools.analysis.two_reports import compare_reports
from tools.asv.history import judge
from tools.asv.results import read_report
from tools.errors import ReportError
from tools.render import json_file

from .failures import that_cannot_be_judged
from .output import EXISTING_FILE, FILE, FOLDER, FORMATS, amount, check_output, pattern, publish, write_report

FORMAT_SUFFIXES = {"md": ".md", "json": ".json", "html": ".html", "terminal": None}
_RESULTS = click.option("--results", "results_dir", type=FOLDER, default=ROOT / ".asv" / "results",
                        help="Folder of asv's results. [default: .asv/results]")  # fmt: skip
_MACHINE = click.option("--machine", help="The machine, where there are results of several.")


@click.command("report", short_help="show what `asv run` has measured over the history")
@click.option("--commit", help="Commit to show, as git names it. [default: the newest with results]")
@_MACHINE
@_RESULTS
@click.option("--from", "source", type=EXISTING_FILE, help="Results file of `file` or `api` instead of asv's results.")
@click.option("--compare", metavar="COMMIT", help="Compare with this earlier commit.")
@click.option("--peers", is_flag=True, help="Also show other libraries on the same items, where asv has measured them.")
@click.option("--format", "form", type=click.Choice(tuple(FORMAT_SUFFIXES)), default="md", show_default=True,
              help="md: a page with its plots as PNG and SVG; html: one file; terminal: write nothing.")  # fmt: skip
@click.option("--output", type=FILE, help="File to write. [default: results/report.md, .json or .html]")
def report_command(commit: str | None, machine: str | None, results_dir: Path, source: Path | None,
                   compare: str | None, peers: bool, form: str, output: Path | None) -> int:  # fmt: skip
    """Show what `asv run` has measured: the newest commit, or the one named.

    Exit code with --compare, as `compare` and `regressions` have it: 0 no regression, 1 a regression, 2 nothing could
    be judged; otherwise 0.
    """
    if source is not None and (commit or machine or compare or peers):
        raise click.UsageError("--from shows one file: --commit, --machine, --compare and --peers do not go with it")
    suffix = FORMAT_SUFFIXES[form]
    if suffix is None and output is not None:
        raise click.UsageError("--format terminal writes no file: --output does not go with it")
    if suffix is not None:
        output = output or Path(f"results/report{suffix}")
        check_output(output, suffix=suffix, others=[*FORMAT_SUFFIXES.values()])
    if source is not None:
        write_report(Analysed(_read(source)), form, output)
        return 0
    with that_cannot_be_judged() if compare is not None else nullcontext():
        found = read_report(results_dir, commit=commit, machine=machine, peers=peers, repository=ROOT)
        if compare is None:
            write_report(Analysed(found), form, output)
            return 0
        change = judge(results_dir, commit=found.environment.commit, base=compare, machine=machine, repository=ROOT)
        before = read_report(results_dir, commit=change.base, machine=machine)
        publish(change, form, output, before, found)
    return change.exit_code


@click.command("regressions", short_help="judge what `asv run` has measured: is a commit slower")
@_RESULTS
@click.option("--commit", help="Commit to judge. [default: the newest with results]")
@click.option("--base", help="Judge against this commit alone.")
@click.option("--since", help="Judge everything after this commit.")
@_MACHINE
@click.option("--format", "form", type=click.Choice(FORMATS), default="terminal", show_default=True)
@click.option("--output", type=FILE, help="File to write instead of printing.")
def regressions_command(form: str, output: Path | None, **judged: Any) -> int:
    """Judge what `asv run` has measured: did the last commit make it slower?

    \b
    regressions                      the newest commit, by those before it
    regressions --commit C --base B  one commit, by another
    regressions --since C            all after C, and what each brought

    Commits are named as git names them: HEAD~2, a tag, a branch, the start of a hash.

    Exit code: 0 no regression, 1 a regression, 2 nothing could be judged, or a wrong option.

    It calls every change of requests or open documents, changes above 0.5 % of instructions or 2 % of imported modules,
    and changes above 5 % of times, memory and other numbers if they are certain: of tables without any change, less
    than 1 % would call one (Student's t, Holm's correction). "unstable" means too noisy to judge. A benchmark that
    fails and did not before is a regression. More: docs/regressions.md.
    """
    if judged["base"] is not None and judged["since"] is not None:
        raise click.UsageError("--base and --since exclude each other")
    if form == "terminal" and output is not None:
        raise click.UsageError("--output needs --format md or --format json")
    with that_cannot_be_judged():
        change = judge(**judged, repository=ROOT)
        publish(change, form, output)
    return change.exit_code


@click.command("compare", short_help="measure two commits side by side, or compare two results of yours")
@click.argument("base")
@click.argument("head")
@click.option("--bench", type=pattern, metavar="REGEX", help="Benchmarks to run, as for asv. [default: those watched]")
@click.option("--rounds", type=click.IntRange(1, 100), help="Runs of each commit. [default: 14, with --quick 10]")
@click.option("--quick", is_flag=True, help="Watch less, in about three minutes on two quiet cores.")
@click.option("--config", type=EXISTING_FILE,
              help="The asv.conf.json of another project, whose commits are measured with its own suite.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(FORMATS), default="terminal", show_default=True)
def compare_command(base: str, head: str, bench: str | None, rounds: int | None, quick: bool, config: Path | None,
                    form: str) -> int:  # fmt: skip
    """Say what HEAD made slower or faster than BASE.

    Two commits, as git names them, are measured side by side, in turns. Two JSON files that `file` or `api` wrote are
    compared as they are.

    Exit code: 0 no regression, 1 a regression, 2 nothing could be judged. How it is judged: docs/regressions.md.
    """
    files = [name for name in (base, head) if name.endswith(".json")]
    if len(files) == 1:
        raise click.UsageError("compare takes two commits or two JSON files, not one of each")
    if files and (bench or rounds or quick or config):
        raise click.UsageError("two files are compared as they are: no option but --format goes with them")
    with that_cannot_be_judged():
        if files:
            before, after = (Path(name) for name in files)
            names = (before.name, after.name) if before.name != after.name else (base, head)
            change = compare_reports(_read(before), _read(after), base=names[0], commit=names[1])
        else:
            from tools.asv import turns  # when it is needed: psutil is slow to import
            from tools.asv.project import OURS, Project

            how: dict[str, Any] = {"bench": bench, "quick": quick, "rounds": rounds}
            with progress.counted("comparing", "runs") as show:
                change = turns.compare(base, head, **how, project=Project.of(config) if config else OURS, progress=show)
    publish(change, form, None)
    return change.exit_code


@click.command("nightly", short_help="measure what is new, publish it, judge it")
@click.option("--config", type=EXISTING_FILE, default=ROOT / "asv.conf.json",
              help="asv's configuration. [default: asv.conf.json of this project]")  # fmt: skip
@click.option("--branch", help="Branch to follow. [default: the first of asv's configuration]")
@click.option("--machine", metavar="NAME",
              help="Name of this machine; {cpu} in it becomes the processor. [default: the host's name]")  # fmt: skip
@click.option("--bench", type=pattern, multiple=True, metavar="REGEX",
              help="Benchmarks to run, as for asv. [default: all]")  # fmt: skip
@click.option("--backfill", type=click.IntRange(0), default=0, metavar="N",
              help="Also measure N old commits, each in the middle of the widest gap.")  # fmt: skip
@click.option("--batch", "batch_size", type=click.IntRange(1), default=4, show_default=True,
              help="Commits that are measured in turns.")  # fmt: skip
@click.option("--time-limit", type=amount, metavar="HOURS",
              help="Start no further batch after this time; the next run goes on. [default: no limit]")  # fmt: skip
@click.option("--results-branch", metavar="BRANCH", help="Keep the results on this git branch. [default: on none]")
@click.option("--push", "remote", metavar="REMOTE", help="Fetch the results branch from this remote and push it there.")
@click.option("--dashboard-url", metavar="URL", help="Address of the dashboard, for links in the summary.")
def nightly_command(**given: Any) -> int:
    """Measure what is new, keep it, publish it and judge it. Start it from a timer every night.

    Measures the commits of the branch since the last run, several at a time, in rounds that take turns, and writes
    asv's results, the dashboard and a summary in Markdown. If it is killed, one round of one commit is lost, and the
    next run goes on. A second run at the same time is refused.

    \b
    Exit code
      0    no regression, nothing new, or too little history to judge
      1    a regression; the summary names its commit
      2    the run failed, benchmarks fail, or all timings are too noisy
           to judge; the last line says why
      130  interrupted; the next run goes on from there
    """
    if given["remote"] is not None and given["results_branch"] is None:
        raise click.UsageError("--push needs --results-branch")
    with that_cannot_be_judged():
        from tools.nightly import night  # when it is needed: asv is slow to import

        try:
            with progress.counted("measuring", "rounds") as show:
                code, said, remarks = night.run(night.Options(**given), show)
        except KeyboardInterrupt:
            click.echo("error: interrupted; start it again to go on", err=True)
            raise SystemExit(130) from None
    for line in said:
        click.echo(line)
    for line in remarks:
        click.echo(line, err=True)
    return code


def _read(path: Path) -> Report:
    """A results file of `file` or `api`; asv's own, which looks alike by its name, is called what it is."""
    try:
        return json_file.read(path)
    except ReportError as error:
        if not path.is_file() or b'"result_columns"' not in path.read_bytes():
            raise
        words = "is a result file of asv: `report` shows those of a folder, `regressions` judges them"
        raise ReportError(f"{path} {words}") from error


COMMANDS = (compare_command, report_command, regressions_command, nightly_command)
