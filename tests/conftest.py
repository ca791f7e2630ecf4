"""Fixtures that every test may ask for."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:
    from scratch_history import ScratchHistory


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a document below the test's folder: bytes and text as they are, anything else as JSON."""

    def write_document(name: str, content: object) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write_document


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """asv's environments for all scratch histories: the package that is measured is all that changes in them."""
    from scratch_history import make_environments

    return make_environments(tmp_path_factory.mktemp("environments"))


@pytest.fixture
def history(tmp_path: Path, environments: Path) -> ScratchHistory:
    from scratch_history import ScratchHistory

    return ScratchHistory.create(tmp_path, environments)


os.environ.pop("COLUMNS", None)  # the width of the terminal that runs the tests
for signed_in in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[signed_in]  # a profile that an empty home folder does not have; another endpoint

LONGEST = (
    "documentation", "nightly", "judging", "workflows", "real_servers", "worlds", "benchmark_ingest", "browser",
    "types", "stac_api_server", "dask", "publishing", "parquet", "outages", "generator", "exactly_once", "processes",
)  # fmt: skip
"""What the longest modules have in their names: they begin first, so that no process is left alone with one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((n for n, name in enumerate(LONGEST) if name in item.path.stem), len(LONGEST)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more process than there are processors: a fourth of the time tests wait for servers, timers and disks."""
    return (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1) + 1


TOGETHER = {
    **dict.fromkeys(("test_nightly", "test_workflows", "test_interrupted_run"), "with an environment of asv"),
    **dict.fromkeys(("test_in_a_browser", "test_publishing"), "with a dashboard"),
}
"""One process runs all of a kind, so that what they share is made once."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """By file, but for those that share what is dear. (Groups of xdist would be marked here too late.)"""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return TOGETHER.get(Path(file).stem, file)

    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


signal.signal(signal.SIGINT, signal.default_int_handler)
"""A shell starts what runs in the background with SIGINT ignored, and all that the tests start would inherit that."""

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
"""Where an image sets it, each of the hundreds of processes of a run would compile anew all that it imports."""
os.environ["PIP_NO_COMPILE"] = "1"
"""Of what asv installs in its environments little is imported, and that is compiled then."""
os.environ["VIRTUALENV_NO_PERIODIC_UPDATE"] = "1"
"""In a new home folder virtualenv looks for newer versions of pip and setuptools: 5 s of computing."""
os.environ.setdefault("PIP_CACHE_DIR", str(Path.home() / ".cache" / "pip"))
os.environ.setdefault("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv"))
"""Tests have home folders of their own; without this each would download anew what asv installs."""

asyncio.set_event_loop(None)
"""Python 3.11 makes a loop for whoever asks when none was ever set. pytest-asyncio asks, and nobody closes that one."""

_PATIENT = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
"""On a machine that is busy with other work, making the cases is slow too."""
hypothesis.settings.register_profile("usual", _PATIENT, max_examples=25, derandomize=True)
hypothesis.settings.register_profile("thorough", _PATIENT, max_examples=500, print_blob=True)
hypothesis.settings.load_profile("usual")
"""`make test` gives a property the same cases every time, `make test-thorough` twenty times as many, others each time.
The second also takes whole products where the first takes a part of them (`support.THOROUGH`)."""
