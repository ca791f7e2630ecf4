"""Items are written with their own text where that is a line of JSON, and are the same as those that are delivered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import make_item

from stac_manager import IngestModule, WorkflowContext
from stac_manager.protocols import Item
from stac_manager.sinks import Sink, write

SPACED = json.dumps(make_item("spaced"))
COMPACT = json.dumps(make_item("compact"), separators=(",", ":"))
INDENTED = json.dumps(make_item("indented"), indent=1)
LARGE = json.dumps(make_item("large") | {"assets": {"a": {"href": "x", "size": 2**70}}})
LARGE_PROPERTY = json.dumps(make_item("large-property", properties={"datetime": None, "number": 2**70}))
COLLECTION = json.dumps({"type": "FeatureCollection", "features": [make_item("a"), make_item("b")]})
WITHOUT_COLLECTION = json.dumps(make_item("bare") | {"collection": None})

KEPT = [
    ("items.ndjson", f"{SPACED}\n{COMPACT}\n"),
    ("items.ndjson", f"{SPACED}\n\n{COMPACT}"),
    ("items.ndjson", f"{LARGE}\n{SPACED}\n"),
    ("items/a.json", SPACED),
    ("items/a.json", f"{COMPACT}\n"),
]
MADE_ANEW = [
    ("items.ndjson", SPACED.replace(", ", ",\r ", 1) + f"\n{COMPACT}\n"),
    ("items.ndjson", f"{COLLECTION}\n{COMPACT}\n"),
    ("items.ndjson", f"{LARGE_PROPERTY}\n{SPACED}\n"),
    ("items.ndjson", f"{SPACED}\n{{}}\n[{COMPACT}]\nno JSON\n"),
    ("items.ndjson", f"\x1e{INDENTED}\n\x1e{COMPACT}\n"),
    ("collection=given/items.ndjson", f"{WITHOUT_COLLECTION}\n{SPACED}\n"),
    ("items/a.json", INDENTED),
    ("items/a.json", COLLECTION),
    ("items/a.json", f"\ufeff{SPACED}"),
]


def delivered(source: Path) -> tuple[list[Item], list[str]]:
    context = WorkflowContext.create()
    items = list(IngestModule(source=source).iter_items(context))
    return items, [str(failure) for failure in context.failure_collector.get_all()]


def written(source: Path, folder: Path) -> tuple[list[str], tuple[str, ...]]:
    manifest = write(Sink({"source": source}, folder / "out.ndjson"))
    return (folder / "out.ndjson").read_bytes().decode().split("\n")[:-1], manifest.failures


def made(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode())
    return path


def read_again(line: str, folder: Path) -> Item:
    (item,), _ = delivered(made(folder, "again.ndjson", line))
    return item


@pytest.mark.parametrize(("name", "content"), [*KEPT, *MADE_ANEW])
def test_what_is_written_is_what_is_delivered(tmp_path: Path, name: str, content: str) -> None:
    source = made(tmp_path, name, content)
    items, failures = delivered(source)
    lines, named = written(source, tmp_path)
    assert items
    assert [read_again(line, tmp_path) for line in lines] == items
    assert list(named) == failures
    assert not any("\r" in line for line in lines)


@pytest.mark.parametrize(("name", "content"), [*KEPT, ("items.ndjson", f"{SPACED}\r\n {COMPACT}\r\n")])
def test_a_text_of_one_line_is_kept(tmp_path: Path, name: str, content: str) -> None:
    lines, _ = written(made(tmp_path, name, content), tmp_path)
    assert lines == [line.strip() for line in content.splitlines() if line.strip()]
