"""Which architecture for which source: this package at several levels beside other ways to the same items.

python tools/compare_architectures.py files    many small files, page cache warm or cold, whole or some broken
python tools/compare_architectures.py parquet  a few large GeoParquet files
python tools/compare_architectures.py api      a STAC API on this machine, with a latency and faults to choose
python tools/compare_architectures.py plot     what was measured, as one picture

Every run is a process of its own, and the ways take turns, so that what the machine does meanwhile meets them all. The
table shows for every way how busy the CPU was and what it waited. docs/concurrency.md says what follows.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tools import analysis, local_api, render, test_data_generator
from tools.analysis.evidence import evidence, percent
from tools.analysis.model import Concurrency
from tools.architectures import comparing
from tools.architectures.comparing import Comparison, Subject, Timed
from tools.architectures.one_run import WAYS
from tools.asv_runs import MeasuringError
from tools.errors import ReportError
from tools.measuring_options import Decorator, Levels, all_of
from tools.words import megabytes, significant, times

ROOT = Path(__file__).resolve().parent.parent
TEST_DATA = ROOT / "test_data"
PACKAGE = "this package"
PARQUET_FILES = 4
SKEW = 0.9
COLUMNS = ("Way", "Seconds", "Quartiles", "Speed", "CPU busy", "Waiting", "Memory (MB)", "Refused")


def _measuring_options(levels: str) -> Decorator:
    """Add the options that all comparisons share."""
    return all_of(
        click.option("--concurrency", type=Levels(), default=levels, show_default=True, help="Levels of the package."),
        click.option(
            "--ways", callback=_pattern, default="", help="Regular expression: other ways to measure. [default: all]"
        ),
        click.option("--rounds", type=click.IntRange(1, 100), default=5, show_default=True, help="Runs of each way."),
        click.option(
            "--output",
            type=click.Path(dir_okay=False, path_type=Path),
            required=True,
            callback=_with_folder,
            help="JSON file to write, as docs/results.md has it.",
        ),
    )


def _pattern(context: click.Context, option: click.Parameter, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise click.BadParameter(f"{text!r} is no regular expression: {error}") from None


def _with_folder(context: click.Context, option: click.Parameter, path: Path) -> Path:
    """Find out before a long run that its result cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


_HELP = __doc__.replace("\n\n", "\n\n\b\n", 1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, help=_HELP)
def cli() -> None:
    pass


@cli.command("files")
@click.option("--items", type=click.IntRange(min=1), default=10_000, show_default=True, help="Files, an item each.")
@click.option("--cold", is_flag=True, help="Drop them from the page cache before each run, which is verified.")
@click.option("--broken-every", type=click.IntRange(min=2), metavar="N", help="Every N-th file is broken.")
@_measuring_options("1,5,10,50,auto")
def files_command(items: int, cold: bool, broken_every: int | None, **options: Any) -> None:
    """Many small files of one folder."""
    data = test_data_generator.ensure(_spec(items, "directory"), TEST_DATA)
    folder, broken = (data.path, 0) if broken_every is None else _with_broken_files(data.path, broken_every)
    title = f"{items:,} files, {'cold' if cold else 'warm'}{f', 1 in {broken_every} broken' if broken_every else ''}"
    shown = f"Sentinel-2 items of {data.item_bytes / items / 1000:.0f} KB, a file each"
    comparison = Comparison("files", title, shown, str(folder), items - broken, broken, cold)
    _compare(comparison, **options)


@cli.command("parquet")
@click.option("--items", type=click.IntRange(min=PARQUET_FILES), default=20_000, show_default=True,
              help=f"Items in {PARQUET_FILES} files.")  # fmt: skip
@click.option("--cold", is_flag=True, help="Drop them from the page cache before each run, which is verified.")
@_measuring_options("1,2,5,10,auto")
def parquet_command(items: int, cold: bool, **options: Any) -> None:
    """A few large GeoParquet files."""
    each = items // PARQUET_FILES
    seeds = range(PARQUET_FILES)
    made = [test_data_generator.ensure(replace(_spec(each, "geoparquet"), seed=seed), TEST_DATA) for seed in seeds]
    pattern = str(made[0].path).replace("seed0", f"seed[0-{PARQUET_FILES - 1}]")
    megabytes_in_all = sum(data.bytes for data in made) / 1e6
    shown = f"{each:,} Sentinel-2 items in each of {PARQUET_FILES} files, {megabytes_in_all:.0f} MB together"
    title = f"{PARQUET_FILES} GeoParquet files, {'cold' if cold else 'warm'}"
    _compare(Comparison("parquet", title, shown, pattern, PARQUET_FILES * each, cold=cold), **options)


@cli.command("api")
@click.option("--items", type=click.IntRange(min=1), default=5_000, show_default=True, help="Items, 100 a page.")
@click.option("--latency", type=click.IntRange(min=0), default=100, show_default=True, help="Milliseconds a request.")
@click.option("--skewed", is_flag=True, help=f"{SKEW:.0%} of the items lie in one hundredth of the time range.")
@click.option("--throttle", type=click.IntRange(min=1), metavar="N", help="Requests a second, more are refused (429).")
@click.option("--fail-every", type=click.IntRange(min=2), metavar="N", help="Every N-th search is answered with 500.")
@_measuring_options("1,2,5,10,20,50,auto")
def api_command(
    items: int, latency: int, skewed: bool, throttle: int | None, fail_every: int | None, **options: Any
) -> None:
    """A STAC API on this machine, which shares its cores with the client."""
    spec = replace(_spec(items, "ndjson"), skew=SKEW if skewed else 0.0)
    data = test_data_generator.ensure(spec, TEST_DATA)
    faults = {"--throttle": throttle, "--fail-every": fail_every}
    title = f"API, {latency} ms{', skewed' if skewed else ''}"
    title += f", {throttle} requests/s" if throttle else ""
    title += f", 1 search in {fail_every} fails" if fail_every else ""
    shown = f"{items:,} Sentinel-2 items, 100 a page, from the project's own STAC API, {latency} ms a request"
    further = [text for name, value in faults.items() if value for text in (name, str(value))]
    with local_api.running(data.path, latency_seconds=latency / 1000, options=further) as url:
        _compare(Comparison("api", title, shown, url, items), **options)


@cli.command("plot")
@click.argument("results", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help=".svg or .png")
def plot_command(results: Sequence[Path], output: Path) -> None:
    """Speedup against concurrency, a line a results file."""
    found = [render.read(path) for path in results]
    together = replace(found[-1], data_sets=tuple(data_set for each in found for data_set in each.data_sets))
    render.draw_speedups(together, output)
    click.echo(f"Written: {output}", err=True)


def _compare(
    comparison: Comparison, concurrency: tuple[Concurrency, ...], ways: re.Pattern[str], rounds: int, output: Path
) -> None:
    subjects = [Subject(PACKAGE, level) for level in concurrency]
    subjects += [Subject(name) for name in WAYS[comparison.topic] if ways.search(name)]
    with _progress(len(subjects) * rounds) as advance:
        timed = comparing.measure(comparison, subjects, rounds, advance)
    found = comparing.as_report([comparing.as_data_set(comparison, timed)])
    render.write(found, output)
    verdict = analysis.judge(found.data_sets[0])
    click.echo(f"{comparison.title}: {comparison.shown}\n\n{_table(timed)}\n")
    for sentence in (f"Best: {verdict.best}", verdict.bottleneck_line.replace("**", ""), *verdict.sentences):
        click.echo(f"- {sentence}")
    click.echo(f"Written: {output}", err=True)


def _table(timed: Sequence[Timed]) -> str:
    """A Markdown table; speed is against the first row."""
    base = timed[0].level.median_seconds or 0.0
    lines = [COLUMNS, *(_cells(each, base) for each in timed)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    drawn = [f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines]
    return "\n".join([drawn[0], f"|{'|'.join('-' * (width + 2) for width in widths)}|", *drawn[1:]])


def _cells(timed: Timed, base_seconds: float) -> tuple[str, ...]:
    level, found = timed.level, evidence(timed.level)
    assert found is not None
    assert level.median_seconds is not None
    concurrency = timed.subject.concurrency
    return (
        timed.subject.name if concurrency is None else f"{timed.subject.name}, {concurrency}",
        significant(level.median_seconds),
        f"{significant(level.q25_seconds)} to {significant(level.q75_seconds)}",
        times(base_seconds / level.median_seconds),
        percent(found.busy),
        percent(found.shares["waiting"]) if "waiting" in found.shares else "",
        megabytes(level.peak_bytes),
        f"{found.refusals:.0f}" if found.refusals else "",
    )


def _spec(items: int, layout: str) -> test_data_generator.DataSetSpec:
    return replace(test_data_generator.DataSetSpec(), items=items, layout=layout)


def _with_broken_files(folder: Path, every: int) -> tuple[Path, int]:
    """A folder with links to the files of another, every N-th of them broken: cut off, no STAC item, or empty."""
    target = TEST_DATA / f"{folder.parent.name}-broken{every}"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    broken = 0
    for place, path in enumerate(sorted(folder.iterdir())):
        if place % every != every - 1:
            os.link(path, target / path.name)
            continue
        data = path.read_bytes()
        content = (data[: len(data) // 2], data.replace(b'"stac_version"', b'"version"'), b"")[broken % 3]
        (target / path.name).write_bytes(content)
        broken += 1
    return target, broken


@contextmanager
def _progress(runs: int) -> Iterator[Callable[[], None]]:
    """Show how many runs are done: on a terminal only."""
    console = Console(stderr=True)
    columns = (TextColumn("measuring"), BarColumn(), MofNCompleteColumn(), TextColumn("runs"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("measuring", total=runs)
        yield lambda: bar.advance(task)


def main() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill cleans up as Ctrl-C does
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        _fail(error.format_message(), error.exit_code)
    except (MeasuringError, ReportError, OSError) as error:
        _fail(str(error), 1)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted", 130)


def _fail(message: str, code: int) -> None:
    click.echo(f"error: {message}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
