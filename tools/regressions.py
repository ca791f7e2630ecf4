"""Did the last commit make it slower? Judges asv's results, a commit against the ones before it or against another.

\b
python tools/regressions.py                      the newest commit with results
python tools/regressions.py --commit C --base B  one commit against another
python tools/regressions.py --since C            everything after C, and which commit brought what

\b
Exit code: 0 no regression; 1 a regression; 2 nothing could be judged, or a wrong option.

How it is judged. Counts that come out the same each time (instructions, requests, open documents, modules) are
compared as they are: instructions from 0.5 % on, modules from 2 %, the others from any change. Everything else
scatters, and a change is called only when

\b
- it is larger than 5 %;
- the samples differ (Mann-Whitney, 6 or more a side);
- it is more than the swing from run to run explains. That swing is learned from up to 20 commits before,
  from 6 on; while there are fewer, 3 % are assumed;
- the chance that a table without any change calls one stays below 1 %, by Holm's correction for the
  number of comparisons.

The interval is the 95 % interval of the ratio. "unstable" means that nothing is certain and it does not exclude a
change of 20 %: measure again on a quieter machine. A benchmark that fails and did not before is a regression. Less is
better, except for units such as items/s. More: docs/regressions.md.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from tools import regression
from tools.atomic import write_bytes
from tools.errors import ReportError

ROOT = Path(__file__).resolve().parent.parent
FORMATS = {"markdown": regression.as_markdown, "json": regression.as_json}


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, help=__doc__)
@click.option("--results", "results_dir", type=click.Path(file_okay=False, path_type=Path),
              default=ROOT / ".asv" / "results", help="Folder of asv's results. [default: .asv/results]")  # fmt: skip
@click.option("--commit", help="Commit to judge, by the start of its hash. [default: the newest with results]")
@click.option("--base", help="Judge against this commit alone.")
@click.option("--since", help="Judge everything after this commit.")
@click.option("--machine", help="Machine to judge, where there are results of several.")
@click.option("--repository", type=click.Path(file_okay=False, path_type=Path), default=ROOT,
              help="git repository that knows the order of the commits. [default: this one]")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["terminal", *FORMATS]), default="terminal", show_default=True)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write instead of printing.")
def command(
    results_dir: Path,
    commit: str | None,
    base: str | None,
    since: str | None,
    machine: str | None,
    repository: Path,
    form: str,
    output: Path | None,
) -> int:
    if base is not None and since is not None:
        raise click.UsageError("--base and --since exclude each other")
    judgement = regression.judge(
        results_dir, commit=commit, base=base, since=since, machine=machine, repository=repository
    )
    publish(judgement, form, output)
    return judgement.exit_code


def publish(judgement: regression.Judgement, form: str, output: Path | None) -> None:
    """Print the verdict in one of the formats, or write it into a file."""
    if output is None and form == "terminal":
        regression.show(judgement)
        return
    if form == "terminal":
        raise click.UsageError("--output needs --format markdown or --format json")
    page = FORMATS[form](judgement)
    if output is None:
        click.echo(page, nl=False)
    else:
        write_bytes(output, page.encode())
        click.echo(f"Written: {output}", err=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; every error is one line and exit code 2."""
    try:
        code = command.main(args=arguments, standalone_mode=False)
    except click.ClickException as error:
        _fail(error.format_message())
    except (regression.RegressionError, ReportError, OSError) as error:
        _fail(str(error))
    except (click.Abort, KeyboardInterrupt):
        click.echo("error: interrupted", err=True)
        sys.exit(130)
    sys.exit(code)


def _fail(message: str) -> None:
    click.echo(f"error: {message}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
