"""`--update`: what is newer than the last run, merged by collection and id.

The newer items are collected by a run of their own in a folder of their own. Then they take the place of the older
ones (`merging`). The update has ended when its plan is gone, which is one change on the disk.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from stac_manager.config import IngestConfig
from stac_manager.exceptions import ConfigurationError, DataProcessingError, printable
from stac_manager.files.changes import path_of
from stac_manager.plan import Document, Documents, Lines, Partition, Plan, RowGroups
from stac_manager.sinks.folder import Folder
from stac_manager.sinks.layout import MANIFEST, STATE, Layout
from stac_manager.sinks.manifests import check_same
from stac_manager.sinks.merging import merge
from stac_manager.sinks.model import Manifest
from stac_manager.sinks.newer import changed_partitions, conditions
from stac_manager.sinks.request import options_of, plan_of_source
from stac_manager.sinks.running import Run
from stac_manager.sinks.sources import check_apart, files_of, stamp_of, why_changed
from stac_manager.words import many

BY_DATETIME = (
    "taking items with a later `datetime`, as `updated` cannot be used: items edited in place are missed, and new ones "
    "with an earlier `datetime`"
)


def update(run: Run) -> Manifest:
    """Bring a finished run up to date, or finish one that has not ended.

    Raises:
        ConfigurationError: If DEST is a file, another run has written it, or items are left out on purpose.
        DataProcessingError: As any run.
    """
    folder = run.folder
    if folder.layout.file:
        raise ConfigurationError("--update needs a folder as DEST: one file would be written anew as a whole")
    if run.request.config.max_items is not None:
        raise ConfigurationError("max_items: not with --update, which would take what was left out for old")
    merging = folder.is_merging()
    base = folder.read_manifest(folder.layout.previous if merging else folder.layout.manifest)
    if base is None:
        plan = run.planned()
        return run.finish(plan, run.run(plan))
    _check_there(folder, base)
    check_same(base, run.request.header, folder.layout.dest)
    newer, latest = _collected(run) if merging else _newer(run, base)
    if merging or newer.folder.records():
        run.say(f"{folder.layout.dest}: going on with an update that was interrupted; what came later takes another")
    with newer.folder.owned():
        found = newer.folder.read_manifest()
        if found is None:
            plan = newer.planned()
            found = newer.finish(plan, newer.run(plan))
    if latest is not None:
        base = replace(base, status=found.status, problems=())  # what had failed was read again
    _check_there(folder, base)  # still
    merged = merge(folder, newer.folder, base, found)
    if latest is not None:
        run.write_plan(_without_times(latest, _failed(newer.folder)))
    folder.retire_update()
    return merged


def _check_there(folder: Folder, base: Manifest) -> None:
    """Refuse to go on without a part, or with another footer, for which the next manifest would vouch, unless an update
    that was interrupted has begun to replace them."""
    if folder.is_merging():
        return
    if (changed := folder.changed_part(base)) is not None:
        raise DataProcessingError(
            f"{changed}: is not there as the manifest says; run ingest without --update to have it again, or start "
            "over with --restart"
        )
    if (part := next(filter(folder.has_another_footer, base.parts), None)) is not None:
        why = "its footer is not the one that was written"
        raise DataProcessingError(f"{folder.path_of(part)}: is damaged ({why}); start over with --restart")


def _collected(run: Run) -> tuple[Run, Plan | None]:
    """Return the run of which the items are being merged, and of files the plan of all that there was."""
    newer = replace(run, request=replace(run.request, layout=_layout(run.layout)), if_changed="run it again")
    saved = newer.folder.read_plan(_whole(newer))
    return newer, saved and saved[1]


def _newer(run: Run, base: Manifest) -> tuple[Run, Plan | None]:
    """Return the run of what is newer, and of files the plan of all that there is now."""
    newer, latest = _collected(run)
    request = newer.request
    if request.config.mode == "file":
        if latest is not None and not _is_outdated(newer):
            return newer, latest
        _begin_anew(run, newer)
        latest = plan_of_source(request)
        check_apart(latest, request.config.source, run.layout)
        before = run.folder.read_plan()
        known = files_of(before[1]) if before else set()
        failed = _failed(run.folder)
        gone = {document.path for document in known} - {document.path for document in files_of(latest)}
        notes = (f"{many(len(gone), 'file')} gone from the source; the items stay",) if gone else ()
        known = {each for each in known if printable(each.path) not in failed}
        read = {stamp for stamp in map(stamp_of, known) if stamp[2] is not None}
        changed = tuple(changed_partitions(latest, read))
        newer.write_plan(replace(latest, partitions=changed, counted=None, notes=notes))
        newer.folder.write_plan(request.header, latest, _whole(newer))
        return newer, latest
    wanted = list(filter(None, conditions(base, options_of(request.config))))
    given = [{**options_of(request.config), **condition, **request.secrets} for condition in wanted]
    runs = [replace(newer, request=replace(request, config=IngestConfig.parse(options))) for options in given]
    begun = None if _is_outdated(newer) else newer.folder.read_plan()
    going_on = [each for each in runs if begun and begun[0].identity == each.request.header.identity]
    if not going_on:  # or the manifest is another since then
        _begin_anew(run, newer)
    for each in going_on or runs:
        try:
            each.planned()
        except (DataProcessingError, ConfigurationError):
            if each is runs[-1]:
                raise
            continue
        if each.request.config.datetime != request.config.datetime:
            run.say(f"{run.layout.dest}: {BY_DATETIME}")
        return each, None
    raise DataProcessingError(
        f"{run.layout.dest}: --update needs `updated` or `datetime` of all items, in UTC and none in the future, to "
        "tell which are newer"
    )


def _whole(newer: Run) -> Path:
    """The plan of all files of the source, of which a run of what is newer reads some."""
    return newer.layout.state / "whole.jsonl"


def _begin_anew(run: Run, newer: Run) -> None:
    """Make the folder of an update, in the place of one that is of no use."""
    disk = run.folder.disk
    run.folder.retire_update()
    disk.remove(newer.layout.manifest)  # where not all of the folder could be removed
    disk.make_folder(newer.layout.temporary)


def _is_outdated(newer: Run) -> bool:
    """Tell whether an update that was interrupted cannot go on: the source has changed since, or its items are merged,
    as where an earlier version of this program was interrupted when it removed the rest."""
    found, collected = newer.folder.read_plan(), newer.folder.read_manifest()
    if found is None or (collected is not None and newer.folder.changed_part(collected) is not None):
        return True
    records = newer.folder.records()
    return any(why_changed(each) for each in found[1] if each.key not in records)


def _failed(folder: Folder) -> set[str]:
    """Return the names of files of which something could not be read."""
    return {path_of(failure.source) for record in folder.records().values() for failure in record.failures}


def _without_times(plan: Plan, failed: set[str]) -> Plan:
    """Forget of files that could not be read when they were written, so that the next update reads them again."""

    def forgotten(document: Document) -> Document:
        return (
            document._replace(size=None, modified_ns=None, etag=None)
            if printable(document.path) in failed
            else document
        )

    def of(partition: Partition) -> Partition:
        if isinstance(partition, Documents):
            return replace(partition, documents=tuple(map(forgotten, partition.documents)))
        if isinstance(partition, Lines | RowGroups):
            return replace(partition, document=forgotten(partition.document))
        return partition

    return replace(plan, partitions=tuple(map(of, plan))) if failed else plan


def _layout(outer: Layout) -> Layout:
    folder = outer.update
    return Layout(folder, outer.format, False, folder, folder / STATE, folder / MANIFEST)
