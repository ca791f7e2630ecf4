"""What the tests of the dashboard look at."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from dashboard_results import Dashboard, Scratch


def program(*names: str, package: str) -> str:
    """A program that a test needs. Where there is none the test is skipped; in CI that is a failure."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        # There `.ci/run` installs it.
        assert "CI" not in os.environ, f"{package} is not installed"
        pytest.skip(f"{package} is not installed; Debian: apt-get install {package}")
    return found


@pytest.fixture(scope="session")
def chromium() -> str:
    return program("chromium", "chromium-browser", "google-chrome", package="chromium")


@pytest.fixture(scope="session")
def npm() -> str:
    return program("npm", package="npm")


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    """One machine, one commit."""
    made = Scratch(tmp_path / "scratch")
    made.declare()
    made.machine("box")
    made.measure("box", 3)
    return made


@pytest.fixture(scope="session")
def dashboard(npm: str, tmp_path_factory: pytest.TempPathFactory) -> Dashboard:
    """Two machines, four commits."""
    made = Scratch(tmp_path_factory.mktemp("dashboard") / "scratch")
    made.declare()
    for machine, factor in (("box", 1.0), ("laptop", 1.7)):
        made.machine(machine)
        for place in range(len(made.commits)):
            made.measure(machine, place, factor)
    return made.publish()
