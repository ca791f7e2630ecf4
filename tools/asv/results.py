"""What asv has measured, as reports."""

import platform
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import structs

from tools.analysis.metrics import Measured, Params
from tools.analysis.model import DataSet, Environment, Kind, Level, Report, Usage, make_level, title_of, with_speedups
from tools.errors import ReportError
from tools.words import clipped

from .files import TIME_METHOD, History, ResultFile, chosen, read_history
from .git import Repository
from .values import amount, level_of, seconds, value_of, when

LEVEL_PARAMETER, SIZE_PARAMETER = "concurrency", "test_size"
# The classes whose data sets are named by their items, and by what is special about them: ColdFileIngest.
_TITLED_CLASS = re.compile(r"(\w*)(?:File|API)Ingest")


def read_report(
    results_dir: Path, *, commit: str | None = None, machine: str | None = None, peers: bool = False,
    repository: Path | None = None,
) -> Report:  # fmt: skip
    """The newest commit that has ingestion results, or the one that `commit` is a prefix of, or git's name in the
    repository; with its peers if asked. Of several environments the one measured last is taken.
    """
    history = read_history(results_dir, machine=machine)
    file = chosen(history, commit, Repository(repository) if repository else None)
    report = _report(file, history.hardware, with_peers=peers)
    if not report.data_sets:
        raise ReportError(
            f"{file.path} holds no benchmark named {TIME_METHOD} with a parameter {LEVEL_PARAMETER!r} that "
            "benchmarks.json describes; run `asv run --bench time_ingest` at this commit."
        )
    return report


def reports_of(history: History, *, peers: bool = False) -> list[Report]:
    """Of every commit that has ingestion results, oldest first, once for each of its environments. Results of another
    version of a benchmark than today's are left out, as asv does.
    """
    hardware, reports = history.hardware, []
    for file in history.files:
        today: dict[str, str | None] = {name: one.version for name, one in file.suite.items()}
        same = {name: row for name, row in file.rows.items() if row.version in (None, today.get(name))}
        reports.append(_report(structs.replace(file, rows=same), hardware, with_peers=peers))
    return [report for report in reports if report.data_sets]


def _report(file: ResultFile, machine: Mapping[str, Any], *, with_peers: bool) -> Report:
    measured = file.measured_until or when(file.commit_date)
    return Report(
        created=datetime.fromtimestamp(measured / 1000, UTC).isoformat(timespec="seconds"),
        environment=_environment(file, machine),
        data_sets=tuple(_data_sets(file, with_peers=with_peers)),
    )


def _data_sets(file: ResultFile, *, with_peers: bool) -> Iterator[DataSet]:
    for name in sorted(file.ingest_names, key=lambda x: (_kind(x) == "api", x)):
        memory = file.by(LEVEL_PARAMETER, name.removesuffix(TIME_METHOD) + "peakmem_ingest")
        imports = file.rows.get(f"startup.Startup.peakmem_imports_{_kind(name)}")
        values = imports and imports.result
        import_bytes = amount(values[0] if isinstance(values, list) and values else values)
        usages = _usages(file, _owner(name))
        for rest, by_level in file.by(LEVEL_PARAMETER, name).items():
            size = amount(value_of(dict(rest).get(SIZE_PARAMETER, "None")))
            items = amount(file.suite[name].items) if size is None else size
            levels = [
                make_level(
                    level_of(text),
                    measured,
                    items=items,
                    peak_bytes=_amount(memory.get(rest, {}).get(text)),
                    import_bytes=import_bytes,
                    usage=usages.get(frozenset({*rest, (LEVEL_PARAMETER, text)})),
                )
                for text, measured in by_level.items()
            ]
            if all(level.status == "n/a" for level in levels):
                continue  # skipped as a whole, such as a catalog that nobody named; asv writes that down, too
            peers = _peers(file, name, rest, items) if with_peers else []
            data_set = _data_set(name, rest, levels, peers, file.commit)
            yield replace(data_set, version=file.rows[name].version)


def _data_set(name: str, rest: Params, levels: list[Level], peers: list[Level], commit: str) -> DataSet:
    kind, owner = _kind(name), _owner(name)
    items = levels[0].items
    others = [f"{key}={text}" for key, text in rest]
    titled = _TITLED_CLASS.fullmatch(owner)
    parts = [owner, *others]
    if titled is not None and items is not None:
        named = (f"{key}={text}" for key, text in rest if key != SIZE_PARAMETER)
        parts = [title_of(kind, items), titled[1].lower(), *named]
    data_set = DataSet(
        title=", ".join(filter(None, parts)),
        key=f"{name.removesuffix(f'.{TIME_METHOD}')}({', '.join(others)})",
        kind=kind,
        source=", ".join([f"asv benchmark {name}", *others]),
        items=items,
        levels=tuple(levels),
        peers=tuple(peers),
        command=shlex.join(["asv", "run", "--append-samples", "--bench", f"^{re.escape(name)}", f"{commit[:8]}^!"]),
    )
    return with_speedups(data_set)


def _amount(measured: Measured | None) -> int | None:
    return amount(measured and measured.value)


def _peers(file: ResultFile, name: str, rest: Params, items: int | None) -> list[Level]:
    """The other ways to the same items, which `<Name>Peers.time_<x>` times beside `<Name>Ingest.time_ingest`."""
    owner = f".{_owner(name).removesuffix('Ingest')}Peers.time_"
    found = []
    for peers_name in (x for x in file.rows if owner in x):
        peaks = file.by("way", peers_name.replace(".time_", ".peakmem_")).get(rest, {})
        for way, measured in file.by("way", peers_name).get(rest, {}).items():
            found.append(make_level(way, measured, items=items, peak_bytes=_amount(peaks.get(way))))
    return found


def _usages(file: ResultFile, owner: str) -> dict[frozenset[tuple[str, str]], Usage]:
    """Where the time of a class's levels went, by all their parameters, as far as `<Class>Usage.track_usage` tells."""
    own = ("wall_seconds", "cpu_seconds", "queue_seconds", "tasks", "refusals")
    found = {}
    for name in (x for x in file.rows if x.endswith(f".{owner}Usage.track_usage")):
        for params, measured in file.by("quantity", name).items():
            values = {quantity: x.value for quantity, x in measured.items() if x.value is not None and x.value >= 0}
            if seconds(values.get("wall_seconds")) is None or "cpu_seconds" not in values:
                continue
            stages = {name.removesuffix("_seconds"): value for name, value in values.items() if name not in own}
            known = {name: values[name] for name in own if name in values}
            found[frozenset(params)] = Usage(runs=1, stages=stages or None, **known)
    return found


def _owner(name: str) -> str:
    return name.split(".")[-2]


def _kind(name: str) -> Kind:
    owner = _owner(name)
    return "api" if "API" in owner or owner.startswith("Api") else "file"


def _environment(file: ResultFile, machine: Mapping[str, Any]) -> Environment:
    # What the matrix of asv.conf.json asks for and asv keeps; a pinned asv_runner is not among it.
    packages = {name.removeprefix("pip+"): version or "unpinned" for name, version in (file.requirements or {}).items()}
    python: str | None = file.python or None
    if python and ("/" in python or "\\" in python):  # of an existing environment, all that is known
        python = platform.python_version() if Path(python) == Path(sys.executable) else None
    found = environment_of(machine, file.commit)
    return replace(found, python=python, env_name=file.environment, packages=packages or None)


def environment_of(machine: Mapping[str, Any], commit: str | None) -> Environment:
    said = {name: str(machine.get(name) or "") for name in ("machine", "os", "cpu", "num_cpu", "ram")}
    ram = _count(said["ram"])
    return Environment(
        commit=commit,
        commit_short=commit and commit[:8],
        machine=said["machine"] or None,
        os=said["os"] or None,
        cpu=said["cpu"] or None,
        cores=_count(said["num_cpu"]),
        ram=_memory(ram) if ram is not None else clipped(said["ram"], 20) or None,
    )


def _count(text: str) -> int | None:
    return amount(int(text)) if text.isdecimal() and len(text) < 20 else None


def _memory(number: int) -> str:
    """In GB of 10^9 bytes: asv writes bytes, on Linux it wrote KiB for long, and people write a number of GB."""
    unit = 1_000_000_000 if number < 10_000 else 1024 if number < 1_000_000_000 else 1
    return f"{number * unit / 1_000_000_000:.1f} GB"
