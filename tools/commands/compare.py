"""`compare`: two commits, measured in turns."""

from __future__ import annotations

import sys

import click

from .failures import that_cannot_be_judged


@click.command("compare")
@click.argument("base")
@click.argument("head")
@click.option("--bench", help="Regular expression that chooses benchmarks, as asv has it.")
@click.option("--rounds", type=click.IntRange(1, 1000), help="Runs of each commit. [default: 14]")
@click.option("--quick", is_flag=True, help="A few benchmarks and 12 rounds: two minutes.")
@click.option("--format", "form", type=click.Choice(("terminal", "md", "json")), default="terminal", show_default=True,
              help="How to print the verdict.")  # fmt: skip
def compare_command(base: str, head: str, bench: str | None, rounds: int | None, quick: bool, form: str) -> None:
    """Measure two commits side by side, in turns, and say what HEAD made slower or faster than BASE.

    Exit code: 0 no regression, 1 a regression, 2 nothing could be judged. How it is judged: docs/regressions.md.
    """
    from tools import compare, regression

    with that_cannot_be_judged():
        judgement = compare.compare(
            base,
            head,
            bench=bench or (compare.QUICK_BENCH if quick else compare.BENCH),
            rounds=rounds or (compare.QUICK_ROUNDS if quick else compare.ROUNDS),
        )
    if form == "terminal":
        regression.show(judgement)
    else:
        page = regression.as_markdown if form == "md" else regression.as_json
        click.echo(page(judgement), nl=False)
    sys.exit(judgement.exit_code)
