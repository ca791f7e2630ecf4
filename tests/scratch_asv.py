"""A real run of asv on a small suite, in a repository of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

CONFIGURATION = {
    "version": 1,
    "project": "scratch",
    "repo": ".",
    "branches": ["HEAD"],
    "environment_type": "existing",
    "benchmark_dir": "benchmarks",
    "results_dir": "results",
    "launch_method": "spawn",
}


def measure_scratch_project(project: Path, *, expected: int = 0, launch_method: str = "spawn") -> Path:
    """Make a repository of a folder with `benchmarks`, let asv measure them here, and return its results."""
    (project / "asv.conf.json").write_text(json.dumps({**CONFIGURATION, "launch_method": launch_method}))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment |= {
        "HOME": str(project),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "t",
        "GIT_AUTHOR_EMAIL": "t@example.org",
        "GIT_COMMITTER_NAME": "t",
        "GIT_COMMITTER_EMAIL": "t@example.org",
    }

    def run(*command: str, expected: int = 0) -> str:
        done = subprocess.run(
            command, cwd=project, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == expected, done.stdout + done.stderr
        return done.stdout.strip()

    run("git", "init", "--quiet")
    run("git", "add", ".")
    run("git", "commit", "--quiet", "--message", "all")
    commit = run("git", "rev-parse", "HEAD")
    asv = (sys.executable, "-m", "asv")
    # `asv machine` leaves out every field that equals its own guess, so the file is written here.
    hardware = {"os": "Linux", "arch": "x86_64", "cpu": "Some CPU", "num_cpu": "2", "ram": "8174084096"}
    machines = {"box": {"machine": "box", **hardware}, "version": 1}
    (project / ".asv-machine.json").write_text(json.dumps(machines))
    measure = (*asv, "run", "-E", f"existing:{sys.executable}", "--set-commit-hash", commit, "--machine", "box")
    run(*measure, "--record-samples", expected=expected)
    return project / "results"
