"""Answers for one ingestion: is it bound by I/O or by CPU, which concurrency is best, what does it cost.

python tools/benchmark_ingest.py file      measure reading files: generated ones, or a source of yours
python tools/benchmark_ingest.py api       measure a STAC API: the project's own, or a catalogue of yours
python tools/benchmark_ingest.py compare   measure two commits side by side
python tools/benchmark_ingest.py report    show what `asv run` has measured over the history
python tools/benchmark_ingest.py dashboard publish what `asv run` has measured as web pages, and open them
python tools/benchmark_ingest.py clean     remove generated data and results
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from stac_manager import ConfigurationError, IngestConfig, StacManagerError
from tools import analysis, asv_runs, compare, local_api, regression, render, source_check, test_data_generator
from tools.analysis import Concurrency
from tools.asv.results import read_report
from tools.atomic import write_bytes
from tools.dashboard import preview
from tools.errors import ReportError
from tools.measuring_options import Decorator, Levels, all_of

ROOT = Path(__file__).resolve().parent.parent
TEST_DATA = ROOT / "test_data"
RESULTS = ROOT / "results"
HISTORY = ROOT / ".asv" / "results"
LOCAL_LATENCY_SECONDS = 0.1
FILE_REPEAT = 3
LOCAL_API_REPEAT = 3
REMOTE_API_REPEAT = 1
FORMAT_SUFFIXES = {"md": ".md", "json": ".json", "html": ".html", "terminal": None}
COMPARED_AS = {"md": regression.as_markdown, "json": regression.as_json}


def _measuring_options(output: str) -> Decorator:
    """Add the options that `file` and `api` share."""
    return all_of(
        click.option(
            "--concurrency",
            type=Levels(),
            default="1,5,10",
            show_default=True,
            help="Levels to measure, 'auto' among them.",
        ),
        click.option("--repeat", type=click.IntRange(1, 1000), help="Timed runs a level."),
        click.option(
            "--output",
            type=click.Path(dir_okay=False, path_type=Path),
            default=output,
            show_default=True,
            help="JSON file to write; the report and the plot go beside it.",
        ),
    )


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, help=__doc__.replace("\n\n    ", "\n\n\b\n    "))
def cli() -> None:
    pass


@cli.command("file")
@click.option("--test-size", type=click.IntRange(1, 10_000_000), help="Generated items. [default: 1000]")
@click.option("--profile", type=click.Choice(test_data_generator.PROFILE_NAMES), help="Kind of the generated items.")
@click.option("--layout", type=click.Choice(test_data_generator.LAYOUTS), help="How the generated items lie on disk.")
@click.option("--source", help="A folder, file or glob of yours, instead of generated items.")
@click.option("--max-items", type=click.IntRange(min=1), help="Stop after so many items.")
@_measuring_options("results/file.json")
def file_command(
    test_size: int | None,
    profile: str | None,
    layout: str | None,
    source: str | None,
    max_items: int | None,
    concurrency: tuple[Concurrency, ...],
    repeat: int | None,
    output: Path,
) -> None:
    """Measure reading items from files, the page cache warm: each level is run once untimed before."""
    _check_output(output)
    if source is not None:
        if test_size or profile or layout:
            raise click.UsageError("--source is data of yours: --test-size, --profile and --layout do not go with it")
        title, shown, expected = f"{{items:,}} Items of {Path(source).name or source}", source, None
    else:
        spec = _spec(test_size or 1000, profile, layout)
        data = test_data_generator.ensure(spec, TEST_DATA)
        source, expected = str(data.path), min(spec.items, max_items or spec.items)
        title = analysis.title_of("file", expected)
        shown = f"{spec.profile} items, layout {spec.layout}, {data.bytes / 1e6:,.0f} MB, made by the generator"
    options: dict[str, Any] = {"mode": "file", "source": source}
    if max_items is not None:
        options["max_items"] = max_items
    source_check.check_file_source(options)
    options["source"] = os.path.abspath(source)  # asv runs in a folder of its own
    request = asv_runs.Request(title, shown, options, concurrency, repeat or FILE_REPEAT, warm_up=True, items=expected)
    _measure(request, output)


@cli.command("api")
@click.option("--catalog-url", help="Landing page of a STAC API. [default: the project's own, with 100 ms latency]")
@click.option("--collection-id", help="Collection to fetch.")
@click.option("--max-items", type=click.IntRange(min=1), default=500, show_default=True, help="Items to fetch.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Items a page.")
@click.option("--datetime", help="RFC 3339 instant or interval.")
@click.option("--bbox", help="west,south,east,north in degrees.")
@click.option("--header", "headers", multiple=True, metavar="NAME=VARIABLE",
              help="Send a header with the value of an environment variable.")  # fmt: skip
@_measuring_options("results/api.json")
def api_command(
    catalog_url: str | None,
    collection_id: str | None,
    max_items: int,
    limit: int,
    datetime: str | None,
    bbox: str | None,
    headers: tuple[str, ...],
    concurrency: tuple[Concurrency, ...],
    repeat: int | None,
    output: Path,
) -> None:
    """Measure fetching items from a STAC API. A catalogue of others is asked once a level unless --repeat says more."""
    _check_output(output)
    search: dict[str, Any] = {"mode": "api", "max_items": max_items, "limit": limit}
    given = {"collection_id": collection_id, "datetime": datetime, "bbox": bbox and bbox.split(",")}
    search.update({name: value for name, value in given.items() if value})
    if headers:
        search["headers"] = dict(_header(header) for header in headers)
    with ExitStack() as stack:
        if catalog_url is None:
            spec = _spec(max_items, None, "ndjson")
            data = test_data_generator.ensure(spec, TEST_DATA)
            url = stack.enter_context(local_api.running(data.path, latency_seconds=LOCAL_LATENCY_SECONDS))
            shown = f"the project's own STAC API, {LOCAL_LATENCY_SECONDS * 1000:.0f} ms a request, {limit} items a page"
        else:
            url, shown = catalog_url, f"{_without_query(catalog_url)}, {limit} items a page"
        options = {**search, "source": url}
        IngestConfig.parse(options)
        repeat = repeat or (LOCAL_API_REPEAT if catalog_url is None else REMOTE_API_REPEAT)
        if catalog_url is not None:
            pages = -(-max_items // limit)
            total = source_check.REQUESTS + len(concurrency) * repeat * (1 + pages)
            _say(f"This sends up to {total:,} requests to {_without_query(catalog_url)}.")
        found = source_check.check_api_source(options)
        if found is not None:
            shown = f"{shown}, collection {found}"
        title = "{items:,} API Items" if catalog_url else analysis.title_of("api", max_items)
        expected = max_items if catalog_url is None and not (datetime or bbox or collection_id) else None
        _measure(asv_runs.Request(title, shown, options, concurrency, repeat, warm_up=False, items=expected), output)


@cli.command("compare")
@click.argument("base")
@click.argument("head")
@click.option("--bench", help="Regular expression that chooses benchmarks, as asv has it.")
@click.option("--rounds", type=click.IntRange(1, 1000), help=f"Runs of each commit. [default: {compare.ROUNDS}]")
@click.option("--quick", is_flag=True, help=f"A few benchmarks and {compare.QUICK_ROUNDS} rounds: two minutes.")
@click.option("--format", "form", type=click.Choice(("terminal", *COMPARED_AS)), default="terminal", show_default=True,
              help="How to print the verdict.")  # fmt: skip
def compare_command(base: str, head: str, bench: str | None, rounds: int | None, quick: bool, form: str) -> None:
    """Measure two commits side by side, in turns, and say what HEAD made slower or faster than BASE.

    Exit code: 0 no regression, 1 a regression, 2 nothing could be judged. How it is judged: docs/regressions.md.
    """
    try:
        judgement = compare.compare(
            base,
            head,
            bench=bench or (compare.QUICK_BENCH if quick else compare.BENCH),
            rounds=rounds or (compare.QUICK_ROUNDS if quick else compare.ROUNDS),
        )
    except asv_runs.MeasuringError as error:
        raise click.UsageError(str(error)) from None  # 1 would say that there is a regression
    if form == "terminal":
        regression.show(judgement)
    else:
        click.echo(COMPARED_AS[form](judgement), nl=False)
    sys.exit(judgement.exit_code)


@cli.command("report")
@click.option("--commit", help="Commit to show, by the start of its hash. [default: the newest with results]")
@click.option("--machine", help="Machine to show, where there are results of several.")
@click.option("--results", "results_dir", type=click.Path(file_okay=False, path_type=Path), default=HISTORY,
              help="Folder of asv's results. [default: .asv/results]")  # fmt: skip
@click.option("--from", "source", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Results file of `file` or `api` to show instead of asv's results.")  # fmt: skip
@click.option("--compare", metavar="COMMIT", help="Put this commit, as the one before, beside the one shown.")
@click.option("--peers", is_flag=True, help="Also other ways to the same items, where asv has measured them.")
@click.option("--format", "form", type=click.Choice(tuple(FORMAT_SUFFIXES)), default="md", show_default=True,
              help="md: a page with its plots as PNG and SVG; html: one file; terminal: write nothing.")  # fmt: skip
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path),
              help="File to write. [default: results/report.md, .json or .html]")  # fmt: skip
def report_command(
    commit: str | None,
    machine: str | None,
    results_dir: Path,
    source: Path | None,
    compare: str | None,
    peers: bool,
    form: str,
    output: Path | None,
) -> None:
    """Show what `asv run` has measured: the newest commit, or the one named."""
    if source is not None and (commit or machine or compare or peers):
        raise click.UsageError("--from shows one file: --commit, --machine, --compare and --peers do not go with it")
    suffix = FORMAT_SUFFIXES[form]
    if suffix is None and output is not None:
        raise click.UsageError("--format terminal writes no file: --output does not go with it")
    if suffix is not None:
        output = output or Path(f"results/report{suffix}")
        _check_output(output, suffix=suffix)
    if source is not None:
        found = render.read(source)
    else:
        found = read_report(results_dir, commit=commit, machine=machine, peers=peers)
    if compare is None:
        _write_report(found, form, output)
    else:
        before = read_report(results_dir, commit=compare, machine=machine)
        _write_comparison(analysis.compare(before, found), form, output)


@cli.command("dashboard")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to serve on. [default: a free one]")
@click.option("--no-open", is_flag=True, help="Do not start a browser.")
def dashboard_command(port: int, no_open: bool) -> None:
    """Publish the dashboard with its Speedup page, serve it on this machine and open it, until Ctrl-C."""
    preview.preview(port=port, open_browser=not no_open, say=_say)


@cli.command("clean")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--history", is_flag=True, help="Also asv's environments, results and dashboard in .asv.")
def clean_command(yes: bool, history: bool) -> None:
    """Remove generated data and results, after showing what will go. asv's history stays unless --history is given."""
    folders = [path for path in (TEST_DATA, RESULTS, *([ROOT / ".asv"] if history else [])) if path.is_dir()]
    if not folders:
        _say("There is nothing to remove.")
        return
    for path in folders:
        _say(f"{path.relative_to(ROOT)}{os.sep}  {_bytes_below(path) / 1e6:,.1f} MB")
    if not yes and not click.confirm("Remove these?", err=True):
        _say("Nothing was removed.")
        return
    for path in folders:
        shutil.rmtree(path)
    _say("Removed.")


def _measure(request: asv_runs.Request, output: Path) -> None:
    measurement = asv_runs.measure(request, Console(stderr=True))
    for remark in measurement.remarks:
        _say(f"note: {remark}")
    render.write(measurement.report, output)
    _write_report(measurement.report, "md", output.with_name(f"{output.stem}_report.md"))
    _say(f"Written: {output}")


def _write_report(content: analysis.Report, form: str, output: Path | None) -> None:
    """Write the report in one form; it is shown on the terminal beside Markdown too."""
    written = [output]
    if form in ("md", "terminal"):
        render.show(content)
    if output is None:
        return
    if form == "md":
        plots = [output.with_suffix(suffix) for suffix in (".png", ".svg")]
        for plot in plots:
            render.draw(content, plot)
        write_bytes(output, render.render(content, plot=plots[0].name).encode())
        written += plots
    elif form == "html":
        write_bytes(output, render.render_html(content).encode())
    else:
        render.write(content, output)
    _say(f"Written: {', '.join(map(str, written))}")


def _write_comparison(content: analysis.Comparison, form: str, output: Path | None) -> None:
    if form in ("md", "terminal"):
        render.show_comparison(content)
    if output is None:
        return
    if form == "json":
        render.write_comparison(content, output)
    else:
        page = render.render_comparison_html if form == "html" else render.render_comparison
        write_bytes(output, page(content).encode())
    _say(f"Written: {output}")


def _spec(items: int, profile: str | None, layout: str | None) -> test_data_generator.DataSetSpec:
    default = test_data_generator.DataSetSpec()
    return replace(default, items=items, profile=profile or default.profile, layout=layout or default.layout)


def _check_output(path: Path, suffix: str = ".json") -> None:
    """Find out before a long run that its result cannot be written."""
    if path.suffix != suffix:
        raise click.UsageError(f"--output {path} must end with {suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise click.UsageError(f"--output {path} cannot be written: {error.strerror}") from None


def _header(text: str) -> tuple[str, str]:
    name, _, variable = text.partition("=")
    value = os.environ.get(variable)
    if not name or value is None:
        raise click.UsageError(f"--header takes NAME=VARIABLE, and the environment variable {variable!r} must be set")
    return name, value


def _without_query(url: str) -> str:
    return url.split("?", 1)[0]


def _bytes_below(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def _say(text: str) -> None:
    click.echo(text, err=True)


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    """A user's mistake ends with one line and exit code 2, a failed run with one line and 1, Ctrl-C with 130."""
    try:
        yield
    except click.ClickException as error:
        _fail(error.format_message(), error.exit_code)
    except ConfigurationError as error:
        _fail(str(error).replace("\n", "; "), 2)
    except (StacManagerError, asv_runs.MeasuringError, ReportError, OSError, ValueError) as error:
        _fail(str(error), 1)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted", 130)


def _fail(message: str, code: int) -> None:
    click.echo(f"error: {message}", err=True)
    sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill cleans up as Ctrl-C does
    with _errors_in_one_line():
        cli.main(args=arguments, standalone_mode=False)


if __name__ == "__main__":
    main()
