"""No test waits for a back-off, or knows what another one found out about a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stac_manager.api import page_sizes, retrying


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(retrying, "RETRY_BASE_SECONDS", 0.0001)
    monkeypatch.setattr(retrying, "RETRY_CAP_SECONDS", 0.001)
    page_sizes.forget()
    yield
    page_sizes.forget()
