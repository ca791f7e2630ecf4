"""How large the parts of the package are at most."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = ROOT / "stac_manager/api"
MOST_LINES, MOST_ATTRIBUTES, MOST_COMPLEX = 300, 10, 12


def attributes_of(cls: ast.ClassDef) -> set[str]:
    """The attributes of objects: fields that are declared, and what methods assign to `self`."""
    fields = {
        each.target.id
        for each in cls.body
        if isinstance(each, ast.AnnAssign)
        and isinstance(each.target, ast.Name)
        and "ClassVar" not in ast.unparse(each.annotation)
    }
    stored = (each for each in ast.walk(cls) if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store))
    return fields | {each.attr for each in stored if isinstance(each.value, ast.Name) and each.value.id == "self"}


def classes_above(most: int) -> Iterator[str]:
    for path in sorted(CORE.rglob("*.py")):
        for cls in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(cls, ast.ClassDef) and len(attributes_of(cls)) > most:
                yield cls.name


def test_no_file_of_the_package_is_long() -> None:
    lines = {path: len(path.read_bytes().splitlines()) for path in (ROOT / "stac_manager").rglob("*.py")}
    assert {str(path): count for path, count in lines.items() if count > MOST_LINES} == {}


def test_no_class_of_the_api_core_has_many_attributes() -> None:
    assert set(classes_above(MOST_ATTRIBUTES)) == set()


def test_no_function_of_the_api_core_is_complex() -> None:
    pytest.importorskip("ruff")
    bound = f"lint.mccabe.max-complexity = {MOST_COMPLEX}"
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--select", "C901", "--config", bound, str(CORE)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
