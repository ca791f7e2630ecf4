"""What the distribution promises before anything is ingested."""

import re
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
