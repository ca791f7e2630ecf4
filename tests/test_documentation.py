"""Every command and every example of the README and of docs/ runs, and every link leads to a file."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from documented_commands import PAGES, README, commands, make_clone, run_commands
from support import ROOT

from benchmarks import _api_server


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clone(tmp_path_factory.mktemp("documentation"))


@pytest.fixture(scope="module")
def url(clone: Path) -> Iterator[str]:
    with _api_server.running(clone / "items.ndjson", latency_seconds=0.0) as address:
        yield address


@pytest.fixture(scope="module")
def done_before() -> set[str]:
    """The commands that a page before this one has run: they stand on several."""
    return set()


def test_there_are_commands_to_test() -> None:
    assert {"make bench", "make test"} <= set(commands(README))
    assert len([command for command in commands(README) if "benchmark_ingest.py" in command]) == 6


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.name)
def test_commands(page: Path, clone: Path, url: str, done_before: set[str]) -> None:
    """The README's first: it makes asv's environment for all."""
    run_commands(page, clone, url, done_before)


def test_python_examples(clone: Path) -> None:
    """A script, and then a cell of a notebook that goes on where the script has ended."""
    script, cell = re.findall(r"^```python\n(.*?)^```", README.read_text(), flags=re.MULTILINE | re.DOTALL)
    as_notebooks_do = "import ast, asyncio; asyncio.run(eval(compile({!r}, 'cell', 'exec', ast.{})))"
    program = f"{script}\n{as_notebooks_do.format(cell, 'PyCF_ALLOW_TOP_LEVEL_AWAIT')}"
    done = subprocess.run([sys.executable, "-c", program], cwd=clone, capture_output=True, text=True, check=True)
    assert done.stdout.split() == 2 * [f"item-{index:02}" for index in range(25)]


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_option_is_explained() -> None:
    from stac_manager.config import NAMES

    text = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")
    assert not [name for name in NAMES if f"`{name}`" not in text]
