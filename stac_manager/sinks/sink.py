"""The public face of sinks: a source into DEST, in this process, in several, or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stac_manager.exceptions import ConfigurationError, DataProcessingError
from stac_manager.options import IngestOptions
from stac_manager.plan import Plan
from stac_manager.sinks.disk import Disk, disk_error
from stac_manager.sinks.engine import Engine, StartedAhead, in_process
from stac_manager.sinks.folder import Folder
from stac_manager.sinks.job import Variables, from_environment
from stac_manager.sinks.layout import layout_of
from stac_manager.sinks.manifests import check_same
from stac_manager.sinks.model import Manifest
from stac_manager.sinks.request import request_for
from stac_manager.sinks.running import Progress, Run
from stac_manager.sinks.sources import check_apart, digest_of_files, files_of, stamp_of
from stac_manager.sinks.verifying import require_arrow
from stac_manager.urls import is_remote
from stac_manager.words import many


@dataclass(frozen=True)
class Sink:
    """A DEST and what goes there.

    Attributes:
        config: Options of the IngestModule.
        dest: A folder for parts; or one file, by its ending: .ndjson, .ndjson.zst, .parquet.
        format: Of the parts: ndjson, ndjson.zst or geoparquet. That of a single file follows from its name.
        header_variables: Header names, and the environment variables that hold their values. Workers read these
            themselves, so that no plan, part, log or graph contains a token.
        partition_items: About how many items a partition holds: the most that each worker does again after a crash.
        restart: Discard what an earlier run has written here.
        update: Take only what is newer than an earlier run has taken, and merge it by collection and id.
        on_progress: Called after each partition.
        say: Called with messages for the user, one line each.
        storage_variables: As `header_variables`, for the `storage_options` of s3, gs and az URLs.
    """

    config: IngestOptions = field(repr=False)
    dest: str | Path
    format: str | None = None
    header_variables: Mapping[str, str] = field(default_factory=dict)
    partition_items: int = 5_000
    restart: bool = False
    update: bool = False
    on_progress: Callable[[Progress], None] = lambda _: None
    say: Callable[[str], None] = lambda _: None
    storage_variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> Variables:
        """What workers look up in their environment, by option."""
        return {"headers": self.header_variables, "storage_options": self.storage_variables}


def write(
    sink: Sink, *, workers: int = 1, plan: Plan | None = None, engine: Engine | None = None, disk: Disk | None = None
) -> Manifest:
    """Write a source to DEST and return the manifest. What an interrupted run has done there is not done again.

    Args:
        sink: What to write where.
        workers: Processes. A `concurrency` that is a number, and `rate_limit`, are divided among them.
        plan: What `IngestModule.plan` returned for the same configuration; by default it is made here.
        engine: Does the partitions instead of processes.
        disk: Where this process writes, instead of this machine's disk.

    Raises:
        ConfigurationError: If an option is wrong, another run was begun at DEST, or the source has changed since.
        DataProcessingError: If another run writes there now, the disk is full, or partitions failed: what is done
            is kept, and the next run goes on.
    """
    layout = layout_of(sink.dest, sink.format)
    if engine is None or isinstance(engine, StartedAhead):  # on this machine
        from_environment(sink.variables)  # missing ones are said before any work is done
    if layout.format == "geoparquet":
        require_arrow()
    request = request_for(sink.config, layout, sink.variables, sink.partition_items)
    if engine is None and workers > 1:
        from stac_manager.sinks.processes import Processes  # with all of multiprocessing

        engine = Processes(workers)
    run = Run(request, engine or in_process, disk, sink.on_progress, sink.say)
    try:
        if not (sink.update or sink.restart or os.access(layout.manifest.parent, os.W_OK)):
            finished = _finished(run)  # what is complete may be somebody else's, or on a disk that is only read
            if finished is not None:
                return finished
        with run.folder.owned():
            return _written(run, sink, plan)
    except OSError as error:
        raise disk_error(error, layout.dest) from error


def run(plan: Plan, sink: Sink, workers: int = 2) -> Manifest:
    """Write the partitions of a plan: `write` with another order of arguments."""
    return write(sink, workers=workers, plan=plan)


def _written(run: Run, sink: Sink, plan: Plan | None) -> Manifest:
    folder = run.folder
    if plan is not None:
        check_apart(plan, run.request.config.source, run.layout)
    if sink.restart:  # a source that cannot be planned costs nothing of what is there
        plan = plan or run.made_plan()
        folder.forget()
    if sink.update or folder.is_merging():
        from stac_manager.sinks.updating import update

        return update(run)
    finished = _finished(run)
    if finished is not None:
        return finished
    _withdraw_manifest(folder)
    if plan is not None and folder.read_plan() is None:
        run.write_plan(plan)
    with run.ready():
        made = run.planned()
        records = run.run(made)
    return run.finish(made, records)


def _finished(run: Run) -> Manifest | None:
    """Return the manifest of a run that has left nothing to do, and say so; None where there is none."""
    manifest = run.folder.read_manifest()
    if manifest is None:
        return None
    dest = run.layout.dest
    check_same(manifest, run.request.header, dest)
    if manifest.failed or manifest.status == "incomplete" or run.folder.changed_part(manifest) is not None:
        return None
    run.say(f"{dest}: {_change(run, manifest) or 'already complete, nothing left to do'}")
    return manifest


def _withdraw_manifest(folder: Folder) -> None:
    """Remove the manifest of a run that has something left to do: it is true no more.

    Raises:
        ConfigurationError: If it has parts of an update, which no plan can bring back.
    """
    layout, manifest = folder.layout, folder.read_manifest()
    if manifest is None:
        return
    found = folder.read_plan()
    planned = {layout.part(partition.key).name for partition in found[1]} if found else set()
    if found and not {part["file"] for part in manifest.parts} <= planned:
        gone = folder.changed_part(manifest)
        why = f"{gone}: is not as the manifest says" if gone else f"{layout.dest}: is incomplete"
        how = "" if gone else "run it again with --update, or "
        raise ConfigurationError(
            f"{why}, and has items of an update, which the source need not have: {how}start over with --restart"
        )
    folder.disk.remove(layout.manifest)
    folder.disk.sync_folder(layout.manifest.parent)


def _change(run: Run, manifest: Manifest) -> str | None:
    """Say how the files of the source differ from those that a finished run has read; None if they do not."""
    is_far = is_remote(run.request.config.source)
    try:
        return _difference(run, manifest, is_far)
    except (ConfigurationError, DataProcessingError):
        if is_far:  # what is written is there, whether or not the server is
            return None
        raise


def _difference(run: Run, manifest: Manifest, is_far: bool) -> str | None:
    found = None if run.layout.file else run.folder.read_plan()
    before = set(map(stamp_of, files_of(found[1]))) if found else set()
    if manifest.files is None if run.layout.file else not before:
        return None
    plan = run.made_plan()
    now = set(map(stamp_of, files_of(plan)))
    way = "--restart starts over" if run.layout.file else "--update reads it again"
    if is_far and any(modified_ns is None for *_, modified_ns in now):
        return f"complete; whether the source has changed since is not known: {way}"
    if run.layout.file:
        is_same = digest_of_files(plan) == manifest.files
        return None if is_same else "complete, but the source has changed since: start over with --restart"
    gone = {path for path, *_ in before} - {path for path, *_ in now}
    if before == now:
        return None
    return (
        f"complete, but the source has changed since: {many(len(now - before), 'file')} new or changed, "
        f"{len(gone):,} gone; take what is new with --update, or start over with --restart"
    )
