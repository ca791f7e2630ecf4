"""The benchmark of a real catalog: silent unless one is named, and then it fetches with what the environment says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import make_items

from benchmarks import _api_server
from benchmarks.live_api import LiveAPIIngest


@pytest.fixture(autouse=True)
def _no_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CATALOG", "COLLECTION", "DATETIME", "AUTHORIZATION"):
        monkeypatch.delenv(f"STAC_MANAGER_LIVE_{name}", raising=False)


def test_it_is_not_available_without_a_catalog() -> None:
    with pytest.raises(NotImplementedError, match="STAC_MANAGER_LIVE_CATALOG"):
        LiveAPIIngest().setup(1, 500)


def test_it_searches_the_catalog_that_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    items = tmp_path / "items.ndjson"
    items.write_text("".join(json.dumps(item) + "\n" for item in make_items(20)))
    with _api_server.running(items, latency_seconds=0) as url:
        monkeypatch.setenv("STAC_MANAGER_LIVE_CATALOG", url)
        monkeypatch.setenv("STAC_MANAGER_LIVE_AUTHORIZATION", "Bearer s3cret")
        benchmark = LiveAPIIngest()
        benchmark.setup(1, 12)
        benchmark.time_ingest(1, 12)
        assert benchmark.module.stats.items == 12
        assert benchmark.module.config.headers == {"Authorization": "Bearer s3cret"}
        assert "s3cret" not in repr(vars(benchmark))

        monkeypatch.setenv("STAC_MANAGER_LIVE_COLLECTION", "absent")
        benchmark.setup(1, 12)
        with pytest.raises(RuntimeError, match="0 items"):  # an empty search must not look fast
            benchmark.time_ingest(1, 12)
