"""Two reports of single runs, such as `file` and `api` write, judged like everything else."""

from tools.errors import ReportError
from tools.words import NOT_AVAILABLE, workers

from .change import Change, between
from .metrics import Measured, Run, Series
from .model import Report
from .words import named


def compare_reports(before: Report, after: Report, *, base: str, commit: str) -> Change:
    """Judge one report by another, of the same machine, environment and items; `base` and `commit` are their names."""
    one, other = before.environment, after.environment
    for was, now, how in (
        (one.machine, other.machine, "on one machine"),
        (one.env_name, other.env_name, "in one environment"),
    ):
        if None not in (was, now) and was != now:
            raise ReportError(f"times of {was} and of {now} cannot be compared: measure {how}")
    old, new = ({one.key: one for one in report.data_sets} for report in (before, after))
    for name, report, keys in ((base, before, old), (commit, after, new)):
        if len(keys) < len(report.data_sets):
            raise ReportError(f"{name} has a data set twice, and which one is meant cannot be told; measure it again")
    common = [key for key in new if key in old]
    if not common:
        was, now = (", ".join(one.title for one in side.values()) or "none" for side in (old, new))
        raise ReportError(f"they have no data set in common: {base} has {was}, {commit} has {now}")
    versions = [{"Python": each.python, **(each.packages or {})} for each in (one, other)]
    notes = [
        f"{name} differs: {version} before, {versions[1][name]} now"
        for name, version in versions[0].items()
        if version and versions[1].get(name) not in (None, version)
    ]
    for key in common:
        first, second = old[key], new[key]
        # The numbers of items of the whole and of each level that was timed, by where that is.
        counts, others = ({"": x.items, **{f" at {workers(y.concurrency)}": y.items for y in x.measured}}
                          for x in (first, second))  # fmt: skip
        for where in (place for place in others if counts.get(place, others[place]) != others[place]):
            shown = " and ".join(NOT_AVAILABLE if x is None else f"{x:,}" for x in (counts[where], others[where]))
            raise ReportError(f"times of different numbers of items cannot be compared: {shown}{where}")
        if first.source != second.source:
            notes.append(f"the sources differ: {first.source} before, {second.source} now")
        for when, levels in (("before", first.refused), ("now", second.refused)):
            if levels:
                notes.append(f"the server refused requests at {named(levels)} {when}: these times show its limit")
    runs = [Run(name, "", _series(report)) for name, report in ((base, before), (commit, after))]
    return between(runs[:1], runs[1:], machine=other.machine or "this machine", base=base, commit=commit, notes=notes)


def _series(report: Report) -> dict[Series, Measured]:
    """Times and peak memory, under the names that asv gives them where it has measured them."""
    found = {}
    for data_set in report.data_sets:
        # What asv has measured has its parameters in its key: "file_ingest.FileIngest(test_size=1000)".
        owner, _, rest = data_set.key.removesuffix(")").partition("(")
        others = [(name, value) for name, _, value in (part.partition("=") for part in rest.split(", ") if part)]
        version = data_set.version or ""
        for level in data_set.levels:
            params = (("concurrency", str(level.concurrency)), *others)
            time = Series(f"{owner}.time_ingest", params, "time", "seconds", version)
            found[time] = level.measured
            if level.peak_bytes is not None:
                memory = Series(f"{owner}.peakmem_ingest", params, "peakmemory", "bytes", version)
                found[memory] = Measured("ok", level.peak_bytes)
    return found
