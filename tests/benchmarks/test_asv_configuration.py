"""asv.conf.json: pinned. That it is good for a run from a fresh clone, `tests/test_documentation.py` shows."""

from __future__ import annotations

import re
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
    assert {name.split(";")[0] for name in names if name and not name.startswith("#")} <= set(suite)
    everything = locked()
    assert {name: versions for name, versions in suite.items() if not versions <= everything.get(name, set())} == {}


def test_processes_are_spawned_in_virtual_environments(configuration: Config) -> None:
    assert configuration.launch_method == "spawn"
    assert configuration.environment_type == "virtualenv"
    assert any("--no-deps" in command for command in configuration.build_command)
