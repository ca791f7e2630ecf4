"""`compare`: two commits, measured in turns; or two results of `file` or `api`."""

from pathlib import Path

import click

from tools import progress

from .failures import that_cannot_be_judged
from .output import FORMATS, Pattern, publish


@click.command("compare")
@click.argument("base")
@click.argument("head")
@click.option("--bench", type=Pattern(), help="Regular expression that chooses benchmarks, as asv has it.")
@click.option("--rounds", type=click.IntRange(1, 100), help="Runs of each commit. [default: 14, with --quick 10]")
@click.option("--quick", is_flag=True, help="Watch less, in about three minutes on two quiet cores.")
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="The asv.conf.json of another project, whose commits are measured with its own suite.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(FORMATS), default="terminal", show_default=True,
              help="How to print the verdict.")  # fmt: skip
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
            from tools import render
            from tools.analysis.two_reports import compare_reports

            before, after = (Path(name) for name in files)
            names = (before.name, after.name) if before.name != after.name else (base, head)
            change = compare_reports(render.read(before), render.read(after), base=names[0], commit=names[1])
        else:
            from tools.asv import turns
            from tools.asv.project import OURS, Project

            project = Project.of(config) if config else OURS
            with progress.counted("comparing", "runs") as show:
                change = turns.compare(
                    base, head, bench=bench, quick=quick, rounds=rounds, project=project, progress=show
                )
    publish(change, form, None)
    return change.exit_code
