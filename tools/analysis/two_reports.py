"""Two reports of single runs, such as `file` and `api` write, judged like everything else."""

from __future__ import annotations

import re

from tools.errors import ReportError

from .change import Change, between
from .model import DataSet, Level, Report
from .series import Measured, Run, Series

_ASV_KEY = re.compile(r"(?P<owner>[\w.]+\.\w+)\((?P<rest>.*)\)")
"""The key of a data set that asv has measured: "file_ingest.FileIngest(test_size=1000)"."""


def compare_reports(before: Report, after: Report, *, base: str, commit: str) -> Change:
    """Judge one report by another; `base` and `commit` are what to call them.

    Raises:
        ReportError: They are of different machines or of different items, and so cannot be compared.
    """
    machines = [report.environment.machine for report in (before, after)]
    if None not in machines and machines[0] != machines[1]:
        raise ReportError(f"times of {machines[0]} and of {machines[1]} cannot be compared: measure on one machine")
    old, new = ({one.key: one for one in report.data_sets} for report in (before, after))
    common = [key for key in new if key in old]
    if not common:
        raise ReportError(f"they have no data set in common: {base} has {_titles(old)}, {commit} has {_titles(new)}")
    notes = []
    for key in common:
        first, second = old[key], new[key]
        if first.items != second.items:
            raise ReportError(f"{base} is of {first.title} and {commit} of {second.title}: times of different items")
        if first.source != second.source:
            notes.append(f"the sources differ: {first.source} before, {second.source} now")
    runs = [Run(name, "", _series(report)) for name, report in ((base, before), (commit, after))]
    return between(runs[:1], runs[1:], machine=machines[1] or "this machine", base=base, commit=commit, notes=notes)


def _series(report: Report) -> dict[Series, Measured]:
    """Times and peak memory, under the names that asv gives them where it has measured them."""
    found = {}
    for data_set in report.data_sets:
        for level in data_set.levels:
            for kind, method, unit, value in (
                ("time", "time_ingest", "seconds", level.median_seconds),
                ("peakmemory", "peakmem_ingest", "bytes", level.peak_bytes),
            ):
                if value is not None or kind == "time":
                    found[_name(data_set, level, kind, method, unit)] = Measured(
                        level.status if kind == "time" else "ok",
                        value,
                        level.samples if kind == "time" else (),
                    )
    return found


def _name(data_set: DataSet, level: Level, kind: str, method: str, unit: str) -> Series:
    params = [("concurrency", str(level.concurrency))]
    asv = _ASV_KEY.fullmatch(data_set.key)
    if asv is not None:
        params += [
            (name, value) for name, _, value in (part.partition("=") for part in asv["rest"].split(", ") if part)
        ]
    owner = asv["owner"] if asv is not None else data_set.key
    return Series(f"{owner}.{method}", tuple(params), kind, unit, "")


def _titles(data_sets: dict[str, DataSet]) -> str:
    return ", ".join(one.title for one in data_sets.values()) or "none"
