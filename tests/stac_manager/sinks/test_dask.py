"""A cluster does what one process does; credentials by value stay out of its graphs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import make_item, make_items

from stac_manager import ConfigurationError, DataProcessingError
from stac_manager.dask import _outcome, ingest, to_bag
from stac_manager.network import backoff
from stac_manager.plan import Whole
from stac_manager.sinks.running import Progress
from stac_manager.sinks.verifying import verify

pytestmark = pytest.mark.filterwarnings("ignore")  # what Dask warns of is Dask's

ITEMS = 60


@pytest.fixture(scope="module", autouse=True)
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Dask's folder for what does not fit into memory, which it leaves behind."""
    import dask

    with dask.config.set(temporary_directory=str(tmp_path_factory.mktemp("dask"))):
        yield


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


def test_workers_may_work_in_another_folder(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import Client, LocalCluster

    monkeypatch.chdir(tmp_path)
    with LocalCluster(1, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as theirs:
        theirs.run(os.chdir, "/")
        for dest in ("out", "out.ndjson"):
            assert ingest({"source": source.name}, dest, theirs, partition_items=10).items == ITEMS
            assert not verify(tmp_path / dest, unique=True).problems


def test_a_worker_that_does_not_reach_dest_is_named(source: Path, tmp_path: Path, client: Any) -> None:
    def unmount(progress: Progress) -> None:
        if progress.done == 0:
            (tmp_path / "out" / ".stac-manager" / "tmp").rmdir()

    with pytest.raises(DataProcessingError, match=f"out: the worker on {socket.gethostname()} does not reach it; name"):
        ingest({"source": source}, tmp_path / "out", client, on_progress=unmount)


@pytest.mark.parametrize("lost", ["client", "scheduler", "workers"])
def test_a_cluster_that_is_gone_is_said_and_another_goes_on(
    lost: str, source: Path, tmp_path: Path, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import Client, LocalCluster

    monkeypatch.setattr("stac_manager.dask.ALONE_SECONDS", 1)

    config, dest = {"source": source}, tmp_path / "out"
    with LocalCluster(1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        theirs = Client(cluster)

        def lose(progress: Any) -> None:
            if progress.done == 1 and lost == "workers":
                cluster.scale(0)
                theirs.retire_workers()
            elif progress.done == 1:
                (theirs if lost == "client" else cluster).close()

        said = "all workers .* are gone" if lost == "workers" else "connection to the Dask cluster is lost"
        with pytest.raises(DataProcessingError, match=f"{said}.* run it again"):
            ingest(config, dest, theirs, partition_items=5, on_progress=lose)
        theirs.close()
    with pytest.raises(DataProcessingError, match="client is closed"):
        ingest(config, dest, theirs, partition_items=5)
    assert ingest(config, dest, client, partition_items=5).items == ITEMS


@pytest.mark.parametrize("status", ["pending", "lost", "finished", "error"])
def test_a_result_that_does_not_come_in_time_is_waited_for_again(status: str) -> None:
    """It is the task's own error only where the task failed: it may be done a moment after the wait for it."""

    class Future:
        def __init__(self) -> None:
            self.status = status

        def result(self, seconds: float) -> None:
            raise TimeoutError

    if status == "error":
        with pytest.raises(TimeoutError):
            _outcome(Future(), Whole())
    else:
        assert _outcome(Future(), Whole()) is None


@pytest.mark.parametrize("limited", [False, True])
def test_a_cluster_without_workers_is_said_and_one_that_grows_gets_more_to_do(
    limited: bool, source: Path, tmp_path: Path, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As jobs of a batch system begin one after another; what is asked of a source at once is divided anew."""
    threads, submitted, handed_out = [0], [], []
    submit = client.submit

    def counted(do: Any, job: Any, *arguments: Any, **options: Any) -> Any:
        submitted.append((job.options["concurrency"], submit(do, job, *arguments, **options)))
        if limited:
            assert sum(level for level, future in submitted if not future.done()) <= 8
        return submitted[-1][1]

    def grow(progress: Any) -> None:
        handed_out.append(len(submitted) - progress.done)
        threads[0] = 4 if progress.done else 1

    monkeypatch.setattr(client, "nthreads", lambda: {"tcp://1": threads[0]})
    monkeypatch.setattr(client, "submit", counted)
    config = {"source": source, "concurrency": 8 if limited else "auto"}
    with pytest.raises(DataProcessingError, match=r"no workers: wait for the first.*adapt\(\) needs minimum=1"):
        ingest(config, tmp_path / "out", client)
    threads[0] = 1
    assert ingest(config, tmp_path / "out", client, partition_items=5, on_progress=grow).items == ITEMS
    if limited:
        assert (submitted[0][0], submitted[-1][0]) == (8, 2)
    else:
        assert handed_out[:2] == [0, 2 * 1]
        assert 2 * 4 in handed_out


def test_workers_without_this_version_are_refused(
    source: Path, tmp_path: Path, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(function: Any) -> None:
        raise Exception("ModuleNotFoundError: No module named 'stac_manager'")  # as distributed does it

    def gone(function: Any) -> None:
        raise OSError("in <TCP (closed)>: Stream is closed")  # CommClosedError is one

    cases = (
        (without, "cannot run .*ModuleNotFoundError"),
        (gone, "connection .* is lost"),
        (lambda _: {"tcp://1": "0.0.9"}, "0.0.9, and this is"),
    )
    for run, said in cases:
        monkeypatch.setattr(client, "run", run)
        with pytest.raises(DataProcessingError, match=said):
            ingest({"source": source}, tmp_path / "out", client)
    monkeypatch.undo()
    submit = client.submit

    def to_one_that_joins_late(do: Any, *arguments: Any, **options: Any) -> Any:
        return submit(do, *arguments[:-1], "0.0.9", **options)

    monkeypatch.setattr(client, "submit", to_one_that_joins_late)
    with pytest.raises(DataProcessingError, match=r"and this is 0\.0\.9"):
        ingest({"source": source}, tmp_path / "out", client)


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


PARTITIONS = """
import resource, sys
from stac_manager import __version__
from stac_manager.dask import _do
from stac_manager.sinks.folder import Folder
from stac_manager.sinks.layout import layout_of
from stac_manager.sinks.request import plan_of_source, request_for

request = request_for({"source": sys.argv[1]}, layout_of(sys.argv[2]), {}, 250)
with Folder(request.layout).owned():
    for partition in plan_of_source(request):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        _do(request.job, partition, None, __version__)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc")
def test_a_worker_keeps_the_memory_of_an_item_for_the_next(tmp_path: Path) -> None:
    """As Dask starts it, it would take pages from the system anew for each item: six of this size."""
    assets = {f"a{number}": {"href": "https://example.com/" + "x" * 100, "title": "t" * 60} for number in range(60)}
    items = [make_item(f"i{number}", assets=assets) for number in range(1_000)]
    (tmp_path / "in.ndjson").write_text("".join(json.dumps(item) + "\n" for item in items))
    done = subprocess.run(
        [sys.executable, "-c", PARTITIONS, tmp_path / "in.ndjson", tmp_path / "out"],
        env={**os.environ, "MALLOC_TRIM_THRESHOLD_": "65536"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert min(map(int, done.stdout.split())) < 250
