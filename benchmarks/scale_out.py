"""Items written where they are read: one process, several, a Dask cluster; and a run that goes on after half of it."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from . import _api_server, _compat, _datasets, _timing

ITEMS = 10_000
PARTITION_ITEMS = 1_000
PAGE_ITEMS = 500
IN_FLIGHT = 20


def options_of(source):
    """Return the options that read `ITEMS` Sentinel-2 items of 16 KB from one kind of source."""
    if source == "api":
        server = _api_server.start(_datasets.data_set(ITEMS, "ndjson"))
        return {"mode": "api", "source": server, "limit": PAGE_ITEMS, "concurrency": IN_FLIGHT}
    return {"mode": "file", "source": str(_datasets.data_set(ITEMS, source))}


def workers_of(level):
    """Return the processes of a level, as the report names it: 1, or "2 processes"."""
    return int(str(level).split()[0])


class _Written(_timing.Timed):
    """Writes NDJSON parts to a new folder in each sample."""

    version = "1"
    warmup_time = 0
    rounds = 1

    def teardown(self, *_):
        shutil.rmtree(self.__dict__.pop("folder", ""), ignore_errors=True)

    def dest(self):
        self.folder = self.folder if hasattr(self, "folder") else tempfile.mkdtemp(prefix="scale-out-")
        return Path(tempfile.mkdtemp(dir=self.folder)) / "out"


class ScaleOut(_Written):
    """Time from the start of the run to its manifest, processes started and ended included."""

    param_names = ["concurrency", "source"]
    params = ([1, "2 processes", "4 processes"], ["directory", "ndjson", "geoparquet", "api"])

    def setup(self, concurrency, source):
        self.write = _compat.writer(options_of(source), PARTITION_ITEMS)

    def time_ingest(self, concurrency, source):
        _compat.written(self.write, self.dest(), ITEMS, workers=workers_of(concurrency))

    time_ingest.items = ITEMS


class DaskScaleOut(_Written):
    """The same with a Dask cluster on this machine that is there already; n/a without Dask."""

    param_names = ["concurrency", "source"]
    params = ([1, "2 processes"], ["ndjson"])

    def setup(self, concurrency, source):
        self.write = _compat.writer(options_of(source), PARTITION_ITEMS)
        self.engine = _dask_engine(workers_of(concurrency))

    def time_ingest(self, concurrency, source):
        _compat.written(self.write, self.dest(), ITEMS, engine=self.engine)

    time_ingest.items = ITEMS


class Resume(_Written):
    """What is left to do after half of a run: the time, and the requests it takes from an API."""

    param_names = ["source"]
    params = (["ndjson", "api"],)

    def setup(self, source):
        options = options_of(source)
        self.server = options["source"] if source == "api" else None
        self.write = _compat.writer(options, PARTITION_ITEMS)
        self.half = self.dest()
        _compat.half_written(self.write, self.half)
        if self.server:
            _api_server.reset(self.server)

    def time_resume(self, source):
        copy = self.dest()
        shutil.copytree(self.half, copy)
        _compat.written(self.write, copy, ITEMS)

    def track_requests(self, source):
        if self.server is None:
            return 0
        self.time_resume(source)
        return _api_server.served(self.server)["requests"]

    track_requests.unit = "requests sent"


@functools.cache
def _dask_engine(workers):
    """Start a cluster once in this process, and close it, its client first, when that ends."""
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise NotImplementedError("this environment has no Dask") from error
    cluster = LocalCluster(workers, threads_per_worker=1, dashboard_address=None)
    atexit.register(cluster.close)
    client = Client(cluster)
    atexit.register(client.close)
    return _compat.dask_engine(client)
