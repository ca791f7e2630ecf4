"""Every way that the suite times beside the package delivers every item, once."""

from __future__ import annotations

import sys
from unittest import mock

import pytest

from benchmarks import _compat, file_ingest, peers, scale_out, stages


def test_every_stage_of_file_mode_sees_every_document() -> None:
    names, _, _ = stages.FileStages.params
    for name in names:
        stage = stages.FileStages()
        stage.setup(name, "warm", 70)  # three batches
        stage.time_stage(name, "warm", 70)


@pytest.mark.parametrize("name", ["discover", "all"])
def test_a_stage_of_the_package_is_not_available_where_the_commit_has_none(name: str) -> None:
    with mock.patch.object(_compat, "require", side_effect=NotImplementedError), pytest.raises(NotImplementedError):
        stages.FileStages().setup(name, "warm", 70)


def test_every_stage_of_parquet_files_sees_every_row() -> None:
    names, _ = stages.ParquetStages.params
    for name in names:
        stage = stages.ParquetStages()
        stage.setup(name, 80)
        stage.time_stage(name, 80)


def test_without_what_writes_geoparquet_the_other_layouts_are_read() -> None:
    """As after `make bench`, where `compare` judges the last commit all the same."""
    with mock.patch.dict(sys.modules, {"stac_geoparquet": None}):
        benchmark = file_ingest.EveryFormatIngest()
        benchmark.setup(25)
        assert len(benchmark.modules) == len(file_ingest.LAYOUTS) - 1
        with pytest.raises(NotImplementedError):
            file_ingest.FormatIngest().setup("geoparquet", 25)
    with pytest.raises(RuntimeError):  # its files hold 25, not so many
        benchmark.time_formats(26)


def test_slices_of_time_hold_every_item_once() -> None:
    for benchmark in (peers.APIPeers(), peers.SkewedAPIPeers()):
        for way in ("equal_slices", "queue_of_slices"):
            benchmark.setup(way, 500)
            benchmark.time_read(way, 500)


def test_a_sample_after_a_teardown_has_a_folder_again() -> None:
    """asv tears down and sets up between samples."""
    writing = scale_out.ScaleOut()
    for _ in range(2):
        dest = writing.dest()
        assert dest.parent.is_dir()
        writing.teardown()
        assert not dest.parent.exists()
