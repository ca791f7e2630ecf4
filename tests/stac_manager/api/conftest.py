"""No test waits for a back-off."""

from __future__ import annotations

import pytest

from stac_manager.api import http


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "RETRY_BASE_SECONDS", 0.001)
    monkeypatch.setattr(http, "RETRY_CAP_SECONDS", 0.01)
