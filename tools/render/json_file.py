"""The report as JSON: strict, versioned, described by `results.schema.json`."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from tools.analysis.analysis import Analysed
from tools.analysis.model import (
    DataSet,
    Environment,
    Level,
    Report,
    Usage,
    make_level,
    with_speedups,
)
from tools.analysis.series import Measured
from tools.atomic import write_bytes
from tools.errors import ReportError

SCHEMA_VERSION = 3
SCHEMA_PATH = Path(__file__).with_name("results.schema.json")
_RUN_AGAIN = "run the benchmark again to write it anew"


def write(found: Analysed, path: Path) -> None:
    """Write the report and its analysis in one step. Raises ReportError: the place cannot be written; ValueError: the
    report holds NaN or an infinity, which JSON has no words for.
    """
    content = report_content(found.report)
    for data_set, analysis in zip(content["data_sets"], found.analyses, strict=True):
        data_set["analysis"] = analysis.as_json()
    write_bytes(path, f"{json.dumps(content, indent=2, allow_nan=False)}\n".encode())


def report_content(report: Report) -> dict[str, Any]:
    data_sets = list(map(data_set_content, report.data_sets))
    known = {"created": report.created, "quick": report.quick, "environment": dataclasses.asdict(report.environment)}
    return {"schema_version": SCHEMA_VERSION, **known, "data_sets": data_sets}


def data_set_content(data_set: DataSet) -> dict[str, Any]:
    content = dataclasses.asdict(data_set)
    for level, written in zip(data_set.levels, content["levels"], strict=True):
        written["strategy"] = level.strategy
    for written in content["peers"]:
        written["name"] = written.pop("concurrency")
        del written["net_bytes"], written["usage"]
    return content


def read(path: Path) -> Report:
    """Read what `write` wrote, and what older versions of it wrote; what follows from the samples is computed anew.
    Raises ReportError: the file cannot be read, is newer than this program, or does not fit the schema.
    """
    data = _parse(path)
    version = data.get("schema_version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise ReportError(
            f"{path} was written by a newer version of this program (schema_version {version}, this one reads "
            f"{SCHEMA_VERSION}); update the program."
        )
    problem = _first_problem(data)
    if problem:
        raise ReportError(f"{path} is not a benchmark result: {problem}; {_RUN_AGAIN}.")
    try:
        environment, data_sets = Environment(**data["environment"]), tuple(map(_data_set, data["data_sets"]))
        return Report(data["created"], environment, data_sets)
    except ValueError as error:
        raise ReportError(f"{path} is not a benchmark result: {error}; {_RUN_AGAIN}.") from error


def _parse(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes().decode("utf-8"), parse_constant=_no_constant, parse_float=_number)
    except FileNotFoundError as error:
        raise ReportError(f"{path} does not exist; run a benchmark with this output first.") from error
    except OSError as error:
        raise ReportError(f"{path} cannot be read ({error.strerror or error}); choose another file.") from error
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{path} is not JSON ({error}); {_RUN_AGAIN}.") from error


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not allowed")


def _number(text: str) -> float:
    """JSON has one kind of number: 5.0 workers are 5."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large")
    return int(value) if value.is_integer() else value


def _first_problem(data: Any) -> str | None:
    # Loaded when a file is read: it is slow to import.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(json.loads(SCHEMA_PATH.read_bytes())).iter_errors(data))
    if error is None:
        return None
    message = str(error.message)
    short = message if len(message) <= 200 else f"...{message[-120:]}"  # it quotes the whole value, or the whole file
    where = "/".join(map(str, error.absolute_path))
    return f"at {where}, {short}" if where else short


def _data_set(data: dict[str, Any]) -> DataSet:
    names = ("title", "key", "kind", "source", "items", "command", "version")
    known: dict[str, Any] = {name: data.get(name) for name in names}
    levels = tuple(_level(entry, entry["concurrency"]) for entry in data["levels"])
    peers = tuple(_level(entry, entry["name"]) for entry in data.get("peers", ()))
    return with_speedups(DataSet(levels=levels, peers=peers, **known))


def _level(data: dict[str, Any], concurrency: int | str) -> Level:
    known = (data[name] for name in ("sample_count", "q25_seconds", "q75_seconds"))
    measured = Measured(data["status"], data["median_seconds"], tuple(map(float, data["samples"])), *known)
    usage = None if data.get("usage") is None else Usage(**data["usage"])
    level = make_level(concurrency, measured, items=data["items"], peak_bytes=data["peak_bytes"], usage=usage)
    return dataclasses.replace(level, net_bytes=data.get("net_bytes"))
