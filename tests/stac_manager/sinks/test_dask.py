"""A cluster does what one process does; credentials by value stay out of its graphs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import make_items

from stac_manager import ConfigurationError, DataProcessingError
from stac_manager.dask import ingest, to_bag
from stac_manager.network import backoff
from stac_manager.sinks.verifying import verify

pytestmark = pytest.mark.filterwarnings("ignore")  # what Dask warns of is Dask's

ITEMS = 60


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
        Client(cluster) as connected,
    ):
        yield connected


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.ndjson"
    path.write_text("".join(json.dumps(item) + "\n" for item in make_items(ITEMS)))
    return path


def test_a_cluster_writes_all_items_once(client: Any, source: Path, tmp_path: Path) -> None:
    manifest = ingest({"source": source}, tmp_path / "out", client, partition_items=10)
    assert (manifest.items, manifest.status) == (ITEMS, "complete")
    assert len(manifest.parts) > 3
    assert not verify(tmp_path / "out", unique=True).problems


def test_a_partition_that_fails_is_named_and_the_rest_is_done(client: Any, source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.ndjson").write_text(source.read_text())

    def gone(progress: Any) -> None:
        (folder / "c.ndjson").unlink(missing_ok=True)

    with pytest.raises(DataProcessingError, match=r"c\.ndjson"):
        ingest({"source": folder}, tmp_path / "out", client, partition_items=ITEMS, on_progress=gone)
    assert len(list((tmp_path / "out").glob("*.ndjson"))) == 2


def test_a_bag_has_all_items(client: Any, source: Path) -> None:
    bag = to_bag({"source": source}, partition_items=10)
    assert bag.npartitions > 3
    assert sorted(bag.pluck("id").compute()) == [item["id"] for item in make_items(ITEMS)]


def test_credentials_by_value_are_refused_and_variables_are_looked_up_by_the_worker(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "RETRY_BASE_SECONDS", 0.001)  # nobody listens there, and nobody will
    api = {"source": "http://127.0.0.1:9/", "headers": {"Authorization": "hunter2"}}
    for call in (lambda: ingest(api, tmp_path / "out", client), lambda: to_bag(api)):
        with pytest.raises((ConfigurationError, DataProcessingError)) as caught:
            call()
        assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="in the graph"):
        to_bag(api)
