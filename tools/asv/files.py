"""asv's own result files, row by row.

asv keeps `<results_dir>/<machine>/<hash8>-<env>.json`, one row a benchmark; a row is zipped with the file's
`result_columns` and loses its trailing nulls. Values come in the product order of the parameters, which are
`repr()` strings. `null` is a failure, `NaN` a level that was skipped or not selected, so the files are not
strict JSON. asv does not record whether it ran with `--quick`; a level that was timed less than five times tells.
"""

import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import structs

from tools.analysis.metrics import Measured, Params, Run, Series
from tools.errors import ReportError
from tools.words import clipped, plain

from .git import Repository
from .values import Row, measured, names_of, value_of, when

READ_VERSION = 2
TIME_METHOD = "time_ingest"
_RESULT_NAME = re.compile(r"[0-9a-f]{8,40}-.+\.json")
_SHOWN_CHOICES = 10
T = TypeVar("T")


class _File(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at of a file of results, and below of a row and of the description of a benchmark."""

    commit: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{8,}$")] = msgspec.field(name="commit_hash")
    commit_date: int = msgspec.field(name="date")
    environment: str = msgspec.field(name="env_name")
    python: str | None = None
    requirements: dict[str, str | None] | None = None
    result_columns: list[str]
    results: dict[str, list[Any]]


class Benchmark(msgspec.Struct, frozen=True):
    """What asv says of a benchmark; type and unit are what the suite has there, which may be no text."""

    type: Any = ""
    unit: Any = ""
    version: str = ""
    params: list[list[str]] = []
    param_names: list[str] = []
    rounds: int = 1
    items: Any = None  # how many there are, where no parameter says it

    def __post_init__(self) -> None:
        for name in ("type", "unit"):
            structs.force_setattr(self, name, str(getattr(self, name) or ""))


class ResultFile(_File, frozen=True, kw_only=True, dict=True):
    """One commit in one environment; `suite` describes the benchmarks as they are today."""

    path: Path
    rows: Mapping[str, Row]
    suite: Mapping[str, Benchmark]

    @property
    def ingest_names(self) -> list[str]:
        return [name for name in self.rows if name.endswith(f".{TIME_METHOD}")]

    @property
    def measured_until(self) -> int:
        """Milliseconds since 1970, of the newest of the rows that the report shows."""
        return max((when(self.rows[name].started_at) for name in self.ingest_names), default=0)

    @cached_property
    def run(self) -> Run:
        series = {one: measured for name in self.rows for one, measured in self.series_of(name).items()}
        return Run(self.commit, self.environment, series, tuple(name for name in self.rows if name not in self.suite))

    def series_of(self, name: str) -> dict[Series, Measured]:
        """What a benchmark has measured; nothing where the suite does not describe it: what it was is not known."""
        row, benchmark = self.rows.get(name), self.suite.get(name)
        if row is None or benchmark is None:
            return {}
        version = row.version or benchmark.version  # as asv takes it
        axes = row.params or []
        own, today = (tuple(map(tuple, some)) for some in (axes, benchmark.params))
        named = names_of(own, tuple(benchmark.param_names), today, is_same=version == benchmark.version)
        texts = [[plain(str(value_of(text))) for text in values] for values in axes]
        method = name.rpartition(".")[2].partition("_")[0]
        kind = benchmark.type or method
        found = {}
        numbers = measured(row, kind, self.path)
        for values, value in zip(itertools.product(*texts), numbers, strict=True):
            params = sorted(zip(named, values, strict=True))
            found[Series(name, tuple((key, text) for (_, key), text in params), kind, benchmark.unit, version)] = value
        return found

    def by(self, parameter: str, name: str) -> dict[Params, dict[str, Measured]]:
        """What a benchmark has measured, by its other parameters and then by this one; nothing where it has it not."""
        found: dict[Params, dict[str, Measured]] = {}
        for one, value in self.series_of(name).items():
            rest = tuple(pair for pair in one.params if pair[0] != parameter)
            if rest != one.params:
                found.setdefault(rest, {})[dict(one.params)[parameter]] = value
        return found


@dataclass(frozen=True)
class History:
    """Everything that one machine has measured, oldest commit first, a commit and environment once; `folder` holds it,
    `notes` say what was left out.
    """

    folder: Path
    files: tuple[ResultFile, ...]
    notes: tuple[str, ...] = ()

    @property
    def machine(self) -> str:
        return self.folder.name

    @property
    def hardware(self) -> dict[str, Any]:
        found = load(self.folder / "machine.json", dict[str, Any])
        return {**found, "machine": str(found.get("machine") or self.machine)}

    @property
    def commits(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(file.commit for file in self.files))

    def runs(self, *commits: str) -> list[Run]:
        """What some commits have measured, in their order."""
        return [file.run for commit in commits for file in self.files if file.commit == commit]


def machine_folder(results_dir: Path, machine: str | None) -> Path:
    names = sorted(path.parent.name for path in results_dir.glob("*/machine.json"))
    if not names:
        near = (results_dir.resolve().parent, results_dir / "results", results_dir / ".asv" / "results")
        meant = next((path for path in near if any(path.glob("*/machine.json"))), None)
        advice = f"did you mean {meant}?" if meant else "run `asv run` first."
        known = "holds no asv results (no folder with a machine.json)" if results_dir.is_dir() else "does not exist"
        raise ReportError(f"{results_dir} {known}; {advice}")
    if machine is None and len(names) > 1:
        raise ReportError(f"{results_dir} has results of several machines, name one: {choices(names)}.")
    if machine is not None and machine not in names:
        raise ReportError(f"{results_dir} has no results of machine {machine!r}; there is {choices(names)}.")
    return results_dir / (machine or names[0])


def chosen(history: History, name: str | None, git: Repository | None) -> ResultFile:
    """The file of the newest commit with ingestion results, or of the one that is named so; measured last."""
    folder, with_ingest = history.folder, [file for file in history.files if file.ingest_names]
    if not with_ingest:
        raise ReportError(
            f"{folder} holds no results of {TIME_METHOD}, which a report shows: run `asv run` first, or judge another "
            "benchmark with `regressions`."
        )
    commits = list(dict.fromkeys(file.commit for file in with_ingest))
    commit = commits[-1] if name is None else commit_named(name, commits, folder, git)
    same = [file for file in with_ingest if file.commit == commit]
    return max(same, key=lambda file: (file.measured_until, file.environment))


def commit_named(name: str, commits: Sequence[str], where: Path, git: Repository | None) -> str:
    """The one of the measured commits, oldest first, whose hash starts so, or that git knows by this name."""
    known = git.find(name) if git else None
    found = [commit for commit in commits if name and commit.startswith(name.lower())]
    if len(found) == 1:
        return found[0]
    if known is not None and known in commits:
        return known
    if found:
        shown = choices([commit[: max(8, len(name) + 4)] for commit in reversed(found)])
        raise ReportError(f"commit {name!r} is ambiguous, write more of it: {shown}.")
    said = f", which is {known[:8]}" if known and not known.startswith(name) else ""
    if git and not known:
        said = f", which git does not know{git.advice}"
    newest = choices([commit[:8] for commit in reversed(commits)])
    raise ReportError(f"{where} has no results of commit {name!r}{said}; the newest there are {newest}.")


def suite_of(results_dir: Path) -> dict[str, Benchmark]:
    """The benchmarks that asv found last, by name, as it describes them."""
    described = load(results_dir / "benchmarks.json", dict[str, Benchmark | int])  # the version of the format, too
    return {name: benchmark for name, benchmark in described.items() if isinstance(benchmark, Benchmark)}


def selected(suite: Mapping[str, Benchmark], patterns: Sequence[str]) -> list[str]:
    """The benchmarks that asv's `--bench` chooses, by its own rule: any pattern, in the name or in any call of it."""
    found = []
    for name, benchmark in sorted(suite.items()):
        axes = benchmark.params
        calls = [f"{name}({', '.join(values)})" for values in itertools.product(*axes)] if axes else [name]
        if not patterns or any(re.search(pattern, call) for pattern in patterns for call in calls):
            found.append(name)
    return found


def only(names: Iterable[str], chosen: str = "") -> str:
    """Some benchmarks, and of these what a pattern chooses, as a regular expression for asv."""
    return rf"^(?=.*(?:{chosen}))(?:{'|'.join(map(re.escape, names))})(?:\(|$)"


def read_history(results_dir: Path, *, machine: str | None = None) -> History:
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
    files = sorted(found.values(), key=lambda file: (when(file.commit_date), file.measured_until, file.commit))
    # asv's name of an existing environment is a path, which tells something only where there are two of them.
    existing = [place for place, file in enumerate(files) if file.environment.partition("-")[0] == "existing"]
    if len({files[place].commit for place in existing}) == len(existing):
        for place in existing:
            files[place] = structs.replace(files[place], environment="existing")
    return History(folder, tuple(files), tuple(notes))


def _result_file(path: Path, suite: Mapping[str, Benchmark]) -> ResultFile:
    found = load(path, _File)
    cells = {name: dict(zip(found.result_columns, row, strict=False)) for name, row in found.results.items()}
    try:
        rows = msgspec.convert(cells, dict[str, Row])
    except ValueError as error:
        raise _damaged(path, error) from error
    return ResultFile(path=path, rows=rows, suite=suite, **structs.asdict(found))


def load(path: Path, shape: type[T]) -> T:
    """One of asv's files, which must be of this shape; its NaN and Infinity are let through."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        version = msgspec.convert(data, dict[str, Any]).get("version")
        if path.name != "machine.json" and version != READ_VERSION:  # which has a numbering of its own
            is_newer = isinstance(version, int) and version > READ_VERSION
            advice = "update this program" if is_newer else "run `asv update`, or delete it and run `asv run` again"
            known = clipped(repr(version), 20)
            raise ReportError(f"{path} has version {known} of asv's format and this reads {READ_VERSION}; {advice}.")
        return msgspec.convert(data, shape)
    except FileNotFoundError as error:
        raise ReportError(f"{path} is missing; run `asv run` to write it.") from error
    except OSError as error:
        raise ReportError(f"{path} cannot be read ({error.strerror or error}).") from error
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        if path.read_bytes().startswith(b"version https://git-lfs"):
            raise ReportError(f"{path} stands for a file in Git LFS; run `git lfs pull` to get it.") from error
        raise _damaged(path, error) from error


def _damaged(path: Path, why: object) -> ReportError:
    return ReportError(f"{path} is not a file that asv wrote ({why}); delete it and run `asv run` again.")


def choices(names: list[str]) -> str:
    more = len(names) - _SHOWN_CHOICES
    shown = ", ".join(names[:_SHOWN_CHOICES])
    return f"{shown} and {more} more" if more > 0 else shown
