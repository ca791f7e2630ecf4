"""Quantities as text, the same on every page."""

from decimal import ROUND_DOWN, Decimal

from .model import BASELINE_CONCURRENCY, Concurrency, DataSet, Environment, Level, Peer, Report

NOT_AVAILABLE = "n/a"
BYTES_PER_MB = 1_000_000
COLUMNS = ("Strategy", "Concurrency", "Time (s)", "Throughput (items/s)", "Memory (MB)", "Speedup")


def significant(value: float | None) -> str:
    """Three significant digits, whole from 100 on: 45.2, 8.7, 0.123, 1,149."""
    if value is None:
        return NOT_AVAILABLE
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    text = format(Decimal(f"{value:.3g}"), "f")
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0') or '0'}" if decimals or abs(value) < 100 else whole


def megabytes(size: int | None) -> str:
    """Bytes as MB of 10^6 bytes."""
    if size is None:
        return NOT_AVAILABLE
    value = size / BYTES_PER_MB
    return f"{value:,.0f}" if abs(value) >= 10 else significant(value)


def times(ratio: float | None) -> str:
    """A speedup for a table: 5.2x."""
    if ratio is None:
        return NOT_AVAILABLE
    return f"{ratio:.1f}x" if ratio >= 0.1 else f"{significant(ratio)}x"


def times_exact(ratio: float) -> str:
    """A speedup for a sentence, cut off and not rounded, so that 2.996 does not read as the limit 3."""
    return f"{Decimal(repr(ratio)).quantize(Decimal('0.01'), ROUND_DOWN)}x"


def workers(concurrency: Concurrency) -> str:
    """A level in words."""
    if isinstance(concurrency, str):
        return f"{concurrency} concurrency"
    return "1 worker" if concurrency == 1 else f"{concurrency:,} workers"


def listed(words: list[str]) -> str:
    """A, B and C."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def cells(level: Level) -> tuple[str, str, str, str, str, str]:
    """One row of the table, in the order of `COLUMNS`."""
    is_baseline = level.concurrency == BASELINE_CONCURRENCY and level.status == "ok"
    return (
        level.strategy,
        str(level.concurrency),
        significant(level.median_seconds) if level.status == "ok" else level.status,
        significant(level.throughput),
        megabytes(level.peak_bytes),
        "baseline" if is_baseline else times(level.speedup),
    )


def peer_cells(peer: Peer) -> tuple[str, str, str, str, str, str]:
    """The row of a peer; how much it does at once is its own affair."""
    return (
        peer.name,
        NOT_AVAILABLE,
        significant(peer.median_seconds) if peer.status == "ok" else peer.status,
        significant(peer.throughput),
        megabytes(peer.peak_bytes),
        times(peer.speedup),
    )


def rows(data_set: DataSet) -> list[tuple[str, str, str, str, str, str]]:
    """The table without its headings: the levels, then the peers."""
    return [*(cells(level) for level in data_set.levels), *(peer_cells(peer) for peer in data_set.peers)]


def peers_note(data_set: DataSet) -> list[str]:
    """What the rows without a concurrency are."""
    if not data_set.peers:
        return []
    names = listed([peer.name for peer in data_set.peers])
    return [f"Other ways to the same items, their speedup against 1 worker: {names}."]


def memory_note(data_set: DataSet) -> str:
    """What the memory column includes, and what is left of it without the imports."""
    includes = (
        "Memory (MB) is the peak resident set size of the benchmark process in 10^6 bytes: the interpreter, "
        "the imported packages, the set-up and the run, without child processes."
    )
    if all(level.peak_bytes is None for level in data_set.levels):
        return f"{includes} It was not measured here."
    if all(level.net_bytes is None for level in data_set.levels):
        return f"{includes} Net of a process that only imports: n/a."
    net = ", ".join(f"{megabytes(level.net_bytes)} at {level.concurrency}" for level in data_set.levels)
    return f"{includes} Net of a process that only imports: {net}."


def sample_counts(levels: tuple[Level, ...]) -> str:
    """How often each level was timed: "5 samples a level", "1 to 3 samples a level"."""
    counts = sorted({level.sample_count for level in levels if level.status == "ok"})
    if not counts:
        return "no samples"
    if counts == [1]:
        return "1 sample a level"
    return f"{counts[0]} samples a level" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} samples a level"


def environment_lines(report: Report) -> list[tuple[str, str]]:
    """The environment as names and values; what is not known is there too."""
    where = report.environment
    packages = [f"{name} {version}" for name, version in sorted((where.packages or {}).items())]
    return [
        ("Commit", _commit(where)),
        ("Machine", where.machine or NOT_AVAILABLE),
        ("OS", where.os or NOT_AVAILABLE),
        ("CPU", where.cpu or NOT_AVAILABLE),
        ("Cores", NOT_AVAILABLE if where.cores is None else str(where.cores)),
        ("RAM", where.ram or NOT_AVAILABLE),
        ("Python", where.python or NOT_AVAILABLE),
        ("Environment", where.env_name or NOT_AVAILABLE),
        ("Packages", ", ".join(packages) or NOT_AVAILABLE),
        ("Samples", "; ".join(f"{x.title}: {sample_counts(x.levels)}" for x in report.data_sets) or NOT_AVAILABLE),
        ("Created", report.created),
    ]


def _commit(where: Environment) -> str:
    commit = where.commit or where.commit_short or NOT_AVAILABLE
    return f"{commit}, with uncommitted changes" if where.dirty else commit
