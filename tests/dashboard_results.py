"""Result files in asv's format over a scratch repository of four commits, and the dashboard that asv makes of them.

As a program: draw the picture of the Speedup page in docs/, of these results: PYTHONPATH=tests python this_file
"""

from __future__ import annotations

import itertools
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import ROOT

LEVELS = ["1", "5", "10", "20", "50"]
SIZES = ["1000", "10000"]
WAYS = ["'bare_loop'", "'thread_hop'", "'stac_manager'", "'pystac'", "'rustac'"]
COLUMNS = [
    "result", "params", "version", "started_at", "duration", "stats_ci_99_a", "stats_ci_99_b", "stats_q_25",
    "stats_q_75", "stats_number", "stats_repeat", "samples", "profile",
]  # fmt: skip
FILE, API = "file_ingest.FileIngest", "api_ingest.APIIngest"
TIME, PEAK = "time_ingest", "peakmem_ingest"
PEERS = "peers.FilePeers.time_read"
IMPORTS = {f"startup.Startup.peakmem_imports_{kind}": [size] for kind, size in (("file", 41e6), ("api", 58e6))}
BENCHMARKS: dict[str, tuple[dict[str, list[str]], str, str]] = {
    f"{FILE}.{TIME}": ({"concurrency": LEVELS, "test_size": SIZES}, "time", "seconds"),
    f"{FILE}.{PEAK}": ({"concurrency": LEVELS, "test_size": SIZES}, "peakmemory", "bytes"),
    f"{API}.{TIME}": ({"concurrency": LEVELS, "test_size": ["500"]}, "time", "seconds"),
    f"{API}.{PEAK}": ({"concurrency": LEVELS, "test_size": ["500"]}, "peakmemory", "bytes"),
    PEERS: ({"way": WAYS, "test_size": ["1000"]}, "time", "seconds"),
    **{name: ({}, "peakmemory", "bytes") for name in IMPORTS},
}
# Seconds at each level, commit by commit: concurrency pays for the API from the second commit on.
FILE_SECONDS = [[0.082, 0.071, 0.069, 0.070, 0.074], [0.081, 0.069, 0.068, 0.069, 0.072],
                [0.061, 0.050, 0.049, 0.050, 0.054], [0.048, 0.047, 0.048, 0.049, 0.050]]  # fmt: skip
API_SECONDS = [[0.74, None, None, None, None], [0.73, 0.24, 0.19, 0.18, 0.21],
               [0.72, 0.19, 0.121, 0.118, 0.15], [0.71, 0.178, 0.102, 0.100, math.nan]]  # fmt: skip
PEER_SECONDS = [0.031, 0.22, 0.048, None, math.nan]


@dataclass(frozen=True)
class Dashboard:
    """Where it lies, and the result files it was made from."""

    html: Path
    results: Path
    commits: list[str]
    said: str

    def result(self, machine: str, commit: str, benchmark: str) -> dict[tuple[str, ...], Any]:
        """The values in a result file, by parameters, with none of the code under test."""
        (path,) = (self.results / machine).glob(f"{commit[:8]}-*.json")
        row = dict(zip(COLUMNS, json.loads(path.read_text())["results"][benchmark], strict=False))
        return dict(zip(itertools.product(*row["params"]), row["result"], strict=True))


class Scratch:
    """A repository and results that a test can publish as often as it likes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results"
        self.configuration: dict[str, Any] = {
            "version": 1,
            "project": "scratch",
            "repo": ".",
            "branches": ["main"],
            "environment_type": "existing",
            "results_dir": "results",
            "html_dir": "html",
            "plugins": [".tools.dashboard.speedup_page"],
        }
        folder.mkdir()
        self.commits = [self._commit(day) for day in (3, 7, 12, 20)]

    def _commit(self, day: int) -> str:
        when = f"2026-11-{day:02} 10:00 +0000"
        who = {f"GIT_{role}_{what}": "t@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        dates = {f"GIT_{role}_DATE": when for role in ("AUTHOR", "COMMITTER")}
        git = ("git", "-C", str(self.folder))
        if not (self.folder / ".git").exists():
            subprocess.run([*git, "init", "--quiet", "--initial-branch", "main"], check=True)
        subprocess.run(
            [*git, "commit", "--quiet", "--allow-empty", "--message", when],
            check=True, env={**os.environ, **who, **dates},
        )  # fmt: skip
        return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()

    def declare(self) -> None:
        self.results.mkdir(exist_ok=True)
        declared: dict[str, Any] = {"version": 2}
        for name, (axes, kind, unit) in BENCHMARKS.items():
            declared[name] = {
                "name": name, "type": kind, "unit": unit, "version": "1", "code": "", "timeout": 60,
                "param_names": list(axes), "params": list(axes.values()), "pretty_name": name, "pretty_source": "",
                "sample_time": 0.01, "warmup_time": 0, "min_run_count": 1, "number": 1, "repeat": 5, "rounds": 1,
            }  # fmt: skip
        (self.results / "benchmarks.json").write_text(json.dumps(declared))

    def machine(self, name: str) -> None:
        (self.results / name).mkdir(parents=True)
        hardware = {"os": "Linux", "arch": "x86_64", "cpu": "Some CPU", "num_cpu": "2", "ram": "8174084096"}
        (self.results / name / "machine.json").write_text(json.dumps({"machine": name, "version": 1, **hardware}))

    def measure(self, machine: str, place: int, factor: float = 1.0) -> None:
        """Write what asv would for one commit."""
        commit = self.commits[place]
        file = [FILE_SECONDS[place][level] * size for level in range(len(LEVELS)) for size in (1, 10.4)]
        memory = [(46 + 2 * level + size) * 1e6 for level in range(len(LEVELS)) for size in (1, 9)]
        rows = {
            f"{FILE}.{TIME}": _timed(file, [LEVELS, SIZES], factor),
            f"{FILE}.{PEAK}": [memory, [LEVELS, SIZES], "1", 0],
            f"{API}.{TIME}": _timed(API_SECONDS[place], [LEVELS, ["500"]], factor),
            f"{API}.{PEAK}": [[(62 + 5 * level) * 1e6 for level in range(len(LEVELS))], [LEVELS, ["500"]], "1", 0],
            PEERS: _timed(PEER_SECONDS, [WAYS, ["1000"]], factor),
            **{name: [size, [], "1", 0] for name, size in IMPORTS.items()},
        }
        date = 1_793_700_000_000 + place * 345_600_000
        content = {
            "commit_hash": commit, "env_name": "virtualenv-py3.11", "date": date, "params": {"machine": machine},
            "python": "3.11", "requirements": {"orjson": "3.13.0"}, "env_vars": {}, "result_columns": COLUMNS,
            "results": rows, "durations": {}, "version": 2,
        }  # fmt: skip
        (self.results / machine / f"{commit[:8]}-virtualenv-py3.11.json").write_text(json.dumps(content))

    def publish(self, **environment: str) -> Dashboard:
        (self.folder / "asv.conf.json").write_text(json.dumps(self.configuration))
        done = subprocess.run(
            [sys.executable, "-m", "asv", "publish"], cwd=self.folder, capture_output=True, text=True, timeout=120,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        return Dashboard(self.folder / "html", self.results, self.commits, said)


def _timed(medians: list[Any], params: list[list[str]], factor: float) -> list[Any]:
    """A row with five samples around each median; null has failed, NaN was skipped."""
    values = [value if value is None or math.isnan(value) else value * factor for value in medians]
    measured = [value is not None and not math.isnan(value) for value in values]

    def column(spread: float) -> list[Any]:
        return [value * spread if ok else None for value, ok in zip(values, measured, strict=True)]

    samples = [
        [value * part for part in (0.96, 0.98, 1.0, 1.03, 1.06)] if ok else None
        for value, ok in zip(values, measured, strict=True)
    ]
    numbers = [[count if ok else None for ok in measured] for count in (1, 5)]
    started = 1_795_500_000_000
    return [
        values,
        params,
        "1",
        started,
        1.0,
        column(0.95),
        column(1.07),
        column(0.98),
        column(1.03),
        *numbers,
        samples,
    ]


def _draw(picture: Path) -> None:
    from PIL import Image
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        made = Scratch(Path(folder) / "scratch")
        made.declare()
        made.machine("box")
        for place in range(3):
            made.measure("box", place)
        page = made.publish().html / "speedup.html"
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": 1280, "height": 900})
        shown.emulate_media(reduced_motion="reduce")
        shown.goto(f"{page.as_uri()}#benchmark={API}")
        shown.wait_for_timeout(1000)
        shown.screenshot(path=picture, full_page=True)
        browser.close()
    Image.open(picture).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(picture, optimize=True)


if __name__ == "__main__":
    _draw(ROOT / "docs" / "speedup_page.png")
