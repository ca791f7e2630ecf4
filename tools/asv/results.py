"""asv's own result files as a report.

asv keeps `<results_dir>/<machine>/<hash8>-<env>.json`, one row a benchmark; a row is zipped with the file's
`result_columns` and loses its trailing nulls. Values come in the product order of the parameters, which are
`repr()` strings. `null` is a failure, `NaN` a level that was skipped or not selected, so the files are not
strict JSON. asv does not record whether it ran with `--quick`; a level that was timed less than five times tells.
"""

import ast
import itertools
import json
import math
import platform
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools.analysis.model import (
    Concurrency,
    DataSet,
    Environment,
    Kind,
    Level,
    Peer,
    Report,
    Usage,
    as_peer,
    is_quick,
    make_data_set,
    measured_level,
    missing_level,
    summarised_level,
    title_of,
)
from tools.analysis.series import Measured, Params, Run, Series
from tools.errors import ReportError

ASV_FILE_VERSION = 2
TIME_METHOD = "time_ingest"
MEMORY_METHOD = "peakmem_ingest"
# Beside `<Class>.time_ingest`, `<Class>Usage.track_usage` tells where the time goes, a quantity at a time.
USAGE_METHOD = "track_usage"
LEVEL_PARAMETER = "concurrency"
QUANTITY_PARAMETER = "quantity"
# Beside `<Name>Ingest.time_ingest`, `<Name>Peers.time_<x>` times other ways to the same items.
PEERS_METHOD_PREFIX = "time_"
PEER_PARAMETER = "way"
SIZE_PARAMETER = "test_size"
IMPORT_BASELINES: dict[Kind, str] = {
    "file": "startup.Startup.peakmem_imports_file",
    "api": "startup.Startup.peakmem_imports_api",
}
# The classes whose data sets are named by their items, and by what is special about them: ColdFileIngest.
_TITLED_CLASS = re.compile(r"(\w*)(?:File|API)Ingest")
_RESULT_NAME = re.compile(r"[0-9a-f]{8,40}-.+\.json")
_SHOWN_CHOICES = 10
_BYTES_PER_GB = 1_000_000_000


@dataclass(frozen=True)
class _ResultFile:
    """One commit in one environment."""

    path: Path
    commit: str
    commit_date: int
    environment: str
    python: str
    requirements: Mapping[str, str | None]
    rows: Mapping[str, dict[str, Any]]

    @property
    def ingest_names(self) -> list[str]:
        return [name for name in self.rows if name.endswith(f".{TIME_METHOD}")]

    @property
    def measured_until(self) -> int:
        """Milliseconds since 1970, of the newest of the rows that the report shows."""
        return max(
            (int(self.rows[name].get("started_at") or 0) for name in self.ingest_names),
            default=0,
        )


@dataclass(frozen=True)
class History:
    """Everything that one machine has measured, oldest commit first; `notes` say what was left out."""

    machine: str
    runs: tuple[Run, ...]
    notes: tuple[str, ...] = ()


def read_report(
    results_dir: Path, *, commit: str | None = None, machine: str | None = None, peers: bool = False
) -> Report:
    """The newest commit that has ingestion results, or the one that `commit` is a prefix of; with its peers if asked.

    When a commit was measured in several environments, the one measured last is taken and named in the report.

    Raises:
        ReportError: there are no results, a file cannot be read, or `commit` or `machine` does not say which.
    """
    folder = _machine_folder(results_dir, machine)
    benchmarks = _load(results_dir / "benchmarks.json")
    files, _ = _result_files(folder)
    chosen = _choose(files, folder, commit)
    report = _report(chosen, benchmarks, _load(folder / "machine.json"), with_peers=peers)
    if not report.data_sets:
        raise ReportError(
            f"{chosen.path} holds no benchmark named {TIME_METHOD} with a parameter {LEVEL_PARAMETER!r}; "
            "run `asv run --bench time_ingest` at this commit."
        )
    return report


def read_reports(results_dir: Path, machine: str) -> list[Report]:
    """Every commit of a machine that has ingestion results, oldest first, once for each of its environments.

    Results of another version of a benchmark than today's are left out, as asv does: they cannot be compared.

    Raises:
        ReportError: a file cannot be read.
    """
    folder = _machine_folder(results_dir, machine)
    benchmarks = _load(results_dir / "benchmarks.json")
    hardware = _load(folder / "machine.json")
    files, _ = _result_files(folder)
    oldest_first = sorted(files, key=lambda file: (file.commit_date, file.measured_until))
    reports = [_report(_of_today(file, benchmarks), benchmarks, hardware, with_peers=False) for file in oldest_first]
    return [report for report in reports if report.data_sets]


def _of_today(file: _ResultFile, benchmarks: Mapping[str, Any]) -> _ResultFile:
    """The rows that today's version of each benchmark has made."""
    versions = {name: benchmarks.get(name, {}).get("version") for name in file.rows if name in benchmarks}
    return replace(
        file, rows={name: row for name, row in file.rows.items() if row.get("version") == versions.get(name)}
    )


def _report(
    file: _ResultFile, benchmarks: Mapping[str, Any], machine: Mapping[str, Any], *, with_peers: bool
) -> Report:
    data_sets = tuple(_data_sets(file, benchmarks, with_peers=with_peers))
    measured = file.measured_until or file.commit_date
    return Report(
        created=datetime.fromtimestamp(measured / 1000, UTC).isoformat(timespec="seconds"),
        quick=is_quick(data_sets),
        environment=_environment(file, machine),
        data_sets=data_sets,
    )


def suite_of(results_dir: Path) -> dict[str, Any]:
    """The benchmarks that asv found last, by name, as it describes them; beside them the version of the format.

    Raises:
        ReportError: nothing was run yet, or the file cannot be read.
    """
    return _load(results_dir / "benchmarks.json")


def selected(suite: Mapping[str, Any], patterns: Sequence[str]) -> list[str]:
    """The benchmarks that asv's `--bench` chooses, by its own rule: any pattern, in the name or in any call of it."""
    found = []
    for name, benchmark in sorted(suite.items()):
        if isinstance(benchmark, dict):
            calls = [f"{name}({', '.join(values)})" for values in itertools.product(*benchmark["params"])]
            names = calls if benchmark["params"] else [name]
            if not patterns or any(re.search(pattern, call) for pattern in patterns for call in names):
                found.append(name)
    return found


def read_history(results_dir: Path, *, machine: str | None = None) -> History:
    """Every measured series of one machine, in all its commits and environments.

    Raises:
        ReportError: there are no results, a file cannot be read, or `machine` does not say which.
    """
    folder = _machine_folder(results_dir, machine)
    benchmarks = _load(results_dir / "benchmarks.json")
    files, notes = _result_files(folder)
    files.sort(key=lambda file: (file.commit_date, file.commit))
    runs = [Run(file.commit, _environment_name(file), dict(_all_series(file, benchmarks))) for file in files]
    return History(folder.name, tuple(runs), tuple(notes))


def _all_series(file: _ResultFile, benchmarks: Mapping[str, Any]) -> Iterator[tuple[Series, Measured]]:
    for name, row in file.rows.items():
        benchmark = benchmarks.get(name)
        if benchmark is None:  # of another suite; what it was is not known
            continue
        names, axes = benchmark.get("param_names", []), row.get("params") or []
        if len(names) != len(axes):  # of an older version, whose parameters nobody names any more
            names = [f"parameter {place}" for place in range(1, len(axes) + 1)]
        for params, values in _rows(row, names, file.path).items():
            series = Series(
                benchmark=name,
                params=tuple((key, str(_value(text))) for key, text in params),
                kind=str(benchmark.get("type", "")),
                unit=str(benchmark.get("unit", "")),
                version=str(row.get("version", "")),
            )
            value = values["result"]
            if isinstance(value, float) and math.isnan(value):
                yield series, Measured("n/a")
            elif (number := _finite(value)) is None or (number <= 0 and series.kind in ("time", "timeraw")):
                yield series, Measured("failed")
            else:
                yield series, Measured("ok", number, tuple(map(float, values["samples"] or ())))


def _machine_folder(results_dir: Path, machine: str | None) -> Path:
    names = sorted(path.parent.name for path in results_dir.glob("*/machine.json"))
    if not names:
        raise ReportError(f"{results_dir} holds no asv results; run `asv run` first.")
    if machine is None and len(names) > 1:
        raise ReportError(f"{results_dir} has results of several machines, name one: {_choices(names)}.")
    if machine is not None and machine not in names:
        raise ReportError(f"{results_dir} has no results of machine {machine!r}; there is {_choices(names)}.")
    return results_dir / (machine or names[0])


def _choose(files: list[_ResultFile], folder: Path, prefix: str | None) -> _ResultFile:
    with_ingest = [file for file in files if file.ingest_names]
    if not with_ingest:
        raise ReportError(f"{folder} holds no results of {TIME_METHOD}; run `asv run` first.")
    newest_first = sorted(with_ingest, key=lambda x: (x.commit_date, x.measured_until), reverse=True)
    commits = list(dict.fromkeys(file.commit for file in newest_first))
    if prefix is not None:
        found = [commit for commit in commits if prefix and commit.startswith(prefix.lower())]
        if not found:
            raise ReportError(
                f"{folder} has no ingestion results of commit {prefix!r}; there is {_choices(_short(commits))}."
            )
        if len(found) > 1:
            raise ReportError(
                f"commit {prefix!r} is ambiguous, write more of it: {_choices(_short(found, len(prefix) + 4))}."
            )
        commits = found
    same = [file for file in with_ingest if file.commit == commits[0]]
    return max(same, key=lambda file: (file.measured_until, file.environment))


def _short(commits: list[str], length: int = 8) -> list[str]:
    return [commit[: max(length, 8)] for commit in commits]


def _choices(names: list[str]) -> str:
    more = len(names) - _SHOWN_CHOICES
    shown = ", ".join(names[:_SHOWN_CHOICES])
    return f"{shown} and {more} more" if more > 0 else shown


def _data_sets(file: _ResultFile, benchmarks: Mapping[str, Any], *, with_peers: bool) -> Iterator[DataSet]:
    for name in sorted(file.ingest_names, key=lambda x: (_kind(x) == "api", x)):
        times = _by_params(file.rows[name], benchmarks.get(name), file.path)
        if times is None:
            continue
        memory_name = name.removesuffix(TIME_METHOD) + MEMORY_METHOD
        memory = _by_params(file.rows.get(memory_name, {}), benchmarks.get(memory_name), file.path) or {}
        items = benchmarks[name].get("items")
        import_bytes = _import_bytes(file, _kind(name))
        usages = _usages(file, benchmarks, _owner(name))
        groups: dict[Params, list[Level]] = {}
        for params, row in times.items():
            rest = tuple(pair for pair in params if pair[0] != LEVEL_PARAMETER)
            level = _level(
                _value(dict(params)[LEVEL_PARAMETER]),
                row,
                items=_items(rest, items),
                peak_bytes=_whole(memory.get(params, {}).get("result")),
                import_bytes=import_bytes,
                usage=usages.get(frozenset(params)),
            )
            groups.setdefault(rest, []).append(level)
        for rest, levels in groups.items():
            if all(level.status == "n/a" for level in levels):
                continue  # skipped as a whole, such as a catalog that nobody named; asv writes that down, too
            peers = _peers(file, benchmarks, name, rest, levels[0].items) if with_peers else []
            yield _data_set(name, rest, levels, peers, file.commit)


def _data_set(name: str, rest: Params, levels: list[Level], peers: list[Peer], commit: str) -> DataSet:
    kind, owner = _kind(name), _owner(name)
    items = levels[0].items
    others = [f"{key}={_value(text)}" for key, text in rest]
    titled = _TITLED_CLASS.fullmatch(owner)
    if titled is not None and items is not None:
        named = [part for part, (key, _) in zip(others, rest, strict=True) if key != SIZE_PARAMETER]
        title = ", ".join(filter(None, [title_of(kind, items), titled[1].lower(), *named]))
    else:
        title = ", ".join([owner, *others])
    return make_data_set(
        title=title,
        key=f"{name.removesuffix(f'.{TIME_METHOD}')}({', '.join(others)})",
        kind=kind,
        source=", ".join([f"asv benchmark {name}", *others]),
        items=items,
        levels=levels,
        peers=peers,
        command=shlex.join(["asv", "run", "--append-samples", "--bench", f"^{re.escape(name)}", f"{commit[:8]}^!"]),
    )


def _level(
    concurrency: Concurrency,
    row: Mapping[str, Any],
    *,
    items: int | None,
    peak_bytes: int | None,
    import_bytes: int | None,
    usage: Usage | None,
) -> Level:
    median = row.get("result")
    if not isinstance(median, int | float) or not math.isfinite(median) or median <= 0:
        skipped = isinstance(median, float) and math.isnan(median)
        status: Any = "n/a" if skipped else "failed"
        return missing_level(concurrency, status, items=items, peak_bytes=peak_bytes, import_bytes=import_bytes)
    samples = row.get("samples")
    if samples:
        return measured_level(
            concurrency, samples, items=items, peak_bytes=peak_bytes, import_bytes=import_bytes, usage=usage
        )
    count = int(row.get("stats_repeat") or 1)
    return summarised_level(
        concurrency,
        float(median),
        sample_count=count,
        q25_seconds=_finite(row.get("stats_q_25")) if count > 1 else None,
        q75_seconds=_finite(row.get("stats_q_75")) if count > 1 else None,
        items=items,
        peak_bytes=peak_bytes,
        import_bytes=import_bytes,
        usage=usage,
    )


def _peers(file: _ResultFile, benchmarks: Mapping[str, Any], name: str, rest: Params, items: int | None) -> list[Peer]:
    """The other ways to the items of one data set: those whose other parameters are the same."""
    owner = f".{_owner(name).removesuffix('Ingest')}Peers.{PEERS_METHOD_PREFIX}"
    found = []
    for peers_name in (x for x in file.rows if owner in x):
        memory_name = peers_name.replace(f".{PEERS_METHOD_PREFIX}", ".peakmem_")
        rows = _by_params(file.rows[peers_name], benchmarks.get(peers_name), file.path, PEER_PARAMETER) or {}
        memory = file.rows.get(memory_name, {})
        peaks = _by_params(memory, benchmarks.get(memory_name), file.path, PEER_PARAMETER) or {}
        for params, row in rows.items():
            if tuple(pair for pair in params if pair[0] != PEER_PARAMETER) == rest:
                peak = _whole(peaks.get(params, {}).get("result"))
                # A peer has no concurrency that could be told from outside.
                level = _level(1, row, items=items, peak_bytes=peak, import_bytes=None, usage=None)
                found.append(as_peer(str(_value(dict(params)[PEER_PARAMETER])), level))
    return found


def _usages(file: _ResultFile, benchmarks: Mapping[str, Any], owner: str) -> dict[frozenset[tuple[str, str]], Usage]:
    """Where the time of a class's levels went, by all their parameters; empty where no benchmark tells."""
    names = [name for name in file.rows if name.endswith(f".{owner}Usage.{USAGE_METHOD}")]
    found: dict[frozenset[tuple[str, str]], dict[str, float]] = {}
    for name in names:
        for params, row in (_by_params(file.rows[name], benchmarks.get(name), file.path) or {}).items():
            value = _finite(row.get("result"))
            quantity = _value(dict(params).get(QUANTITY_PARAMETER, "None"))
            if value is not None:
                rest = frozenset(pair for pair in params if pair[0] != QUANTITY_PARAMETER)
                found.setdefault(rest, {})[str(quantity)] = value
    return {
        params: _usage(values) for params, values in found.items() if {"wall_seconds", "cpu_seconds"} <= set(values)
    }


def _usage(values: Mapping[str, float]) -> Usage:
    own = ("wall_seconds", "cpu_seconds", "queue_seconds", "tasks", "refusals")
    stages = {name.removesuffix("_seconds"): value for name, value in values.items() if name not in own}
    return Usage(runs=1, stages=stages or None, **{name: values[name] for name in own if name in values})


def _by_params(
    row: Mapping[str, Any], benchmark: Mapping[str, Any] | None, path: Path, needed: str = LEVEL_PARAMETER
) -> dict[Params, dict[str, Any]] | None:
    """One small row for each combination of named parameters; None when the needed one is not among them."""
    axes = row.get("params")
    names = (benchmark or {}).get("param_names", [])
    if not axes or needed not in names or len(axes) != len(names):
        return None
    return _rows(row, names, path)


def _rows(row: Mapping[str, Any], names: list[str], path: Path) -> dict[Params, dict[str, Any]]:
    """One small row for each combination of named parameters; one without names where there are no parameters."""
    combinations = list(itertools.product(*(row.get("params") or [])))
    columns: dict[str, list[Any]] = {}
    for column in ("result", "stats_q_25", "stats_q_75", "stats_repeat", "samples"):
        values = row.get(column)
        columns[column] = values if isinstance(values, list) else [values] * len(combinations)
        if len(columns[column]) != len(combinations):
            raise ReportError(
                f"{path} has {len(columns[column])} values of {column} for {len(combinations)} combinations of "
                "parameters; delete it and run `asv run` again."
            )
    return {
        tuple(zip(names, values, strict=True)): {name: column[place] for name, column in columns.items()}
        for place, values in enumerate(combinations)
    }


def _import_bytes(file: _ResultFile, kind: Kind) -> int | None:
    values = file.rows.get(IMPORT_BASELINES[kind], {}).get("result")
    return _whole(values[0] if isinstance(values, list) and values else values)


def _items(rest: Params, exported: object) -> int | None:
    size = _whole(_value(dict(rest).get(SIZE_PARAMETER, "None")))
    return size if size is not None else _whole(exported)


def _owner(name: str) -> str:
    return name.split(".")[-2]


def _kind(name: str) -> Kind:
    owner = _owner(name)
    return "api" if "API" in owner or owner.startswith("Api") else "file"


def _value(text: str) -> Concurrency:
    """What a `repr()` string stands for."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, int | str) and not isinstance(value, bool) else text


def _finite(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _whole(value: object) -> int | None:
    number = _finite(value)
    return None if number is None else round(number)


def _environment(file: _ResultFile, machine: Mapping[str, Any]) -> Environment:
    cores = str(machine.get("num_cpu") or "")
    # What the matrix of asv.conf.json asks for and asv keeps; a pinned asv_runner is not among it.
    packages = {name.removeprefix("pip+"): version or "unpinned" for name, version in file.requirements.items()}
    return Environment(
        commit=file.commit,
        commit_short=file.commit[:8],
        dirty=None,
        machine=machine.get("machine") or file.path.parent.name,
        os=machine.get("os") or None,
        cpu=machine.get("cpu") or None,
        cores=int(cores) if cores.isdigit() else None,
        ram=ram_of(str(machine.get("ram") or "")),
        python=_python(file.python),
        env_name=_environment_name(file),
        packages=packages or None,
    )


def ram_of(text: str) -> str | None:
    """asv's words for the memory of a machine, in GB where they are a number of bytes."""
    return f"{int(text) / _BYTES_PER_GB:.1f} GB" if text.isdigit() else text or None


def _python(text: str) -> str | None:
    """A version; an existing environment is known by the path of its interpreter only."""
    if "/" not in text and "\\" not in text:
        return text or None
    return platform.python_version() if Path(text) == Path(sys.executable) else None


def _environment_name(file: _ResultFile) -> str:
    """asv's name, which for an existing environment is a path and says no more than that it existed."""
    kind = file.environment.partition("-")[0]
    return kind if kind == "existing" else file.environment


def _result_files(folder: Path) -> tuple[list[_ResultFile], list[str]]:
    """The results of one machine, a commit and environment once; and what was left out, in words."""
    found: dict[tuple[str, str], _ResultFile] = {}
    notes = []
    # The shortest name first: a copy has a longer one.
    for path in sorted(folder.glob("*.json"), key=lambda path: (len(path.name), path.name)):
        if path.name == "machine.json":
            continue
        if not _RESULT_NAME.fullmatch(path.name):
            notes.append(f"{path.name} is not a result of asv by its name and was left out")
            continue
        file = _result_file(path)
        first = found.setdefault((file.commit, file.environment), file)
        if first is not file:
            notes.append(f"{path.name} holds the same commit and environment as {first.path.name} and was left out")
    return list(found.values()), notes


def _result_file(path: Path) -> _ResultFile:
    data = _load(path)
    try:
        columns = data["result_columns"]
        rows = {name: dict(zip(columns, row, strict=False)) for name, row in data["results"].items()}
        return _ResultFile(
            path=path,
            commit=data["commit_hash"],
            commit_date=int(data["date"]),
            environment=data["env_name"],
            python=data.get("python") or "",
            requirements=data.get("requirements") or {},
            rows=rows,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReportError(f"{path} is not a result file of asv ({error!r}); delete it and run again.") from error


def _load(path: Path) -> dict[str, Any]:
    """One of asv's files; its NaN and Infinity are let through."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ReportError(f"{path} is missing; run `asv run` to write it.") from error
    except OSError as error:
        raise ReportError(f"{path} cannot be read ({error.strerror or error}).") from error
    except ValueError as error:
        raise ReportError(f"{path} is not JSON ({error}); delete it and run `asv run` again.") from error
    version = data.get("version") if isinstance(data, dict) else None
    # machine.json has a numbering of its own.
    if not isinstance(data, dict) or (path.name != "machine.json" and version != ASV_FILE_VERSION):
        raise ReportError(
            f"{path} has version {version!r} of asv's format and this reads {ASV_FILE_VERSION}; "
            "run `asv update` to convert old results."
        )
    return data
