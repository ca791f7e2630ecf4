"""Every command and every example of the README and of docs/ runs, and every link leads to a file."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from documented_commands import PAGES, README, commands, make_clone, run_commands
from support import ROOT

from benchmarks import _api_server

OURS = ("stac_manager", "tools", "benchmarks")


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


def examples(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def test_python_examples(clone: Path) -> None:
    """A script, and then a cell of a notebook that goes on where the script has ended."""
    script, cell = examples(README)
    as_notebooks_do = "import ast, asyncio; asyncio.run(eval(compile({!r}, 'cell', 'exec', ast.{})))"
    program = f"{script}\n{as_notebooks_do.format(cell, 'PyCF_ALLOW_TOP_LEVEL_AWAIT')}"
    done = subprocess.run([sys.executable, "-c", program], cwd=clone, capture_output=True, text=True, check=True)
    assert done.stdout.split() == 2 * [f"item-{index:02}" for index in range(25)]


def test_recipes(clone: Path) -> None:
    program = "\n".join(examples(ROOT / "docs" / "recipes.md"))
    done = subprocess.run([sys.executable, "-c", program], cwd=clone, capture_output=True, text=True, check=True)
    assert done.stdout == "25 items; 0 failures; []\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_examples_import_is_there(page: Path) -> None:
    for example in examples(page):
        for line in ast.walk(ast.parse(example)):
            if isinstance(line, ast.ImportFrom) and line.module and line.module.split(".")[0] in OURS:
                module = importlib.import_module(line.module)
                assert not [name.name for name in line.names if not hasattr(module, name.name)]


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_option_is_explained() -> None:
    from stac_manager.config import NAMES

    text = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")
    assert not [name for name in NAMES if f"`{name}`" not in text]
