"""What DEST is: decided by its name and by what is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stac_manager import ConfigurationError
from stac_manager.sinks.layout import layout_of


@pytest.mark.parametrize(
    ("dest", "format", "expected"),
    [
        ("out", None, ("ndjson", False)),
        ("out", "geoparquet", ("geoparquet", False)),
        ("out.v2", None, ("ndjson", False)),
        ("json", None, ("ndjson", False)),
        ("out.ndjson/", None, ("ndjson", False)),
        ("out.json/", None, ("ndjson", False)),
        ("items.ndjson", None, ("ndjson", True)),
        ("items.NDJSON", None, ("ndjson", True)),
        ("items.jsonl", "ndjson", ("ndjson", True)),
        ("a.b.ndjson.zst", None, ("ndjson.zst", True)),
        ("items.parquet", None, ("geoparquet", True)),
        ("items.geoparquet", "geoparquet", ("geoparquet", True)),
    ],
)
def test_the_name_of_dest_tells_file_and_format(dest: str, format: str | None, expected: tuple[str, bool]) -> None:
    layout = layout_of(dest, format)
    assert (layout.format, layout.file) == expected


def test_a_folder_that_is_there_is_a_folder_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").mkdir()
    assert not layout_of(tmp_path / "x.parquet").file


@pytest.mark.parametrize(
    ("dest", "format", "said"),
    [
        ("x.parquet", "ndjson", "holds geoparquet"),
        ("x.ndjson", "ndjson.zst", "holds ndjson"),
        ("x", "csv", "unknown"),
        ("", None, "empty"),
        ("items.json", None, ".json files are not written"),
        ("items.ndjson.gz", None, ".gz files are not written"),
        ("ITEMS.CSV", "geoparquet", "in / for a folder"),
        ("s3://bucket/out", None, "is a URL"),
        ("file:///out.ndjson", None, "is a URL"),
        (os.devnull, None, "neither a file nor a folder"),
    ],
)
def test_what_is_not_written_is_refused(dest: str, format: str | None, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        layout_of(dest, format)


def test_a_link_stands_for_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "link.ndjson").symlink_to("other.ndjson")
    assert layout_of(tmp_path / "link.ndjson") == layout_of(tmp_path.resolve() / "other.ndjson")
