"""A report as JSON: strict, versioned, described by `results.schema.json`. A change as JSON: its rows and words."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import msgspec

from tools.analysis.analysis import Analysed
from tools.analysis.change import Change
from tools.analysis.model import DataSet, Level, Report, make_level, with_speedups
from tools.errors import ReportError
from tools.words import clipped

SCHEMA_VERSION = 3


def as_json(found: Analysed) -> str:
    content = report_content(found.report)
    for data_set, analysis in zip(content["data_sets"], found.analyses, strict=True):
        data_set["analysis"] = analysis.as_json()
    return f"{json.dumps(content, indent=2, allow_nan=False)}\n"


def report_content(report: Report) -> dict[str, Any]:
    known = {"created": report.created, "quick": report.quick, "environment": asdict(report.environment)}
    return {"schema_version": SCHEMA_VERSION, **known, "data_sets": list(map(data_set_content, report.data_sets))}


def data_set_content(data_set: DataSet) -> dict[str, Any]:
    content = asdict(data_set)
    for level, written in zip(data_set.levels, content["levels"], strict=True):
        written["strategy"] = level.strategy
    for written in content["peers"]:
        written["name"] = written.pop("concurrency")
        del written["net_bytes"], written["usage"]
    return content


def change_as_json(change: Change, *reports: Report) -> str:
    """Every field, and what follows from them; with the report before and the one after, if they are given."""
    names = ("status", "exit_code", "summary", "guilty", "machine", "commit", "base", "notes")
    content: dict[str, Any] = {name: getattr(change, name) for name in names}
    content["rows"] = [
        {
            "name": row.name,
            **asdict(row.series),
            **{name: value for name, value in asdict(row).items() if name not in ("series", "label")},
            "params": dict(row.series.params),
            "sentence": row.sentence,
        }
        for row in change.rows
    ]
    if reports:
        before, after = map(report_content, reports)
        content = {"before": before, "after": after, "change": content}
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


class _Versioned(msgspec.Struct):
    schema_version: Annotated[int, msgspec.Meta(ge=1)]


class _Peer(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1)]


class _Peers(msgspec.Struct):
    peers: tuple[_Peer, ...] = ()


class _DataSets(msgspec.Struct):
    data_sets: tuple[_Peers, ...]


def read(path: Path) -> Report:
    """Read what `as_json` made, and what older versions of it wrote; what follows from the samples is computed anew."""
    try:
        content = msgspec.json.Decoder(float_hook=_number).decode(path.read_bytes())
        version = msgspec.convert(content, _Versioned).schema_version
        if version > SCHEMA_VERSION:
            known = clipped(str(version), 20)
            raise ReportError(
                f"{path} was written by a newer version of this program (schema_version {known}, this one reads "
                f"{SCHEMA_VERSION}); update the program."
            )
        msgspec.convert(content, _DataSets)  # In a file a peer has a name.
        for data_set in content["data_sets"]:
            for peer in data_set.get("peers", ()):
                peer["concurrency"] = peer.pop("name")
        written = msgspec.convert(content, Report)
        return replace(written, data_sets=tuple(map(_computed_anew, written.data_sets)))
    except FileNotFoundError as error:
        raise ReportError(f"{path} does not exist; run a benchmark with this output first.") from error
    except OSError as error:
        raise ReportError(f"{path} cannot be read ({error.strerror or error}); choose another file.") from error
    except (ValueError, RecursionError) as error:
        why = clipped(str(error), 200)  # it may quote a whole value
        raise ReportError(f"{path} is not a benchmark result: {why}; run the benchmark again to write it.") from error


def _number(text: str) -> float:
    """JSON has one kind of number: 5.0 workers are 5."""
    value = float(text)
    return int(value) if value.is_integer() else value


def _computed_anew(written: DataSet) -> DataSet:
    def level(x: Level) -> Level:
        made = make_level(x.concurrency, x.measured, items=x.items, peak_bytes=x.peak_bytes, usage=x.usage)
        return replace(made, net_bytes=x.net_bytes)

    levels, peers = (tuple(map(level, some)) for some in (written.levels, written.peers))
    return with_speedups(replace(written, levels=levels, peers=peers))
