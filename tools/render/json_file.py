"""The report as JSON: strict, versioned, described by `results.schema.json`."""

import dataclasses
import functools
import json
import math
from pathlib import Path
from typing import Any

from tools.analysis.comparison import Comparison
from tools.analysis.model import SCHEMA_VERSION, DataSet, Environment, Level, Peer, Report, Usage
from tools.atomic import write_bytes
from tools.errors import ReportError

SCHEMA_PATH = Path(__file__).with_name("results.schema.json")
_RUN_AGAIN = "run the benchmark again to write it anew"


def write(report: Report, path: Path) -> None:
    """Write the report in one step.

    Raises:
        ReportError: the place cannot be written.
        ValueError: the report holds NaN or an infinity, which JSON has no words for.
    """
    text = json.dumps(dataclasses.asdict(report), indent=2, allow_nan=False)
    write_bytes(path, f"{text}\n".encode())


def write_comparison(found: Comparison, path: Path) -> None:
    """Write two commits side by side: both reports as `write` writes them, and the changes.

    Raises:
        ReportError: the place cannot be written.
    """
    changes = [
        {
            "key": data_set.key,
            "title": data_set.title,
            "levels": [
                {"concurrency": x.concurrency, "ratio": x.ratio, "interval": x.interval, "change": x.change}
                for x in data_set.levels
            ],
        }
        for data_set in found.data_sets
    ]
    content = {
        "before": dataclasses.asdict(found.before),
        "after": dataclasses.asdict(found.after),
        "changes": changes,
    }
    write_bytes(path, f"{json.dumps(content, indent=2, allow_nan=False)}\n".encode())


def read(path: Path) -> Report:
    """Read what `write` wrote, and what older versions of it wrote.

    Raises:
        ReportError: the file cannot be read, is newer than this program, or does not fit the schema.
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
    return _report(data)


def _parse(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes().decode("utf-8"), parse_constant=_no_constant, parse_float=_finite_float)
    except FileNotFoundError as error:
        raise ReportError(f"{path} does not exist; run a benchmark with this output first.") from error
    except OSError as error:
        raise ReportError(f"{path} cannot be read ({error.strerror or error}); choose another file.") from error
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{path} is not JSON ({error}); {_RUN_AGAIN}.") from error


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not allowed")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large")
    return value


@functools.cache
def _validator() -> Any:
    # Loaded when a file is read: it is slow to import.
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(SCHEMA_PATH.read_text(encoding="utf-8")))


def _first_problem(data: Any) -> str | None:
    from jsonschema.exceptions import best_match

    error = best_match(_validator().iter_errors(data))
    if error is None:
        return None
    message = str(error.message)
    # A message quotes the whole value, which may be the whole file.
    short = message if len(message) <= 200 else f"...{message[-120:]}"
    where = "/".join(map(str, error.absolute_path))
    return f"at {where}, {short}" if where else short


def _report(data: dict[str, Any]) -> Report:
    return Report(
        created=data["created"],
        quick=data["quick"],
        environment=Environment(**{**data["environment"], "cores": _int(data["environment"]["cores"])}),
        data_sets=tuple(_data_set(entry) for entry in data["data_sets"]),
    )


def _data_set(data: dict[str, Any]) -> DataSet:
    return DataSet(
        title=data["title"],
        key=data["key"],
        kind=data["kind"],
        source=data["source"],
        items=_int(data["items"]),
        levels=tuple(_level(entry) for entry in data["levels"]),
        peers=tuple(_peer(entry) for entry in data.get("peers", ())),
    )


def _level(data: dict[str, Any]) -> Level:
    concurrency = data["concurrency"]
    return Level(
        concurrency=concurrency if isinstance(concurrency, str) else int(concurrency),
        strategy=data["strategy"],
        net_bytes=_int(data["net_bytes"]),
        usage=_usage(data.get("usage")),
        **_timed(data),
    )


def _peer(data: dict[str, Any]) -> Peer:
    return Peer(name=data["name"], **_timed(data))


def _timed(data: dict[str, Any]) -> dict[str, Any]:
    """What levels and peers have in common."""
    interval = data.get("speedup_interval")
    return {
        "status": data["status"],
        "samples": tuple(float(sample) for sample in data["samples"]),
        "sample_count": int(data["sample_count"]),
        "median_seconds": _float(data["median_seconds"]),
        "q25_seconds": _float(data["q25_seconds"]),
        "q75_seconds": _float(data["q75_seconds"]),
        "items": _int(data["items"]),
        "throughput": _float(data["throughput"]),
        "peak_bytes": _int(data["peak_bytes"]),
        "speedup": _float(data["speedup"]),
        "speedup_interval": None if interval is None else (float(interval[0]), float(interval[1])),
    }


def _usage(data: dict[str, Any] | None) -> Usage | None:
    if data is None:
        return None
    stages = data["stages"]
    return Usage(
        runs=int(data["runs"]),
        wall_seconds=float(data["wall_seconds"]),
        cpu_seconds=float(data["cpu_seconds"]),
        queue_seconds=_float(data["queue_seconds"]),
        stages=None if stages is None else {name: float(seconds) for name, seconds in stages.items()},
        tasks=_float(data["tasks"]),
        refusals=_float(data["refusals"]),
    )


def _int(value: float | None) -> int | None:
    return None if value is None else int(value)


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)
