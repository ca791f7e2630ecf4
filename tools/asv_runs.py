"""What starting asv takes: a configuration, a machine, the commit, and the line that says what went wrong."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from asv.machine import Machine, MachineCollection

from tools.errors import MeasuringError

__all__ = ["ROOT", "MeasuringError", "git", "last_line", "write_configuration"]

ROOT = Path(__file__).resolve().parent.parent


def write_configuration(work: Path, repository: Path = ROOT) -> None:
    configuration = {
        "version": 1,
        "project": "stac-manager",
        "repo": str(repository),
        "branches": ["HEAD"],
        "environment_type": "existing",
        "launch_method": "spawn",
        "benchmark_dir": str(ROOT / "benchmarks"),
        "results_dir": str(work / "results"),
        "html_dir": str(work / "html"),
        "env_dir": str(work / "env"),
    }
    (work / "asv.conf.json").write_text(json.dumps(configuration), encoding="utf-8")
    # asv looks for the description of this machine in the home folder, and asks questions where there is none.
    machine = Machine.get_defaults()
    MachineCollection.save(machine["machine"], machine, _path=str(work / ".asv-machine.json"))


def git(*arguments: str, repository: Path = ROOT) -> str:
    try:
        done = subprocess.run(["git", "-C", repository, *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise MeasuringError("git is not installed; the results are kept by commit") from None
    if done.returncode:
        raise MeasuringError(f"{repository} is no git checkout with a commit: {last_line(done.stderr)}")
    return done.stdout.strip()


def last_line(log: str) -> str:
    lines: Sequence[str] = [line.strip() for line in log.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"
