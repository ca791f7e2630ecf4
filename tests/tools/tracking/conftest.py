from __future__ import annotations

from pathlib import Path

import pytest
from scratch_history import ScratchHistory


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """asv's environments for all scratch histories: the package that is measured is all that changes in them."""
    return tmp_path_factory.mktemp("environments")


@pytest.fixture
def history(tmp_path: Path, environments: Path) -> ScratchHistory:
    return ScratchHistory.create(tmp_path, environments)
