"""`report`: show what `asv run` has measured, or a run of one's own."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import click

from tools import ROOT

from .failures import that_cannot_be_judged
from .output import check_output, publish, write_report

FORMAT_SUFFIXES = {"md": ".md", "json": ".json", "html": ".html", "terminal": None}


@click.command("report")
@click.option("--commit", help="Commit to show, as git names it. [default: the newest with results]")
@click.option("--machine", help="Machine to show, where there are results of several.")
@click.option("--results", "results_dir", type=click.Path(file_okay=False, path_type=Path),
              default=ROOT / ".asv" / "results", help="Folder of asv's results. [default: .asv/results]")  # fmt: skip
@click.option("--from", "source", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Results file of `file` or `api` to show instead of asv's results.")  # fmt: skip
@click.option("--compare", metavar="COMMIT", help="Put this commit, as the one before, beside the one shown.")
@click.option("--peers", is_flag=True, help="Also other ways to the same items, where asv has measured them.")
@click.option("--format", "form", type=click.Choice(tuple(FORMAT_SUFFIXES)), default="md", show_default=True,
              help="md: a page with its plots as PNG and SVG; html: one file; terminal: write nothing.")  # fmt: skip
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path),
              help="File to write. [default: results/report.md, .json or .html]")  # fmt: skip
def report_command(commit: str | None, machine: str | None, results_dir: Path, source: Path | None,
                   compare: str | None, peers: bool, form: str, output: Path | None) -> int:  # fmt: skip
    """Show what `asv run` has measured: the newest commit, or the one named.

    Exit code with --compare, as `compare` and `regressions` have it: 0 no regression, 1 a regression, 2 nothing could
    be judged; otherwise 0.
    """
    from tools import render
    from tools.analysis.analysis import analyse_report
    from tools.asv.history import judge, meant
    from tools.asv.results import read_report

    if source is not None and (commit or machine or compare or peers):
        raise click.UsageError("--from shows one file: --commit, --machine, --compare and --peers do not go with it")
    suffix = FORMAT_SUFFIXES[form]
    if suffix is None and output is not None:
        raise click.UsageError("--format terminal writes no file: --output does not go with it")
    if suffix is not None:
        output = output or Path(f"results/report{suffix}")
        check_output(output, suffix=suffix)
    if source is not None:
        write_report(analyse_report(render.read(source)), form, output)
        return 0
    with that_cannot_be_judged() if compare is not None else nullcontext():
        found = read_report(results_dir, commit=commit and meant(commit, ROOT), machine=machine, peers=peers)
        if compare is None:
            write_report(analyse_report(found), form, output)
            return 0
        change = judge(results_dir, commit=found.environment.commit, base=compare, machine=machine, repository=ROOT)
        before = read_report(results_dir, commit=change.base, machine=machine)
        publish(change, form, output, before, found)
    return change.exit_code
