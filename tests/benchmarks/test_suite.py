"""The asv suite as asv sees it: its names, its versions, and that nothing is timed that does not run."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support import ROOT

RECORD = Path(__file__).with_name("suite.json")
DISCOVER = """
import inspect, json, sys
from asv_runner.discovery import disc_benchmarks, update_sys_path
update_sys_path(sys.argv[1])
found = {}
for benchmark in disc_benchmarks(sys.argv[1]):
    found[benchmark.name] = {
        "version": benchmark.version,
        "params": benchmark.params,
        "coroutine": inspect.iscoroutinefunction(benchmark.func),
        "file": inspect.getsourcefile(inspect.unwrap(benchmark.func)),
        "deadline": benchmark.timeout,
    }
json.dump(found, sys.stdout)
"""
NOT_AVAILABLE = """
from benchmarks import api_ingest, file_ingest
for ingest, size in ((file_ingest.FileIngest(), 1000), (api_ingest.APIIngest(), 500)):
    try:
        ingest.setup(1, size)
    except NotImplementedError:
        print("n/a")
"""
ASV_DEFAULT_VERSION = re.compile("[0-9a-f]{64}")


def started(program: str, package: Path = ROOT) -> str:
    """Run a program in a process of its own, where `stac_manager` is that of a folder, and return what it prints."""
    environment = {**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-P", "-c", program, ROOT / "benchmarks"]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment).stdout


def discover(package: Path = ROOT) -> dict[str, dict[str, Any]]:
    """Ask asv's own runner."""
    return json.loads(started(DISCOVER, package))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def suite() -> dict[str, dict[str, Any]]:
    return discover()


def code_hash(path: str) -> str:
    """Hash what a benchmark module does: its syntax tree without docstrings and comments."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    text = ast.unparse(tree).replace('"', "'")  # versions of Python choose other quotes
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def recorded(suite: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        name: {"version": found["version"], "params": found["params"], "code": code_hash(found["file"])}
        for name, found in sorted(suite.items())
    }


def test_names_versions_parameters_and_code_are_the_recorded_ones(suite: dict[str, dict[str, Any]]) -> None:
    """A benchmark whose code or parameters change must be looked at: does its history still mean the same?

    If it does not, give it another `version`. Then record the suite anew:
    PYTHONPATH=tests python tests/benchmarks/test_suite.py
    """
    assert recorded(suite) == json.loads(RECORD.read_text(encoding="utf-8"))


def test_every_benchmark_has_a_version_of_its_own_and_a_deadline(suite: dict[str, dict[str, Any]]) -> None:
    assert suite
    for name, found in suite.items():
        assert not ASV_DEFAULT_VERSION.fullmatch(found["version"]), name
        assert found["deadline"], name


def test_at_a_commit_that_has_nothing_yet_the_suite_is_the_same_and_not_available(
    suite: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "stac_manager").mkdir()
    (tmp_path / "stac_manager" / "__init__.py").touch()
    assert discover(tmp_path) == suite
    assert started(NOT_AVAILABLE, tmp_path).split() == ["n/a", "n/a"]


def test_no_coroutine_is_timed_unawaited(suite: dict[str, dict[str, Any]]) -> None:
    assert not [name for name, found in suite.items() if found["coroutine"]]


def test_parameters_are_plain_numbers_and_words(suite: dict[str, dict[str, Any]]) -> None:
    """Another repr would lose the history (asv keeps parameters as strings)."""
    for name, found in suite.items():
        for values in found["params"]:
            assert all(isinstance(ast.literal_eval(value), int | str) for value in values), name


def test_only_the_compatibility_module_imports_the_package() -> None:
    for path in (ROOT / "benchmarks").glob("*.py"):
        imported = {
            name
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert not [name for name in imported if name.split(".")[0] == "tools"], path
        if path.name != "_compat.py":
            assert not [name for name in imported if name.split(".")[0] == "stac_manager"], path


if __name__ == "__main__":
    RECORD.write_text(json.dumps(recorded(discover()), indent=2) + "\n", encoding="utf-8")
