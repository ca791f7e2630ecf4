"""`--update` on files: new ones and those that were written again are taken, by id."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random

import pytest
from faulty_disk import FaultyDisk, PowerLostError, SteadyDisk
from support import THOROUGH, make_item

from stac_manager import ConfigurationError, DataProcessingError, IngestOptions
from stac_manager.sinks import Sink, write
from stac_manager.sinks.disk import Disk
from stac_manager.sinks.running import Progress
from stac_manager.sinks.verifying import verify


def test_new_and_changed_files_are_merged_and_the_rest_is_not_read_again(tmp_path: Path) -> None:
    folder, dest = tmp_path / "items", tmp_path / "out"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number:02}.json").write_text(json.dumps(make_item(f"item-{number}")))
    sink = Sink({"source": folder}, dest, partition_items=10, update=True)
    assert write(sink).items == 30  # nothing to update yet: a run as any
    (folder / "03.json").write_text(json.dumps(make_item("item-3", assets={})))
    (folder / "30.json").write_text(json.dumps(make_item("item-30")))
    (folder / "00.json").unlink()
    said: list[str] = []
    for items in (5, 10):
        assert write(replace(sink, update=False, partition_items=items, say=said.append)).items == 30
    assert ["source has changed since: 2 files new or changed, 1 gone" in each for each in said] == [True, True]
    for _ in range(2):
        manifest = write(sink)
        assert manifest.items == 31
        assert any("1 file gone" in note for note in manifest.notes)
        assert sum(part["items"] for part in manifest.parts if "-" in part["file"]) == 2
        write(replace(sink, update=False, say=said.append))
        assert "nothing left to do" in said[-1]
    held = [json.loads(line) for path in dest.glob("*.ndjson") for line in path.read_text().splitlines()]
    assert [item["id"] for item in held if not item["assets"]] == ["item-3"]
    assert not verify(dest, unique=True).problems
    assert not (dest / ".stac-manager" / "update").exists()


@pytest.mark.parametrize(
    ("format", "survivors"),
    [("ndjson", 0), ("ndjson", 2), *([("ndjson", 1), ("geoparquet", 0), ("geoparquet", 1)] if THOROUGH else [])],
)
def test_after_a_power_loss_at_any_operation_of_an_update_the_next_merges_the_same(
    format: str, survivors: int, tmp_path: Path
) -> None:
    """Of changes that were not synced, none, half or all are there; all is what a kill leaves."""
    folder, written = tmp_path / "items", tmp_path / "written"
    folder.mkdir()
    put(folder, range(8), "old")
    update = Sink({"source": folder}, written / "out", format, partition_items=4, update=True)
    write(update)
    put(folder, range(3, 10), "newer")
    for cut in count():
        before, after = tmp_path / f"before-{cut}", tmp_path / f"after-{cut}"
        shutil.copytree(written, before)
        disk, random, ended = FaultyDisk(cut, before), Random(cut), True
        try:
            write(replace(update, dest=before / "out"), disk=disk)
        except PowerLostError:
            ended = False
        disk.after_power_loss(before, after, lambda random=random: random.randrange(2) < survivors)
        assert write(replace(update, dest=after / "out"), disk=SteadyDisk()).items == 10, cut
        verified = verify(after / "out", unique=True)
        assert (verified.items, verified.problems) == (10, ())
        write(Sink({"source": after / "out"}, tmp_path / "read.ndjson", restart=True), disk=SteadyDisk())
        held = map(json.loads, (tmp_path / "read.ndjson").read_text().splitlines())
        assert sorted(item["properties"]["name"] for item in held) == ["newer"] * 7 + ["old"] * 3, cut
        if ended:
            assert cut > 60
            return


def put(folder: Path, numbers: Iterable[int], name: str) -> None:
    for number in numbers:
        item = make_item(f"item-{number}", properties={"datetime": None, "name": name})
        (folder / f"{number}.json").write_text(json.dumps(item))


class Littering(Disk):
    """Leaves the folder of an update, as a kill did of versions that removed it before its plan."""

    def remove(self, path: Path) -> None:
        if path.parent.parent.name != "update":
            super().remove(path)

    def remove_folder(self, path: Path) -> None:
        if path.name != "update":
            super().remove_folder(path)


@pytest.mark.parametrize("format", ["ndjson", "geoparquet"])
def test_an_update_whose_items_are_merged_is_not_gone_on_with(format: str, tmp_path: Path) -> None:
    folder, said = tmp_path / "items", list[str]()
    folder.mkdir()
    put(folder, range(4), "old")
    update = Sink({"source": folder}, tmp_path / "out", format, partition_items=2, update=True, say=said.append)
    write(update)
    put(folder, range(2, 6), "newer")
    assert write(update, disk=Littering()).items == 6
    assert (tmp_path / "out" / ".stac-manager" / "update" / ".stac-manager" / "plan.jsonl").exists()
    put(folder, [6], "newest")
    assert write(update).items == 7
    assert not verify(tmp_path / "out", unique=True).problems
    assert not said


def rewritten(tmp_path: Path) -> tuple[Path, Sink, list[str]]:
    """A folder whose six items were written again since a run, the sink for its update, and what that says."""
    folder, said = tmp_path / "items", list[str]()
    folder.mkdir()
    put(folder, range(6), "old")
    update = Sink({"source": folder}, tmp_path / "out", partition_items=2, update=True, say=said.append)
    write(update)
    put(folder, range(6), "newer")
    return folder, update, said


@pytest.mark.parametrize("in_the_run", [False, True])
def test_an_update_whose_source_has_changed_meanwhile_is_begun_anew(in_the_run: bool, tmp_path: Path) -> None:
    """In the run that is interrupted by it, or between that and the next."""
    folder, update, said = rewritten(tmp_path)

    def change(progress: Progress) -> None:
        if progress.done == 1:
            put(folder, range(4, 7), "newest")
            if not in_the_run:
                raise KeyboardInterrupt

    with pytest.raises(DataProcessingError if in_the_run else KeyboardInterrupt) as caught:
        write(replace(update, on_progress=change))
    assert not in_the_run or re.search("the source has changed: .*; run it again$", str(caught.value))
    assert write(update).items == 7
    lines = b"".join(path.read_bytes() for path in Path(update.dest).glob("*.ndjson")).splitlines()
    names = [json.loads(line)["properties"]["name"] for line in lines]
    assert sorted(names) == ["newer"] * 4 + ["newest"] * 3
    assert not any("going on with an update" in each for each in said)


def test_an_update_that_was_interrupted_goes_on_and_says_so(tmp_path: Path) -> None:
    folder, update, said = rewritten(tmp_path)

    def stop(progress: Progress) -> None:
        if progress.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(replace(update, on_progress=stop))
    put(folder, [6], "newest")
    assert [write(update).items for _ in range(2)] == [6, 7]
    assert len([each for each in said if "going on with an update" in each and "takes another" in each]) == 1


@pytest.mark.parametrize("format", ["ndjson", "ndjson.zst", "geoparquet"])
@pytest.mark.parametrize("partition_items", [1, 100])
def test_the_last_of_several_new_files_has_its_way_as_after_several_updates(
    format: str, partition_items: int, tmp_path: Path
) -> None:
    """Whether they come in one part or in several."""
    folder, dest = tmp_path / "days", tmp_path / "out"
    folder.mkdir()
    for day, ids in enumerate(("abc", "bcx", "cb", "b")):
        if day == 1:
            write(Sink({"source": folder}, dest, format))
        items = [make_item(id, properties={"datetime": None, "day": day}) for id in ids]
        (folder / f"{day}.ndjson").write_text("".join(json.dumps(item) + "\n" for item in items))
    manifest = write(Sink({"source": folder}, dest, format, partition_items=partition_items, update=True))
    assert manifest.items == 4
    assert verify(dest, unique=True).problems == ()
    write(Sink({"source": dest}, tmp_path / "read.ndjson"))
    held = map(json.loads, (tmp_path / "read.ndjson").read_text().splitlines())
    assert {item["id"]: item["properties"]["day"] for item in held} == {"a": 0, "b": 3, "c": 2, "x": 1}


@pytest.mark.parametrize(
    ("first", "bad", "said"),
    [
        (1, "text", "column value is int64 in some items and string in others"),
        (2**60, 1.5, f"column value: Integer value {2**60} not in range.*; GeoParquet cannot hold both"),
        ({"deep": [2**60]}, {"deep": [1.5]}, f"column value: Integer value {2**60} not in range"),
        (1.5, 2**60, f"column value: Integer value {2**60} not in range"),
    ],
    ids=str,
)
def test_newer_items_that_no_column_can_hold_leave_what_is_there_as_it_is(
    first: object, bad: object, said: str, tmp_path: Path
) -> None:
    folder, dest = tmp_path / "items", tmp_path / "out"
    folder.mkdir()
    sink = Sink({"source": folder}, dest, "geoparquet", update=True)
    for name, value, items in (("0", first, 1), ("1", bad, 1), ("1", bad, 1), ("1", first, 2)):
        item = make_item(f"item-{name}", properties={"datetime": None, "value": value})
        (folder / f"{name}.json").write_text(json.dumps(item))
        if value == bad:
            with pytest.raises(DataProcessingError, match=said):
                write(sink)
        else:
            write(sink)
        assert (verify(dest, unique=True).items, verify(dest).problems) == (items, ())


def test_items_without_a_time_that_is_understood_are_said(tmp_path: Path) -> None:
    """A fetch named them; a run of partitions left them out without a word."""
    folder = tmp_path / "items"
    folder.mkdir()
    for name, time in (("0", "2024-05-01"), ("1", "soon"), ("2", None)):
        (folder / f"{name}.json").write_text(json.dumps(make_item(name, properties={"datetime": time})))
    manifest = write(Sink({"source": folder, "datetime": "2024"}, tmp_path / "out", partition_items=1))
    left_out = "2 Items left out by 'datetime': the time is missing or not understood"
    assert (manifest.items, manifest.notes) == (1, (left_out,))


def test_pages_that_are_not_read_are_said(tmp_path: Path) -> None:
    """Of any partition: the next page of one may be in another."""
    folder = tmp_path / "pages"
    folder.mkdir()
    for number in range(3):
        links = [{"rel": "next", "href": f"./{number + 1}.json"}]
        page = {"type": "FeatureCollection", "features": [make_item(str(number))], "links": links}
        (folder / f"{number}.json").write_text(json.dumps(page) + " " * 300_000)
    sink = Sink({"source": folder}, tmp_path / "out", partition_items=1)
    said = f"1 next page not read, the first: ./3.json, which {folder / '2.json'} names; name all of them"
    assert [note.partition(", or use")[0] for note in write(sink).notes] == [said]
    (folder / "3.json").write_text(json.dumps({"type": "FeatureCollection", "features": [make_item("3")]}))
    assert write(replace(sink, dest=tmp_path / "all")).notes == ()
    assert write(Sink({"source": folder, "max_items": 1}, tmp_path / "one")).notes == (
        "stopped after 1 item, as asked",
    )


def test_ids_without_items_are_said_and_an_update_counts_anew(tmp_path: Path) -> None:
    folder = tmp_path / "items"
    folder.mkdir()
    for name in ("0", "1"):
        (folder / f"{name}.json").write_text(json.dumps(make_item(name)))
        sink = Sink({"source": folder, "ids": ["0", "1", "nobody"]}, tmp_path / "out", update=True)
        assert write(sink).notes == (f"{('1 item', '2 items')[int(name)]} came for 3 ids",)
    assert verify(tmp_path / "out").items == 2
    assert write(Sink({"source": folder, "ids": ["0", "1"]}, tmp_path / "all")).notes == ()


@pytest.mark.parametrize(
    ("dest", "options", "said"),
    [("out.ndjson", {}, "needs a folder"), ("out", {"max_items": 1}, "max_items: not with")],
)
def test_a_single_file_and_what_is_not_all_are_not_updated(
    dest: str, options: IngestOptions, said: str, tmp_path: Path
) -> None:
    source = tmp_path / "source.ndjson"
    source.write_text(json.dumps(make_item("one")) + "\n")
    sink = Sink({"source": source, **options}, tmp_path / dest)
    status = write(sink).status
    with pytest.raises(ConfigurationError, match=said):
        write(replace(sink, update=True))
    assert write(sink).status == status


@pytest.mark.parametrize("broken_at_first", [True, False])
@pytest.mark.parametrize("removed", [True, False])
def test_what_could_not_be_read_is_read_again_and_nothing_is_lost_meanwhile(
    broken_at_first: bool, removed: bool, tmp_path: Path
) -> None:
    folder, dest = tmp_path / "items", tmp_path / "out"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.json").write_text(json.dumps(make_item(f"item-{number}")))
    sink = Sink({"source": folder}, dest, partition_items=2, update=True)
    if broken_at_first:
        (folder / "x.json").write_text("{")
    assert write(sink).status == ("incomplete" if broken_at_first else "complete")
    (folder / "0.json").unlink()
    (folder / "new.json").write_text(json.dumps(make_item("new")))
    (folder / "x.json").write_text("{")
    for _ in range(2):
        found = write(sink)
        assert (found.items, found.status, found.failed) == (7, "incomplete", 1)
        with pytest.raises(ConfigurationError, match=r"is incomplete, and has items of an update.*again with --update"):
            write(replace(sink, update=False))
        assert (verify(dest).items, verify(dest).problems) == (7, ())
    if removed:
        (folder / "x.json").unlink()
    else:
        (folder / "x.json").write_text(json.dumps(make_item("x")))
    found = write(sink)
    assert (found.items, found.status, found.problems) == (7 if removed else 8, "complete", ())
    assert write(replace(sink, update=False)) == found
    assert not verify(dest, unique=True).problems


@pytest.mark.parametrize("during_the_run", [False, True])
def test_a_part_that_is_gone_is_said_and_not_forgotten(during_the_run: bool, tmp_path: Path) -> None:
    folder, dest = tmp_path / "items", tmp_path / "out"
    folder.mkdir()
    (folder / "0.json").write_text(json.dumps(make_item("item-0")))
    sink = Sink({"source": folder}, dest, update=True)
    write(sink)
    (part,) = dest.glob("*.ndjson")
    if during_the_run:
        (folder / "1.json").write_text(json.dumps(make_item("item-1")))
    else:
        part.unlink()
    with pytest.raises(DataProcessingError, match="is not there as the manifest says; run ingest without --update"):
        write(replace(sink, on_progress=lambda progress: part.unlink(missing_ok=True)))
    assert write(replace(sink, update=False)).items == 1
    (folder / "1.json").write_text(json.dumps(make_item("item-1")))
    assert write(sink).items == 2
    next(dest.glob("*-1.ndjson")).unlink()
    for update in (True, False):
        with pytest.raises(
            (DataProcessingError, ConfigurationError), match=r"is not .*as the manifest says.*--restart"
        ):
            write(replace(sink, update=update))
    assert write(replace(sink, update=False, restart=True)).items == 2


@pytest.mark.parametrize(
    ("format", "damage", "said"),
    [
        ("ndjson", lambda part: part.replace(b"{", b"[", 1), r"line 1 is not an item"),
        ("ndjson.zst", lambda part: part[:-20] + bytes(20), ""),
        ("geoparquet", lambda part: part[:4] + bytes(20) + part[24:], ""),
        ("geoparquet", lambda part: part.replace(b"cpp-arrow", b"cpp-brrow"), "its footer"),  # as readable as before
    ],
)
def test_parts_of_another_format_and_damaged_ones_are_not_updated(
    format: str, damage: Callable[[bytes], bytes], said: str, tmp_path: Path
) -> None:
    folder, dest = tmp_path / "items", tmp_path / "out"
    folder.mkdir()
    (folder / "0.json").write_text(json.dumps(make_item("item-0")))
    sink = Sink({"source": folder}, dest, format, update=True)
    write(sink)
    (folder / "1.json").write_text(json.dumps(make_item("item-1")))
    for other in {"ndjson", "ndjson.zst", "geoparquet"} - {format}:
        with pytest.raises(ConfigurationError, match=f"format {format}, now {other}"):
            write(replace(sink, format=other))
        assert (verify(dest).items, verify(dest).problems) == (1, ())
    part = next(path for path in dest.glob(f"*.{format.removeprefix('geo')}"))
    whole = part.read_bytes()
    part.write_bytes(damage(whole))
    with pytest.raises(DataProcessingError, match=rf"(?s)is damaged \(.*{said}.*\); start over with --restart"):
        write(sink)
    part.write_bytes(whole)
    assert write(sink).items == 2
