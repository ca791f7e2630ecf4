"""What the distribution promises before anything is ingested."""

import re
import subprocess
import sys
from importlib.metadata import requires, version
from pathlib import Path

import stac_manager


def test_version_is_that_of_the_distribution() -> None:
    assert stac_manager.__version__ == version("stac-manager")


def test_every_dependency_is_locked() -> None:
    lock = (Path(__file__).parent.parent / "requirements.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([a-z0-9.-]+)==", lock, flags=re.MULTILINE))
    names = [re.split(r"[\[<>=;~! ]", line)[0] for line in requires("stac-manager") or []]
    assert names
    assert {name.lower().replace("_", "-") for name in names} - {"stac-manager"} <= locked


def test_public_names_are_there_and_cost_nothing_before_they_are_used() -> None:
    assert {name: getattr(stac_manager, name).__name__ for name in stac_manager.__all__ if name != "Item"} == {
        name: name for name in stac_manager.__all__ if name != "Item"
    }
    assert set(stac_manager.__all__) <= set(dir(stac_manager))
    program = "import sys, stac_manager.command; print({'msgspec', 'aiohttp', 'orjson'} & sys.modules.keys() or '')"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "\n"
