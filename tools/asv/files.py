"""asv's own result files, row by row.

asv keeps `<results_dir>/<machine>/<hash8>-<env>.json`, one row a benchmark; a row is zipped with the file's
`result_columns` and loses its trailing nulls. Values come in the product order of the parameters, which are
`repr()` strings. `null` is a failure, `NaN` a level that was skipped or not selected, so the files are not
strict JSON. asv does not record whether it ran with `--quick`; a level that was timed less than five times tells.
"""

import ast
import functools
import itertools
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypeAlias, TypedDict

import msgspec

from tools.analysis.model import Concurrency
from tools.analysis.series import Params
from tools.errors import ReportError

READ_VERSIONS = (1, 2)
TIME_METHOD = "time_ingest"
LEVEL_PARAMETER = "concurrency"
_RESULT_NAME = re.compile(r"[0-9a-f]{8,40}-.+\.json")
_SHOWN_CHOICES = 10
# What a time can be, in seconds: more than a tick of the clock, less than a lifetime; as in the report's schema.
LEAST_SECONDS, MOST_SECONDS = 1e-9, 1e9
_MOST_WORKERS = 1_000_000
_LAST_MILLISECOND = 253_402_300_799_000  # of the year 9999


_Values: TypeAlias = list[float | None] | float | None


class _File(TypedDict):
    """What is looked at of a file of results, and below of a row and of the description of a benchmark."""

    commit_hash: str
    date: int
    env_name: str
    python: NotRequired[str | None]
    requirements: NotRequired[dict[str, str | None] | None]
    result_columns: list[str]
    results: dict[str, list[Any]]


class _Row(TypedDict, total=False):
    params: list[list[str]] | None
    version: str | None
    started_at: int | None
    stats_q_25: _Values
    stats_q_75: _Values
    stats_repeat: _Values
    samples: list[list[float] | None] | None


class _Benchmark(TypedDict, total=False):
    params: list[list[str]]
    param_names: list[str]


@dataclass(frozen=True)
class ResultFile:
    """One commit in one environment; `suite` describes the benchmarks as they are today."""

    path: Path
    commit: str
    commit_date: int
    environment: str
    python: str
    requirements: Mapping[str, str | None]
    rows: Mapping[str, dict[str, Any]]
    suite: Mapping[str, dict[str, Any]]

    @property
    def ingest_names(self) -> list[str]:
        return [name for name in self.rows if name.endswith(f".{TIME_METHOD}")]

    @property
    def measured_until(self) -> int:
        """Milliseconds since 1970, of the newest of the rows that the report shows."""
        return max((when(self.rows[name].get("started_at")) for name in self.ingest_names), default=0)

    @property
    def environment_name(self) -> str:
        """asv's name, which for an existing environment is a path and says no more than that it existed."""
        kind = self.environment.partition("-")[0]
        return kind if kind == "existing" else self.environment

    def by_params(self, name: str, needed: str = LEVEL_PARAMETER) -> dict[Params, dict[str, Any]]:
        """One small row for each combination of named parameters; none when the needed one is not among them."""
        row = self.rows.get(name, {})
        axes, names = row.get("params"), self.suite.get(name, {}).get("param_names", [])
        if not axes or needed not in names or len(axes) != len(names):
            return {}
        return rows_of(row, names, self.path)


def machine_folder(results_dir: Path, machine: str | None) -> Path:
    names = sorted(path.parent.name for path in results_dir.glob("*/machine.json"))
    if not names:
        raise ReportError(f"{results_dir} holds no asv results; run `asv run` first.")
    if machine is None and len(names) > 1:
        raise ReportError(f"{results_dir} has results of several machines, name one: {choices(names)}.")
    if machine is not None and machine not in names:
        raise ReportError(f"{results_dir} has no results of machine {machine!r}; there is {choices(names)}.")
    return results_dir / (machine or names[0])


def chosen(files: list[ResultFile], folder: Path, name: str | None) -> ResultFile:
    """The file of the newest commit with ingestion results, or of the one whose hash starts so; measured last."""
    with_ingest = [file for file in files if file.ingest_names]
    if not with_ingest:
        raise ReportError(
            f"{folder} holds no results of {TIME_METHOD}, which a report shows: run `asv run` first, or judge another "
            "benchmark with `regressions`."
        )
    newest_first = sorted(with_ingest, key=lambda x: (x.commit_date, x.measured_until), reverse=True)
    commits = list(dict.fromkeys(file.commit for file in newest_first))[::-1]
    commit = commits[-1] if name is None else commit_named(name, commits, folder)
    same = [file for file in with_ingest if file.commit == commit]
    return max(same, key=lambda file: (file.measured_until, file.environment))


def commit_named(name: str, commits: Sequence[str], where: Path, known: str | None = None) -> str:
    """The one of the measured commits, oldest first, whose hash starts so, or that git knows by this name. Raises
    ReportError: There is none, or there are several.
    """
    found = [commit for commit in commits if name and commit.startswith(name.lower())]
    if len(found) == 1:
        return found[0]
    if known is not None and known in commits:
        return known
    if found:
        shown = choices([commit[: max(8, len(name) + 4)] for commit in reversed(found)])
        raise ReportError(f"commit {name!r} is ambiguous, write more of it: {shown}.")
    said = f", which is {known[:8]}" if known and not known.startswith(name) else ""
    newest = choices([commit[:8] for commit in reversed(commits)])
    raise ReportError(f"{where} has no results of commit {name!r}{said}; the newest there are {newest}.")


def suite_of(results_dir: Path) -> dict[str, dict[str, Any]]:
    """The benchmarks that asv found last, by name, as it describes them. Raises ReportError: nothing was run yet, or
    the file cannot be read.
    """
    described = load(results_dir / "benchmarks.json", dict[str, _Benchmark | int])  # the version of the format, too
    return {name: benchmark for name, benchmark in described.items() if isinstance(benchmark, dict)}


def selected(suite: Mapping[str, dict[str, Any]], patterns: Sequence[str]) -> list[str]:
    """The benchmarks that asv's `--bench` chooses, by its own rule: any pattern, in the name or in any call of it."""
    found = []
    for name, benchmark in sorted(suite.items()):
        axes = benchmark.get("params") or []
        calls = [f"{name}({', '.join(values)})" for values in itertools.product(*axes)] if axes else [name]
        if not patterns or any(re.search(pattern, call) for pattern in patterns for call in calls):
            found.append(name)
    return found


def only(names: Iterable[str], chosen: str = "") -> str:
    """Some benchmarks, and of these what a pattern chooses, as a regular expression for asv."""
    return rf"^(?=.*(?:{chosen}))(?:{'|'.join(map(re.escape, names))})(?:\(|$)"


def result_files(results_dir: Path, machine: str | None) -> tuple[Path, list[ResultFile], list[str]]:
    """The folder and the results of one machine, a commit and environment once; and what was left out, in words."""
    folder, suite = machine_folder(results_dir, machine), suite_of(results_dir)
    found: dict[tuple[str, str], ResultFile] = {}
    notes = []
    # The shortest name first: a copy has a longer one.
    for path in sorted(folder.glob("*.json"), key=lambda path: (len(path.name), path.name)):
        if path.name == "machine.json":
            continue
        if not _RESULT_NAME.fullmatch(path.name):
            notes.append(f"{path.name} is not a result of asv by its name and was left out")
            continue
        file = _result_file(path, suite)
        first = found.setdefault((file.commit, file.environment), file)
        if first is not file:
            notes.append(f"{path.name} holds the same commit and environment as {first.path.name} and was left out")
    return folder, list(found.values()), notes


def _result_file(path: Path, suite: Mapping[str, dict[str, Any]]) -> ResultFile:
    data = load(path, _File)
    rows = {name: dict(zip(data["result_columns"], row, strict=False)) for name, row in data["results"].items()}
    _check(rows, dict[str, _Row], path)
    return ResultFile(
        path=path,
        commit=data["commit_hash"],
        commit_date=when(data["date"]),
        environment=data["env_name"],
        python=data.get("python") or "",
        requirements=data.get("requirements") or {},
        rows=rows,
        suite=suite,
    )


def machine_in(folder: Path) -> dict[str, Any]:
    """asv's words about the machine whose results lie in a folder."""
    data = load(folder / "machine.json", dict[str, Any])
    return {**data, "machine": str(data.get("machine") or folder.name)}


def load(path: Path, shape: Any) -> dict[str, Any]:
    """One of asv's files, which must be of this shape; its NaN and Infinity are let through."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ReportError(f"{path} is missing; run `asv run` to write it.") from error
    except OSError as error:
        raise ReportError(f"{path} cannot be read ({error.strerror or error}).") from error
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{path} is not JSON ({error}); delete it and run `asv run` again.") from error
    _check(data, dict[str, Any], path)
    version = data.get("version")
    if path.name != "machine.json" and version not in READ_VERSIONS:  # which has a numbering of its own
        is_newer = isinstance(version, int) and version > max(READ_VERSIONS)
        advice = "update this program" if is_newer else "delete it and run `asv run` again"
        raise ReportError(f"{path} has version {version!r} of asv's format and this reads 1 and 2; {advice}.")
    found: dict[str, Any] = _converted(data, path) if version == 1 and shape is _File else data
    _check(found, shape, path)
    return found


def _converted(data: dict[str, Any], path: Path) -> dict[str, Any]:
    """What asv before 0.5 wrote, in the form of today, as `asv update` converts it."""
    # Loaded when there is something to convert: asv is slow to import.
    from asv.results import Results
    from asv.util import UserError

    try:
        converted: dict[str, Any] = Results.update_to_2(data)
    except (UserError, AttributeError, KeyError, IndexError, TypeError) as error:
        raise ReportError(
            f"{path} is not a result file of asv before 0.5 ({error}); delete it and run `asv run` again."
        ) from error
    return converted


def _check(data: Any, shape: Any, path: Path) -> None:
    try:
        msgspec.convert(data, shape)
    except msgspec.ValidationError as error:
        raise ReportError(
            f"{path} is not a result file of asv ({error}); delete it and run `asv run` again."
        ) from error


def rows_of(row: Mapping[str, Any], names: list[str], path: Path) -> dict[Params, dict[str, Any]]:
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


@functools.lru_cache(maxsize=4096)  # the same few, in every file
def value_of(text: str) -> Concurrency:
    """What a `repr()` string stands for."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, int | str) and not isinstance(value, bool) else text


def finite(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) <= sys.float_info.max else None


def seconds(value: object) -> float | None:
    """A time; None for what cannot be one, such as the 0 of a coarse clock."""
    number = finite(value)
    return number if number is not None and LEAST_SECONDS <= number <= MOST_SECONDS else None


def all_of(kind: Callable[[object], float | None], samples: Sequence[object] | None) -> tuple[float, ...]:
    """The samples where each of them is of this kind; none where one is not: the others would tell half."""
    found = [kind(sample) for sample in samples or ()]
    known = tuple(number for number in found if number is not None)
    return known if len(known) == len(found) else ()


def amount(value: object) -> int | None:
    """A number of things; None for what cannot be one."""
    number = finite(value)
    return round(number) if number is not None and 0 <= number <= 1e15 else None


def level_of(text: str) -> Concurrency:
    """A level; what is no number of workers, such as -1 for all cores, is a word."""
    value = value_of(text)
    return value if isinstance(value, str) or 0 < value <= _MOST_WORKERS else text


def when(value: object) -> int:
    """Milliseconds since 1970 that a calendar can show."""
    return min(amount(value) or 0, _LAST_MILLISECOND)


def choices(names: list[str]) -> str:
    more = len(names) - _SHOWN_CHOICES
    shown = ", ".join(names[:_SHOWN_CHOICES])
    return f"{shown} and {more} more" if more > 0 else shown
