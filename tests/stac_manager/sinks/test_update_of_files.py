"""`--update` on files: new ones and those that were written again are taken, by id."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support import make_item

from stac_manager import ConfigurationError
from stac_manager.sinks import Sink, write
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


def test_a_single_file_is_not_updated(tmp_path: Path) -> None:
    source = tmp_path / "source.ndjson"
    source.write_text(json.dumps(make_item("one")) + "\n")
    with pytest.raises(ConfigurationError, match="needs a folder"):
        write(Sink({"source": source}, tmp_path / "out.ndjson", update=True))
