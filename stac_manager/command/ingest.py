"""stac-manager ingest SOURCE DEST"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import click

from stac_manager.command.options import MOST_WORKERS, Grouped, Place, Whole, say, source_options

if TYPE_CHECKING:
    from stac_manager.options import IngestOptions
    from stac_manager.sinks.engine import Engine
    from stac_manager.sinks.job import Variables

FAILURES_SHOWN = 20


@click.command("ingest", cls=Grouped)
@source_options
@click.argument("dest", type=Place())
@click.option("--format", type=click.Choice(("ndjson", "ndjson.zst", "geoparquet")),
              help="Format of DEST. [default: by its name, else ndjson]")  # fmt: skip
@click.option(
    "--workers",
    type=Whole(1, MOST_WORKERS),
    metavar="N",
    default=1,
    show_default=True,
    help="Processes on this machine.",
)
@click.option("--dask", "dask_address", metavar="ADDRESS", help="Scheduler of a Dask cluster to run on.")
@click.option("--max-items", type=Whole(min=1), metavar="N", help="Stop after so many items.")
@click.option(
    "--update", is_flag=True, help="Take only what is newer than the last run took, and merge it by collection and id."
)
@click.option("--restart", is_flag=True, help="Discard what an earlier run has written to DEST.")
@click.option("--quiet", is_flag=True, help="No progress bar and no summary.")
def ingest_command(
    config: dict[str, Any],
    variables: Variables,
    partition_items: int,
    dest: str,
    format: str | None,
    workers: int,
    dask_address: str | None,
    max_items: int | None,
    update: bool,
    restart: bool,
    quiet: bool,
) -> int:
    """Write the items of SOURCE to DEST.

    SOURCE: a file, folder, glob or URL of items (JSON, NDJSON, GeoParquet), a catalog or collection, or the landing
    page of a STAC API.

    DEST: a folder for parts; a file ending in .ndjson, .ndjson.zst or .parquet; or - for NDJSON on standard output.

    After a crash, a full disk or Ctrl-C, run the same command again: it does only what is missing.
    """
    if max_items is not None:
        config["max_items"] = max_items
        if workers > 1 or dask_address:
            raise click.UsageError("--max-items counts items in one process: leave out --workers and --dask")
    if dask_address and workers > 1:
        raise click.UsageError("--workers (processes on this machine) and --dask (a cluster): give one of them")
    if update and restart:
        raise click.UsageError("--update adds to an earlier run and --restart discards it: give one of them")
    if dest == "-":
        if workers > 1 or dask_address or update or restart or format not in (None, "ndjson"):
            raise click.UsageError("standard output takes NDJSON from one process, without --update and --restart")
        from stac_manager.command.streaming import stream

        return stream(config, variables)
    with _engine(config, dest, format, workers, dask_address) as engine:
        from stac_manager.command.progress import Bar
        from stac_manager.network.authorities import import_aiohttp_for
        from stac_manager.sinks import Sink, write

        import_aiohttp_for(config["source"])
        with Bar(hidden=quiet) as bar:
            sink = Sink(
                cast("IngestOptions", config), dest, format, variables["headers"], partition_items,
                restart=restart, update=update, on_progress=bar.show, say=bar.say,
                storage_variables=variables["storage_options"],
            )  # fmt: skip
            manifest = write(sink, engine=engine)
    for failure in manifest.failures[:FAILURES_SHOWN]:
        say(f"not delivered: {failure}")
    if manifest.failed > FAILURES_SHOWN:
        say(f"and {manifest.failed - FAILURES_SHOWN:,} more; they are in the manifest")
    if not quiet:
        for line in (*manifest.notes, *manifest.problems):
            say(f"note: {line}")
        say(f"{manifest.summary}{bar.took()}")
    return 1 if manifest.failed or manifest.status == "incomplete" else 0


@contextmanager
def _engine(
    config: dict[str, Any], dest: str, format: str | None, workers: int, dask_address: str | None
) -> Iterator[Engine | None]:
    """Begin with what takes long: a cluster, or processes, which are forked before anything has begun a thread."""
    if dask_address is not None:
        from stac_manager.dask import Cluster, connected

        with connected(dask_address) as client:
            yield Cluster(client)
    elif workers > 1:
        from stac_manager.config import mode_of
        from stac_manager.network.authorities import import_aiohttp_for
        from stac_manager.sinks.job import import_for
        from stac_manager.sinks.layout import layout_of
        from stac_manager.sinks.processes import Processes, others
        from stac_manager.sinks.worker_process import started

        import_aiohttp_for(config["source"])
        import_for(config.get("mode") or mode_of(config["source"]))
        with started(others(workers, layout_of(dest, format))) as processes:
            yield Processes(workers, processes)
    else:
        yield None
