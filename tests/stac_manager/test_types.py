"""What type checkers know: the options, and the statistics of each mode."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

from stac_manager import ApiIngest, ConfigurationError, FileIngest, IngestModule, IngestOptions
from stac_manager.config import NAMES

FINE = """
from pathlib import Path
from stac_manager import ApiIngest, FileIngest, IngestModule, IngestOptions, WorkflowContext
from stac_manager.sinks import Sink, write

async def run() -> None:
    context = WorkflowContext.create()
    api = ApiIngest(source="https://example.com", concurrency="auto", headers={"Authorization": "x"})
    files = FileIngest({"source": Path("items"), "concurrency": 4})
    options: IngestOptions = {"source": "items"}
    for module in (api, files, IngestModule(options), IngestModule({"mode": "api", "source": "https://example.com"})):
        async for item in module.fetch(context):
            print(item["id"])
    manifest = write(Sink({"source": Path("items"), "timeout": 5}, "out"), workers=2)
    print(manifest.items, manifest.parts[0]["file"])
    print(api.stats.requests, api.stats.completeness.status, api.stats.notes, files.stats.documents)
"""
WRONG = (
    'IngestModule({"source": "items", "concurency": 4})',
    'IngestModule(source="items", concurency=4)',
    'IngestModule(source="items", concurrency="many")',
    "IngestModule(concurrency=4)",
    'FileIngest(source="items").stats.requests',
    'Sink({"source": "items", "concurency": 4}, "out")',
    'ingest({"source": "items", "concurency": 4}, "out", None)',
)


def mypy(*files: Path) -> str:
    """Check files, or what the configuration names, and return what mypy says."""
    command = [sys.executable, "-m", "mypy", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_the_project_passes() -> None:
    """`mypy`, at the same time as other tests."""
    assert mypy().startswith("Success: no issues found in ")


def test_documented_use_passes_and_a_typo_fails(tmp_path: Path) -> None:
    imports = (
        "from stac_manager import FileIngest, IngestModule; from stac_manager.sinks import Sink; "
        "from stac_manager.dask import ingest\n"
    )
    (tmp_path / "fine.py").write_text(FINE)
    (tmp_path / "wrong.py").write_text(imports + "\n".join(WRONG) + "\n")
    # With the configuration of the project, and so with what was found out about it right before.
    said = mypy(tmp_path / "fine.py", tmp_path / "wrong.py")
    # What it remembers of a file it says again of the next one with the same content, wherever that lies.
    found = re.findall(r"([^/\\\s]+\.py):(\d+): error:", said)
    for number, use in enumerate(WRONG, 2):
        assert ("wrong.py", str(number)) in found, (use, said)
    assert {name for name, _ in found} == {"wrong.py"}, said


def test_every_option_is_typed_documented_and_told_by_help() -> None:
    options = set(NAMES)
    assert set(IngestOptions.__annotations__) == options
    page = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")
    assert {name for name in options if f"`{name}`" not in page} == set()
    assert {name for name in options if name not in (IngestModule.__doc__ or "")} == set()


def test_keyword_arguments_and_a_dict_are_the_same() -> None:
    assert (
        IngestModule(source="items", concurrency=3).config == IngestModule({"source": "items", "concurrency": 3}).config
    )
    assert ApiIngest(source="https://example.com/x.json").config.mode == "api"
    with pytest.raises(ConfigurationError, match="not both"):
        IngestModule({"source": "items"}, concurrency=3)  # type: ignore[call-overload]
    with pytest.raises(ConfigurationError, match="'mode' is 'api'; this is for mode 'file'"):
        FileIngest(source="https://example.com", mode="api")
