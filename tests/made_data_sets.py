"""Data sets made up for tests: levels with some noise, and where their time went; and the items of generated ones."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from tools.analysis.metrics import Measured, Status
from tools.analysis.model import DataSet, Kind, Level, Usage, make_level, with_speedups
from tools.test_data.items import DataSetSpec, build

STEPS = (-2, -1, 0, 1, 2)
MB = 1_000_000


def measured_level(concurrency: int | str, samples: Iterable[float], **known: Any) -> Level:
    return make_level(concurrency, Measured("ok", samples=tuple(map(float, samples))), **known)


def missing_level(concurrency: int | str, status: Status, **known: Any) -> Level:
    return make_level(concurrency, Measured(status), **known)


def summarised_level(concurrency: int | str, median: float, count: int, q25: float | None = None,
                     q75: float | None = None, **known: Any) -> Level:  # fmt: skip
    return make_level(concurrency, Measured("ok", median, (), count, q25, q75), **known)


def level(concurrency: int | str, seconds: float, busy: float | None = None, *, noise: float = 0.01, count: int = 5,
          peak_bytes: int | None = None, items: int = 1000, **usage: Any) -> Level:  # fmt: skip
    """Samples around a median; with `busy`, the share of the time in which the CPU was busy."""
    samples = [seconds * (1 + noise * step) for step in STEPS[:count]]
    used = None
    if busy is not None:
        stages = {"waiting": seconds * max(0.0, 1 - busy), "decoding": seconds * min(busy, 1.0)}
        used = Usage(
            **{"runs": count, "wall_seconds": seconds, "cpu_seconds": seconds * busy, "stages": stages, **usage}
        )
    return measured_level(concurrency, samples, items=items, peak_bytes=peak_bytes, usage=used)


def make_data_set(title: str, key: str, kind: Kind, source: str, items: int | None, levels: Iterable[Level],
                  peers: Iterable[Level] = (), **known: Any) -> DataSet:  # fmt: skip
    return with_speedups(DataSet(title, key, kind, source, items, tuple(levels), tuple(peers), **known))


def iter_items(spec: DataSetSpec) -> Iterator[dict[str, Any]]:
    """All items of a generated data set, without files."""
    return (orjson.loads(build(spec, index)[1]) for index in range(spec.items))


def data_set(*levels: Level, kind: Kind = "file", command: str | None = None) -> DataSet:
    return make_data_set("t", "k", kind, "s", 1000, levels, command=command)


def timed(seconds: dict[int | str, float], busy: float | None = None, kind: Kind = "file") -> DataSet:
    return data_set(*(level(name, value, busy) for name, value in seconds.items()), kind=kind)
