"""Workloads of known nature through the whole chain: asv runs them, the report names what limits each."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from scratch_asv import measure_scratch_project
from support import ROOT

from tools.analysis import DataSet, analyse
from tools.analysis.evidence import evidence
from tools.asv.results import read_report

LESS_IS_KNOWN = {"limited": ["waiting", "inconclusive"], "contention": ["waiting", "inconclusive"]}
ATTEMPTS_ON_A_CROWDED_MACHINE = 2

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
    found: dict[str, DataSet] = {}
    for _ in range(ATTEMPTS_ON_A_CROWDED_MACHINE):
        results = measure_scratch_project(project, launch_method="forkserver")
        found = {data_set.title: data_set for data_set in read_report(results).data_sets}
        if not any(is_crowded(data_set) for data_set in found.values()):
            break
    return found


def is_crowded(data_set: DataSet) -> bool:
    return any(found.crowded for level in data_set.levels if (found := evidence(level)) is not None)


@pytest.mark.parametrize("name", NATURES)
def test_the_verdict_names_the_nature(name: str, data_sets: dict[str, DataSet]) -> None:
    found = analyse(data_sets[name])
    verdict = found.findings
    nature, effect = NATURES[name]
    # Where other programs took the CPU, the report may know less. It never may name another nature.
    allowed = (
        {nature, "unknown", *LESS_IS_KNOWN.get(nature, ["inconclusive"])} if is_crowded(data_sets[name]) else {nature}
    )
    assert verdict.bottleneck in allowed, "\n".join(line.text for line in found.lines)
    if not is_crowded(data_sets[name]):
        # That more CPU-bound workers are no faster is hard to show on a noisy machine; what binds them is not.
        assert verdict.effect == effect or (name, verdict.effect) == ("Cpu", "inconclusive")
