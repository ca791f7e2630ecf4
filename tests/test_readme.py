"""Every command and every example of the README runs, and then those of the pages that measure as it does."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from documented_commands import README, WITH_ENVIRONMENT, commands, make_clone, run_commands

from tools import local_api


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clone(tmp_path_factory.mktemp("documentation"))


@pytest.fixture(scope="module")
def url(clone: Path) -> Iterator[str]:
    with local_api.running(clone / "items.ndjson", latency_seconds=0.0) as address:
        yield address


def test_there_are_commands_to_test() -> None:
    assert {"make bench", "make test"} <= set(commands(README))
    assert len([command for command in commands(README) if "benchmark_ingest.py" in command]) == 6


@pytest.fixture(scope="module")
def done_before() -> set[str]:
    return set()


@pytest.mark.parametrize("page", [README, *WITH_ENVIRONMENT], ids=lambda page: page.name)
def test_commands(page: Path, clone: Path, url: str, done_before: set[str]) -> None:
    run_commands(page, clone, url, done_before)


def test_python_examples(clone: Path) -> None:
    """A script, and then a cell of a notebook that goes on where the script has ended."""
    script, cell = re.findall(r"^```python\n(.*?)^```", README.read_text(), flags=re.MULTILINE | re.DOTALL)
    as_notebooks_do = "import ast, asyncio; asyncio.run(eval(compile({!r}, 'cell', 'exec', ast.{})))"
    program = f"{script}\n{as_notebooks_do.format(cell, 'PyCF_ALLOW_TOP_LEVEL_AWAIT')}"
    done = subprocess.run([sys.executable, "-c", program], cwd=clone, capture_output=True, text=True, check=True)
    assert done.stdout.split() == 2 * [f"item-{index:02}" for index in range(25)]
