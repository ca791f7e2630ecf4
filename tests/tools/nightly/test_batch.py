"""A finished batch reaches the results whole, wherever the copying is broken off."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from scratch_history import ScratchHistory

from tools.asv.project import Project
from tools.errors import ToolError
from tools.nightly import batch, records
from tools.nightly.asv import Asv

COMMITS = ("a" * 40, "b" * 40)


def test_a_plan_that_is_none_is_named(tmp_path: Path) -> None:
    history = ScratchHistory.create(tmp_path / "scratch", tmp_path / "environments")
    (tmp_path / "work" / "batch").mkdir(parents=True)
    (tmp_path / "work" / "batch" / "plan.json").write_text('{"commits": 5}')
    asv = Asv(Project.of(history.path / "asv.conf.json"), tmp_path / "work", "main")
    with pytest.raises(ToolError, match=r"plan\.json is no plan of a batch .*; remove "):
        batch.Batch.resume(asv)


@pytest.mark.parametrize("writes", range(9))
def test_promotion_broken_off_and_repeated(tmp_path: Path, writes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    history = ScratchHistory.create(tmp_path / "scratch", tmp_path / "environments")
    project = Project.of(history.path / "asv.conf.json")
    asv = Asv(project, tmp_path / "work", "main")
    plan = batch.Plan(COMMITS, "scratch", (), project.fingerprint())
    begun = batch.Batch.begin(asv, plan)
    (begun.folder / "benchmarks.json").write_text(json.dumps({"x": {"params": [], "rounds": 1}, "version": 2}))
    for commit in COMMITS:
        folder = begun.folder / commit / "round-1"
        folder.mkdir(parents=True)
        (folder / f"{commit[:8]}-env.json").write_text(json.dumps({"commit_hash": commit}))
        (folder / "machine.json").write_text("{}")
        observed = {"at": "2026-01-01T00:00:00+00:00", "load_avg": [0.1], "cpus": 2, "nice": 0, "cpu_freq": "2 GHz"}
        (folder / "conditions.json").write_text(json.dumps(observed))
    results = tmp_path / "results"
    real, left = batch.write_bytes, [writes]

    def write(path: Path, content: bytes) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        real(path, content)

    with monkeypatch.context() as patched:
        for module in (batch, records):
            patched.setattr(module, "write_bytes", write)
        try:
            begun.promote(results)
        except KeyboardInterrupt:
            again: Any = batch.Batch.resume(asv)
            assert asdict(again.plan) == asdict(plan)
            left[0] = -1
            again.promote(results)
    assert not begun.folder.exists()
    assert list(records.read(results / "scratch")) == list(COMMITS)
    for commit in COMMITS:
        assert json.loads((results / "scratch" / f"{commit[:8]}-env.json").read_bytes())["commit_hash"] == commit
    assert not list(results.rglob("*.tmp"))
