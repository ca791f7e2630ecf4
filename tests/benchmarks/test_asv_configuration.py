"""asv.conf.json: pinned, and good for a run over the history from a fresh clone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from asv.config import Config
from support import ROOT


def locked(folder: Path = ROOT) -> dict[str, set[str]]:
    """The versions in requirements.lock; some packages have another one for each Python."""
    found: dict[str, set[str]] = {}
    lock = (folder / "requirements.lock").read_text(encoding="utf-8")
    for name, version in re.findall(r"^([a-z0-9.-]+)==([^ ;\n]+)", lock, flags=re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


@pytest.fixture
def configuration() -> Config:
    return Config.load(str(ROOT / "asv.conf.json"))


def test_pins_are_those_of_the_lock(configuration: Config) -> None:
    pins = configuration.matrix["req"]
    assert "pip+asv_runner" in pins
    for name, versions in pins.items():
        assert versions, name
        assert set(versions) <= locked()[name.removeprefix("pip+").replace("_", "-")], name


def test_what_the_suite_needs_is_locked() -> None:
    names = (ROOT / "benchmarks" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    suite = locked(ROOT / "benchmarks")
    assert {name for name in names if name and not name.startswith("#")} <= set(suite)
    everything = locked()
    assert {name: versions for name, versions in suite.items() if not versions <= everything.get(name, set())} == {}


def test_processes_are_spawned_in_virtual_environments(configuration: Config) -> None:
    assert configuration.launch_method == "spawn"
    assert configuration.environment_type == "virtualenv"
    assert any("--no-deps" in command for command in configuration.build_command)


def test_run_and_publish_from_a_fresh_clone(tmp_path: Path) -> None:
    """The commands of the README, over two commits: HEAD, and the first one, which has nothing to measure yet."""
    clone = tmp_path / "clone"
    home = tmp_path / "home"
    home.mkdir()
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    git = ["git", "-C", clone]
    subprocess.run([*git, "checkout", "--quiet", "-B", "main"], check=True)
    first = subprocess.run(
        [*git, "rev-list", "--max-parents=0", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    (tmp_path / "commits").write_text(f"{first}\nHEAD\n")

    def asv(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "asv", *arguments],
            cwd=clone, env={**os.environ, "HOME": str(home)}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    asv("machine", "--yes")
    said = asv("run", f"HASHFILE:{tmp_path / 'commits'}", "--quick", "--bench", "Startup")
    assert "n/a" in said
    asv("publish")
    assert (clone / ".asv" / "html" / "index.html").is_file()
    assert len(list((clone / ".asv" / "results").glob("*/*-virtualenv-*.json"))) == 2
