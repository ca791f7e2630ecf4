"""Every command of the pages in docs/ runs, and every link leads to a file."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from documented_commands import BIN, PAGES, README, WITH_ENVIRONMENT, commands, environment, make_clone, run_commands
from support import ROOT

from tools import local_api


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone on a machine that asv knows: the README's commands come first."""
    path = make_clone(tmp_path_factory.mktemp("documentation"))
    subprocess.run([BIN / "asv", "machine", "--yes"], cwd=path, env=environment(path), check=True, capture_output=True)
    return path


@pytest.fixture(scope="module")
def url(clone: Path) -> Iterator[str]:
    with local_api.running(clone / "items.ndjson", latency_seconds=0.0) as address:
        yield address


@pytest.fixture(scope="module")
def done_before() -> set[str]:
    """The commands that a page before this one has run, or the README: they stand on several."""
    return set(commands(README)) - {"python tools/benchmark_ingest.py dashboard"}  # which leaves what others show


@pytest.mark.parametrize("page", [page for page in PAGES if page not in WITH_ENVIRONMENT], ids=lambda page: page.name)
def test_commands(page: Path, clone: Path, url: str, done_before: set[str]) -> None:
    run_commands(page, clone, url, done_before)


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_option_is_explained() -> None:
    from stac_manager import IngestConfig

    text = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")
    assert not [name for name in IngestConfig.model_fields if f"`{name}`" not in text]
