"""`file` and `api`: measure one ingestion at several levels."""

import re
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from tools import ROOT, progress
from tools.analysis.analysis import Analysed
from tools.analysis.model import Concurrency, title_of
from tools.asv.files import choices
from tools.atomic import write_bytes
from tools.measuring.ad_hoc import Request, measure
from tools.measuring.schedule import Rules
from tools.render.json_file import as_json
from tools.test_data.items import LAYOUTS, PROFILE_NAMES, DataSetSpec
from tools.test_data.sets import DataSet, ensure

from .output import FILE, amount, check_output, say, write_report

TEST_DATA = ROOT / "test_data"
IN_ONE_FILE = {"ndjson": "NDJSON", "featurecollection": "a FeatureCollection", "geoparquet": "GeoParquet"}
LOCAL_LATENCY_SECONDS = 0.1
LOCAL_API_ITEMS = 5000
REMOTE_API_ITEMS = 500
_NUMBER = re.compile(r"0*[1-9][0-9]{0,8}")  # as many as a file of results may name
RETRIES = 1  # whoever has mistyped an address is waiting for an answer: less patience than the measurement has
LOOKING_REQUESTS = 4  # it takes no more to see whether there is an item
PLANNING_REQUESTS = 6  # to plan a search that is shared by several, on servers of all kinds, seldom more
AUTO_LEVEL = 20  # for the estimate: a level that `auto` does not often exceed
UNTIL_NARROW = "5 or more, until the 95 % interval is within 5 %"


def levels(context: click.Context | None, option: click.Parameter, given: str | None) -> tuple[Concurrency, ...] | None:
    """Levels as a list with commas: 1,5,10, auto; of `--workers` numbers of processes, as reports name them."""
    if given is None:
        return None
    is_processes = option.name == "workers"
    parts = {part.strip() for part in given.split(",")}
    words = set() if is_processes else parts & {"auto"}
    if not all(_NUMBER.fullmatch(part) for part in parts - words):
        example = "numbers such as 1,2,4" if is_processes else "levels such as 1,5,10 or 1,5,auto"
        raise click.BadParameter(f"{given!r} is not a list of {example}", context, option)
    numbers = sorted(map(int, parts - words))
    if is_processes:
        from stac_manager.command.options import MOST_WORKERS

        if numbers[-1] > MOST_WORKERS:
            raise click.BadParameter(f"{numbers[-1]:,} processes; at most {MOST_WORKERS}", context, option)
        return tuple(number if number == 1 else f"{number} processes" for number in numbers)
    return (*numbers, *words)


def variables(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """NAME=VARIABLE, by the same rule as `stac-manager`."""
    if not given:
        return {}
    from stac_manager.command.options import Variable

    return dict(Variable().convert(one, option, context) for one in given)


def _shared_options(output: str, repeat: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    options = (
        click.option("--output", type=FILE, default=output, show_default=True,
                     help="JSON file to write; the report and the plot go beside it."),
        click.option("--budget", type=amount, default=30.0, show_default=True, metavar="SECONDS",
                     help="Start no further round of runs after this time, once each level has five."),
        click.option("--repeat", type=click.IntRange(1, 1000), help=f"Timed runs a level. [default: {repeat}]"),
        click.option("--concurrency", callback=levels, default="1,5,10", show_default=True, metavar="LEVELS",
                     help="Levels to measure, 'auto' among them."),
    )  # fmt: skip
    return lambda command: reduce(lambda command, option: option(command), options, command)


@click.command("file", short_help="measure reading files: generated ones, or a source of yours")
@click.option("--test-size", type=click.IntRange(1, 10_000_000), help="Generated items. [default: 1000]")
@click.option("--profile", type=click.Choice(PROFILE_NAMES), help="Kind of the generated items.")
@click.option("--layout", type=click.Choice(LAYOUTS), help="How the generated items lie on disk.")
@click.option("--source", help="A folder, file, glob or URL of yours, instead of generated items.")
@click.option("--max-items", type=click.IntRange(min=1), help="Stop after this many items.")
@click.option("--workers", callback=levels, metavar="PROCESSES",
              help="Instead, measure writing NDJSON with these numbers of processes, such as 1,2.")  # fmt: skip
@_shared_options("results/file.json", f"{UNTIL_NARROW}; 1 for a URL")
@click.pass_context
def file_command(context: click.Context, /, test_size: int | None, profile: str | None, layout: str | None,
                 source: str | None, max_items: int | None, workers: tuple[Concurrency, ...] | None,
                 concurrency: tuple[Concurrency, ...], repeat: int | None, budget: float,
                 output: Path) -> None:  # fmt: skip
    """Measure reading items from files with a warm page cache: each level first runs once untimed. At a URL each level
    runs once in all, unless --repeat says more."""
    from stac_manager import urls

    check_output(output)
    if workers is not None:
        if max_items or context.get_parameter_source("concurrency") is not ParameterSource.DEFAULT:
            raise click.UsageError("--workers writes all items: --concurrency and --max-items do not go with it")
        concurrency = workers
    if source is not None:
        if test_size or profile or layout:
            raise click.UsageError("--source is data of yours: --test-size, --profile and --layout do not go with it")
        shown, expected = urls.shown(source), None
        name = (Path(shown).name or shown).replace("{", "{{").replace("}", "}}")
        title = f"{{items:,}} Items of {name}"
    else:
        data = _made(test_size or 1000, profile=profile, layout=layout)
        spec = data.spec
        source, expected = str(data.path), min(spec.items, max_items or spec.items)
        form = IN_ONE_FILE.get(spec.layout)
        title = f"{expected:,} Items in {form}" if form else title_of("file", expected)
        shown = f"{spec.profile} items, layout {spec.layout}, {data.bytes / 1e6:,.0f} MB, made by the generator"
    options = {"mode": "file", "source": source, **({"max_items": max_items} if max_items else {})}
    _fetches_an_item(options)  # or it ends here, before processes are started
    if is_far := urls.is_remote(source):  # it may be somebody else's server
        repeat = repeat or 1
        say(f"Each level reads {shown}{f', {repeat} times' if repeat > 1 else ''}.")
    if workers is not None:
        title, shown = f"{title}, written", f"{shown}, written as NDJSON"
    how: dict[str, Any] = {"warm_up": not is_far, "items": expected, "written": workers is not None}
    _measure(Request(title, shown, options, concurrency, Rules(repeat, budget), **how), output)


@click.command("api", short_help="measure a STAC API: the project's own, or one of yours")
@click.option("--catalog-url", help="Landing page of a STAC API. [default: the project's own, with 100 ms latency]")
@click.option("--collection-id", help="Collection to fetch.")
@click.option("--max-items", type=click.IntRange(min=1),
              help=f"Items to fetch. [default: {LOCAL_API_ITEMS}; {REMOTE_API_ITEMS} with --catalog-url]")  # fmt: skip
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Items a page.")
@click.option("--datetime", help="RFC 3339 instant or interval.")
@click.option("--bbox", help="west,south,east,north in degrees.")
@click.option("--header", "headers", multiple=True, callback=variables, metavar="NAME=VARIABLE",
              help="Send a header with the value of an environment variable.")  # fmt: skip
@_shared_options("results/api.json", f"{UNTIL_NARROW}; 1 with --catalog-url")
def api_command(catalog_url: str | None, collection_id: str | None, max_items: int | None, limit: int,
                datetime: str | None, bbox: str | None, headers: dict[str, str], concurrency: tuple[Concurrency, ...],
                repeat: int | None, budget: float, output: Path) -> None:  # fmt: skip
    """Measure fetching items from a STAC API. With --catalog-url, each level runs once unless --repeat says more."""
    from benchmarks import _api_server
    from stac_manager import DataProcessingError, IngestConfig, urls
    from stac_manager.sinks.job import from_environment

    check_output(output)
    max_items = max_items or (REMOTE_API_ITEMS if catalog_url else LOCAL_API_ITEMS)
    search: dict[str, Any] = {"mode": "api", "max_items": max_items, "limit": limit}
    asked = {"collection_id": collection_id, "datetime": datetime, "bbox": bbox and bbox.split(",")}
    search.update({name: value for name, value in asked.items() if value})
    search.update(from_environment({"headers": headers}))
    IngestConfig.parse({**search, "source": "http://localhost/" if catalog_url is None else catalog_url})
    with ExitStack() as stack:
        if catalog_url is None:
            data = _made(max_items, layout="ndjson")
            url = stack.enter_context(_api_server.running(data.path, latency_seconds=LOCAL_LATENCY_SECONDS))
            shown = f"the project's own STAC API, {LOCAL_LATENCY_SECONDS * 1000:.0f} ms a request, {limit} items a page"
        else:
            url, shown = catalog_url, f"{urls.shown(catalog_url)}, {limit} items a page"
        options = {**search, "source": url}
        if catalog_url is not None:
            repeat = repeat or 1
            total = requests_of(-(-max_items // limit), concurrency, repeat)
            say(f"This sends about {total:,} requests to {urls.shown(catalog_url)}.")
        if not _fetches_an_item({**options, "retries": RETRIES, "limit": 1}):
            among = f" of collection {collection_id!r}" if collection_id else ""
            known = _collections(url, search.get("headers", {})) if collection_id else []
            others = "" if collection_id in known or not known else f"; it has {choices(known)}"
            raise DataProcessingError(f"{urls.shown(url)}: the search finds no item{among}{others}")
        if collection_id:
            shown = f"{shown}, collection {collection_id}"
        title = "{items:,} API Items" if catalog_url else title_of("api", max_items)
        expected = max_items if catalog_url is None and not (datetime or bbox or collection_id) else None
        rules = Rules(repeat, budget)
        _measure(Request(title, shown, options, concurrency, rules, warm_up=False, items=expected), output)


def _made(items: int, **chosen: Any) -> DataSet:
    spec = DataSetSpec(items=items, **{name: value for name, value in chosen.items() if value})
    with progress.counted(f"{spec.profile} items", "items") as show:
        return ensure(spec, TEST_DATA, progress=show)


def _measure(request: Request, output: Path) -> None:
    report, remarks = measure(replace(request, command=_as_typed(sys.argv)))
    for remark in remarks:
        say(f"note: {remark}")
    found = Analysed(report)
    write_bytes(output, as_json(found).encode())
    write_report(found, "md", output.with_name(f"{output.stem}_report.md"))
    say(f"Written: {output}")


def _as_typed(words: list[str]) -> str | None:
    """The command that runs, for whoever wants to run it again; of addresses what may be shown."""
    from stac_manager.command.options import redacted

    program, *others = words
    if Path(program).name != "benchmark_ingest.py":
        return None
    shown = (redacted(word, [word]) if "://" in word else word for word in others)
    return shlex.join(["python", "tools/benchmark_ingest.py", *shown])


def requests_of(pages: int, levels: Sequence[Concurrency], repeat: int) -> int:
    """About how many requests a measurement sends, rather too many than too few: one worker asks for the landing page
    and page by page; several plan first, and each may end with a page of its own that is not full.
    """
    numbers = [AUTO_LEVEL if isinstance(level, str) else level for level in levels]
    planned = sum(PLANNING_REQUESTS + min(workers, pages) for workers in numbers if workers > 1)
    return LOOKING_REQUESTS + repeat * (len(numbers) * (1 + pages) + planned)


def _fetches_an_item(options: dict[str, Any]) -> bool:
    """Whether there is an item. Raises StacManagerError: as `IngestModule.fetch`."""
    from stac_manager import IngestModule, WorkflowContext

    return any(True for _ in IngestModule(**{**options, "max_items": 1}).iter_items(WorkflowContext.create()))


def _collections(source: str, headers: dict[str, str]) -> list[str]:
    """The ids on a server's first page of Collections; none where it does not say."""
    import asyncio

    from yarl import URL

    from stac_manager import StacManagerError
    from stac_manager.api.http import Client
    from stac_manager.api.requests import Request as Asked
    from stac_manager.limiter import FixedLimiter
    from stac_manager.network.connection import Connection
    from stac_manager.stats import ApiStats

    async def asked() -> Any:
        root = URL(source, encoded=True)
        place = root.with_path(f"{root.path.rstrip('/')}/collections", keep_query=True)
        async with Client(source, headers, ApiStats(), FixedLimiter(1), Connection(retries=RETRIES), None) as client:
            return (await client.send(Asked("GET", str(place)))).document.get("collections")

    found = None
    with suppress(StacManagerError):
        found = asyncio.run(asked())
    return [str(each.get("id")) for each in found if isinstance(each, dict)] if isinstance(found, list) else []


COMMANDS = (file_command, api_command)
