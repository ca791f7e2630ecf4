"""No test waits for a back-off, or knows what another one found out about a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stac_manager.api import page_sizes
from stac_manager.network import backoff


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(backoff, "RETRY_BASE_SECONDS", 0.0001)
    monkeypatch.setattr(backoff, "RETRY_CAP_SECONDS", 0.001)
    page_sizes.forget()
    yield
    page_sizes.forget()
