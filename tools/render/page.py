"""What a page shows, before it is Markdown, HTML or text on a terminal."""

from dataclasses import dataclass

from tools.analysis.analysis import Analysed, Analysis, Line
from tools.analysis.model import BASELINE_CONCURRENCY, DataSet, Environment, Level, Report, Timing, sample_counts
from tools.words import NOT_AVAILABLE, clipped, megabytes, significant, times, workers

COLUMNS = ("Strategy", "Concurrency", "Time (s)", "Throughput (items/s)", "Memory (MB)", "Speedup")

# Longer names would leave no room for the numbers on a terminal.
_NAME = 20

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Row:
    """`style` is "", "recommended", or what is special: "failed", "n/a", "slower", "faster"."""

    cells: tuple[str, ...]
    style: str = ""


@dataclass(frozen=True)
class Section:
    """A table, the lines under it, and the details that are shown on demand."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    lines: tuple[Line, ...]
    details: tuple[str, ...] = ()
    analysis: Analysis | None = None


@dataclass(frozen=True)
class Page:
    """`environments` are names and values; what is not known is there too."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    environments: tuple[tuple[str, Facts], ...]
    warning: str = ""


def report_page(found: Analysed) -> Page:
    report, where = found.report, found.report.environment
    known = [where.commit_short and f"commit {where.commit_short}", where.machine, where.cpu,
             where.python and f"Python {where.python}", _in_words(report.created)]  # fmt: skip
    return Page(
        title="Ingestion benchmark",
        subtitle=" · ".join(filter(None, known)),
        sections=tuple(map(_section, found.analyses)),
        environments=(("Environment", environment_facts(report)),),
        warning="A quick run: fewer than five samples a level." if report.quick else "",
    )


def _in_words(created: str) -> str:
    """2026-11-29T04:56:20+00:00 as people write it."""
    return f"{created[:16].replace('T', ' ')} UTC" if created.endswith("+00:00") else created


def _section(analysis: Analysis) -> Section:
    data_set = analysis.data_set
    rows = [
        Row(cells(x), x.status if x.status != "ok" else "recommended" if x is analysis.default else "")
        for x in data_set.levels
    ]
    rows += [
        Row(
            (clipped(peer.name, _NAME), NOT_AVAILABLE, *_numbers(peer), times(peer.speedup)),
            peer.status if peer.status != "ok" else "",
        )
        for peer in data_set.peers
    ]
    others = ["Rows without a concurrency are other ways to the same items."] if data_set.peers else []
    details = (*analysis.details, *others, f"Source: {data_set.source}.", memory_note(data_set))
    return Section(data_set.title, COLUMNS, tuple(rows), analysis.lines, details, analysis)


def cells(level: Level) -> tuple[str, ...]:
    """One row of the table, in the order of `COLUMNS`."""
    is_baseline = level.concurrency == BASELINE_CONCURRENCY and level.status == "ok"
    speedup = "baseline" if is_baseline else times(level.speedup)
    return (level.strategy, clipped(str(level.concurrency), _NAME), *_numbers(level), speedup)


def _numbers(timed: Timing) -> tuple[str, str, str]:
    time = significant(timed.median_seconds) if timed.status == "ok" else timed.status
    return time, significant(timed.throughput), megabytes(timed.peak_bytes)


def memory_note(data_set: DataSet) -> str:
    """What the memory column includes, and what is left of it without the imports."""
    includes = (
        "Memory is the peak resident set size of the benchmark process in MB (10^6 bytes), without child processes"
    )
    net = [
        f"{megabytes(x.net_bytes)} MB with {workers(x.concurrency)}" for x in data_set.levels if x.net_bytes is not None
    ]
    return "; net of the imports, ".join(filter(None, [includes, ", ".join(net)])) + "."


def environment_facts(report: Report) -> Facts:
    where = report.environment
    packages = [f"{name} {version}" for name, version in sorted((where.packages or {}).items())]
    return (
        ("Commit", _commit(where)),
        ("Machine", where.machine or NOT_AVAILABLE),
        ("OS", where.os or NOT_AVAILABLE),
        ("CPU", where.cpu or NOT_AVAILABLE),
        ("Cores", NOT_AVAILABLE if where.cores is None else str(where.cores)),
        ("RAM", where.ram or NOT_AVAILABLE),
        ("Python", where.python or NOT_AVAILABLE),
        *([("Environment", where.env_name)] if where.env_name else []),  # which asv has made
        ("Packages", ", ".join(packages) or NOT_AVAILABLE),
        ("Samples", "; ".join(f"{x.title}: {sample_counts(x.levels)}" for x in report.data_sets) or NOT_AVAILABLE),
        ("Created", report.created),
    )


def _commit(where: Environment) -> str:
    commit = where.commit or where.commit_short or NOT_AVAILABLE
    return f"{commit}, with uncommitted changes" if where.dirty else commit
