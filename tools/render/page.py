"""What a page shows, before it is Markdown, HTML or text on a terminal."""

from collections import Counter
from dataclasses import dataclass

from tools.analysis.analysis import Analysed, Analysis
from tools.analysis.change import Change
from tools.analysis.model import BASELINE, DataSet, Level, Report, sample_counts
from tools.analysis.verdicts import Row as Verdict
from tools.analysis.words import Line
from tools.words import NOT_AVAILABLE, clipped, megabytes, plural, significant, times, workers

CHANGE_COLUMNS = ("Benchmark", "Before", "Now", "Change", "95 % interval", "Verdict")
COLUMNS = ("Strategy", "Concurrency", "Time (s)", "Throughput (items/s)", "Memory (MB)", "Speedup")

# Of a verdict, or of the status of a level.
_STYLES = {"regression": "slower", "improvement": "faster", "unstable": "noisy", "not enough data": "n/a",
           "failed": "failed", "n/a": "n/a"}  # fmt: skip
_NAME = 20  # longer ones would leave no room for the numbers on a terminal

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Row:
    """`style` is "" or recommended, failed, n/a, slower, faster, noisy; `short` is for a first cell of little room."""

    cells: tuple[str, ...]
    style: str = ""
    short: str = ""


@dataclass(frozen=True)
class Section:
    """A table, the lines under it, and the details that are shown on demand, with the rest of the rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    lines: tuple[Line, ...]
    details: tuple[str, ...] = ()
    summary: str = ""
    folded: tuple[Row, ...] = ()
    analysis: Analysis | None = None


@dataclass(frozen=True)
class Page:
    """`environments` are names and values; what is not known is there too."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    environments: tuple[tuple[str, Facts], ...]


def report_page(found: Analysed) -> Page:
    report = found.report
    return Page(
        title="Ingestion benchmark",
        subtitle=where_and_when(report),
        sections=tuple(map(_section, found.analyses)),
        environments=(("Environment", environment_facts(report)),),
    )


def change_page(change: Change, *reports: Report) -> Page:
    """What changed first, the rest folded away; with the environments of the report before and the one after."""
    names = Counter(row.short_name for row in change.rows)

    def shown(row: Verdict) -> Row:
        is_unique = names[row.short_name] == 1
        return Row(row.cells, _STYLES.get(row.status, ""), row.short_name if is_unique else row.name)

    loud, quiet = ([row for row in change.rows if row.is_loud is must] for must in (True, False))
    missing = Counter(row.evidence for row in change.rows if row.status == "not enough data")
    section = Section(
        change.title,
        CHANGE_COLUMNS,
        tuple(map(shown, loud)),
        lines=(
            *(Line(row.name, f"{row.sentence}.") for row in loud),
            *(Line("", f"{plural(count, 'row')} not judged: {why}.") for why, count in missing.items()),
            *(Line("Note", f"{note}.") for note in change.notes),
        ),
        details=tuple(f"{row.name}: {row.sentence}" for row in quiet),
        summary=change.summary,
        folded=tuple(map(shown, quiet)),
    )
    facts = tuple(map(environment_facts, reports))
    environments = tuple(zip(("Environment before", "Environment after"), facts, strict=False))
    return Page(change.headline, "Ingestion benchmark, two commits side by side", (section,), environments)


def where_and_when(report: Report) -> str:
    where = report.environment
    is_utc = report.created.endswith("+00:00")  # as people write it
    created = f"{report.created[:16].replace('T', ' ')} UTC" if is_utc else report.created
    commit = where.commit_short and f"commit {where.commit_short}"
    cores = f"{where.cores} cores" if where.cores else None
    python = where.python and f"Python {where.python}"
    return " · ".join(filter(None, (commit, where.machine, where.cpu, cores, python, created)))


def _section(analysis: Analysis) -> Section:
    data_set = analysis.data_set
    styles = ("recommended" if x is analysis.default else _STYLES.get(x.status, "") for x in data_set.levels)
    rows = [Row(cells(level), style) for level, style in zip(data_set.levels, styles, strict=True)]
    for peer in data_set.peers:
        name = clipped(str(peer.concurrency), _NAME)
        rows.append(Row((name, NOT_AVAILABLE, *_numbers(peer), times(peer.speedup)), _STYLES.get(peer.status, "")))
    others = ["Rows without a concurrency are other ways to the same items."] if data_set.peers else []
    details = (*analysis.details, *others, f"Source: {data_set.source}.", *memory_note(data_set))
    return Section(data_set.title, COLUMNS, tuple(rows), analysis.lines, details, analysis=analysis)


def cells(level: Level) -> tuple[str, ...]:
    """One row of the table, in the order of `COLUMNS`."""
    is_baseline = level.concurrency == BASELINE and level.status == "ok"
    speedup = "baseline" if is_baseline else times(level.speedup)
    return (level.strategy, clipped(str(level.concurrency), _NAME), *_numbers(level), speedup)


def _numbers(level: Level) -> tuple[str, str, str]:
    time = significant(level.median_seconds) if level.status == "ok" else level.status
    return time, significant(level.throughput), megabytes(level.peak_bytes)


def memory_note(data_set: DataSet) -> tuple[str, ...]:
    """What the peaks are, where there are any."""
    if all(x.peak_bytes is None for x in (*data_set.levels, *data_set.peers)):
        return ()
    text = "Memory is the peak resident set size of the benchmark process in MB (10^6 bytes), without child processes"
    known = [x for x in data_set.levels if x.net_bytes is not None]
    net = ", ".join(f"{megabytes(x.net_bytes)} MB with {workers(x.concurrency)}" for x in known)
    return (f"{text}; net of the imports, {net}." if net else f"{text}.",)


def environment_facts(report: Report) -> Facts:
    where = report.environment
    commit = where.commit or where.commit_short or NOT_AVAILABLE
    facts = {
        "Commit": f"{commit}, with uncommitted changes" if where.dirty else commit,
        "Machine": where.machine,
        "OS": where.os,
        "CPU": where.cpu,
        "Cores": where.cores and str(where.cores),
        "RAM": where.ram,
        "Python": where.python,
        **({"Environment": where.env_name} if where.env_name else {}),  # which asv has made
        "Packages": ", ".join(f"{name} {version}" for name, version in sorted((where.packages or {}).items())),
        "Samples": "; ".join(f"{x.title}: {sample_counts(x.levels)}" for x in report.data_sets),
        "Created": report.created,
    }
    return tuple((name, value or NOT_AVAILABLE) for name, value in facts.items())
