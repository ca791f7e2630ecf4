"""asv's result files, as asv writes them, for what a run cannot be told to do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy

COLUMNS = ["result", "params", "version", "started_at", "duration", "stats_ci_99_a", "stats_ci_99_b", "stats_q_25",
           "stats_q_75", "stats_number", "stats_repeat", "samples"]  # fmt: skip
KINDS = {"peakmem_": "peakmemory", "track_": "track"}
UNITS = {"time": "seconds", "peakmemory": "bytes"}


def hash_of(number: int) -> str:
    return f"{number:08x}" + "0" * 32


def write_results(
    folder: Path,
    commits: Sequence[Mapping[str, Any]],
    *,
    unit: str | None = None,
    version: Sequence[str | None] = (),
    params: Sequence[str] = (),
) -> Path:
    """One mapping of benchmark name to samples, a single value, None (failed) or NaN (n/a) for each commit."""
    machine = folder / "box"
    machine.mkdir(parents=True, exist_ok=True)
    (machine / "machine.json").write_text('{"machine": "box", "version": 1}')
    names = {name for commit in commits for name in commit}
    kinds = {name: next((kind for start, kind in KINDS.items() if start in name), "time") for name in names}
    benchmarks: dict[str, Any] = {
        name: {
            "param_names": list(params),
            "params": [["1"] for _ in params],
            "type": kind,
            "unit": unit or UNITS.get(kind, "unit"),
            "version": "1",
        }
        for name, kind in kinds.items()
    }
    (folder / "benchmarks.json").write_text(json.dumps({**benchmarks, "version": 2}))
    for number, commit in enumerate(commits):
        results = {}
        for name, value in commit.items():
            samples = list(value) if isinstance(value, Sequence | numpy.ndarray) else None
            result = float(numpy.median(samples)) if samples else value
            of_version = version[number] if version else "1"
            results[name] = [[result], [["1"] for _ in params], of_version, *[None] * 8, [samples]]
        content = {
            "version": 2, "commit_hash": hash_of(number), "date": number * 1000, "env_name": "env", "python": "3.11",
            "requirements": {}, "params": {}, "env_vars": {}, "durations": {}, "results": results,
            "result_columns": COLUMNS,
        }  # fmt: skip
        (machine / f"{hash_of(number)[:8]}-env.json").write_text(json.dumps(content))
    return folder
