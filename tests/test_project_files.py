"""The files that describe the project: its image, its site, its notebook, its package page, how to cite it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support import ROOT

import stac_manager

PROGRAMS = Path(sys.executable).parent


def test_the_image_is_linted(tmp_path: Path) -> None:
    hadolint = PROGRAMS / "hadolint"
    if not hadolint.exists():
        pytest.skip("hadolint has no package for this platform")
    done = subprocess.run([hadolint, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    broken = tmp_path / "Dockerfile"
    broken.write_text((ROOT / "Dockerfile").read_text().replace("python:3.13-slim", "python"))
    assert subprocess.run([hadolint, broken], capture_output=True, check=False).returncode == 1


def test_the_image_is_built_where_a_builder_exists() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker engine runs here")
    subprocess.run([docker, "build", "--tag", "stac-ingestion-test", ROOT], check=True)


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [PROGRAMS / "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path / "site"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    start = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "make bench" in start
    # Nothing is loaded from elsewhere: the site can be read without network.
    for page in (tmp_path / "site").glob("*.html"):
        loaded = re.findall(r"<(?:script|img|link)[^>]+(?:src|href)=\"?(https?://[^\"\s>]+)", page.read_text())
        assert [url for url in loaded if "canonical" not in url] == [], page.name


def test_the_package_page_has_no_link_that_leads_nowhere_there() -> None:
    text = (ROOT / "stac_manager" / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\((?!https?://|#)[^)]*\)", text) == []


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == stac_manager.__version__
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_the_changelog_tells_of_this_version() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)", changes, re.MULTILINE)[:2] == ["Unreleased", stac_manager.__version__]


def test_the_thorough_tests_can_be_collected() -> None:
    files = [path for path in (ROOT / "tests").rglob("test_*.py") if "THOROUGH" in path.read_text(encoding="utf-8")]
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", *files]
    done = subprocess.run(
        [*command, "--hypothesis-profile", "thorough"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "test_ctrl_c_leaves_no_process_and_no_file[15-" in done.stdout  # which is among these only


RUN_NOTEBOOK = """
import json, sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": sys.argv[2]}}).execute()
print(json.dumps([cell["outputs"] for cell in notebook.cells if cell.cell_type == "code"]))
"""


def test_the_notebook_runs(tmp_path: Path) -> None:
    """Every cell, in a kernel of this environment; what the cells show is kept nowhere. nbclient leaves its event loop
    open, so it has a process of its own."""
    path = ROOT / "docs" / "notebook.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert [cell["outputs"] for cell in cells if cell["cell_type"] == "code"] == [[], [], []]
    # A kernel of its own, whatever is registered on this machine, and in no home folder.
    own = {
        "PYTHONPATH": str(ROOT),
        "JUPYTER_PATH": str(Path(sys.prefix) / "share" / "jupyter"),
        **dict.fromkeys(("HOME", "TMPDIR"), str(tmp_path)),
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN_NOTEBOOK, path, tmp_path], env={**os.environ, **own}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    _, printed, frame = json.loads(done.stdout.splitlines()[-1])
    assert printed[-1]["text"] == "20 clear of 200 items; not delivered: []\n"
    assert "scene-002" in frame[-1]["data"]["text/html"]
