"""The one module that imports stac_manager. Today's suite runs on yesterday's package: what a commit does not have
yet is n/a (`NotImplementedError` in setup), what it has and breaks is failed."""

import asyncio
import importlib
import importlib.util
from contextlib import suppress
from inspect import signature

DEADLINE_SECONDS = 900.0
"""A run that takes longer is failed. asv's own timeout only counts silence."""


def require():
    """Raise NotImplementedError where the commit has no IngestModule. For setup, where that means n/a."""
    if importlib.util.find_spec("stac_manager.ingest") is None:
        raise NotImplementedError("this commit has no IngestModule")


def require_module(name):
    """Raise NotImplementedError where the commit has no such module. For setup, where that means n/a."""
    require()
    if importlib.util.find_spec(name) is None:
        raise NotImplementedError(f"this commit has no {name}")


def import_package():
    """Import what every program does, and nothing else: the package itself loads a name when it is first used."""
    return importlib.import_module("stac_manager").IngestModule


def require_count(module, name):
    """Raise NotImplementedError where the commit's module does not keep this count. For setup, where that means n/a."""
    if not hasattr(getattr(module, "stats", None), name):
        raise NotImplementedError(f"this commit does not count {name}")


def ingest_module(mode, source, **options):
    """Make the IngestModule of the commit under measurement, with all imported that its fetch needs.

    Raises:
        NotImplementedError: If the commit has none, or none that takes one of `options`.
    """
    require()
    import stac_manager

    try:
        module = stac_manager.IngestModule({"mode": mode, "source": str(source), **options})
    except stac_manager.ConfigurationError as error:
        if any(name in str(error) for name in options):
            raise NotImplementedError(str(error)) from error
        raise
    with suppress(ImportError):  # a commit with other modules imports them in its first fetch
        _import_fetch(mode)
    return module


def remote_module(source, **options):
    """Make the module of a file or catalog far away.

    Raises:
        NotImplementedError: If the commit reads none.
    """
    require()
    if importlib.util.find_spec("stac_manager.files") is None or (
        importlib.util.find_spec("stac_manager.files.remote") is None
    ):
        raise NotImplementedError("this commit reads nothing far away")
    return ingest_module("file", source, **options)


def drain(module, expected=None):
    """Fetch every item, keep none, and return their number and the failures.

    Raises:
        RuntimeError: If the number is not `expected`, or something could not be delivered: a run that loses
            items must not look fast.
    """
    import stac_manager

    async def run():
        context = stac_manager.WorkflowContext.create()
        count = 0
        async with asyncio.timeout(DEADLINE_SECONDS):
            async for _ in module.fetch(context):
                count += 1
        return count, context.failure_collector.get_all()

    count, failures = asyncio.run(run())
    if expected is not None and (count != expected or failures):
        raise RuntimeError(f"{count} items came out, {expected} went in; failures: {failures[:3]}")
    return count, failures


def kept(module, expected):
    """Fetch every item into a list, as users do who work on all of them, and return their number."""
    found = _listed(module)
    if len(found) != expected:
        raise RuntimeError(f"{len(found)} items came out, {expected} went in")
    return len(found)


def items(path):
    """Return every item of a file, as a list."""
    return _listed(ingest_module("file", path))


def _listed(module):
    import stac_manager

    async def run():
        return [item async for item in module.fetch(stac_manager.WorkflowContext.create())]

    return asyncio.run(run())


def discovered(folder):
    """Return how many documents the commit finds in a folder.

    Raises:
        NotImplementedError: If the commit has no discovery of its own.
    """
    require()
    try:
        from stac_manager.files.discovery import discover
    except ImportError as error:
        raise NotImplementedError("this commit has no discovery of its own") from error
    import stac_manager

    config = stac_manager.IngestConfig.parse({"mode": "file", "source": str(folder)})
    return len(discover(config, stac_manager.FailureCollector()))


def load(mode):
    """Import all that a fetch in `mode` needs, and do nothing with it."""
    import stac_manager

    stac_manager.IngestModule({"mode": mode, "source": "http://localhost/" if mode == "api" else "."})
    _import_fetch(mode)


def _import_fetch(mode):
    """Import what the package imports when a mode is first used: two tenths of a second that are no fetch's own."""
    importlib.import_module({"file": "stac_manager.files.reading", "api": "stac_manager.api.search"}[mode])


def writer(options, partition_items):
    """Return a function that writes what `options` read to a folder: `write(dest, **how)`.

    Raises:
        NotImplementedError: If the commit has no sinks.
    """
    require()
    try:
        from stac_manager import sinks
    except ImportError as error:
        raise NotImplementedError("this commit has no sinks") from error

    def write(dest, *, workers=1, engine=None, **how):
        ways = {} if engine is None else {"engine": engine}
        if ways and "engine" in signature(sinks.Sink).parameters:  # where it was until it became one of `write`
            how, ways = {**how, **ways}, {}
        return sinks.write(sinks.Sink(options, dest, partition_items=partition_items, **how), workers=workers, **ways)

    return write


def written(write, dest, expected=None, **how):
    """Write to `dest` and return the items and the failures.

    Raises:
        RuntimeError: As `drain`.
    """
    manifest = write(dest, **how)
    if expected is not None and (manifest.items != expected or manifest.failed):
        raise RuntimeError(f"{manifest.items} items came out, {expected} went in; failures: {manifest.failures[:3]}")
    return manifest.items, manifest.failures


def half_written(write, dest):
    """Interrupt a run when half of its partitions are done."""

    def stop(progress):
        if progress.done * 2 >= progress.partitions:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        write(dest, on_progress=stop)


def dask_engine(client):
    """Return what writes with a Dask cluster.

    Raises:
        NotImplementedError: If the commit has no such engine.
    """
    try:
        from stac_manager.dask import Cluster
    except ImportError as error:
        raise NotImplementedError("this commit does not use Dask") from error
    return Cluster(client)
