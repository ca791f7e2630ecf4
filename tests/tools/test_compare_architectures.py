"""The ways that docs/concurrency.md compares: each delivers everything, once, and a comparison notices where not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from support import ROOT, make_item, make_items

from tools import analysis, local_api, render
from tools.architectures import api_ways, comparing, file_ways, one_run, parquet_ways
from tools.architectures.comparing import Comparison, Subject
from tools.asv_runs import MeasuringError
from tools.errors import ReportError

FILES = {**file_ways.WAYS, "this package": one_run.package("files", 5)}
PARQUET = {**parquet_ways.WAYS, "this package": one_run.package("parquet", 5)}
API = {**api_ways.WAYS, "this package": one_run.package("api", 5)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """70 items, more than two batches, and three files that are none: cut off, GeoJSON, empty."""
    path = tmp_path_factory.mktemp("folder")
    for item in make_items(70):
        (path / f"{item['id']}.json").write_text(json.dumps(item))
    (path / "cut.json").write_text(json.dumps(make_item("cut"))[:100])
    (path / "geojson.json").write_text('{"type": "Feature", "id": "a", "properties": {}}')
    (path / "item-000007a.json").write_text("")
    return path


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """950 items, several at an edge of slices, from a server that refuses and fails."""
    path = tmp_path_factory.mktemp("api") / "items.ndjson"
    items = [
        make_item(f"item-{n:04}", properties={"datetime": f"2024-{1 + n % 12:02}-{1 + n % 28:02}T00:00:00Z"})
        for n in range(950)
    ]
    path.write_text("".join(json.dumps(item) + "\n" for item in items))
    options = ["--fail-every", "7", "--throttle", "60"]
    with local_api.running(path, latency_seconds=0.0, options=options) as address:
        yield address


@pytest.mark.parametrize("way", FILES)
def test_every_way_reads_every_file_and_counts_the_broken_ones(way: str, folder: Path) -> None:
    outcome = FILES[way](str(folder))
    assert (outcome.items, outcome.failures) == (70, 3)


@pytest.mark.parametrize("way", PARQUET)
def test_every_way_reads_every_row(way: str, tmp_path: Path) -> None:
    for name, items in (("a", make_items(250)), ("b", make_items(30)), ("c", make_items(1))):
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(items), tmp_path / f"{name}.parquet")
    assert PARQUET[way](str(tmp_path / "*.parquet")).items == 281


@pytest.mark.parametrize("way", API)
def test_every_way_fetches_every_item_once_over_faults(way: str, url: str) -> None:
    assert API[way](url).items == 950


def test_a_broken_parquet_file_ends_the_threads_with_its_error(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(make_items(2_000)), tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ValueError, match="not a Parquet file"):
        parquet_ways.thread_a_file(str(tmp_path / "*.parquet"))


def test_a_run_that_loses_items_or_fails_is_not_compared(folder: Path) -> None:
    wanted = Comparison("files", "73 files", "a folder", str(folder), 73)
    with pytest.raises(MeasuringError, match="bare loop: 70 items and 3 failures came out, 73 and 0 went in"):
        comparing.measure(wanted, [Subject("bare loop")], 1, lambda: None)
    missing = Comparison("files", "73 files", "a folder", str(folder / "gone"), 73)
    with pytest.raises(MeasuringError, match=r"this package at 5: .*gone' does not exist"):
        comparing.measure(missing, [Subject("this package", 5)], 1, lambda: None)


def test_a_comparison_is_a_report_with_the_other_ways_as_peers(folder: Path) -> None:
    done = 0

    def count() -> None:
        nonlocal done
        done += 1

    wanted = Comparison("files", "73 files", "a folder", str(folder), 70, 3)
    subjects = [Subject("this package", 1), Subject("this package", "auto"), Subject("2 processes, apart")]
    subjects[2] = Subject(f"{file_ways.PROCESSES} processes, apart")
    timed = comparing.measure(wanted, subjects, 2, count)
    assert done == 6
    found = comparing.as_report([comparing.as_data_set(wanted, timed)])
    (data_set,) = found.data_sets
    assert [level.concurrency for level in data_set.levels] == [1, "auto"]
    assert [peer.name for peer in data_set.peers] == [subjects[2].name]
    for level in data_set.levels:
        assert level.sample_count == 2
        assert level.usage is not None
        assert level.usage.tasks == 73
        assert set(level.usage.stages or ()) >= {"reading", "decoding", "waiting"}
    # Two processes that parse 73 documents have used a CPU, although the one that was timed hardly has.
    assert timed[2].level.usage is not None
    assert timed[2].level.usage.cpu_seconds > 0.001


def test_the_program_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    program = [sys.executable, ROOT / "tools" / "compare_architectures.py"]
    for arguments, code, words in (
        (["files", "--output", str(tmp_path / "a.json"), "--ways", "("], 2, "--ways"),
        (["files", "--items", "9", "--output", "/proc/nowhere/a.json"], 1, "/proc/nowhere"),
        (["plot", str(tmp_path / "none.json"), "--output", str(tmp_path / "a.svg")], 2, "none.json"),
        (["api", "--latency", "-1", "--output", str(tmp_path / "a.json")], 2, "--latency"),
    ):
        done = subprocess.run([*program, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        (line,) = done.stderr.splitlines()
        assert line.startswith("error: ")
        assert words in line


def test_the_picture_has_a_line_for_each_data_set(tmp_path: Path) -> None:
    levels = [analysis.measured_level(n, [1.0 / n, 1.1 / n, 1.2 / n], items=10) for n in (1, 2, 4)]
    sets = [analysis.make_data_set(title, title, "file", "a folder", 10, levels) for title in ("First", "Second")]
    found = comparing.as_report(sets)
    render.draw_speedups(found, tmp_path / "a.svg")
    drawn = (tmp_path / "a.svg").read_text()
    assert all(f"<!-- {text} -->" in drawn for text in ("First (quick run)", "ideal", "4x"))
    with pytest.raises(ReportError, match=r"neither \.png nor \.svg"):
        render.draw_speedups(found, tmp_path / "a.pdf")
