"""API mode: searches that time cannot cut, because all items have one time, or last for years."""

import functools
import json

from . import _api_server, _compat, _datasets, _timing

ITEMS = 6000
PAGE_ITEMS = 100
SERVERS = {
    "counting links": ("--offsets",),
    "space with counts": (),
    "space without counts": ("--no-counts", "--null-filter"),
    "neither": ("--no-counts", "--no-bbox"),
}
INSTANT = {"datetime": "2024-03-01T12:00:00Z"}


def times_of(number, times):
    """Return the times of the item of this number: one instant, or one of four ranges of a year each."""
    if times == "one instant":
        return INSTANT
    year = 2020 + number % 4
    return {"datetime": None, "start_datetime": f"{year}-01-01T00:00:00Z", "end_datetime": f"{year}-12-31T23:59:59Z"}


@functools.cache
def data_set(times):
    """Return a data set of which the items have other times, and nothing that is large."""
    source = _datasets.data_set(ITEMS, "ndjson")
    made = source.with_name(f"{source.stem}-{times.replace(' ', '-')}.ndjson")
    if not made.exists():
        unfinished = made.with_suffix(".part")
        with source.open(encoding="utf-8") as lines, unfinished.open("w", encoding="utf-8") as out:
            for number, line in enumerate(lines):
                item = json.loads(line)
                item["properties"] = {**item["properties"], **times_of(number, times)}
                out.write(json.dumps({**item, "assets": {}}) + "\n")
        unfinished.replace(made)
    return made


class UncuttableAPIIngest(_timing.Timed):
    """60 pages of 100 items, 100 ms a request: what a level gains where links count, where space cuts, and where
    nothing does."""

    param_names = ["server", "times", "concurrency"]
    params = (list(SERVERS), ["one instant", "year-long ranges"], [1, 10, "auto"])
    version = "1"
    repeat = 1
    rounds = 1
    warmup_time = 0

    def setup(self, server, times, concurrency):
        _compat.ingest_module("api", "http://localhost/", concurrency=concurrency)
        address = _api_server.start(data_set(times), options=SERVERS[server])
        self.module = _compat.ingest_module("api", address, concurrency=concurrency, limit=PAGE_ITEMS)

    def time_ingest(self, server, times, concurrency):
        _compat.drain(self.module, ITEMS)

    time_ingest.items = ITEMS
