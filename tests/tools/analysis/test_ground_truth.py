"""Workloads of known nature through the whole chain: asv runs them, the report names what limits each."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from scratch_asv import measure_scratch_project
from support import ROOT

from tools.analysis.analysis import Analysis
from tools.analysis.model import DataSet
from tools.asv.results import read_report

# What is in the workload, what the report must call it, and how much workers help.
NATURES = {
    "Wait": ("waiting", "significant"),
    "Cpu": ("cpu", "none"),
    "HalfAndHalf": ("mixed", "modest"),
    "Lock": ("serialised", "none"),
    "Retrograde": ("contention", "modest"),
    "RateLimit": ("limited", "significant"),
}


@pytest.fixture(scope="module")
def data_sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DataSet]:
    project = tmp_path_factory.mktemp("ground_truth")
    suite = project / "benchmarks"
    shutil.copytree(Path(__file__).parent / "ground_truth", suite)
    shutil.copy(ROOT / "benchmarks" / "_usage.py", suite)
    results = measure_scratch_project(project, launch_method="forkserver")
    return {data_set.title: data_set for data_set in read_report(results).data_sets}


@pytest.mark.parametrize("name", NATURES)
def test_the_verdict_names_the_nature(name: str, data_sets: dict[str, DataSet]) -> None:
    found = Analysis(data_sets[name])
    assert (found.bottleneck, found.effect) == NATURES[name], "\n".join(line.text for line in found.lines)
